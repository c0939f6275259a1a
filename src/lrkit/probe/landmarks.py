"""Where a smooth curve begins to fall, falls fastest and stops falling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BEGUN, DONE = 0.1, 0.9  # parts of the whole fall: the base, and where the steepest point must lie


@dataclass(frozen=True)
class Landmarks:
    """For each curve: ln rates of base, steepest point and lowest loss; whole fall, later rise."""

    base: Array
    steepest: Array
    lowest: Array
    fall: Array
    rise: Array


def landmarks(log: Array, curves: Array) -> Landmarks:
    """Return the landmarks of each row of *curves* on the even axis *log*.

    The steepest point is looked for where the curve is between a tenth and nine tenths of its
    whole fall for good: what wiggles on a flat start is no fall. The base is where that begins,
    the way from one point to the next divided in proportion.
    """
    count, size = curves.shape
    rows, index = np.arange(count), np.arange(size)
    low = curves.argmin(axis=1)
    lowest = curves[rows, low]
    first = curves[:, : max(1, size // 20)].mean(axis=1)
    fall = first - lowest
    begun = first - BEGUN * fall
    base = _last(curves > begun[:, None], low)
    done = np.maximum(_last(curves > (first - DONE * fall)[:, None], low), base)
    slopes = np.diff(curves, axis=1)
    inside = (index[:-1] >= base[:, None]) & (index[:-1] <= done[:, None])
    steep = np.where(inside, slopes, np.inf).argmin(axis=1)
    here, there = curves[rows, base], curves[rows, np.minimum(base + 1, size - 1)]
    way = np.where(here > there, here - there, 1.0)
    part = np.clip((here - begun) / way, 0.0, 1.0) * (here > there)
    step = log[1] - log[0]
    return Landmarks(
        base=log[base] + part * step,
        steepest=log[steep] + 0.5 * step,
        lowest=log[low],
        fall=fall,
        rise=curves[:, -1] - lowest,
    )


def _last(where: NDArray[np.bool_], before: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the last index of each row that is true and left of *before*; 0 where none is."""
    size = where.shape[1]
    where = where & (np.arange(size) < before[:, None])
    return np.where(where.any(axis=1), size - 1 - where[:, ::-1].argmax(axis=1), 0)
