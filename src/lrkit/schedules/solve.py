"""One number for one target: secants where they work, halving where they meet a limit."""

from __future__ import annotations

import math
from collections.abc import Callable

SECANTS, HALVINGS = 24, 24
Place = Callable[[float], float | None]
"""Where a value puts the point; None for a value that is not allowed."""


def solved(
    place: Place, value: float, at: float, slope: float, target: float, tolerance: float
) -> float:
    """Return the value that puts the point at *target* to *tolerance*, or as near as is allowed.

    The point is *at* for *value* now, and moves by *slope* per unit of it. Values never change
    their sign.

    >>> round(solved(lambda v: v * v if v < 3 else None, 1.0, 1.0, 2.0, 4.0, 1e-9), 6)
    2.0
    >>> 2.99 < solved(lambda v: v * v if v < 3 else None, 1.0, 1.0, 2.0, 25.0, 1e-9) < 3
    True
    """
    best, miss = value, abs(at - target)
    for _ in range(SECANTS):
        if miss <= tolerance or slope == 0 or not math.isfinite(slope):
            break
        wanted = best + (target - at) / slope
        wanted = max(wanted, 0.0) if value >= 0 else min(wanted, 0.0)
        there = place(wanted)
        if there is None:
            return _limit(place, best, wanted, target)
        if abs(there - target) >= miss:
            return _halved(place, (best, at), (wanted, there), target, tolerance)
        slope = (there - at) / (wanted - best)
        best, at, miss = wanted, there, abs(there - target)
    return best


def _limit(place: Place, good: float, bad: float, target: float) -> float:
    """Return the value nearest to the target between *good*, which is allowed, and *bad*."""
    best, miss = good, math.inf
    for _ in range(HALVINGS):
        middle = (good + bad) / 2
        there = place(middle)
        if there is None:
            bad = middle
            continue
        if abs(there - target) < miss:
            best, miss = middle, abs(there - target)
        good = middle
    return best


def _halved(
    place: Place, a: tuple[float, float], b: tuple[float, float], target: float, tolerance: float
) -> float:
    """Return the value between those of *a* and *b*, (value, place) each, nearest to the target."""
    best = min(a, b, key=lambda pair: abs(pair[1] - target))
    if (a[1] - target) * (b[1] - target) > 0:
        return best[0]  # both on one side: it turns back before it gets there
    for _ in range(2 * HALVINGS):
        middle = (a[0] + b[0]) / 2
        there = place(middle)
        if there is None:
            break
        best = min(best, (middle, there), key=lambda pair: abs(pair[1] - target))
        if abs(there - target) <= tolerance:
            break
        a, b = (
            ((middle, there), b) if (there - target) * (a[1] - target) > 0 else (a, (middle, there))
        )
    return best[0]


def rounded(place: Place, value: float, slope: float, resolution: float) -> float:
    """Return *value* in as few digits as still put the point within half the *resolution*.

    >>> rounded(lambda v: v, 0.31234, 1.0, 0.01), rounded(lambda v: 10 * v, 8.1234, 10.0, 1.0)
    (0.31, 8.1)
    """
    exact = place(value)
    if exact is None or value == 0:
        return value
    room = math.floor(math.log10(abs(value)))
    for digits in range(-room, -room + 17):
        short = round(value, digits)
        if abs(short - value) * abs(slope) > 4 * resolution:
            continue  # plainly too far: not worth a look
        there = place(short)
        if there is not None and abs(there - exact) <= resolution / 2:
            return short
    return value
