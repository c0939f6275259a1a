"""The range test of a study: made once, kept beside its runs, put into its schedules."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lrkit.errors import LoopError
from lrkit.lab.finding import find
from lrkit.lab.study import Study
from lrkit.probe import RangeCurve, Suggestion, read_range, suggest, write_range

DIGITS = 2
"""Significant digits of the rates taken over: the intervals know no more."""


@dataclass(frozen=True, eq=False)
class Sought:
    """What the range test of a study came to: the curve, what it suggests, and the rates taken."""

    curve: RangeCurve
    suggestion: Suggestion
    rates: Mapping[str, float]


def seek(study: Study, device: str, folder: Path) -> Sought:
    """Make the range test of *study*, or read the one that was made in *folder* before.

    It is made on one thread, with the study's first seed.

    Raises `LoopError` when it does not give a rate that a schedule asks for.
    """
    path = folder / f"range-{_identity(study, device)}.json"
    curve = read_range(path) if path.exists() else _measure(study, device)
    write_range(curve, path)
    found = suggest(curve)
    rates = {}
    for name in study.wanted:
        estimate = getattr(found, name)
        if estimate is None:
            raise LoopError(
                f"the range test of {study.task} gives no {name}: {found.reason}; change [find] "
                f"or write the rate in place of {{{name}}}"
            )
        rates[name] = float(f"{estimate.value:.{DIGITS}g}")
    return Sought(curve, found, rates)


def _measure(study: Study, device: str) -> RangeCurve:
    import torch

    how = {} if study.find is None else msgspec.structs.asdict(study.find)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return find(
            study.task,
            **how,
            seed=study.seeds[0],
            device=device,
            options=study.options,
            clip=study.clip,
            accumulate=study.accumulate,
            amp=study.amp,
        )
    finally:
        torch.set_num_threads(threads)


def _identity(study: Study, device: str) -> str:
    decides = [study.task, study.options, study.seeds[0], device, study.find]
    decides += [study.clip, study.accumulate, study.amp]
    return hashlib.sha256(msgspec.json.encode(decides, order="deterministic")).hexdigest()[:12]
