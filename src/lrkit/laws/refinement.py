"""A schedule refined from the gradient norms of an earlier run."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import median_filter

from lrkit.errors import DataError, SpecError
from lrkit.laws.grid import Array
from lrkit.schedules import Schedule, table

SAMPLES: Final = 10_000
SHARE: Final = 0.1
KNOTS: Final = 100

Optimizer = Literal["adam", "sgd"]


def refine(
    norms: ArrayLike,
    optimizer: Optimizer = "adam",
    *,
    steps: ArrayLike | None = None,
    smooth: float = SHARE,
) -> Array:
    """Return the refined shape, (10000,), highest value 1, last value 0.

    From norms G_1..G_T of a run, resampled to 10,000 points and smoothed by a median filter of
    width 2 floor(smooth n / 2) + 1 whose ends are padded by reflection: w_t = 1 / G_t for "adam"
    (G the L1 norm), G_t^-2 for "sgd" (the L2 norm); eta_t is proportional to w_t sum_{p>t} w_p.
    Constant norms give linear decay exactly. *steps*, rising, say when each norm was logged
    (evenly if None); *smooth* goes from 0 (no filter) to 1.

    Raises `SpecError` for another optimizer or *smooth*, `DataError` for fewer than two norms and
    norms that are not above 0.

    >>> refine([1.0] * 50)[[0, 4999, 9999]].round(3).tolist()
    [1.0, 0.5, 0.0]

    Source: Defazio et al., arXiv 2310.07831, algorithm 1.
    """
    if optimizer not in ("adam", "sgd"):
        raise SpecError(f"optimizer must be adam or sgd, got {optimizer!r}")
    if not 0 <= smooth <= 1:
        raise SpecError(f"`0 <= smooth <= 1` must hold, got {smooth}")
    sizes = np.asarray(norms, dtype=np.float64).reshape(-1)
    if len(sizes) < 2 or not np.isfinite(sizes).all() or sizes.min() <= 0:
        raise DataError("refinement needs two gradient norms or more, all finite and above 0")
    places = np.arange(len(sizes), dtype=np.float64)
    if steps is not None:
        places = np.asarray(steps, dtype=np.float64).reshape(-1)
        if places.shape != sizes.shape or not (np.diff(places) > 0).all():
            raise DataError("the steps of the norms must rise, one for each norm")
    sampled = np.interp(np.linspace(places[0], places[-1], SAMPLES), places, sizes)
    width = 2 * int(smooth * SAMPLES / 2) + 1
    calm = median_filter(sampled, size=width, mode="reflect")
    weights = 1 / calm if optimizer == "adam" else calm**-2.0
    later = np.cumsum(weights[::-1])[::-1] - weights
    later[-1] = 0.0
    shape = weights * later
    return np.asarray(shape / shape.max())


def refined_schedule(shape: Array, knots: int = KNOTS) -> Schedule:
    """Return a refined *shape* as a table of *knots* points over the whole, highest value 1."""
    values = np.interp(np.linspace(0, len(shape) - 1, knots), np.arange(len(shape)), shape)
    return table([float(f"{value:.6g}") for value in values / values.max()])
