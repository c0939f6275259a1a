"""The charts of a tuning: what was tried, what it taught, what it cost, what came out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from lrkit.lab.tuning.outcomes import Outcome
from lrkit.lab.tuning.tuned import Tuned
from lrkit.plots import Chart, Line, curve_chart
from lrkit.probe.picture import range_charts

STAGES: Final = ("short", "third", "full")
WIDE: Final = 5.0
"""A score that differs by more than this factor is drawn on a logarithmic axis."""
EXPLODED: Final = 4.0  # in units of the error's logarithm
WORST: Final = 1.0  # of the expected loss, in units of the error's logarithm: beyond it all is bad


def tune_charts(tuned: Tuned) -> dict[str, Chart]:
    """Return the charts by a short name."""
    found = {"peaks": _peaks(tuned), "belief": _belief(tuned), "cost": _cost(tuned)}
    found["schedule"] = _schedules(tuned)
    if (scores := _scores(tuned)) is not None:
        found["scores"] = scores
    found["range"] = range_charts(tuned.ranged.curve, tuned.ranged.suggestion)["loss"]
    return found


def _drawn(tuned: Tuned) -> list[Outcome]:
    """Return the trainings that can be drawn on one axis: one that exploded leaves no room."""
    finite = [o for o in tuned.finding.outcomes if o.finite]
    bad = [tuned.finding.scale.badness(o.score) for o in finite]
    return [o for o, b in zip(finite, bad, strict=True) if b < min(bad) + EXPLODED]


def _peaks(tuned: Tuned) -> Chart:
    """Return every training by its peak and score, a colour for each length."""
    label, told = _error(tuned)
    drawn = _drawn(tuned)
    lines = []
    for stage in STAGES:
        some = [o for o in drawn if o.request.stage == stage]
        if not some:
            continue
        lengths = {o.request.updates for o in some}
        name = f"{stage}: {' or '.join(f'{n:,}' for n in sorted(lengths))} updates"
        peaks = [o.request.candidate.peak for o in some]
        texts = [f"{o.request.candidate.text}, seed {o.request.seed}" for o in some]
        lines.append(Line(name, peaks, [told(o.score) for o in some], drawn="points", texts=texts))
    title = "Peaks and what they came to"
    return Chart(lines, "peak learning rate", label, title, log=_wide(lines), xlog=True)


def _belief(tuned: Tuned) -> Chart:
    """Return what a peak of the usual shape is expected to lose, and the peak that was taken."""
    belief = tuned.finding.belief
    ends = belief.quantile(0.001) - 1.0, belief.quantile(0.999) + 1.0
    places = np.linspace(*ends, 300)
    regret = np.minimum(belief.regret(places), WORST)
    best = int(regret.argmin())
    low, high = belief.quantile(0.05), belief.quantile(0.95)
    lines = [
        Line("expected loss in ln(error)", np.exp(places), regret),
        Line("the least", [math.exp(places[best])], [regret[best]], drawn="points"),
        Line("90 % of the belief in the best peak", np.exp([low, high]), [0.0, 0.0]),
    ]
    title = "What the trainings say: how much a peak loses at full length"
    return Chart(lines, "peak learning rate (linear decay)", "expected loss", title, xlog=True)


def _cost(tuned: Tuned) -> Chart:
    """Return every training's score against what was spent when it was over."""
    label, told = _error(tuned)
    spent = tuned.ranged.cost / tuned.terms.updates
    drawn = _drawn(tuned)
    rows: dict[str, tuple[list[float], list[float]]] = {}
    for outcome in tuned.finding.outcomes:
        spent += outcome.cost / tuned.terms.updates
        if outcome in drawn:
            x, y = rows.setdefault(outcome.request.stage, ([], []))
            x.append(spent)
            y.append(told(outcome.score))
    lines = [Line(stage, *rows[stage], drawn="points") for stage in STAGES if stage in rows]
    title = "What it cost"
    return Chart(lines, "spent, in full trainings", label, title, log=_wide(lines))


def _schedules(tuned: Tuned) -> Chart:
    candidates = [("tuned", tuned.finding.winner)]
    if tuned.finding.runner_up is not None:
        candidates.append(("runner-up", tuned.finding.runner_up))
    horizon = tuned.terms.horizon
    curves = {name: candidate.schedule.over(horizon) for name, candidate in candidates}
    chart = curve_chart(curves)
    return Chart(chart.lines, chart.xlabel, "learning rate", "The tuned schedule")


def _scores(tuned: Tuned) -> Chart | None:
    """Return the scores of winner and runner-up over the epochs; None without a full training."""
    from lrkit.lab.result import RunResult
    from lrkit.records import replay

    label, told = _error(tuned)
    lines = []
    for name, text in (("tuned", tuned.schedule), ("runner-up", tuned.runner_up)):
        outcomes = tuned.full(text) if text else []
        runs = [RunResult.of(replay(o.folder)).evaluations for o in outcomes if o.finite]
        if not runs:
            continue
        epochs = [float(e["epoch"]) for e in runs[0]]
        table = np.array([[told(float(e[tuned.terms.score_name])) for e in run] for run in runs])
        band = (table.min(0), table.max(0)) if len(runs) > 1 else (None, None)
        seeds = f", {len(runs)} seed{'s' * (len(runs) > 1)}"
        lines.append(Line(name + seeds, epochs, table.mean(0), *band))
    if not lines:
        return None
    return Chart(lines, "epoch", label, "The full trainings", log=_wide(lines))


def _wide(lines: list[Line]) -> bool:
    values = np.concatenate([line.y for line in lines])
    return bool(values.min() > 0 and values.max() / values.min() > WIDE)


def _error(tuned: Tuned) -> tuple[str, Callable[[float], float]]:
    """Return the label of what is drawn, and the function from a score to it."""
    name = tuned.terms.score_name
    held = "held-out" if tuned.terms.unseen else "evaluated"
    if tuned.finding.scale.kind == "share" and name == "accuracy":
        return f"{held} error", lambda score: 1.0 - score
    return f"{held} {name}", lambda score: score


def stage_cost(tuned: Tuned, stage: str) -> tuple[int, float]:
    """Return the trainings of *stage* and their cost in full runs."""
    some: list[Outcome] = [o for o in tuned.finding.outcomes if o.request.stage == stage]
    return len(some), sum(o.cost for o in some) / tuned.terms.updates
