"""Fitting with what a user wants beside it: cross-validation over runs, intervals, and a choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy import stats

from lrkit.errors import DataError
from lrkit.laws.curves import BLOCKS, LossCurve, in_blocks
from lrkit.laws.fitted import Fit, Trial, seen_of
from lrkit.laws.fitting import RELATED, Solution, objective, residuals_of, solve
from lrkit.laws.grid import Array, Grid, grid_of
from lrkit.laws.intervals import covariance, factor_of, offset, reach, widths
from lrkit.laws.law import Law
from lrkit.laws.limits import undetermined
from lrkit.laws.registry import LAWS, law_named
from lrkit.laws.scoring import predicted, score_curve

FOLDS: Final = 10
"""The most groups of runs that are held out in turn; up to so many runs, each is one."""
LEAST: Final = 3  # runs, so that the others of a run held out still are several
USUAL: Final = "memory"
"""The law that `auto` keeps unless another is better beyond chance: three runs held out say little,
and where they chose alone, on other runs of the same models, they chose worse (docs/laws.md)."""
SURE: Final = 0.90
REFINE: Final = 60  # evaluations of a fit that begins at the optimum of all runs


def fit(
    curves: Sequence[LossCurve],
    law: str = "auto",
    *,
    hold: Mapping[str, float] | None = None,
    trials: bool = True,
) -> Fit:
    """Return *law* fitted to *curves*, with intervals; "auto" chooses the law.

    "auto" fits every law, predicts each run from the others, and takes the log-memory law unless
    another has a lower mean relative error beyond chance: see `compare`. *hold* keeps
    parameters at given values. Without *trials* no run is held out, which is faster; intervals
    are then wide, because nothing has tested them.

    Raises `DataError` for fewer than one curve or fewer points than parameters, `SpecError` for
    unknown laws and parameters.
    """
    if law == "auto":
        return compare(curves)[0]
    return _fitted(law_named(law), curves, dict(hold or {}), trials)


def compare(
    curves: Sequence[LossCurve],
    laws: Sequence[str] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Fit]:
    """Return every law fitted to *curves*, the one to use first, the others by their errors.

    That is the `USUAL` law, unless another has a lower mean relative error over runs that were
    held out, by more than chance: by a paired t-test over the runs, at 90 %. Among laws without
    the usual one the lowest error decides. With fewer than three runs nothing can be held out,
    and the order is that of the objective plus what the parameters cost (BIC, with neighbouring
    points counted as one), the usual law first. *progress* is told how many laws are done, of how
    many. Laws with no fewer parameters than there are points are left out, where others are left.
    """
    points = sum(len(curve.steps) for curve in curves)
    asked = [law_named(name) for name in (laws or LAWS)]
    able = [law for law in asked if len(law.parameters) < points] or asked  # refused, by name
    fits = []
    for law in able:
        fits.append(_fitted(law, curves, {}, True))
        if progress is not None:
            progress(len(fits), len(able))
    tested = all(found.trials for found in fits)
    fits.sort(key=lambda found: (found.error or 0.0) if tested else _price(found))
    usual = next((found for found in fits if found.law == USUAL), None)
    if usual is not None and not (tested and _surely_better(fits[0], usual)):
        fits.remove(usual)
        fits.insert(0, usual)
    return fits


def _surely_better(one: Fit, other: Fit) -> bool:
    """Return whether *one* predicted the runs held out better than *other*, beyond chance."""
    gained = np.array([b.prede - a.prede for a, b in zip(one.trials, other.trials, strict=True)])
    chance = gained.std(ddof=1) / np.sqrt(len(gained))
    return bool(gained.mean() > stats.t.ppf(SURE, len(gained) - 1) * chance)


def _price(found: Fit) -> float:
    points = sum(min(run.points, BLOCKS) for run in found.seen)
    told = max(points / RELATED, 2.0)
    return float(
        told * np.log(max(found.objective, 1e-30) / points) + len(found.free) * np.log(told)
    )


def _fitted(law: Law, curves: Sequence[LossCurve], hold: dict[str, float], trials: bool) -> Fit:
    if not curves:
        raise DataError("a fit needs at least one curve, got none; give CSV files or runs")
    names = [curve.name for curve in curves]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"every curve needs a name of its own, {name!r} comes twice")
    grid, losses = _points(curves)
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
    if trials and len(curves) >= LEAST and found.free:
        tested = tuple(_trials(law, curves, hold, found))
    notes = undetermined(law, done, curves)
    if trials and len(curves) < LEAST:
        notes.append(f"fewer than {LEAST} runs: none could be held out, so nothing tested the fit")
    if any(len(curve.steps) > BLOCKS for curve in curves):
        notes.append(
            f"runs of more than {BLOCKS} points were fitted by the means of blocks of them"
        )
    return replace(done, trials=tested, factor=factor_of(tested), notes=tuple(notes))


def _points(curves: Sequence[LossCurve]) -> tuple[Grid, Array]:
    """Return the points of *curves* that are fitted, and their losses."""
    fitted = [in_blocks(curve) for curve in curves]
    return grid_of(fitted), np.concatenate([curve.losses for curve in fitted])


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
        grid, losses = _points(rest)
        found = solve(
            law, grid, losses, begin=[whole.values], hold=hold, fine=REFINE,
            prior_weight=whole.prior_weight,
        )  # fmt: skip
        part = _value(law, found, grid, rest)
        done += [trial(part, curves[i]) for i in sorted(out)]
    return done


def trial(fitted: Fit, curve: LossCurve) -> Trial:
    """Return how *fitted* predicts *curve*, a run it has not seen."""
    blocks = in_blocks(curve)
    losses = predicted(fitted, blocks)
    end = replace_points(curve)
    return Trial(
        run=curve.name,
        observed=curve.final_loss,
        predicted=float(losses[blocks.tail].mean()),
        width=float(widths(fitted, grid_of([end]))[-1]),
        reach=float(reach(fitted.seen, curve, end.updates.astype(np.float64))[-1]),
        prede=score_curve(blocks, losses).PredE,
    )


def replace_points(curve: LossCurve) -> LossCurve:
    """Return *curve* with its last point alone: enough for an interval of the final loss."""
    return replace(curve, steps=curve.steps[-1:], losses=curve.losses[-1:])


def objective_of(fitted: Fit, curves: Sequence[LossCurve]) -> float:
    """Return the published training objective of *fitted* on *curves*."""
    grid, losses = grid_of(curves), np.concatenate([curve.losses for curve in curves])
    return objective(residuals_of(fitted.form, fitted.values, grid, losses))
