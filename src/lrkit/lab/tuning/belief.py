"""What the runs so far say about the best peak: a posterior by weighted draws.

The badness of a run with the logarithm of the peak x, over h of T updates, is taken as

    level_h + shape_s + sqrt(1 + 2 (T/h)^g k d^2) - 1,   d = x - offset_s - m - e ln(h/T),

a parabola near its lowest point and straight far from it, with k = left or right for d below or
above 0. m is the ln of the best peak at full length, e how it moves with the horizon, g how much
more sharply a short training tells peaks apart. The right side is often a cliff, and where it is
depends on the seed: the peak is therefore not chosen at m but where the badness to be expected
over all draws is least.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lrkit.lab.tuning.candidates import offset
from lrkit.lab.tuning.outcomes import CAP, Array, Outcome, Scale, badness_of, grain_of, loss_weight

DRAWS: Final = 12_000
ROUNDS: Final = 3
"""Of draws: from the prior, then from what the round before found."""
MEANS: Final = np.array([0.0, -0.2, math.log(0.2), math.log(0.5), 0.3])
DEVIATIONS: Final = np.array([1.0, 0.4, 0.7, 1.0, 0.3])
"""Prior of (m about the range test's guess, e, ln left, ln right, g), all normal.

e: language models show -0.1 to -0.32, the convex theory has -0.5, the small pairs that this was
developed on -1.1 to 0.3. The others are from those pairs.
"""
NOISE: Final = 0.06  # of a full run, as a share of its error
MISFIT: Final = 0.3  # the noise grows as (T/h)^this: a short run is less well described
SHAPE_SPREAD: Final = 0.1  # between shapes at their best peaks
GROWTH: Final = 0.4  # of the level from one horizon to one e times as long
FREEDOM: Final = 4.0  # of Student's distribution: outliers happen
JITTER: Final = 0.4
"""How far the best peak of one seed lies from another's, as a standard deviation of ln x. Mostly it
is the cliff that moves: a peak right below it trains one seed and loses the next."""
SPREADS: Final = ((-1.732, 1 / 6), (0.0, 2 / 3), (1.732, 1 / 6))  # Gauss-Hermite: place, weight


@dataclass(frozen=True, eq=False)
class Belief:
    """Draws of (m, e, ln left, ln right, g), with weights that sum to 1.

    *shapes* says how much worse than the others each shape is at its own best peak.
    """

    draws: NDArray[np.float64]
    weights: Array
    total: int
    shapes: Mapping[str, float]

    def best(self, updates: int | None = None) -> Array:
        """Return the ln of the best peak of the usual shape over *updates*, for each draw."""
        ratio = math.log((updates or self.total) / self.total)
        return np.asarray(self.draws[:, 0] + self.draws[:, 1] * ratio)

    def quantile(self, q: float, updates: int | None = None) -> float:
        """Return the *q*-quantile of the ln of the best peak."""
        values = self.best(updates)
        order = np.argsort(values)
        place = np.searchsorted(np.cumsum(self.weights[order]), q)
        return float(values[order][min(int(place), len(order) - 1)])

    def deviation(self, updates: int | None = None) -> float:
        """Return the standard deviation of the ln of the best peak."""
        values = self.best(updates)
        mean = float(self.weights @ values)
        return math.sqrt(float(self.weights @ (values - mean) ** 2))

    def regret(self, log_peaks: Array, updates: int | None = None) -> Array:
        """Return what each of *log_peaks* of the usual shape is expected to lose to the best."""
        length = updates or self.total
        d = log_peaks[None, :] - self.best(length)[:, None]
        ratio = math.log(length / self.total)
        found = [w * _lost(self.draws, d + JITTER * z, ratio) for z, w in SPREADS]
        return np.asarray(self.weights @ sum(found))

    def choice(self, updates: int | None = None) -> float:
        """Return the ln of the peak of the usual shape with the least expected loss."""
        low, high = self.quantile(0.005, updates), self.quantile(0.995, updates)
        places = np.linspace(low, high, 200)
        return float(places[int(self.regret(places, updates).argmin())])


def believe(
    outcomes: Sequence[Outcome], scale: Scale, total: int, guess: float, spread: float
) -> Belief:
    """Return what *outcomes* say; m is *guess* give or take *spread* before.

    Deterministic: the draws are from a generator with a fixed seed.
    """
    means, deviations = MEANS.copy(), DEVIATIONS.copy()
    means[0], deviations[0] = guess, spread
    random = np.random.default_rng(0)
    draws = means + deviations * random.standard_normal((DRAWS, len(means)))
    if not outcomes:
        return Belief(draws, np.full(DRAWS, 1 / DRAWS), total, {})
    prior = _normal(draws, means, np.diag(deviations**2))
    proposed = prior
    weights = np.full(DRAWS, 1 / DRAWS)
    likely = _Likelihood(outcomes, scale, total)
    for turn in range(ROUNDS):
        weights = _normed(likely(draws) + prior - proposed)
        if turn == ROUNDS - 1:
            break
        centre = weights @ draws
        around = (draws - centre) * np.sqrt(weights)[:, None]
        # Wider than what was found, so that the next round does not miss its tails.
        covariance = 1.5 * around.T @ around + np.diag((0.05 * deviations) ** 2)
        draws = centre + random.standard_normal(draws.shape) @ np.linalg.cholesky(covariance).T
        prior = _normal(draws, means, np.diag(deviations**2))
        proposed = _normal(draws, centre, covariance)
    return Belief(draws, weights, total, likely.shapes(draws, weights))


class _Likelihood:
    """How well draws describe the outcomes; the levels and the shapes are integrated out."""

    def __init__(self, outcomes: Sequence[Outcome], scale: Scale, total: int) -> None:
        requests = [outcome.request for outcome in outcomes]
        self._bad = badness_of(outcomes, scale)
        self._capped = self._bad >= self._bad.min() + CAP - 1e-9
        shapes = [request.candidate.shape for request in requests]
        lengths = [request.updates for request in requests]
        moves = [offset(shape, total) for shape in shapes]
        self._x = np.log([r.candidate.peak for r in requests]) - np.array(moves)
        self._horizon = np.log(np.array(lengths) / total)
        # What few samples leave open after the loss has helped.
        grain = (1 - loss_weight(outcomes, scale)) * grain_of(outcomes)
        if scale.kind != "share":
            grain = 0.0
        variance = (NOISE**2 + grain**2) * np.exp(-2 * MISFIT * self._horizon)
        after = self._horizon - self._horizon.min()
        # Where it begins, anything goes; from one horizon to the next it walks.
        level = 25.0 + GROWTH**2 * np.minimum(after[:, None], after[None, :])
        self._names = list(dict.fromkeys(shapes))
        self._shape = np.array([[float(name == shape) for shape in shapes] for name in self._names])
        shared = SHAPE_SPREAD**2 * self._shape.T @ self._shape
        self._inverse = np.linalg.inv(np.diag(variance) + level + shared)
        self._root = np.linalg.cholesky(self._inverse)

    def shapes(self, draws: NDArray[np.float64], weights: Array) -> dict[str, float]:
        """Return the mean over the draws of what each shape adds to the badness."""
        off = weights @ self._off(draws)
        found = SHAPE_SPREAD**2 * self._shape @ self._inverse @ off
        return dict(zip(self._names, found.tolist(), strict=True))

    def __call__(self, draws: NDArray[np.float64]) -> Array:
        off = self._off(draws)
        size = ((off @ self._root) ** 2).sum(1)
        return np.asarray(-0.5 * (FREEDOM + len(self._x)) * np.log1p(size / FREEDOM))

    def _off(self, draws: NDArray[np.float64]) -> NDArray[np.float64]:
        d = self._x - draws[:, :1] - draws[:, 1:2] * self._horizon
        lost = _lost(draws, d, self._horizon)
        # Of a run at the cap only that is known: it is at least so bad.
        return np.asarray(self._bad - np.where(self._capped, np.minimum(lost, CAP), lost))


def _lost(draws: NDArray[np.float64], d: Array, horizon: Array | float) -> Array:
    """Return the badness that a distance *d*, (draws, n), from the best peak costs.

    It never levels out: a level far from the best peak would be taken for a wide optimum.
    """
    steep = np.exp(np.where(d < 0, draws[:, 2:3], draws[:, 3:4]) - draws[:, 4:5] * horizon)
    return np.asarray(np.sqrt(1 + 2 * steep * d**2) - 1)


def _normal(x: NDArray[np.float64], mean: Array, covariance: NDArray[np.float64]) -> Array:
    """Return the log density of a normal distribution, but for a constant."""
    root = np.linalg.cholesky(covariance)
    z = np.linalg.solve(root, (x - mean).T)
    return np.asarray(-0.5 * (z**2).sum(0) - np.log(np.diag(root)).sum())


def _normed(logs: Array) -> Array:
    found = np.exp(logs - logs.max())
    return np.asarray(found / found.sum())
