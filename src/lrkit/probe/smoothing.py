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

import itertools
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
EXTRA: Final = 12.0
REACH: Final = 12  # a swing is taken over a twelfth of the readings to either side
CALM: Final = 0.1  # the least swing
SMALLEST: Final = 1e-300
LEVEL: Final = 10.0  # variance of the unknown level, in parts of f's: wide
FINEST: Final = 0.01  # of the losses' deviation: below that a bend is no spike
LOUDEST: Final = 3.0  # times the typical noise: no reading is trusted less for its place
TAILS: Final = 4.0  # degrees of freedom of the noise


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


def readings(rates: Array, losses: Array) -> Readings | None:
    """Return what can be smoothed, or None where no loss is finite.

    Where the losses have left the lowest region for good all that follows is cut but for a few
    columns, and what lies far above the first loss is brought down to there: how far up a
    divergence goes says nothing about where the fall ended, and would drown the rest. A repeat
    that is lost stays up there: a rate at which one training of three is lost is too high.
    """
    rows = np.where(np.isfinite(losses), losses, np.nan)
    full = np.flatnonzero(np.isfinite(rows).any(axis=0))
    if not full.size:
        return None
    lost = bool(full[-1] < len(rates) - 1) or bool(np.isinf(losses[:, -1]).all())
    log, rows, counts = binned(np.log(rates[full]), rows[:, full])
    middle = running_median(np.nanmedian(rows, axis=0), 3 if len(log) < 40 else 5)
    first = float(np.median(middle[: max(5, len(log) // 10)]))
    fall = first - float(middle.min())
    top = first + 0.5 * abs(fall)
    rows = np.minimum(_lost_is_high(rows, top), top)
    mean = np.asarray(np.nanmean(rows, axis=0))
    below = np.flatnonzero(running_median(mean, 3 if len(log) < 40 else 5) < first - 0.1 * fall)
    end = min(len(log), int(below[-1]) + 4) if fall > 0 and below.size else len(log)
    weights = counts * np.isfinite(rows).sum(axis=0)
    return Readings(log[:end], mean[:end], weights[:end], rows[:, :end], lost, end < len(log))


def _lost_is_high(rows: Array, top: float) -> Array:
    """Return *rows* with *top* where a repeat has ended while another went on."""
    size = rows.shape[1]
    length = size - np.argmax(np.isfinite(rows)[:, ::-1], axis=1)
    return np.where(np.arange(size) >= length[:, None], top, rows)


@dataclass(frozen=True)
class Site:
    """Points on the axis, with how much f moves around each, in parts of where it moves most."""

    log: Array
    swing: Array

    def even(self) -> Site:
        """Return the same points with one swing."""
        return Site(self.log, np.ones_like(self.swing))


def kernel(left: Site, right: Site, length: float) -> Array:
    """Return the covariance of f at *left* and *right*, with the unknown level.

    Matern 5/2, times the swings: a test is flat for decades and then falls within half of one, so
    no single variance fits it; with one, a narrow valley behind a long flat start passes for noise.
    """
    a = np.sqrt(5.0) * np.abs(left.log[:, None] - right.log) / length
    smooth = (1 + a + a * a / 3) * np.exp(-a)
    return np.asarray(left.swing[:, None] * smooth * right.swing + LEVEL)


def swings(values: Array) -> Array:
    """Return how far the running median ranges around each value, in parts of its widest range."""
    middle = running_median(values, 3 if len(values) < 40 else 5)
    half = max(2, len(values) // REACH)
    padded = np.pad(middle, half, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    ranges = np.ptp(windows, axis=1)
    ranges = np.convolve(np.pad(ranges, half, mode="edge"), np.ones(2 * half + 1), mode="valid")
    return np.asarray(np.maximum(ranges / max(ranges.max(), SMALLEST), CALM))


@dataclass(frozen=True)
class Choice:
    """A length, a noise and whether the swing varies, with how likely they make the losses."""

    varied: bool
    length: float
    ratio: float
    variance: float
    likelihood: float


def choices(site: Site, values: Array, weights: Array) -> list[Choice]:
    """Return the best noise for each length, the likeliest first; the variance is profiled out.

    One swing all over is the rule. That f moves more in some places than in others was read off
    the same losses, so it must make them likelier by far: by a factor exp(EXTRA).
    """
    root = np.sqrt(weights)
    found = []
    for part, varied in itertools.product(LENGTHS, (False, True)):
        length = part * np.ptp(site.log)
        here = site if varied else site.even()
        spectrum, basis = np.linalg.eigh(root[:, None] * kernel(here, here, length) * root)
        power = (basis.T @ (root * values)) ** 2
        total = np.maximum(spectrum, 0.0)[:, None] + RATIOS
        variance = np.maximum((power[:, None] / total).mean(axis=0), SMALLEST)
        likelihood = -0.5 * (len(values) * np.log(variance) + np.log(total).sum(axis=0))
        best = int(np.argmax(likelihood))
        gain = float(likelihood[best]) - (EXTRA if varied else 0.0)
        found.append(Choice(varied, length, RATIOS[best], float(variance[best]), gain))
    return sorted(found, key=lambda choice: -choice.likelihood)


def smooth(read: Readings) -> Smooth:
    """Return the curves that *read* allows; see the module. Deterministic."""
    level = float(np.median(read.losses[: max(5, len(read.losses) // 10)]))
    scale = float(read.losses.std()) or 1.0
    values = (read.losses - level) / scale
    weights, noise = _trust(values, read.weights / read.weights.max())
    site = Site(read.log, swings(values))
    grid = np.linspace(read.log[0], read.log[-1], GRID)
    spread = Site(grid, np.interp(grid, read.log, site.swing))
    found = choices(site, values, weights)
    shifts = _resampled(read, scale)
    mean, draws = _drawn(spread, site, values, weights, found, shifts)
    return Smooth(grid, level + scale * mean, level + scale * draws, scale * noise)


def _trust(values: Array, counts: Array) -> tuple[Array, float]:
    """Return the weight of each reading and the typical noise of one.

    Both are told from neighbours alone, before anything is fitted: the noise from second
    differences, a spike from how far a reading lies above the median of five, or below that of
    three (losses jump up, and a narrow valley must not pass for a spike). The noise often grows
    with the rate, so each is held against the noise around it; against the whole's, all of a fall
    at the end of a long quiet start would pass for spikes.
    """
    bends = np.abs(np.convolve(values, [1.0, -2.0, 1.0], mode="valid")) / np.sqrt(6.0)
    bends = 1.4826 * np.pad(bends, 1, mode="edge") * np.sqrt(counts)
    noise = float(np.median(bends))
    floor = max(noise, FINEST)
    width = 2 * max(3, len(values) // 14) + 1
    around = np.maximum(running_median(bends, width), 0.5 * floor)
    up = np.maximum(values - running_median(values, 5), 0.0)
    down = np.maximum(running_median(values, 3) - values, 0.0)
    off = (up + down) * np.sqrt(counts)
    spikes = np.minimum((TAILS + 1) / (TAILS + (off / np.maximum(around, floor)) ** 2), 1.0)
    around = np.minimum(running_median(around, width), LOUDEST * floor)
    return counts * spikes * (floor / around) ** 2, noise


def _drawn(
    grid: Site, site: Site, values: Array, weights: Array, found: list[Choice], shifts: Array
) -> tuple[Array, Array]:
    """Return the mean of f on *grid* and draws of it, each choice with its share of them."""
    share = np.exp([choice.likelihood - found[0].likelihood for choice in found])
    used = share > 0.03 * share.sum()
    share = share[used] / share[used].sum()
    likely = [choice for choice, use in zip(found, used, strict=True) if use]
    random = np.random.default_rng(SEED)
    mean, parts = np.zeros(len(grid.log)), []
    for choice, weight in zip(likely, share, strict=True):
        here, there = (site, grid) if choice.varied else (site.even(), grid.even())
        inner = kernel(here, here, choice.length) + np.diag(choice.ratio / weights)
        outer = kernel(there, here, choice.length)
        gain = np.linalg.solve(inner, outer.T).T
        left = kernel(there, there, choice.length) - gain @ outer.T
        spectrum, basis = np.linalg.eigh(choice.variance * left)
        many = max(1, round(DRAWS * float(weight)))
        wobble = random.standard_normal((many, len(grid.log)))
        wobble = wobble * np.sqrt(np.maximum(spectrum, 0.0)) @ basis.T
        centre = gain @ values
        mean += weight * centre
        moved = shifts[random.integers(0, len(shifts), many)] @ gain.T
        parts.append(centre + wobble + moved)
    return mean, np.vstack(parts)


def _resampled(read: Readings, scale: float) -> Array:
    """Return how the losses move when the repeats are drawn again (bootstrap): 0 for a single one.

    Repeats differ as wholes (other weights, other batches), which noise that is independent from
    step to step does not cover.
    """
    repeats = len(read.rows)
    if repeats < 2:
        return np.zeros((1, len(read.log)))
    rows = np.where(np.isfinite(read.rows), read.rows, read.losses)
    random = np.random.default_rng(SEED)
    picked = rows[random.integers(0, repeats, (DRAWS, repeats))].mean(axis=1)
    return np.asarray((picked - rows.mean(axis=0)) / scale)
