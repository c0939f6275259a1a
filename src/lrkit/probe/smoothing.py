"""A noisy range test as smooth curves: what the losses allow, and how sure that is.

The losses are taken as f(ln rate) + noise, with a Gaussian process for f (a Matern 5/2 kernel on
the log axis and an unknown constant level). How smooth f is and how large the noise are weighed by
their marginal likelihood, so nobody chooses a width; Student's t weights take spikes out. Curves
drawn from what is left possible carry the uncertainty on to whatever is read off them.

Why this and not a moving average, as all others have: an average lags (20 steps at 0.95), so
everything read off it lies too high, and its width knows nothing of the noise. Isotonic fits have
steps where the slope is asked for; splines with cross-validation come close, yet choose one width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BINS: Final = 120  # a longer test is averaged into so many bins of equal width on the log axis
GRID: Final = 160  # points of a drawn curve
DRAWS: Final = 120
SEED: Final = 20150603  # the same curve gives the same answer, always
LENGTHS: Final = np.geomspace(0.05, 1.0, 8)  # how far f stays alike, in parts of the axis
RATIOS: Final = np.geomspace(1e-4, 3.0, 14)  # variance of the noise, in parts of f's
SMALLEST: Final = 1e-300
LEVEL: Final = 10.0  # variance of the unknown level, in parts of f's: wide
TAILS: Final = 4.0  # degrees of freedom of the noise
ROUNDS: Final = 3


@dataclass(frozen=True)
class Readings:
    """What is left of a test to be smoothed: ln rates, mean losses, and their relative weights.

    `rows` are the single repeats on the same axis (NaN where missing). `lost` says that the losses
    stop being finite after the last column, `rose` that they were cut because they had risen.
    """

    log: Array
    losses: Array
    weights: Array
    rows: Array
    lost: bool
    rose: bool


@dataclass(frozen=True)
class Smooth:
    """Curves that the readings allow on an even grid of ln rates: their mean, and draws of it.

    `noise` is the standard deviation of one reading.
    """

    log: Array
    mean: Array
    draws: Array
    noise: float


def running_median(values: Array, width: int) -> Array:
    """Return the median of the *width* (odd) values around each value."""
    padded = np.pad(values, width // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    return np.asarray(np.median(windows, axis=1))


def binned(log: Array, rows: Array) -> tuple[Array, Array, Array]:
    """Return (log, rows, counts) with at most `BINS` columns."""
    if len(log) <= BINS:
        return log, rows, np.ones(len(log))
    edges = np.linspace(log[0], log[-1], BINS + 1)
    place = np.clip(np.searchsorted(edges, log, side="right") - 1, 0, BINS - 1)
    used = np.unique(place)
    members = [place == one for one in used]
    # The median: a spike must not reach the mean of its bin.
    table = [[_median(row[inside]) for inside in members] for row in rows]
    centres = np.array([log[inside].mean() for inside in members])
    return centres, np.array(table), np.array([float(inside.sum()) for inside in members])


def _median(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else np.nan


def pooled(rows: Array) -> Array:
    """Return one loss for each column: the mean of two repeats, the median of more."""
    return np.asarray(np.nanmean(rows, axis=0) if len(rows) < 3 else np.nanmedian(rows, axis=0))


def readings(rates: Array, losses: Array) -> Readings | None:
    """Return what can be smoothed, or None where no loss is finite.

    Where the losses have left the lowest region for good all that follows is cut but for a few
    columns, and what lies far above the first loss is brought down: how far up a divergence goes
    says nothing about where the fall ended, and would drown the rest.
    """
    rows = np.where(np.isfinite(losses), losses, np.nan)
    full = np.flatnonzero(np.isfinite(rows).any(axis=0))
    if not full.size:
        return None
    lost = bool(full[-1] < len(rates) - 1) or bool(np.isinf(losses[:, -1]).all())
    log, rows, counts = binned(np.log(rates[full]), rows[:, full])
    mean = pooled(rows)
    middle = running_median(mean, 3 if len(mean) < 40 else 5)
    first = float(np.median(mean[: max(5, len(mean) // 10)]))
    fall = first - float(middle.min())
    below = np.flatnonzero(middle < first - 0.1 * fall)
    end = len(log)
    if fall > 0 and below.size:
        end = min(len(log), int(below[-1]) + 4)
    top = first + 0.5 * abs(fall)
    return Readings(
        log[:end],
        np.minimum(mean, top)[:end],
        (counts * np.isfinite(rows).sum(axis=0))[:end],
        np.minimum(rows, top)[:, :end],
        lost,
        end < len(log),
    )


def kernel(left: Array, right: Array, length: float) -> Array:
    """Return the Matern 5/2 covariance of f at *left* and *right*, with the unknown level."""
    a = np.sqrt(5.0) * np.abs(left[:, None] - right) / length
    return np.asarray((1 + a + a * a / 3) * np.exp(-a) + LEVEL)


@dataclass(frozen=True)
class Choice:
    """A length and a noise, with how likely they make the losses."""

    length: float
    ratio: float
    variance: float
    likelihood: float


def choices(log: Array, values: Array, weights: Array) -> list[Choice]:
    """Return the best noise for each length, the likeliest first; the variance is profiled out."""
    root = np.sqrt(weights)
    found = []
    for part in LENGTHS:
        length = part * (log[-1] - log[0])
        spectrum, basis = np.linalg.eigh(root[:, None] * kernel(log, log, length) * root)
        power = (basis.T @ (root * values)) ** 2
        total = np.maximum(spectrum, 0.0)[:, None] + RATIOS
        variance = np.maximum((power[:, None] / total).mean(axis=0), SMALLEST)
        likelihood = -0.5 * (len(log) * np.log(variance) + np.log(total).sum(axis=0))
        best = int(np.argmax(likelihood))
        found.append(Choice(length, RATIOS[best], float(variance[best]), float(likelihood[best])))
    return sorted(found, key=lambda choice: -choice.likelihood)


def smooth(read: Readings) -> Smooth:
    """Return the curves that *read* allows; see the module. Deterministic."""
    level = float(np.median(read.losses[: max(5, len(read.losses) // 10)]))
    scale = float(read.losses.std()) or 1.0
    values = (read.losses - level) / scale
    counts = read.weights / read.weights.max()
    robust = np.ones_like(values)
    for turn in range(ROUNDS):
        weights = counts * robust
        found = choices(read.log, values, weights)
        covariance = kernel(read.log, read.log, found[0].length)
        solved = np.linalg.solve(covariance + np.diag(found[0].ratio / weights), values)
        off = (values - covariance @ solved) * np.sqrt(counts)
        noise = max(1.4826 * float(np.median(np.abs(off))), 1e-12)
        if turn < ROUNDS - 1:
            robust = np.minimum((TAILS + 1) / (TAILS + (off / noise) ** 2), 1.0)
    grid = np.linspace(read.log[0], read.log[-1], GRID)
    mean, draws = _drawn(grid, read, values, weights, found, (level, scale))
    return Smooth(grid, level + scale * mean, level + scale * draws, scale * noise)


def _drawn(
    grid: Array,
    read: Readings,
    values: Array,
    weights: Array,
    found: list[Choice],
    unit: tuple[float, float],
) -> tuple[Array, Array]:
    share = np.exp([choice.likelihood - found[0].likelihood for choice in found])
    used = share > 0.03 * share.sum()
    share = share[used] / share[used].sum()
    likely = [choice for choice, use in zip(found, used, strict=True) if use]
    random = np.random.default_rng(SEED)
    mean, parts = np.zeros(len(grid)), []
    for choice, weight in zip(likely, share, strict=True):
        inner = kernel(read.log, read.log, choice.length) + np.diag(choice.ratio / weights)
        outer = kernel(grid, read.log, choice.length)
        gain = np.linalg.solve(inner, outer.T).T
        left = kernel(grid, grid, choice.length) - gain @ outer.T
        spectrum, basis = np.linalg.eigh(choice.variance * left)
        many = max(1, round(DRAWS * float(weight)))
        wobble = random.standard_normal((many, len(grid)))
        wobble = wobble * np.sqrt(np.maximum(spectrum, 0.0)) @ basis.T
        shifts = _resampled(read, unit, many, random) @ gain.T
        centre = gain @ values
        mean += weight * centre
        parts.append(centre + wobble + shifts)
    return mean, np.vstack(parts)


def _resampled(
    read: Readings, unit: tuple[float, float], many: int, random: np.random.Generator
) -> Array:
    """Return how the losses move when the repeats are drawn again (bootstrap): 0 for a single one.

    Repeats differ as wholes (other weights, other batches), which noise that is independent from
    step to step does not cover.
    """
    repeats = len(read.rows)
    if repeats < 2:
        return np.zeros((many, len(read.log)))
    rows = np.where(np.isfinite(read.rows), read.rows, read.losses)
    picked = rows[random.integers(0, repeats, (many, repeats))].mean(axis=1)
    return np.asarray((picked - rows.mean(axis=0)) / unit[1])
