"""Charts in the terminal, drawn by plotext."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from lrkit.errors import SpecError
from lrkit.plots.chart import Array, Chart, Line, curve_chart
from lrkit.plots.style import library, short, ticks
from lrkit.schedules import Curve

WIDTH: Final = 100
SMALLEST: Final = (30, 8)
LEAST: Final = (20, 6)
"""Columns and rows of the smallest chart that still shows something."""
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_one_at_a_time = threading.Lock()  # plotext draws on one figure that belongs to the process


def terminal(
    curves: Mapping[str, Curve],
    width: int | None = None,
    height: int | None = None,
    log: bool = False,
    *,
    sweep: str = "",
    color: bool | None = None,
) -> str:
    """Return *curves* by label as text for a terminal: one axis, a legend below.

    *width* is in columns (the terminal's, or 100 where there is none), *height* in rows without
    the legend (a quarter of the width). *log* makes the axis of rates logarithmic. *sweep* names
    the parameter whose values the labels are. *color* None colours where the output is a
    terminal and NO_COLOR is not set; without colours letters tell the lines apart.

    >>> from lrkit import cosine
    >>> print(terminal({"cosine": cosine().over(100)}, width=40, height=8))  # doctest: +SKIP
    """
    return terminal_chart(curve_chart(curves, log=log, sweep=sweep), width, height, color)


def terminal_lines(
    series: Sequence[Line],
    xlabel: str,
    ylabel: str,
    title: str = "",
    *,
    log: bool = False,
    width: int | None = None,
    height: int | None = None,
    color: bool | None = None,
) -> str:
    """Return *series* as text for a terminal; arguments as in `terminal` and `lines_html`."""
    chart = Chart(series, xlabel, ylabel, title, log=log)
    return terminal_chart(chart, width, height, color)


def terminal_chart(
    chart: Chart, width: int | None = None, height: int | None = None, color: bool | None = None
) -> str:
    """Return *chart* as text; see `terminal`."""
    columns = shutil.get_terminal_size((WIDTH, 24)).columns if width is None else width
    columns = max(columns, SMALLEST[0])
    rows = max(columns // 4, 12) if height is None else max(height, SMALLEST[1])
    color = colours_wanted() if color is None else color
    body = _drawn(chart.thinned(4 * columns), columns, min(rows, 40), color)
    return "\n".join([*_title(chart, columns), body, *_legend(chart, columns, color)])


def terminal_plot(chart: Chart, width: int, height: int, color: bool) -> str:
    """Return *chart* as text of just *width* columns and *height* rows: no title and no legend.

    For views that put several beside each other; raises `SpecError` below 20 columns or 6 rows.
    """
    if width < LEAST[0] or height < LEAST[1]:
        raise SpecError(
            f"a chart needs at least {LEAST[0]} columns and {LEAST[1]} rows, got {width} and "
            f"{height}; leave it out"
        )
    return _drawn(chart.thinned(4 * width), width, height, color)


def colours_wanted() -> bool:
    """Return whether the standard output is a terminal whose user has not asked for no colours."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def _drawn(chart: Chart, width: int, height: int, color: bool) -> str:
    plotext = library("plotext", "a chart in the terminal")
    xs, ys = _Scale(*chart.xlim(), chart.xlog), _Scale(*chart.ylim(), chart.log)
    with _one_at_a_time:
        figure = plotext.figure
        figure.clear()
        plotext.terminal.limit(False, False)
        figure.theme("colorless").canvas("default").plot_size(width, height)
        try:
            for joint in sorted({j for line in chart.lines for j in line.joints}):
                _draw_joint(plotext, xs(np.array([joint])), ys, height)
            for index, line in enumerate(chart.lines):
                _draw_line(plotext, chart, index, line, xs, ys, color)
            _rule(figure.ruler("x", "lower"), xs, max(width // 14, 2))
            _rule(figure.ruler("y", "left"), ys, max(height // 4, 2))
            figure.axes(False, axis="x", side="upper").axes(False, axis="y", side="right")
            figure.label(chart.xlabel, "x").legend(False)
            text: str = figure.build().string(colorless=not color)
        finally:
            figure.clear()
            plotext.terminal.clear()
    rows = text.rstrip("\n").split("\n")
    return "\n".join(rows if color else [row.rstrip() for row in rows])


class _Scale:
    """From data to a linear axis, whose ends plotext is then told."""

    def __init__(self, low: float, high: float, log: bool) -> None:
        self.low, self.high, self.log = low, high, log

    def __call__(self, values: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = np.where((values >= self.low) & (values <= self.high), values, np.nan)
            return np.log10(inside) if self.log else inside


def _rule(ruler: Any, scale: _Scale, count: int) -> None:
    places = ticks(scale.low, scale.high, count, log=scale.log)
    ends = scale(np.array([scale.low, scale.high]))
    ruler.lim(float(ends[0]), float(ends[1]))
    ruler.ticks(scale(np.array(places)).tolist(), [short(p) for p in places])


def _draw_line(
    plotext: Any, chart: Chart, index: int, line: Line, xs: _Scale, ys: _Scale, color: bool
) -> None:
    tone = chart.tone(index).terminal
    pixel = plotext.pixel(tone if color else None)
    path = line.path()
    x, y = xs(path[0]), ys(path[1])
    good = np.isfinite(x) & np.isfinite(y)
    # A gap is a gap: each run of good points is a signal of its own.
    for part in np.split(np.arange(len(x)), np.flatnonzero(~good)):
        part = part[good[part]]
        if len(part):
            signal = plotext.figure.signal(
                x[part].tolist(), y[part].tolist(), marker=plotext.marker("braille", pixel)
            )
            plotext.figure.draw(signal.lines(line.drawn != "points" and len(part) > 1))
    if not color and len(chart.lines) > 1 and good.any():
        # Where the lines have no colours, each carries its letter at places of its own.
        shares = (np.arange(4) + (index + 0.5) / len(chart.lines)) / 4
        places = np.flatnonzero(good)[(shares * good.sum()).astype(int)]
        marker = plotext.marker(LETTERS[index % len(LETTERS)])
        plotext.figure.draw(
            plotext.figure.signal(x[places].tolist(), y[places].tolist(), marker=marker)
        )


def _draw_joint(plotext: Any, x: Array, ys: _Scale, height: int) -> None:
    if not np.isfinite(x).all():
        return
    ends = ys(np.array([ys.low, ys.high]))
    rows = np.linspace(ends[0], ends[1], max(height - 3, 2))[::2]
    dots = plotext.figure.signal(
        np.repeat(x, len(rows)).tolist(),
        rows.tolist(),
        marker=plotext.marker("·", plotext.pixel(244)),
    )
    plotext.figure.draw(dots)


def _title(chart: Chart, width: int) -> list[str]:
    title = chart.title or chart.ylabel
    return textwrap.wrap(title, width) or [""]


def _legend(chart: Chart, width: int, color: bool) -> list[str]:
    """Return the legend, a row a line, wrapped under its own start."""
    rows: list[str] = []
    for index, name in enumerate(chart.names):
        tone = chart.tone(index).terminal
        mark = "━━" if color or len(chart.lines) == 1 else f"{LETTERS[index % len(LETTERS)]} "
        mark = f"\x1b[38;5;{tone}m{mark}\x1b[0m" if color else mark
        wrapped = textwrap.wrap(name, width - 4, break_on_hyphens=False) or [""]
        rows += [f" {mark} {wrapped[0]}", *(f"    {more}" for more in wrapped[1:])]
    return rows
