"""What is tried: shapes of unit height, and a shape at a peak as the text of a schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from lrkit.laws import shape_bound
from lrkit.schedules import Schedule, parse

SHAPES: Final[Mapping[str, str]] = {
    "linear": "warmup(5%) >> linear()",
    "wsd": "warmup(5%) >> hold() >> one_minus_sqrt(1, 0, 20%)",
    "cosine": "warmup(5%) >> cosine()",
    "wsd, half linear": "warmup(5%) >> hold() >> linear(1, 0, 50%)",
    "linear, long warm-up": "warmup(15%) >> linear()",
    "wsd, long warm-up": "warmup(15%) >> hold() >> one_minus_sqrt(1, 0, 20%)",
    "wsd, long cooldown": "warmup(5%) >> hold() >> one_minus_sqrt(1, 0, 40%)",
    "wsd, short cooldown": "warmup(5%) >> hold() >> one_minus_sqrt(1, 0, 10%)",
    "cosine, long warm-up": "warmup(15%) >> cosine()",
    "linear, no warm-up": "linear()",
}
"""Shapes by name, those first that a small budget tries; every span is a share of the whole.

All end at 0 and all but one rise first: on the pairs of `docs/tune.md` a shape that decays to 0
loses nothing to one that ends higher, and a warm-up lets a shape bear a higher peak.
"""
USUAL: Final = "linear"
"""The shape whose peaks the others' are held against, and the one a tie goes to."""
DIGITS: Final = 3
HALF: Final = 0.5
"""What part of the bound's ratio the pairs of `docs/tune.md` show, as a logarithm: where the best
peak is the highest stable one, all shapes have the same."""


@dataclass(frozen=True, order=True)
class Candidate:
    """A shape at a peak; *peak* is kept to three digits, as it is written."""

    shape: str
    peak: float

    @classmethod
    def at(cls, shape: str, log_peak: float) -> Candidate:
        """Return *shape* at the peak exp(*log_peak*), rounded."""
        return cls(shape, float(f"{math.exp(log_peak):.{DIGITS}g}"))

    @property
    def text(self) -> str:
        """The schedule as it is written."""
        return f"{self.peak!r} * ({SHAPES[self.shape]})"

    @property
    def schedule(self) -> Schedule:
        """The schedule."""
        return parse(self.text)


@cache
def offset(shape: str, updates: int) -> float:
    """Return the ln of the best peak of *shape* over that of the usual one, by the convex bound.

    Source: Schaipp et al., arXiv 2501.18965; see `lrkit.laws.transfer`, which says how far it
    holds.
    """
    steps = min(max(updates, 100), 2000)  # the ratio hardly moves with the horizon
    ours, usual = (shape_bound(SHAPES[name], steps).peak for name in (shape, USUAL))
    return HALF * math.log(ours / usual)
