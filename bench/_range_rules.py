"""The rules of other range tests as they are shipped: their smoothing, their stop, their trimming.

Each takes the rates and the raw losses of one sweep and returns a rate, or NaN where the original
raises or returns nothing. Written from the sources named; see PEERS for what each gets wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Finder = Callable[[Array, Array], float]


def debiased(losses: Array, stop: float) -> Array:
    """Return fastai's and Lightning's average (0.98, corrected), cut at *stop* times best."""
    average, best, out = 0.0, math.inf, []
    for step, loss in enumerate(losses, 1):
        average = 0.98 * average + 0.02 * loss
        out.append(average / (1 - 0.98**step))
        if out[-1] > stop * best:
            break
        best = min(best, out[-1])
    return np.array(out)


def lagging(losses: Array) -> Array:
    """Return pytorch-lr-finder's and ignite's moving average (0.05, not corrected), cut at 5x."""
    out = [float(losses[0])]
    best = out[0]
    for loss in losses[1:]:
        out.append(0.05 * float(loss) + 0.95 * out[-1])
        best = min(best, out[-1])
        if out[-1] > 5 * best:
            break
    return np.array(out)


def _fastai(rates: Array, losses: Array) -> tuple[Array, Array]:
    smooth = debiased(losses, stop=4.0)
    first = len(rates) // 10
    smooth, rates = smooth[first:-5], rates[first : len(smooth) - 5]
    bad = np.flatnonzero(np.isnan(smooth))
    return (rates[: bad[0]], smooth[: bad[0]]) if bad.size else (rates, smooth)


def fastai_valley(rates: Array, losses: Array) -> float:
    """fastai's default: a point two thirds through the longest falling subsequence."""
    x, y = _fastai(rates, losses)
    if not len(y):
        return math.nan
    lengths = [1] * len(y)
    start = end = 0
    for i in range(1, len(y)):
        for j in range(i):
            if y[i] < y[j] and lengths[i] < lengths[j] + 1:
                lengths[i] = lengths[j] + 1
            if lengths[end] < lengths[i]:
                end = i
                start = end - lengths[end]
    third = (end - start) / 3
    return float(x[start + int(third) + int(third / 2)])


def fastai_steep(rates: Array, losses: Array) -> float:
    """Where the averaged loss falls fastest per log rate, from one point to the next."""
    x, y = _fastai(rates, losses)
    return float(x[np.argmin(np.diff(y) / np.diff(np.log(x)))]) if len(y) > 1 else math.nan


def fastai_minimum(rates: Array, losses: Array) -> float:
    """The rate of the lowest averaged loss, divided by 10."""
    x, y = _fastai(rates, losses)
    return float(x[np.argmin(y)]) / 10 if len(y) else math.nan


def fastai_slide(rates: Array, losses: Array) -> float:
    """A window of 15 slid back from the end until the gradients at its ends agree to 0.005."""
    x, y = _fastai(rates, losses)
    if len(y) < 17:
        return math.nan
    slope = np.gradient(y)
    right, left = -1, -16
    found = x[left]
    while left >= -len(y) and abs(slope[right] - slope[left]) > 0.005:
        found = x[left]
        right, left = right - 1, left - 1
    return float(found)


def _lightning(rates: Array, losses: Array) -> tuple[Array, Array]:
    smooth = debiased(losses, stop=4.0)
    smooth, rates = smooth[10:-1], rates[10 : len(smooth) - 1]
    finite = np.isfinite(smooth)
    return rates[finite], smooth[finite]


def lightning_new(rates: Array, losses: Array) -> float:
    """Lightning >= 2.5.3: the steepest fall per rate, not per log rate."""
    x, y = _lightning(rates, losses)
    return float(x[np.argmin(np.gradient(y, x))]) if len(y) > 1 else math.nan


def lightning_old(rates: Array, losses: Array) -> float:
    """Lightning <= 2.5.2: the steepest fall per step."""
    x, y = _lightning(rates, losses)
    return float(x[np.argmin(np.gradient(y))]) if len(y) > 1 else math.nan


def lr_finder(rates: Array, losses: Array) -> float:
    """pytorch-lr-finder: the steepest fall per step of the lagging average; NaN wins its argmin."""
    smooth = lagging(losses)
    y, x = smooth[10:-5], rates[10 : len(smooth) - 5]
    return float(x[np.argmin(np.gradient(y))]) if len(y) > 1 else math.nan


def ignite(rates: Array, losses: Array) -> float:
    """ignite: the steepest central difference of the lagging average up to its minimum."""
    smooth = lagging(losses)
    y = smooth[: int(np.argmin(smooth)) + 1]
    if len(y) < 3:
        return math.nan
    return float(rates[np.argmin(0.5 * (y[2:] - y[:-2])) + 1])


FINDERS: dict[str, Finder] = {
    "fastai valley": fastai_valley,
    "fastai steep": fastai_steep,
    "fastai minimum": fastai_minimum,
    "fastai slide": fastai_slide,
    "Lightning >= 2.5.3": lightning_new,
    "Lightning <= 2.5.2": lightning_old,
    "pytorch-lr-finder": lr_finder,
    "ignite": ignite,
}
