"""Other people's rules for reading a range test, by name, to set beside ours.

Each is the published formula alone, of a curve that is smooth already; how their tools smooth,
stop and trim is part of what goes wrong there, and is not copied. `suggest(curve).rules` applies
all of them to the smoothed curve at a hundred rates, the length they were made for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrkit.errors import SpecError

Array = NDArray[np.float64]


def steepest(rates: ArrayLike, losses: ArrayLike) -> float | None:
    """Return the rate where the loss falls fastest on the log axis: argmin dL / d ln r.

    Slopes are those between neighbours, and the left one of the two is returned, as in fastai's
    `steep`. None where the loss never falls.

    >>> steepest([0.001, 0.01, 0.1, 1.0], [2.3, 2.2, 1.2, 1.1])
    0.01
    """
    r, loss = _curve(rates, losses)
    slopes = np.diff(loss) / np.diff(np.log(r))
    best = int(np.argmin(slopes))
    return float(r[best]) if slopes[best] < 0 else None


def steepest_per_rate(rates: ArrayLike, losses: ArrayLike) -> float | None:
    """Return the rate where the loss falls fastest on the plain axis: argmin dL / dr.

    As in Lightning from 2.5.3 on. On an exponential ramp the steps at the left are tiny, so that
    the noise there decides. None where the loss never falls.

    >>> steepest_per_rate([0.001, 0.01, 0.1, 1.0], [2.3, 2.2, 1.2, 1.1])
    0.001
    """
    r, loss = _curve(rates, losses)
    slopes = np.gradient(loss, r)
    best = int(np.argmin(slopes))
    return float(r[best]) if slopes[best] < 0 else None


def steepest_per_step(rates: ArrayLike, losses: ArrayLike) -> float | None:
    """Return the rate where the loss falls fastest per step: argmin (L[i+1] - L[i-1]) / 2.

    Only up to the lowest loss, as in ignite; pytorch-lr-finder and Lightning before 2.5.3 look
    further. None where fewer than three points lead down to it.

    >>> steepest_per_step([0.001, 0.01, 0.1, 1.0], [2.3, 2.2, 1.2, 1.15])
    0.01
    """
    r, loss = _curve(rates, losses)
    falling = loss[: int(np.argmin(loss)) + 1]
    if len(falling) < 3:
        return None
    return float(r[int(np.argmin(falling[2:] - falling[:-2])) + 1])


def minimum_by_ten(rates: ArrayLike, losses: ArrayLike) -> float | None:
    """Return a tenth of the rate with the lowest loss, as in fastai's `minimum`.

    >>> minimum_by_ten([0.001, 0.01, 0.1, 1.0], [2.3, 2.2, 1.2, 9.0])
    0.01
    """
    r, loss = _curve(rates, losses)
    return float(r[int(np.argmin(loss))]) / 10


def valley(rates: ArrayLike, losses: ArrayLike) -> float | None:
    """Return the rate about half way through the longest falling subsequence.

    With its length L and its last index e, and s = e - L: s + floor(L/3) + floor(L/6). The
    subsequence need not be contiguous, so s is where it would start if it were: fastai's `valley`,
    after ESRI's. None where nothing falls.

    >>> valley([1, 2, 4, 8, 16, 32, 64], [7, 6, 5, 4, 3, 2, 9])
    4.0
    """
    r, loss = _curve(rates, losses)
    lengths = np.ones(len(loss), dtype=int)
    for i in range(1, len(loss)):
        before = lengths[:i][loss[:i] > loss[i]]
        lengths[i] = 1 + (before.max() if before.size else 0)
    end = int(np.argmax(lengths))
    length = int(lengths[end])
    if length < 2:
        return None
    return float(r[max(end - length + int(length / 3) + int(length / 6), 0)])


def slide(
    rates: ArrayLike, losses: ArrayLike, *, width: int = 15, threshold: float = 0.005
) -> float | None:
    """Return the left end of a window slid from the end until the gradients at its ends agree.

    The window is *width* points long; it stops where the gradients per step differ by no more
    than *threshold*, in the unit of the loss. fastai's `slide`, after Novetta's. None where the
    curve is shorter than the window, or its ends agree at once: that is no finding.

    >>> slide([1, 2, 4, 8, 16, 32], [4, 4, 4, 4, 3, 1], width=2)
    2.0
    """
    r, loss = _curve(rates, losses)
    if len(loss) < width + 2:
        return None
    slopes = np.gradient(loss)
    found, right = None, len(loss) - 1
    while right - width >= 0 and abs(slopes[right] - slopes[right - width]) > threshold:
        found = float(r[right - width])
        right -= 1
    return found


Rule = Callable[[ArrayLike, ArrayLike], float | None]

RULES: Final[Mapping[str, Rule]] = {
    "steepest": steepest,
    "steepest per step": steepest_per_step,
    "steepest per rate": steepest_per_rate,
    "minimum/10": minimum_by_ten,
    "valley": valley,
    "slide": slide,
}


def _curve(rates: ArrayLike, losses: ArrayLike) -> tuple[Array, Array]:
    r, loss = np.asarray(rates, np.float64), np.asarray(losses, np.float64)
    if r.ndim != 1 or r.shape != loss.shape:
        raise SpecError(
            f"rates and losses must be flat and of one length, got {r.shape} and {loss.shape}"
        )
    if not (np.isfinite(r).all() and (r > 0).all() and (np.diff(r) > 0).all()):
        raise SpecError("rates must be finite, above 0 and rising; sort them")
    finite = np.isfinite(loss)
    if finite.sum() < 2:
        raise SpecError(f"two finite losses are needed, got {int(finite.sum())}; test longer")
    return r[finite], loss[finite]
