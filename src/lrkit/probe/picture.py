"""Pictures of a range test: the losses, their smoothing, and what is suggested."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from lrkit.plots import Chart, Html, Line, Section, chart_html, code, document, still, table
from lrkit.plots.style import short
from lrkit.probe.curve import Array, RangeCurve
from lrkit.probe.suggestion import Estimate, Suggestion
from lrkit.records import write_file

MARKED: Final = ("base", "peak", "maximum")
ABOVE: Final = 0.6  # how far above the first loss the axis goes, in falls: divergence has no end


def range_charts(curve: RangeCurve, suggestion: Suggestion | None = None) -> dict[str, Chart]:
    """Return the charts of *curve* by name: "loss", and "validation" and "dead" if measured.

    The losses of several repeats are their mean in a band from the lowest to the highest. With a
    *suggestion* the loss has its smoothing, base, peak and maximum with their intervals (a bar
    at the height of the smoothed loss) and a tick for each of other people's rules.
    """
    xlog = curve.kind == "exponential"
    top = _top(curve)
    lines = [_mean(f"loss{_of(curve)}", curve.rates, curve.losses, top)]
    title = "Range test"
    if suggestion is not None:
        lines += _suggested(suggestion, curve, top, lines[0])
        title = f"Range test: confidence {suggestion.confidence}"
    axis = "learning rate"
    charts = {"loss": Chart(lines, axis, "training loss", title, xlog=xlog)}
    if curve.validation is not None:
        name = f"validation {curve.validation_name}"
        line = _mean(f"{name}{_of(curve)}", curve.rates, curve.validation, math.inf)
        charts["validation"] = Chart([line], axis, name, "Validation", xlog=xlog)
    if curve.dead is not None:
        line = _mean(f"dead units{_of(curve)}", curve.rates, curve.dead, math.inf)
        charts["dead"] = Chart([line], axis, "share of dead units", "Dead ReLU units", xlog=xlog)
    return charts


def draw_range(
    curve: RangeCurve, path: str | os.PathLike[str], suggestion: Suggestion | None = None
) -> list[Path]:
    """Draw *curve* to *path* and return the files written.

    A page (.html) has all charts, the suggestion and the schedules; as PNG, SVG or PDF the
    validation and the dead units get files of their own beside it, named after it.

    Raises `SpecError` for another ending and `DataError` when a file cannot be written.
    """
    charts = range_charts(curve, suggestion)
    path = Path(path)
    if path.suffix.lower() in (".html", ".htm"):
        return [write_file(path, _page(curve, charts, suggestion))]
    names = {"loss": path} | {
        name: path.with_name(f"{path.stem}-{name}{path.suffix}")
        for name in charts
        if name != "loss"
    }
    return [still(chart, names[name]) for name, chart in charts.items()]


def _page(curve: RangeCurve, charts: dict[str, Chart], suggestion: Suggestion | None) -> str:
    sections = [Section("", chart_html(chart)) for chart in charts.values()]
    if suggestion is not None:
        rows = [
            [name, estimate.value, estimate.low, estimate.high]
            for name in (*MARKED, "steepest")
            if (estimate := getattr(suggestion, name)) is not None
        ]
        told = table(["rate", "value", "from", "to"], rows) if rows else ""
        intro = f"Confidence {suggestion.confidence}: {suggestion.reason}"
        sections.append(Section("Suggestion", told, intro))
        if texts := suggestion.schedules():
            named = [[name, code(str(schedule))] for name, schedule in texts.items()]
            sections.append(Section("Schedules", table(["name", "schedule"], named)))
        if suggestion.rules:
            others = [[name, rate] for name, rate in suggestion.rules.items()]
            body = table(["rule", "rate"], others)
            sections.append(Section("Other people's rules", body, "On the same smoothed curve."))
    if curve.notes:
        notes = "".join(f"<p>{_escaped(note)}</p>" for note in curve.notes)
        sections.append(Section("Notes", Html(notes)))
    return document("Range test", sections)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _of(curve: RangeCurve) -> str:
    return f", mean of {curve.repeats} repeats" if curve.repeats > 1 else ""


def _mean(label: str, rates: Array, rows: Array, top: float) -> Line:
    """Return the mean of the repeats that still go on, up to *top*, with a band where several."""
    known = np.isfinite(rows)
    count = known.sum(axis=0)
    filled = np.where(known, rows, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, filled.sum(axis=0) / count, np.nan)
    low = np.where(count > 0, np.where(known, rows, np.inf).min(axis=0), np.nan)
    high = np.where(count > 0, np.where(known, rows, -np.inf).max(axis=0), np.nan)
    here = count > 0  # a score of every tenth update is a line, not dots
    columns = [_cut(column, top)[here] for column in (mean, low, high)]
    if not here.any():
        return Line(label, rates, np.full(len(rates), np.nan))
    band = columns[1:] if len(rows) > 1 else (None, None)
    return Line(label, rates[here], columns[0], *band)


def _cut(values: Array, top: float) -> Array:
    """Return *values* up to *top*; where they leave it for good, the line ends there."""
    inside = np.flatnonzero(values <= top)
    last = int(inside[-1]) + 1 if inside.size else 0
    return np.where(np.arange(len(values)) <= last, np.minimum(values, top), np.nan)


def _top(curve: RangeCurve) -> float:
    """Return where the axis of losses ends: a diverging loss would hide all that came before."""
    finite = curve.losses[np.isfinite(curve.losses)]
    if not finite.size or not math.isfinite(curve.initial_loss):
        return math.inf
    best = float(finite.min())
    early = curve.losses[:, : max(2, curve.losses.shape[1] // 3)]
    usual = float(early[np.isfinite(early)].max(initial=curve.initial_loss))
    return usual + ABOVE * max(usual - best, 1e-3 * abs(usual), 1e-12)


def _suggested(suggestion: Suggestion, curve: RangeCurve, top: float, mean: Line) -> Sequence[Line]:
    rates = np.asarray(suggestion.smooth_rates)
    smooth = _cut(np.asarray(suggestion.smooth_losses), top)
    lines = []
    if len(rates):
        lines.append(Line("smoothed", rates, smooth))
    else:
        rates, smooth = mean.x, mean.y
    for name in MARKED:
        estimate: Estimate | None = getattr(suggestion, name)
        if estimate is not None:
            ends = [estimate.low, estimate.value, estimate.high]
            height = float(np.interp(math.log(estimate.value), np.log(rates), smooth))
            # Side by side where they would lie on each other.
            label = f"{name} {short(float(f'{estimate.value:.2g}'))}"
            label += f" ({estimate.low:.2g} to {estimate.high:.2g})"
            lines.append(Line(label, ends, [height] * 3, joints=[estimate.value]))
    if (ticks := _ticks(suggestion, curve, mean)) is not None:
        lines.append(ticks)
    return lines


def _ticks(suggestion: Suggestion, curve: RangeCurve, mean: Line) -> Line | None:
    """Return other people's rules as short strokes at the foot of the chart, in one line."""
    inside = [
        (rate, name)
        for name, rate in suggestion.rules.items()
        if rate is not None and curve.rates[0] <= rate <= curve.rates[-1]
    ]
    if not inside:
        return None
    inside.sort()
    drawn = np.concatenate([mean.y, mean.y if mean.low is None else mean.low])
    drawn = drawn[np.isfinite(drawn)]
    foot, head = float(drawn.min()), float(drawn.max())
    x = [value for rate, _ in inside for value in (rate, rate, math.nan)]
    y = [foot, foot + 0.06 * (head - foot), math.nan] * len(inside)
    names = ", ".join(f"{name} {rate:.2g}" for rate, name in inside)
    return Line(f"ticks, other rules from left to right: {names}", x, y)
