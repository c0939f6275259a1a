"""Reading a part of a journal again, without what later resumes have made void."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np

from lrkit.records.blocks import Event, Rows, blocks, pieces


class Resume(NamedTuple):
    """A resume: where its line begins, the step it goes on at, and the pauses up to it."""

    offset: int
    step: int
    paused: float


def counted(
    file: BinaryIO, begin: int, end: int, resumes: Sequence[Resume]
) -> Iterator[tuple[int, Rows | Event, float]]:
    """Yield the rows and evaluations of *file* from byte *begin* to *end* that still count.

    Each comes with the byte at which its block begins, and the pauses that the run had made by
    then. *resumes* are all that there are, also those after *end*.
    """
    passed = sum(resume.offset < begin for resume in resumes)
    lowest = np.minimum.accumulate([r.step for r in reversed(resumes)] or [0])[::-1].tolist()
    for offset, block in blocks(file, begin, end):
        for piece in pieces(block, offset):
            limit = lowest[passed] if passed < len(resumes) else None
            paused = resumes[passed - 1].paused if passed else 0.0
            if isinstance(piece, Rows):
                yield offset, piece if limit is None else piece.where(piece.steps < limit), paused
            elif isinstance(piece, Event) and piece.fields["kind"] == "resume":
                passed += 1
            elif isinstance(piece, Event) and piece.fields["kind"] == "evaluation":
                step = piece.fields.get("step")
                # An evaluation is of the updates done: one at the resume's step stands.
                if isinstance(step, int) and (limit is None or step <= limit):
                    yield offset, piece, paused
