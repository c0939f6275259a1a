"""Fewer points, the same picture.

Each stretch of a line that falls on one pixel keeps its first, lowest, highest and last point
(the M4 aggregation of Jugel et al., 2014, "M4: A Visualization-Oriented Time Series Data
Aggregation"), so that a line drawn through what is left covers the same pixels.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lrkit.schedules import Curve

Array = NDArray[np.float64]

CHUNK: Final = 1 << 18  # rates computed together: 2 MB


def thin(y: Array, points: int) -> NDArray[np.int64]:
    """Return the indices of about *points* values of *y* that keep its shape, in order.

    >>> thin(np.array([0.0, 0, 0, 9, 0, 0, 0, 0, 0, -9, 0, 0]), 8).tolist()
    [0, 3, 5, 6, 9, 11]
    """
    n = len(y)
    buckets = max(points // 4, 1)
    if n <= 4 * buckets:
        return np.arange(n)
    size = -(-n // buckets)
    return _kept(y, size)


def sampled(curve: Curve, points: int) -> tuple[Array, Array]:
    """Return steps and rates to draw *curve* from: about *points*, plus its joints on both sides.

    Every update's rate is looked at, in chunks of constant memory, so a spike of one step in
    10,000,000 is still seen.
    """
    n = curve.steps
    size = max(-(-n // max(points // 4, 1)), 1) if n > points else 1
    at, rates = [], []
    chunk = max(CHUNK // size, 1) * size  # whole buckets
    for start in range(0, n, chunk):
        values = curve.values(start, min(start + chunk, n))
        kept = _kept(values, size) if size > 1 else np.arange(len(values))
        at.append((kept + start).astype(np.float64))
        rates.append(values[kept])
    # A curve with very many joints is dense anyway; its extremes are kept above.
    joints = np.array(curve.joints if len(curve.joints) <= points else ())
    if curve.end < curve.total:  # it holds from there on, maybe at another value
        joints = np.append(joints, curve.end)
    before = np.nextafter(joints, 0)
    end = np.array([curve.total])
    x = np.concatenate([*at, before, joints, end])
    y = np.concatenate([*rates, curve(before), curve(joints), curve(end)])
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


def _kept(y: Array, size: int) -> NDArray[np.int64]:
    """Return the indices of the first, lowest, highest and last value of each *size* values."""
    n = len(y)
    buckets = -(-n // size)
    finite = np.isfinite(y)
    low, high = np.where(finite, y, np.inf), np.where(finite, y, -np.inf)
    short = buckets * size - n
    low = np.concatenate([low, np.full(short, np.inf)]).reshape(buckets, size)
    high = np.concatenate([high, np.full(short, -np.inf)]).reshape(buckets, size)
    first = np.arange(buckets, dtype=np.int64) * size
    last = np.minimum(first + size, n) - 1
    lowest, highest = first + low.argmin(axis=1), first + high.argmax(axis=1)
    return np.unique(np.concatenate([first, lowest, highest, last]))
