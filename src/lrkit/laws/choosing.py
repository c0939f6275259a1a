"""Fitting with what a user wants beside it: cross-validation over runs, intervals, and a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from lrkit.errors import DataError
from lrkit.laws.curves import LossCurve
from lrkit.laws.fitted import Fit, Trial, seen_of
from lrkit.laws.fitting import Solution, objective, residuals_of, solve
from lrkit.laws.grid import Array, Grid, grid_of
from lrkit.laws.intervals import covariance, factor_of, offset, reach, widths
from lrkit.laws.law import Law
from lrkit.laws.limits import undetermined
from lrkit.laws.registry import LAWS, law_named
from lrkit.laws.scoring import predicted, score_curve

FOLDS: Final = 10
"""The most groups of runs that are held out in turn; up to so many runs, each is one."""
REFINE: Final = 60  # evaluations of a fit that begins at the optimum of all runs


def fit(
    curves: Sequence[LossCurve],
    law: str = "auto",
    *,
    hold: Mapping[str, float] | None = None,
    trials: bool = True,
) -> Fit:
    """Return *law* fitted to *curves*, with intervals; "auto" chooses the law.

    "auto" fits every law, predicts each run from the others, and takes the law with the lowest
    mean relative error (PredE, meaned over the runs held out): see `compare`. *hold* keeps
    parameters at given values. Without *trials* no run is held out, which is faster; intervals
    are then wide, because nothing has tested them.

    Raises `DataError` for fewer than one curve or fewer points than parameters, `SpecError` for
    unknown laws and parameters.
    """
    if law == "auto":
        return compare(curves)[0]
    return _fitted(law_named(law), curves, dict(hold or {}), trials)


def compare(curves: Sequence[LossCurve], laws: Sequence[str] | None = None) -> list[Fit]:
    """Return every law fitted to *curves*, the best first.

    Best is the lowest mean relative error over runs that were held out; with fewer than three
    runs nothing can be held out for that, and the order is that of the objective plus what its
    parameters cost (BIC, with neighbouring points counted as one).
    """
    fits = [_fitted(law_named(name), curves, {}, True) for name in (laws or LAWS)]
    tested = all(found.trials for found in fits)
    return sorted(fits, key=lambda found: (found.error or 0.0) if tested else _price(found))


def _price(found: Fit) -> float:
    from lrkit.laws.fitting import RELATED

    points = sum(run.points for run in found.seen)
    told = max(points / RELATED, 2.0)
    return float(told * np.log(found.objective / points) + len(found.free) * np.log(told))


def _fitted(law: Law, curves: Sequence[LossCurve], hold: dict[str, float], trials: bool) -> Fit:
    if not curves:
        raise DataError("a fit needs at least one curve, got none; give CSV files or runs")
    names = [curve.name for curve in curves]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"every curve needs a name of its own, {name!r} comes twice")
    grid, losses = grid_of(curves), np.concatenate([curve.losses for curve in curves])
    free = len(law.parameters) - len(hold)
    if len(losses) <= free:
        raise DataError(
            f"{law.name} has {free} parameters to fit, so more points than that are needed, got "
            f"{len(losses)}; log more often or hold some with --hold"
        )
    if any(curve.decays for curve in curves):
        found = solve(law, grid, losses, hold=hold)
    else:  # the response is not determined, so there is no place to search for
        begin = law.starts(grid, losses)[:1]
        found = solve(law, grid, losses, begin=begin, hold=hold)
    done = _value(law, found, grid, curves)
    tested: tuple[Trial, ...] = ()
    if trials and len(curves) >= 3 and found.free:
        tested = tuple(_trials(law, curves, hold, found))
    notes = tuple(undetermined(law, done, curves))
    return replace(done, trials=tested, factor=factor_of(tested), notes=notes)


def _value(law: Law, found: Solution, grid: Grid, curves: Sequence[LossCurve]) -> Fit:
    told: Array = covariance(law, found, grid) if found.free else np.zeros((0, 0))
    return Fit(
        law=law.name,
        values=found.values,
        objective=found.objective,
        seen=tuple(seen_of(curve) for curve in curves),
        free=found.free,
        covariance=tuple(tuple(float(x) for x in row) for row in told),
        offset=offset(found, grid),
    )


def _trials(
    law: Law, curves: Sequence[LossCurve], hold: dict[str, float], whole: Solution
) -> list[Trial]:
    """Return each run predicted from a fit to the runs of the other folds."""
    order = sorted(range(len(curves)), key=lambda i: curves[i].name)
    count = min(FOLDS, len(curves))
    done: list[Trial] = []
    for fold in range(count):
        out = set(order[fold::count])
        rest = [curve for i, curve in enumerate(curves) if i not in out]
        grid, losses = grid_of(rest), np.concatenate([curve.losses for curve in rest])
        found = solve(
            law, grid, losses, begin=[whole.values], hold=hold, fine=REFINE,
            prior_weight=whole.prior_weight,
        )  # fmt: skip
        part = _value(law, found, grid, rest)
        done += [trial(part, curves[i]) for i in sorted(out)]
    return done


def trial(fitted: Fit, curve: LossCurve) -> Trial:
    """Return how *fitted* predicts *curve*, a run it has not seen."""
    losses = predicted(fitted, curve)
    end = replace_points(curve)
    return Trial(
        run=curve.name,
        observed=curve.final_loss,
        predicted=float(losses[curve.tail].mean()),
        width=float(widths(fitted, grid_of([end]))[-1]),
        reach=float(reach(fitted.seen, curve, end.updates.astype(np.float64))[-1]),
        prede=score_curve(curve, losses).PredE,
    )


def replace_points(curve: LossCurve) -> LossCurve:
    """Return *curve* with its last point alone: enough for an interval of the final loss."""
    return replace(curve, steps=curve.steps[-1:], losses=curve.losses[-1:])


def objective_of(fitted: Fit, curves: Sequence[LossCurve]) -> float:
    """Return the published training objective of *fitted* on *curves*."""
    grid, losses = grid_of(curves), np.concatenate([curve.losses for curve in curves])
    return objective(residuals_of(fitted.form, fitted.values, grid, losses))
