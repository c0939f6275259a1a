"""How sure a fit is: a bootstrap over runs, calibrated on runs it had not seen.

The bootstrap takes one Newton step from the optimum for each draw of weights on the runs (weights
of mean 1 and variance 1, the Bayesian bootstrap), so its covariance is known without drawing:
H^-1 (sum_k g_k g_k') H^-1 with g_k the gradient of run k alone. Runs are few, and what they do
not vary they do not tell, so the noise within runs is added, with neighbouring points counted as
one (`fitting.RELATED`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy import stats

from lrkit.laws.curves import LossCurve
from lrkit.laws.fitted import Fit, Seen, Trial
from lrkit.laws.fitting import DELTA, RELATED, Solution
from lrkit.laws.grid import Array, Grid
from lrkit.laws.law import Law

VAGUE: Final = 3.0
"""What nothing determines still is known to this spread (of logarithms: a factor of 20)."""
LEVEL: Final = 0.90
NORMAL: Final = float(stats.norm.ppf(0.5 + LEVEL / 2))
HORIZON, PEAK = 0.004, 0.018
"""Standard errors of the logarithm of the loss for each factor of e beyond the horizons and peaks
seen. From slimpajama-124m: each peak from the others, and runs of 50,000 updates from those up to
25,000; these are off by 0.6 %, half of which is no more than runs within the horizon are."""
TRIED: Final = 4
OFF: Final = 2.0
"""What a fit is taken to know of its own errors before any run is held out: as if in so many trials
it had been off by so many of the standard errors it states. Three trials that happen to agree, or
not, would else make intervals ten times narrower or wider."""
MISFIT: Final = 0.001
"""The standard error of the logarithm of the loss that stays however sure a fit is: no law is
exact. All three are from fits to 3 to 19 runs of slimpajama-124m, tested on its other runs."""


def reach(seen: Sequence[Seen], curve: LossCurve, updates: Array) -> Array:
    """Return what is added, as a standard error, because *curve* lies beyond what was *seen*.

    One for each point, after so many *updates*; up to the longest horizon only the peak counts.
    """
    if not seen:
        return np.zeros(len(updates))
    longest = max(run.updates for run in seen)
    peaks = [run.peak for run in seen]
    over = np.maximum(np.log(updates / longest), 0.0)
    beside = max(np.log(curve.peak / max(peaks)), np.log(min(peaks) / curve.peak), 0.0)
    return np.asarray(np.hypot(HORIZON * over, PEAK * beside))


def half_widths(fit: Fit, curve: LossCurve, grid: Grid) -> Array:
    """Return half of the 90 % interval of the logarithm of the loss, at the points of *grid*.

    Calibrated widths, what is added beyond the runs seen and the law's misfit are independent.
    """
    beside = np.hypot(reach(fit.seen, curve, grid.updates), MISFIT)
    return np.asarray(np.hypot(fit.factor * widths(fit, grid), NORMAL * beside))


def covariance(law: Law, found: Solution, grid: Grid) -> Array:
    """Return the covariance of the free parameters of *found*, see the head of this module."""
    weight = np.minimum(1.0, DELTA / np.maximum(np.abs(found.residuals), 1e-300))
    slopes = found.slopes * weight[:, None]
    bend = slopes.T @ found.slopes
    scatter = float((weight * found.residuals**2).mean())
    noise = RELATED * scatter
    known = []
    for p in (p for p in law.parameters if p.name in found.free):
        wide = VAGUE * (1.0 if p.log else max(abs(found.values[p.name]), 1.0))
        known.append(wide if p.spread is None else p.spread)
    bend = bend + np.diag(noise / np.array(known) ** 2)
    inverse = np.linalg.pinv(bend, hermitian=True)
    runs = grid.runs
    pulls = np.array(
        [slopes[grid.run == k].T @ found.residuals[grid.run == k] for k in range(runs)]
    )
    between = pulls.T @ pulls * (runs / (runs - 1) if runs > 1 else 1.0)
    return np.asarray(inverse @ (between + noise * bend) @ inverse)


def offset(found: Solution, grid: Grid) -> float:
    """Return how far runs lie from the law as wholes: the spread of their mean residuals."""
    means = [float(found.residuals[grid.run == k].mean()) for k in range(grid.runs)]
    return float(np.sqrt(np.mean(np.square(means))))


def slope_of(law: Law, values: Mapping[str, float], free: Sequence[str], grid: Grid) -> Array:
    """Return d log L / d(free parameter, as fitted) at the points of *grid*, (points, free)."""
    columns = []
    for name in free:
        parameter = next(p for p in law.parameters if p.name == name)
        at = values[name]
        step = 1e-4 if parameter.log else 1e-4 * max(abs(at), 0.1)
        pair = []
        for sign in (-1, 1):
            moved = at * np.exp(sign * step) if parameter.log else at + sign * step
            pair.append(np.log(law.losses({**values, name: moved}, grid)))
        columns.append((pair[1] - pair[0]) / (2 * step))
    return np.column_stack(columns) if columns else np.zeros((len(grid.sums), 0))


def widths(fit: Fit, grid: Grid) -> Array:
    """Return the standard error of the logarithm of the loss at each point of *grid*."""
    slopes = slope_of(fit.form, fit.values, fit.free, grid)
    told = np.einsum("ij,jk,ik->i", slopes, fit.sigma(), slopes) if fit.free else 0.0
    return np.asarray(np.sqrt(np.maximum(told, 0.0) + fit.offset**2))


def factor_of(trials: Sequence[Trial]) -> float:
    """Return what turns a standard error into half of a 90 % interval.

    Student's quantile for as many degrees of freedom as there are *trials* and `TRIED` before
    them, times how far off all of them were, in units of what was stated for them: the root of
    their mean square, with `OFF` for those before.
    """
    off = [
        max(trial.apart**2 - trial.reach**2 - MISFIT**2, 0.0) / max(trial.width, 1e-12) ** 2
        for trial in trials
    ]
    count = len(trials) + TRIED
    mean = (sum(off) + TRIED * OFF**2) / count
    return max(float(stats.t.ppf(0.5 + LEVEL / 2, count) * np.sqrt(mean)), NORMAL)
