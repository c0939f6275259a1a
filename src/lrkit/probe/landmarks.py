"""Where a smooth curve begins to fall, falls fastest and stops falling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BEGUN = 0.1  # of the whole fall: the base


@dataclass(frozen=True)
class Landmarks:
    """For each curve the ln rates of base, steepest point and lowest loss, and the whole fall."""

    base: Array
    steepest: Array
    lowest: Array
    fall: Array
    rise: Array  # from the lowest loss to the end of the curve


def landmarks(log: Array, curves: Array) -> Landmarks:
    """Return the landmarks of each row of *curves* on the even axis *log*.

    The base is the last point left of the steepest one where less than a tenth of the whole fall
    is done, with the way to the next point divided in proportion.
    """
    count, size = curves.shape
    rows, index = np.arange(count), np.arange(size)
    low = curves.argmin(axis=1)
    first = curves[:, : max(1, size // 20)].mean(axis=1)
    fall = first - curves[rows, low]
    slopes = np.where(index[:-1] < np.maximum(low, 1)[:, None], np.diff(curves, axis=1), np.inf)
    steep = slopes.argmin(axis=1)
    level = (first - BEGUN * fall)[:, None]
    above = (curves > level) & (index <= steep[:, None])
    base = np.where(above.any(axis=1), size - 1 - above[:, ::-1].argmax(axis=1), 0)
    after = np.minimum(base + 1, size - 1)
    here, there = curves[rows, base], curves[rows, after]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(there < here, (here - level[:, 0]) / (here - there), 0.0)
    step = log[1] - log[0]
    return Landmarks(
        base=log[base] + np.clip(part, 0.0, 1.0) * step * (base < size - 1),
        steepest=log[steep] + 0.5 * step,
        lowest=log[low],
        fall=fall,
        rise=curves[:, -1] - curves[rows, low],
    )
