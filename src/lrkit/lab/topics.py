"""The text of `char-gpt`: Python's own help on its topics, which every installation has."""

from __future__ import annotations

import functools
import hashlib
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lrkit.errors import DataError
from lrkit.lab.holdout import held_out

MODULE: Final = "pydoc_data.topics"
ALPHABET: Final = "\n" + "".join(map(chr, range(32, 127)))
VOCABULARY: Final = len(ALPHABET) + 1
"""Line end, printable ASCII, and one more that stands for every other character (0.01 % of them):
the same for every version of the text, so a network fits them all."""
BLOCK: Final = 2048  # characters that go to one part as a whole
TENTH: Final = 10
LEAST: Final = 100_000  # characters; every version of Python since 3.8 has more than three times it

Codes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Text:
    """A text as codes from 0 to `VOCABULARY` - 1, and where it comes from.

    `train` and `test` have no whole paragraph in common; `facts` name the source, its hash and
    length.
    """

    train: Codes
    test: Codes
    facts: dict[str, str | int]

    def kept_for_choosing(self, share: float) -> Text:
        """Return the text with *share* of what is to train in the place of what is to test.

        Whole blocks are kept; 0 gives the text as it is. Errors as in `held_out`.
        """
        blocks = _blocks(self.train)
        train, kept = held_out(len(blocks), share)
        if not len(kept):
            return self
        return Text(
            np.concatenate([blocks[i] for i in train]),
            np.concatenate([blocks[i] for i in kept]),
            self.facts,
        )


@functools.cache
def topics() -> Text:
    """Return what `help("if")` and its like print, without what comes twice.

    Topics stand in each other (all of "if" is in "compound"), so of equal paragraphs the first
    stays alone: else a network would be tested on what it was trained on. Of every ten blocks of
    2,048 characters the last is for the test.

    Raises `DataError` where Python came without its topics.
    """
    try:
        from pydoc_data.topics import topics as found
    except ImportError as error:
        raise DataError(
            f"the text of char-gpt is Python's own {MODULE}, which this Python "
            f"({platform.python_version()}) lacks ({error}); install the whole standard library"
        ) from error
    text = without_repeats(found[name] for name in sorted(found))
    if len(text) < LEAST:
        raise DataError(
            f"the text of char-gpt is Python's own {MODULE}, which has only {len(text)} characters "
            f"here, not {LEAST} or more; install the whole standard library"
        )
    blocks = _blocks(coded(text))
    late = [i % TENTH == TENTH - 1 for i in range(len(blocks))]
    train, test = (
        np.concatenate([block for block, is_late in zip(blocks, late, strict=True) if is_late == t])
        for t in (False, True)
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    source = f"{MODULE} of Python {platform.python_version()}"
    return Text(train, test, {"text": source, "characters": len(text), "sha256": digest})


def without_repeats(texts: Iterable[str]) -> str:
    """Return the paragraphs of *texts*, each where it comes first; spaces make no difference.

    >>> without_repeats(["One.\\n\\nTwo.", "  One.\\n\\nThree."])
    'One.\\n\\nTwo.\\n\\nThree.\\n'
    """
    first: dict[str, str] = {}
    for text in texts:
        for paragraph in re.split(r"\n\s*\n", text):
            if plain := " ".join(paragraph.split()):
                first.setdefault(plain, paragraph.strip("\n").rstrip())
    return "\n\n".join(first.values()) + "\n"


def coded(text: str) -> Codes:
    """Return the code of every character of *text*.

    >>> coded("\\n ~\\u2026").tolist()
    [0, 1, 95, 96]
    """
    table = dict.fromkeys(set(text), VOCABULARY - 1) | {c: i for i, c in enumerate(ALPHABET)}
    return np.array([table[character] for character in text], dtype=np.uint8)


def _blocks(codes: Codes) -> list[Codes]:
    return [codes[start : start + BLOCK] for start in range(0, len(codes), BLOCK)]
