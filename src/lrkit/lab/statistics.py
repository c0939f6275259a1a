"""Means, spreads and paired differences over seeds.

Three seeds are few. So the spread is shown beside every mean, a difference comes with its
interval and the number of pairs, and runs that failed are counted, never averaged in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Summary:
    """`n` numbers by their mean, sample standard deviation (NaN below two) and extremes."""

    n: int
    mean: float
    deviation: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """Return the summary of *values*.

        >>> Summary.of([1.0, 2.0, 3.0])
        Summary(n=3, mean=2.0, deviation=1.0, low=1.0, high=3.0)
        """
        if not values:
            return cls(0, math.nan, math.nan, math.nan, math.nan)
        a = np.asarray(values, dtype=np.float64)
        deviation = float(a.std(ddof=1)) if a.size > 1 else math.nan
        return cls(a.size, float(a.mean()), deviation, float(a.min()), float(a.max()))


@dataclass(frozen=True)
class Paired:
    """Differences over the `n` seeds that both have: mean, Student interval, and signs.

    The interval is mean +- t(0.975, n-1) s / sqrt(n), NaN below two pairs. It supposes that the
    differences are normal; with few seeds the counts of seeds above and below say as much.
    """

    n: int
    mean: float
    low: float
    high: float
    above: int
    below: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0

    @classmethod
    def of(cls, ours: Mapping[int, float], base: Mapping[int, float]) -> Paired:
        """Return ours - base over the seeds that both map to a score.

        >>> d = Paired.of({0: 2.0, 1: 3.0, 2: 4.5}, {0: 1.0, 1: 2.0, 3: 9.0})
        >>> d.n, d.mean, d.above, d.below
        (2, 1.0, 2, 0)
        """
        differences = [ours[seed] - base[seed] for seed in sorted(ours.keys() & base.keys())]
        s = Summary.of(differences)
        half = half_interval(s)
        above = sum(d > 0 for d in differences)
        below = sum(d < 0 for d in differences)
        return cls(s.n, s.mean, s.mean - half, s.mean + half, above, below)


def half_interval(s: Summary) -> float:
    """Return half the width of the Student interval of the mean of *s*; NaN below two values."""
    if s.n < 2:
        return math.nan
    from scipy import stats

    quantile = float(stats.t.ppf(0.5 + CONFIDENCE / 2, s.n - 1))
    return quantile * s.deviation / math.sqrt(s.n)


def agrees(ours: Sequence[float], theirs: Sequence[float]) -> bool | None:
    """Return whether *theirs* lie where *ours* would lead one to expect them; None: cannot tell.

    Two or more on both sides: the means differ by no more than Welch's 95 % interval. One of
    theirs: it lies within our 95 % prediction interval, mean +- t s sqrt(1 + 1/n). Fewer than
    two of ours, or none of theirs: nothing can be said.

    >>> agrees([0.88, 0.87, 0.89], [0.884, 0.866, 0.885]), agrees([0.88, 0.87, 0.89], [0.8])
    (True, False)
    """
    a, b = Summary.of(ours), Summary.of(theirs)
    if a.n < 2 or b.n < 1:
        return None
    from scipy import stats

    va, vb = a.deviation**2 / a.n, b.deviation**2 / b.n if b.n > 1 else a.deviation**2
    freedom = float(a.n - 1)
    if b.n > 1 and va + vb > 0:
        freedom = (va + vb) ** 2 / (va**2 / (a.n - 1) + vb**2 / (b.n - 1))
    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom)) * math.sqrt(va + vb)
    return abs(a.mean - b.mean) <= reach
