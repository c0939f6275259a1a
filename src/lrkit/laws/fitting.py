"""Fitting a law: robust least squares on the logarithm of the loss, from a few starts.

The objective is that of the published tables: the sum of Huber(log L_obs - log L_pred) over all
points, delta = 1e-3. Laws with priors add theirs, see `_prior_weight`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import least_squares

from lrkit.errors import SpecError
from lrkit.laws.grid import Array, Grid
from lrkit.laws.law import Law, Parameter, progress

DELTA: Final = 1e-3
STEP: Final = 1e-6  # of a coordinate: the difference that gives a response's slope
WORST: Final = 10.0  # a residual of e^10 is as wrong as can be
COARSE: Final = 25  # evaluations a start gets before the best one is polished
FINE: Final = 200
RELATED: Final = 20.0
"""Neighbouring points of a run err alike: about so many count as one, by the autocorrelation of
residuals on the published curves. It sets what a prior weighs against the data."""


@dataclass(frozen=True)
class Solution:
    """The parameters found, the objective there (without priors), and the residuals' slopes."""

    values: dict[str, float]
    objective: float
    residuals: Array
    slopes: Array
    free: tuple[str, ...]
    prior_weight: float
    evaluations: int


def solve(
    law: Law,
    grid: Grid,
    losses: Array,
    *,
    begin: Sequence[Mapping[str, float]] | None = None,
    hold: Mapping[str, float] | None = None,
    fine: int = FINE,
    prior_weight: float | None = None,
) -> Solution:
    """Return the best fit of *law* to *losses* from its own starts, or from *begin*.

    *hold* keeps parameters at given values, *prior_weight* is that of an earlier solution. Raises
    `SpecError` for names the law does not have and values outside the legal range.
    """
    held = dict(hold or {})
    _check(law, held)
    search = _Search(law, grid, losses, held)
    starts = [{**start, **held} for start in (begin or law.starts(grid, losses))]
    if not search.free:
        return search.solution({name: held[name] for name in law.names}, 0.0, 1)
    if len(starts) == 1:
        return search.run(starts[0], fine, prior_weight)
    tried = [search.run(start, COARSE) for start in starts]
    best = min(tried, key=lambda found: found.objective)
    found = search.run(best.values, fine)
    return found if found.objective <= best.objective or found.prior_weight else best


def objective(residuals: Array) -> float:
    """Return the sum of Huber(r), delta = 1e-3: r^2 / 2 within, delta (|r| - delta / 2) beyond."""
    size = np.abs(residuals)
    inner = 0.5 * residuals**2
    return float(np.where(size <= DELTA, inner, DELTA * (size - 0.5 * DELTA)).sum())


def residuals_of(law: Law, values: Mapping[str, float], grid: Grid, losses: Array) -> Array:
    """Return log L_obs - log L_pred at each point; where L_pred is no loss, the worst there is."""
    with np.errstate(all="ignore"):
        return _apart(losses, law.losses(values, grid))


def _apart(losses: Array, predicted: Array) -> Array:
    apart = np.log(losses) - np.log(np.where(predicted > 0, predicted, np.nan))
    clean = np.nan_to_num(apart, nan=WORST, posinf=WORST, neginf=-WORST)
    return np.asarray(np.clip(clean, -WORST, WORST))


class _Search:
    """A fit of one law to one grid; knows how parameters become free coordinates and back."""

    def __init__(self, law: Law, grid: Grid, losses: Array, held: dict[str, float]) -> None:
        self.law, self.grid, self.losses, self.held = law, grid, losses, held
        self.free = [p for p in law.parameters if p.name not in held]
        self.known = [i for i, p in enumerate(self.free) if p.spread is not None]
        self._last: tuple[tuple[float, ...], Array] | None = None

    def run(self, start: Mapping[str, float], most: int, weight: float | None = None) -> Solution:
        """Return what the search finds from *start* within *most* evaluations.

        Parameters with a prior stay at its centre until the others fit; how badly they fit then
        says what the prior weighs, unless *weight* does.
        """
        at = np.array([_inner(p, start[p.name]) for p in self.free])
        if not self.known or weight is not None:
            at, count = self._descend(at, list(range(len(at))), weight or 0.0, most)
            return self.solution(self._values(at), weight or 0.0, count)
        rest = [i for i in range(len(at)) if i not in self.known]
        settled = at.copy()
        settled[self.known] = [self.free[i].centre for i in self.known]
        settled, first = self._descend(settled, rest, 0.0, most)
        cost = self._cost(settled)
        weight = RELATED * 2 * cost / len(self.losses)
        at, count = self._descend(settled, list(range(len(at))), weight, most)
        return self.solution(self._values(at), weight, first + count)

    def solution(self, values: dict[str, float], weight: float, count: int) -> Solution:
        """Return *values* with the residuals there and their slopes in the free coordinates."""
        at = np.array([_inner(p, values[p.name]) for p in self.free])
        apart = self._residuals(at)
        names = tuple(p.name for p in self.free)
        return Solution(values, objective(apart), apart, self._slopes(at), names, weight, count)

    def _slopes(self, at: Array) -> Array:
        """Return d residual / d coordinate, (points, free); the response's by differences."""
        if not self.free:
            return np.zeros((len(self.losses), 0))
        values = self._values(at)
        response = self._response(values)
        gone = progress(values, self.grid)
        power = values["A"] * gone ** -values["alpha"]
        predicted = values["L0"] + power + values["B"] * response
        known = {
            "L0": np.ones_like(power),
            "A": power,
            "alpha": -power * np.log(gone),
            "S0": -values["alpha"] * power / gone,
            "B": values["B"] * response,
        }
        columns = []
        for i, p in enumerate(self.free):
            if p.name in known:
                slope = known[p.name]
            else:
                moved = at.copy()
                moved[i] += STEP
                near = self.law.response(self._values(moved), self.grid)
                slope = values["B"] * (near - response) / STEP
            columns.append(-slope / predicted)
        with np.errstate(all="ignore"):
            return np.nan_to_num(np.column_stack(columns), nan=0.0, posinf=WORST, neginf=-WORST)

    def _response(self, values: Mapping[str, float]) -> Array:
        key = tuple(values[name] for name in self.law.shape)
        if self._last is None or self._last[0] != key:
            with np.errstate(all="ignore"):
                self._last = key, self.law.response(values, self.grid)
        return self._last[1]

    def _values(self, at: Array) -> dict[str, float]:
        found = {p.name: _outer(p, x) for p, x in zip(self.free, at, strict=True)}
        return {name: {**found, **self.held}[name] for name in self.law.names}

    def _residuals(self, at: Array) -> Array:
        values = self._values(at)
        with np.errstate(all="ignore"):
            power = values["A"] * progress(values, self.grid) ** -values["alpha"]
            predicted = values["L0"] + power + values["B"] * self._response(values)
            return _apart(self.losses, predicted)

    def _cost(self, at: Array) -> float:
        return objective(self._residuals(at))

    def _descend(
        self, start: Array, moving: list[int], weight: float, most: int
    ) -> tuple[Array, int]:
        if not moving:
            return start, 0
        low = np.array([_inner(p, p.low) for p in self.free])[moving]
        high = np.array([_inner(p, p.high) for p in self.free])[moving]

        def whole(x: Array) -> Array:
            at = start.copy()
            at[moving] = x
            return at

        def rows(x: Array) -> Array:
            at = whole(x)
            return np.concatenate([self._residuals(at), self._pulls(at, weight)])

        def slopes(x: Array) -> Array:
            return np.vstack([self._slopes(whole(x)), self._pull_slopes(weight)])[:, moving]

        margin = 1e-9 * np.maximum(np.abs(start[moving]), 1.0)
        found: Any = least_squares(
            rows,
            np.clip(start[moving], low + margin, high - margin),
            jac=slopes,
            bounds=(low, high),
            loss=lambda squares: _huber(squares, len(self.losses)),
            f_scale=DELTA,
            x_scale="jac",
            ftol=1e-10,
            xtol=1e-10,
            gtol=1e-14,
            max_nfev=most,
        )
        return whole(found.x), int(found.nfev)

    def _pulls(self, at: Array, weight: float) -> Array:
        """Return how far the parameters with priors lie from their centres, as residuals."""
        if not weight:
            return np.zeros(0)
        apart = [(at[i] - self.free[i].centre) / (self.free[i].spread or 1.0) for i in self.known]
        return np.asarray(np.sqrt(weight) * np.array(apart))

    def _pull_slopes(self, weight: float) -> Array:
        if not weight:
            return np.zeros((0, len(self.free)))
        spreads = [self.free[i].spread or 1.0 for i in self.known]
        return np.asarray(np.sqrt(weight) * np.eye(len(self.free))[self.known] / np.c_[spreads])


def _huber(squares: Array, points: int) -> Array:
    """Return rho and its first two derivatives: Huber's for the points, the square for priors.

    The second derivative is said to be 0: with the true one, points beyond delta have no
    curvature at all, a step then heeds only those within it, and fits of many runs stall.
    """
    out = np.zeros((3, len(squares)))
    out[0], out[1] = squares, 1.0
    data = squares[:points]
    far = data > 1
    root = np.sqrt(data[far])
    out[0, :points][far] = 2 * root - 1
    out[1, :points][far] = 1 / root
    return out


def _inner(parameter: Parameter, value: float) -> float:
    return float(np.log(value)) if parameter.log else float(value)


def _outer(parameter: Parameter, value: float) -> float:
    return float(np.exp(value)) if parameter.log else float(value)


def _check(law: Law, held: Mapping[str, float]) -> None:
    known = {parameter.name: parameter for parameter in law.parameters}
    for name, value in held.items():
        if name not in known:
            raise SpecError(
                f"the law {law.name} has the parameters {', '.join(known)}, got {name!r}"
            )
        low, high = known[name].low, known[name].high
        if not low <= value <= high:
            raise SpecError(f"{name} must lie from {low:g} to {high:g}, got {value:g}")
