"""The charts of a search: how it went, what mattered, which values were good."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lrkit.lab.searching.outcome import Outcome, score_of
from lrkit.lab.searching.preparing import ranges_of
from lrkit.lab.searching.wording import label_of, told_trial
from lrkit.plots import Chart, Line, curve_chart
from lrkit.plots.style import short
from lrkit.search import Parameter, Trial

MOST_KINDS: Final = 7
"""More choices than the palette has colours are not told apart by colour."""
TINY: Final = 1e-300
FEWEST: Final = 2
"""Fewer trials that are done make no picture."""


def search_charts(outcome: Outcome) -> dict[str, Chart]:
    """Return the charts by a short name; those that there are too few trials for are left out."""
    if len(outcome.ranked) < FEWEST:
        return _best(outcome)
    found = {"history": _history(outcome)}
    if (chart := _rates(outcome)) is not None:
        found["rate"] = chart
    if (chart := _importance(outcome)) is not None:
        found["importance"] = chart
    if (chart := _parallel(outcome)) is not None:
        found["parallel"] = chart
    return found | _best(outcome)


def _history(outcome: Outcome) -> Chart:
    """Return every trial's score, and the best up to it."""
    lines = []
    pruned, done = _scored(outcome, "pruned"), _scored(outcome, "done")
    if pruned:
        lines.append(_points(outcome, "pruned, at its last score", pruned, faint=True))
    lines.append(_points(outcome, "done", done))
    lines = _fenced(outcome, lines)
    best = outcome.history
    lines.append(Line("best so far", *np.array(best, dtype=float).T, drawn="steps"))
    title = "How the search went"
    return Chart(lines, "trial", outcome.score_name, title, log=_is_wide(outcome, done))


def _points(outcome: Outcome, label: str, trials: Sequence[Trial], *, faint: bool = False) -> Line:
    texts = [told_trial(trial, outcome) for trial in trials]
    numbers, scores = [t.number for t in trials], [score_of(t) for t in trials]
    return Line(label, numbers, scores, drawn="points", texts=texts, faint=faint)


def _rates(outcome: Outcome) -> Chart | None:
    """Return peak against score, a colour for each kind of schedule; None where all peaks agree."""
    kind = _kind_of(outcome)
    groups: dict[str, list[tuple[float, Trial]]] = {}
    early: list[tuple[float, Trial]] = []
    for trial in _scored(outcome, "pruned", "done"):
        curve = outcome.curve(trial)
        peak = math.nan if curve is None else float(curve.facts().peak)
        if peak > 0:
            name = "done" if kind is None else str(trial.values.get(kind.name, "other"))
            found = early if trial.state == "pruned" else groups.setdefault(name, [])
            found.append((peak, trial))
    peaks = {peak for found in (early, *groups.values()) for peak, _ in found}
    if len(peaks) < FEWEST:
        return None
    lines = [_peaks(outcome, "pruned, at its last score", early, faint=True)] if early else []
    lines += [_peaks(outcome, name, found) for name, found in sorted(groups.items())]
    lines = _fenced(outcome, lines)
    title = f"Peak rate against score{f', by {kind.name}' if kind else ''}"
    done = _scored(outcome, "done")
    return Chart(
        lines, "peak learning rate", outcome.score_name, title, log=_is_wide(outcome, done),
        xlog=max(peaks) / min(peaks) > 3,
    )  # fmt: skip


def _peaks(
    outcome: Outcome, label: str, found: Sequence[tuple[float, Trial]], *, faint: bool = False
) -> Line:
    texts = [told_trial(trial, outcome) for _, trial in found]
    peaks, scores = [peak for peak, _ in found], [score_of(trial) for _, trial in found]
    return Line(label, peaks, scores, drawn="points", texts=texts, faint=faint)


def _kind_of(outcome: Outcome) -> Parameter | None:
    """Return the choice that tells the schedules apart best: of a piece before one of an option."""
    options = set(outcome.prepared.space.options)
    choices = [
        one
        for one in outcome.prepared.space.parameters
        if one.kind == "choice" and len(one.members) <= MOST_KINDS and not one.condition
    ]
    return next(iter(sorted(choices, key=lambda one: one.name in options)), None)


def _importance(outcome: Outcome) -> Chart | None:
    shares = [(one.name, one.share) for one in outcome.importance if one.share is not None]
    if len(shares) < FEWEST:
        return None
    shares.reverse()  # the biggest stands at the top
    names = tuple((float(at), label_of(name)) for at, (name, _) in enumerate(shares))
    values = [share for _, share in shares]
    bars = Line("share of the differences between the scores", values, range(len(shares)),
                drawn="bars")  # fmt: skip
    return Chart([bars], "importance", "", "What mattered", ynames=names)


def _parallel(outcome: Outcome) -> Chart | None:
    """Return a line for each trial through the values it had, the best ones in front."""
    axes = ranges_of(outcome.prepared.space)
    ranked = outcome.ranked
    if len(axes) < FEWEST or len(ranked) < 2 * FEWEST:
        return None
    ends = max(len(ranked) // 10, 1), max(len(ranked) // 3, 2)
    best, good, rest = ranked[: ends[0]], ranked[ends[0] : ends[1]], ranked[ends[1] :]
    lines: list[Line] = []
    lowest, highest = sorted((score_of(ranked[0]), score_of(ranked[-1])))
    scale = math.log if _is_wide(outcome, ranked) else float
    ends_at = scale(lowest), scale(highest)
    groups = (("the rest", rest, True), ("the best third", good, False),
              ("the best tenth", best, False))  # fmt: skip
    for label, trials, faint in groups:
        x: list[float] = []
        y: list[float] = []
        for trial in trials:
            share = (scale(score_of(trial)) - ends_at[0]) / max(ends_at[1] - ends_at[0], TINY)
            heights = [_height(axis, trial.values.get(axis.name)) for axis in axes]
            x += [*range(len(axes) + 1), math.nan]
            y += [*heights, share, math.nan]
        if trials:
            lines.append(Line(label, x, y, joints=range(len(axes) + 1) if not lines else (),
                              faint=faint))  # fmt: skip
    names = tuple((float(i), label_of(axis.name)) for i, axis in enumerate(axes))
    names += ((float(len(axes)), outcome.score_name),)
    notes = [(float(i), *note) for i, axis in enumerate(axes) for note in _notes(axis)]
    notes += [(float(len(axes)), at, short(v)) for at, v in ((0.0, lowest), (1.0, highest))]
    title = "The values of every trial that is done, and its score"
    return Chart(lines, "", "", title, xnames=names, ynames=((0.0, ""), (1.0, "")),
                 notes=tuple(notes))  # fmt: skip


def _height(axis: Parameter, value: Any) -> float:
    """Return where *value* stands on its axis, 0 to 1; NaN where it was not asked for."""
    if value is None and None not in axis.members:
        return math.nan
    if axis.kind == "choice":
        return axis.members.index(value) / max(len(axis.members) - 1, 1)
    return axis.share(float(value))


def _notes(axis: Parameter) -> list[tuple[float, str]]:
    """Return the marks of an axis: its ends and its middle, or its choices by name."""
    if axis.kind == "choice":
        return [(_height(axis, member), label_of(str(member))) for member in axis.members]
    middle = axis.levels(3)[1:-1]
    values = [axis.low, *(float(f"{float(v or 0):.2g}") for v in middle), axis.high]
    return [(_height(axis, value), f"{short(value)}{axis.unit}") for value in values]


def _best(outcome: Outcome) -> dict[str, Chart]:
    """Return the schedules of the finalists."""
    curves = {
        f"{name}: {trial.text}": curve
        for name, trial in zip(("best", "runner-up"), outcome.finalists, strict=False)
        if (curve := outcome.curve(trial)) is not None
    }
    if not curves:
        return {}
    chart = curve_chart(curves, points=1000)
    return {"best": Chart(chart.lines, chart.xlabel, "learning rate", "The best schedules")}


def _fenced(outcome: Outcome, lines: list[Line]) -> list[Line]:
    """Return *lines* of points with those far worse than the rest at the edge, and said to be.

    Far is beyond Tukey's fence: one and a half times the middle half of the trials that are done,
    from its worse end. On a logarithmic axis all stay where they are.
    """
    done = _scored(outcome, "done")
    if len(done) < 2 * FEWEST or _is_wide(outcome, done):
        return lines
    sign = 1.0 if outcome.higher_is_better else -1.0
    low, high = np.quantile([sign * score_of(trial) for trial in done], (0.25, 0.75))
    fence = low - 1.5 * (high - low)
    far = [sign * line.y < fence for line in lines]
    if not (count := int(sum(outside.sum() for outside in far))) or high == low:
        return lines
    pairs = list(zip(lines, far, strict=True))
    edge = Line(
        f"{count} far worse, at the edge",
        np.concatenate([line.x[outside] for line, outside in pairs]),
        np.full(count, sign * fence),
        drawn="points",
        texts=[
            line.texts[i] for line, o in zip(lines, far, strict=True) for i in np.flatnonzero(o)
        ],
        faint=True,
    )
    return [edge, *(_part(line, ~outside) for line, outside in pairs if not outside.all())]


def _part(line: Line, keep: NDArray[np.bool_]) -> Line:
    texts = [line.texts[i] for i in np.flatnonzero(keep)]
    return Line(
        line.label, line.x[keep], line.y[keep], drawn=line.drawn, texts=texts, faint=line.faint
    )


def _scored(outcome: Outcome, *states: str) -> list[Trial]:
    return [trial for trial in outcome.of(*states) if math.isfinite(score_of(trial))]


def _is_wide(outcome: Outcome, trials: Sequence[Trial]) -> bool:
    """Return whether the scores of *trials* are errors or losses over more than a decade."""
    scores = [score_of(trial) for trial in trials]
    return not outcome.higher_is_better and min(scores) > 0 and max(scores) > 10 * min(scores)
