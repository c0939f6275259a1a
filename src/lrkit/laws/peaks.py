"""The best peak at each horizon, read off runs of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from lrkit.errors import DataError
from lrkit.laws.curves import LossCurve

SAME: Final = 0.03  # of the peak: shapes that differ by less everywhere are one shape
PLACES: Final = 50


def best_peaks(curves: Sequence[LossCurve]) -> dict[int, float]:
    """Return the best peak at each horizon of *curves*, runs of one shape at several peaks.

    At a horizon with three peaks or more it is the lowest point of the parabola through the final
    losses over the logarithm of the peak, at the best run and its neighbours. Raises `DataError`
    where the shapes differ, where a horizon has fewer than three peaks, and where its best run is
    at the highest or lowest peak, because the best peak then lies beyond those tried.
    """
    shapes = [_shape(curve) for curve in curves]
    for curve, shape in zip(curves[1:], shapes[1:], strict=True):
        if np.abs(shape - shapes[0]).max() > SAME:
            raise DataError(
                f"runs of one shape are needed to compare peaks, {curve.name} and "
                f"{curves[0].name} differ; leave one out"
            )
    horizons = sorted({curve.total for curve in curves})
    return {
        horizon: _best([curve for curve in curves if curve.total == horizon])
        for horizon in horizons
    }


def _shape(curve: LossCurve) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the rates at even places of the run, as shares of the peak."""
    places = np.linspace(0.1, 0.9, PLACES) * (len(curve.rates) - 1)
    return np.asarray(curve.rates[places.astype(np.int64)] / curve.peak)


def _best(curves: Sequence[LossCurve]) -> float:
    ordered = sorted(curves, key=lambda curve: curve.peak)
    peaks = np.array([curve.peak for curve in ordered])
    losses = np.array([curve.final_loss for curve in ordered])
    total = ordered[0].total
    if len(np.unique(peaks)) < 3:
        raise DataError(
            f"the best peak of a horizon needs runs at three peaks or more, {total:,} updates has "
            f"{len(np.unique(peaks))}; train more, or name the best peak with --tried"
        )
    least = int(losses.argmin())
    if least in (0, len(peaks) - 1):
        side = "highest" if least else "lowest"
        raise DataError(
            f"the best peak at {total:,} updates lies beyond those tried, the run at the {side} "
            f"({peaks[least]:g}) is the best; train beyond it"
        )
    near = slice(least - 1, least + 2)
    square, slope, _ = np.polyfit(np.log(peaks[near]), losses[near], 2)
    return float(np.exp(-slope / (2 * square)))
