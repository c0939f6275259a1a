"""The convex bound: the best peak of a shape, and how it moves between shapes and horizons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from lrkit.errors import SpecError
from lrkit.laws.grid import Array
from lrkit.schedules import Curve, Schedule, parse

EXPONENT: Final = -0.5
"""How the best peak falls with the horizon in theory; language models show -0.1 to -0.32."""


@dataclass(frozen=True)
class Bound:
    """The bound of a shape at its best peak: B(gamma) = T1 / gamma + gamma (T2 + T3).

    `peak` is gamma* = sqrt(T1 / (T2 + T3)), in units of distance over gradient norm, for a shape
    whose highest value is 1; `value` is B* = 2 sqrt(T1 (T2 + T3)), the bound there; `steps` = T.
    """

    peak: float
    value: float
    steps: int

    @property
    def scaled(self) -> float:
        """B* sqrt(T), which does not fall with the horizon."""
        return self.value * float(np.sqrt(self.steps))


def convex_bound(rates: ArrayLike, norms: ArrayLike | None = None, distance: float = 1.0) -> Bound:
    """Return the best peak of a shape for convex, Lipschitz problems, and the bound it gives.

    With eta_t = gamma s_t, t = 1..T, gradient norms G_t and D the *distance* to the solution:
    B = D^2 / (2 S) + (1 / 2 S) sum_t eta_t^2 G_t^2
    + (1/2) sum_{k<T} eta_k / S_{>k} * (sum_{t>=k} eta_t^2 G_t^2) / S_{>=k}, S the sums of eta.

    *rates* (T,) is the shape at each update; zeros at its end are left out, because an update at
    0 changes nothing. *norms* (T,) are 1 if None. Suffix sums make it linear in T.
    Raises `SpecError` for rates or norms that are negative or not finite, and for all zeros.

    >>> best = convex_bound([1.0] * 400)
    >>> round(best.peak, 5), round(best.scaled, 2)
    (0.01818, 2.75)

    Source: Schaipp et al., arXiv 2501.18965, after Theorem 10 of Defazio et al., arXiv 2310.07831.
    """
    shape, size = _checked(rates, norms, distance)
    squares = (shape * size) ** 2
    after = np.cumsum(shape[::-1])[::-1]  # S_{>=k}
    heat = np.cumsum(squares[::-1])[::-1]
    total = float(after[0])
    first = distance**2 / (2 * total)
    second = float(squares.sum()) / (2 * total)
    third = 0.5 * float((shape[:-1] / after[1:] * heat[:-1] / after[:-1]).sum())
    top = float(shape.max())
    peak = float(np.sqrt(first / (second + third))) * top
    return Bound(peak, float(2 * np.sqrt(first * (second + third))), len(shape))


def _checked(rates: ArrayLike, norms: ArrayLike | None, distance: float) -> tuple[Array, Array]:
    shape = np.array(rates, dtype=np.float64).reshape(-1)
    size = np.ones_like(shape) if norms is None else np.array(norms, dtype=np.float64).reshape(-1)
    if size.shape != shape.shape:
        raise SpecError(f"norms must be one for each of {len(shape)} rates, got {len(size)}")
    for name, column in (("rates", shape), ("norms", size)):
        if not (np.isfinite(column).all() and (column >= 0).all()):
            raise SpecError(f"{name} must be finite and at least 0")
    if not distance > 0 or not np.isfinite(distance):
        raise SpecError(f"`distance > 0` must hold, got {distance}")
    used = np.flatnonzero(shape)
    if not used.size:
        raise SpecError("some rate must be above 0, all are 0; give another shape")
    end = int(used[-1]) + 1
    return shape[:end], size[:end]


@dataclass(frozen=True)
class Transfer:
    """A peak moved to another shape and horizon: `peak` = known * `shape_ratio` * `horizon_ratio`.

    `exponent` is what the horizon's ratio was raised to, and `source` says where it is from.
    """

    peak: float
    shape_ratio: float
    horizon_ratio: float
    exponent: float
    source: str


def transfer(
    peak: float,
    known: str | Schedule,
    wanted: str | Schedule,
    *,
    steps: int,
    to_steps: int | None = None,
    exponent: float | None = None,
) -> Transfer:
    """Return the peak for *wanted* over *to_steps* updates, from the best *peak* of *known*.

    The ratio between the shapes is that of the convex bound at one horizon, *steps*, which runs
    of language models bear out within 11 to 25 % for shapes that decay (a constant rate is off by
    2). The ratio between horizons is (to_steps / steps)^exponent; the theory's -1/2 is steeper
    than what runs show, so give an *exponent* fitted by `horizon_exponent` where there is one.

    Raises `SpecError` unless peak > 0 and both horizons are 2 or more.

    >>> round(transfer(1e-3, "linear()", "cosine()", steps=1600).peak, 6)
    0.000972
    """
    horizon = steps if to_steps is None else to_steps
    if not peak > 0 or not np.isfinite(peak):
        raise SpecError(f"`peak > 0` must hold, got {peak}")
    if min(steps, horizon) < 2:
        raise SpecError(f"horizons must be 2 updates or more, got {min(steps, horizon)}")
    here, there = (shape_bound(shape, steps).peak for shape in (known, wanted))
    power = EXPONENT if exponent is None else exponent
    source = "the convex bound" if exponent is None else "given or fitted"
    over = (horizon / steps) ** power
    return Transfer(peak * there / here * over, there / here, over, power, source)


def shape_bound(shape: str | Schedule | Curve, steps: int) -> Bound:
    """Return the bound of *shape* over *steps* updates; the 0 that a decay ends at comes after."""
    if isinstance(shape, Curve):
        return convex_bound(shape.values())
    value = parse(shape) if isinstance(shape, str) else shape
    return convex_bound(value.over(steps).values())


def horizon_exponent(horizons: Sequence[float], peaks: Sequence[float]) -> float:
    """Return the exponent of the best peak against the horizon, by least squares on logarithms.

    *horizons* and *peaks* are the horizons tried and the best peak found at each, of one shape.
    Raises `SpecError` for fewer than two different horizons and for values that are not above 0.

    >>> round(horizon_exponent([1000, 4000], [1e-3, 7e-4]), 3)
    -0.257
    """
    x, y = np.asarray(horizons, dtype=np.float64), np.asarray(peaks, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or len(np.unique(x)) < 2:
        raise SpecError("the exponent needs the best peaks of two horizons or more, one each")
    if not ((x > 0).all() and (y > 0).all()):
        raise SpecError("horizons and peaks must be above 0")
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
