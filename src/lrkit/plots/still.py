"""Charts as PNG, SVG and PDF files, drawn by matplotlib.

Only `Figure` objects are used, never pyplot: no window, no state that outlives the call, and
nothing of the caller's own figures is touched.
"""

from __future__ import annotations

import io
import math
import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lrkit.errors import SpecError
from lrkit.plots.chart import Chart, Line, curve_chart
from lrkit.plots.style import library, short
from lrkit.records import write_file
from lrkit.schedules import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES: Final = (".png", ".svg", ".pdf")
POINTS: Final = 4000
WIDTH: Final = 8.4  # inches
HEIGHT: Final = 4.2  # inches, without title and legend
LETTERS: Final = 116  # of the legend's font, on the whole width
ROW: Final = 0.21  # inches of a legend's row
INK, SOFT = "#24292F", "#8C959F"
DASHES: Final = {
    "solid": "-",
    "dash": (0, (6, 3)),
    "dot": (0, (1.5, 2)),
    "dashdot": (0, (6, 2, 1.5, 2)),
}


def figure(
    curves: Mapping[str, Curve], path: str | os.PathLike[str], log: bool = False, *, sweep: str = ""
) -> Path:
    """Draw *curves* by label to *path*, a PNG, SVG or PDF by its suffix, and return the path.

    *log* makes the axis of rates logarithmic. *sweep* names the parameter whose values the labels
    are. Raises `SpecError` for another suffix, `DataError` when the file cannot be written, and
    `LrkitError` when matplotlib is missing.
    """
    _suffix(path)
    return still(curve_chart(curves, log=log, sweep=sweep, points=POINTS), path)


def lines_png(
    series: Sequence[Line],
    path: str | os.PathLike[str],
    xlabel: str,
    ylabel: str,
    title: str = "",
    *,
    log: bool = False,
    xlog: bool = False,
    sweep: str = "",
) -> Path:
    """Draw *series*, with their bands, to *path* (PNG, SVG or PDF), and return the path.

    *log* and *xlog* make the axes logarithmic. Errors as in `figure`.
    """
    return still(Chart(series, xlabel, ylabel, title, log=log, xlog=xlog, sweep=sweep), path)


def still(chart: Chart, path: str | os.PathLike[str]) -> Path:
    """Draw *chart* to *path*; see `figure`."""
    suffix = _suffix(path)
    matplotlib = library("matplotlib", f"a {suffix[1:].upper()} file")
    drawn = library("matplotlib.figure", "a picture").Figure(
        figsize=(WIDTH, _height(chart)), dpi=160, layout="constrained", facecolor="white"
    )
    axes = drawn.add_subplot()
    _dress(axes, chart)
    for index, line in enumerate(chart.lines):
        _draw(axes, chart, index, line.thinned(POINTS))
    for x, y, text in chart.notes:
        axes.annotate(
            _literal(text),
            (x, y),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=INK,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "alpha": 0.75, "lw": 0},
            zorder=9,
        )
    axes.set_xlim(*chart.xlim())
    axes.set_ylim(*chart.ylim())
    drawn.legend(
        loc="outside lower left",
        ncols=_columns(_names(chart)),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        handlelength=2.2,
    )
    out = io.BytesIO()
    # A fixed salt and no date: the same chart gives the same file.
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with matplotlib.rc_context({"svg.hashsalt": "lrkit", "svg.fonttype": "path"}):
        drawn.savefig(out, format=suffix[1:], metadata=metadata[suffix[1:]])
    return write_file(path, out.getvalue())


def _suffix(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise SpecError(
            f"a picture's name ends in {', '.join(SUFFIXES)}, got {os.fspath(path)}; rename it"
        )
    return suffix


def _height(chart: Chart) -> float:
    names = _names(chart)
    rows = sum(name.count("\n") + 1 for name in names) / _columns(names)
    return HEIGHT + ROW * math.ceil(rows) + (0.3 if chart.title else 0.0)


def _columns(names: list[str]) -> int:
    """Return how many columns of the legend fit beside each other."""
    longest = max(len(name) for name in names)
    return max(min(len(names), LETTERS // (longest + 9)), 1)


def _names(chart: Chart) -> list[str]:
    wrapper = textwrap.TextWrapper(LETTERS - 10, break_on_hyphens=False, drop_whitespace=False)
    return ["\n".join(wrapper.wrap(_literal(name))) for name in chart.names]


def _literal(text: str) -> str:
    """Return *text* so that matplotlib shows it: not as a formula, and not hidden for its "_"."""
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def _dress(axes: Axes, chart: Chart) -> None:
    ticker = library("matplotlib.ticker", "a picture")
    numbers = ticker.FuncFormatter(lambda v, _: short(v))
    for which, log in ((axes.xaxis, chart.xlog), (axes.yaxis, chart.log)):
        if log:
            (axes.set_xscale if which is axes.xaxis else axes.set_yscale)("log")
        low, high = chart.xlim() if which is axes.xaxis else chart.ylim()
        which.set_major_formatter(numbers)
        if names := chart.xnames if which is axes.xaxis else chart.ynames:
            which.set_ticks([at for at, _ in names], [_literal(name) for _, name in names])
            if not any(name for _, name in names):  # the notes inside are its marks
                axes.spines["left"].set_visible(False)
                which.set_tick_params(length=0)
        elif log and high / low >= 100:
            which.set_minor_formatter(ticker.NullFormatter())
        elif log:  # labels at 2 and 5 of each decade; at every digit they run into each other
            which.set_minor_locator(ticker.LogLocator(subs=(2, 5)))
            which.set_minor_formatter(numbers)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(colors=INK, which="both", labelsize=9, color=SOFT)
    if not chart.ynames:
        axes.grid(axis="y", color=SOFT, alpha=0.22, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel(_literal(chart.xlabel), color=INK, fontsize=10)
    axes.set_ylabel(_literal(chart.ylabel), color=INK, fontsize=10)
    if chart.title:
        axes.set_title(_literal(chart.title), color=INK, fontsize=12, loc="left", pad=12)


def _draw(axes: Axes, chart: Chart, index: int, line: Line) -> None:
    tone = chart.tone(index).light
    style: Any = DASHES[chart.dash(index)]
    if line.low is not None and line.high is not None:
        low, high = _positive(line.low, chart.log), _positive(line.high, chart.log)
        axes.fill_between(line.x, low, high, color=tone, alpha=0.16, linewidth=0)
    for joint in line.joints:
        axes.axvline(joint, color=tone, alpha=0.45, linewidth=0.8, linestyle=(0, (2, 4)), zorder=1)
    label = _names(chart)[index]
    if line.drawn == "bars":
        axes.barh(line.y, line.x, height=0.62, color=tone, label=label)
        return
    x, y = line.path()
    good = np.isfinite(y)
    points = line.drawn == "points"
    axes.plot(
        x,
        np.where(good, _positive(y, chart.log), np.nan),
        color=tone,
        linestyle="none" if points else style,
        linewidth=0.9 if line.faint else 1.9,
        # A line through one point is not seen.
        marker="o" if points or good.sum() == 1 else None,
        markersize=4.5 if points else 6,
        alpha=0.4 if line.faint else None,
        zorder=1.8 if line.faint else 2.2 if points else 2,
        solid_joinstyle="round",
        label=label,
    )


def _positive(values: Any, log: bool) -> Any:
    return np.where(values > 0, values, np.nan) if log else values
