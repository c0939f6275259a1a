"""The charts of a comparison: rates, training losses, scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from lrkit.lab.comparison import Comparison, RowResult
from lrkit.plots import Chart, Line, curve_chart
from lrkit.schedules import Curve

WIDE: Final = 5.0
"""An axis whose values differ by more than this factor is logarithmic."""
MOST_LINES: Final = 20
"""More lines over the epochs cannot be told apart; those over the rates then say more."""


def charts(comparison: Comparison) -> dict[str, Chart]:
    """Return the charts by a short name: rate, loss and score, or one for each panel."""
    rows = comparison.rows
    if not comparison.score_name:
        panels = list(dict.fromkeys(row.row.panel for row in rows))
        return {
            f"curves-{i}" if len(panels) > 1 else "curves": _rates(
                [row for row in rows if row.row.panel == panel], comparison.study.per, panel
            )
            for i, panel in enumerate(panels, 1)
        }
    found = {}
    if len(rows) <= MOST_LINES:
        found["rate"] = _rates(rows, comparison.study.per, "Learning rate")
    if any(row.scores for row in rows) and len(rows) <= MOST_LINES:
        found["loss"] = _over_epochs(rows, "training loss", _loss, "Training loss")
        label, of = _score(comparison)
        found["score"] = _over_epochs(rows, label, of, _title(label))
    for name in (comparison.score_name, *comparison.study.also):
        if (chart := _over_rates(comparison, name)) is not None:
            found[f"{name}-by-rate"] = chart
    if comparison.sought is not None:
        from lrkit.probe.picture import range_charts

        sought = comparison.sought
        found["range"] = range_charts(sought.curve, sought.suggestion)["loss"]
    return found


def _rates(rows: Sequence[RowResult], per: str, title: str) -> Chart:
    sweep = _sweep(rows)
    curves = _followed(rows, sweep)
    if per == "step":
        chart = curve_chart(curves, sweep=sweep, points=1000)
        return Chart(chart.lines, chart.xlabel, "learning rate", title, sweep=sweep)
    lines = []
    for label, curve in curves.items():
        values = curve.values()
        lines.append(Line(label, np.arange(2 * len(values)) + 1 >> 1, np.repeat(values, 2)))
    return Chart(lines, "epoch", "learning rate", title, sweep=sweep)


def _followed(rows: Sequence[RowResult], sweep: str) -> dict[str, Curve]:
    """Return the curves by label; those that controllers steered as each seed followed them.

    Seeds that followed the same share a line; with too many lines the first seed stands for all.
    """
    lines = [(_label(row, sweep), row.followed()) for row in rows]
    most = None if sum(len(followed) for _, followed in lines) <= MOST_LINES else 1
    return {
        f"{label}, {seeds}" if seeds else label: curve
        for label, followed in lines
        for seeds, curve in list(followed.items())[:most]
    }


def _over_epochs(
    rows: Sequence[RowResult], ylabel: str, of: Callable[[Mapping[str, float]], float], title: str
) -> Chart:
    """Return the mean over the seeds that trained, in a band from the lowest to the highest."""
    sweep = _sweep(rows)
    lines = []
    for row in rows:
        trained = [run for run in row.runs if not run.failure]
        if not trained:
            continue
        at: dict[float, list[float]] = {}  # controllers may end one seed before another
        for run in trained:
            for e in run.evaluations:
                at.setdefault(float(e["epoch"]), []).append(of(e))
        epochs = sorted(at)
        mean, low, high = np.array([(np.mean(at[e]), min(at[e]), max(at[e])) for e in epochs]).T
        band = (low, high) if len(trained) > 1 else (None, None)
        lines.append(Line(_label(row, sweep), epochs, mean, *band))
    return Chart(lines, "epoch", ylabel, title, log=_is_wide(lines), sweep=sweep)


def _over_rates(comparison: Comparison, name: str) -> Chart | None:
    """Return the last *name* of each family against the rate; None without several rates."""
    if len(comparison.study.rates) < 2:
        return None
    lines = []
    for family in dict.fromkeys(row.row.family for row in comparison.rows):
        rows = [row for row in comparison.rows if row.row.family == family]
        found = [
            (float(row.row.value), list(values.values()))
            for row in rows
            if (values := row.measured(name))
        ]
        if found:
            rates = [rate for rate, _ in found]
            mean, low, high = np.array([(np.mean(v), min(v), max(v)) for _, v in found]).T
            lines.append(Line(family, rates, mean, low, high))
    title = f"{_title(name)} at the end, against the rate"
    return Chart(lines, "learning rate", name, title, xlog=True) if lines else None


def _title(label: str) -> str:
    return f"{label[0].upper()}{label[1:]}"


def _loss(evaluation: Mapping[str, float]) -> float:
    return float(evaluation["train_loss"])


def _score(comparison: Comparison) -> tuple[str, Callable[[Mapping[str, float]], float]]:
    name = comparison.score_name
    if name == "accuracy":  # what is left to win is seen better in the error
        return "test error", lambda evaluation: 1.0 - float(evaluation[name])
    return f"test {name}", lambda evaluation: float(evaluation[name])


def _is_wide(lines: Sequence[Line]) -> bool:
    values = np.concatenate([line.y for line in lines])
    return bool(values.min() > 0 and values.max() / values.min() > WIDE)


def _sweep(rows: Sequence[RowResult]) -> str:
    """Return the parameter whose values *rows* are, or "" when they are not of one kind."""
    names = {row.row.sweep for row in rows}
    values = [row.row.value for row in rows]
    return names.pop() if len(names) == 1 and len(set(values)) == len(rows) > 1 else ""


def _label(row: RowResult, sweep: str) -> str:
    return row.row.value if sweep else row.row.name
