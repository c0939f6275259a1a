"""Charts for a web page: plotly draws them in the browser, from JSON written here.

A chart is a `figure` element with its data inside; `page.document` adds plotly's own
JavaScript once, and the few lines that draw every chart in the colours of a light or a dark page
and draw it again when the reader changes that.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import msgspec
import numpy as np

from lrkit.plots.chart import Array, Chart, Line
from lrkit.plots.style import Colour, library

POINTS: Final = 4000
HEIGHT: Final = 420


@cache
def plotly_js() -> str:
    """Return plotly's JavaScript, about 5 MB, from the plotly package: nothing is downloaded.

    Raises `LrkitError` when plotly is not installed.
    """
    text: str = library("plotly.offline", "an HTML page").get_plotlyjs()
    return text


def lines_html(
    series: Sequence[Line],
    xlabel: str,
    ylabel: str,
    title: str = "",
    *,
    log: bool = False,
    xlog: bool = False,
    sweep: str = "",
    height: int = HEIGHT,
) -> str:
    """Return *series*, with their bands, as HTML for a section of `document`.

    *log* and *xlog* make the axes logarithmic, *height* is in pixels; *sweep* names the parameter
    whose values the labels are.
    """
    return chart_html(Chart(series, xlabel, ylabel, title, log=log, xlog=xlog, sweep=sweep), height)


def chart_html(chart: Chart, height: int = HEIGHT) -> str:
    """Return *chart* as HTML for a section of `document`; see `lines_html`."""
    thin = chart.thinned(POINTS)
    traces, tones = _traces(thin)
    data = {"data": traces, "tones": tones, "layout": _layout(thin, height)}
    # In a script element only "<" could end it or open a comment.
    text = msgspec.json.encode(data).decode().replace("<", "\\u003c")
    heading = f"<h3>{html.escape(chart.title)}</h3>" if chart.title else ""
    label = html.escape(f"{chart.title or chart.ylabel}: {', '.join(chart.names)}", quote=True)
    return (
        f'<figure class="chart">{heading}<div class="canvas" role="img" aria-label="{label}" '
        f'style="min-height:{height}px"></div>{_legend(chart)}'
        f'<script type="application/json">{text}</script></figure>'
    )


def _legend(chart: Chart) -> str:
    """Return the legend as buttons that hide and show their lines; long labels wrap."""
    items = []
    for index, name in enumerate(chart.names):
        tone = chart.tone(index)
        items.append(
            f'<button type="button" data-line="{index}" aria-pressed="true">'
            f'<i class="{chart.dash(index)}" style="--light:{tone.light};'
            f'--dark:{tone.dark}"></i><span>{html.escape(name)}</span></button>'
        )
    if not chart.ynames:  # names have no logarithm
        pressed = str(chart.log).lower()
        items.append(
            f'<button type="button" class="log" data-log aria-pressed="{pressed}">log axis</button>'
        )
    return f'<figcaption class="legend">{"".join(items)}</figcaption>'


def _traces(chart: Chart) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Return plotly's traces and, for each, its colours on a light and on a dark page."""
    traces: list[dict[str, Any]] = []
    tones: list[dict[str, str]] = []
    for index, line in enumerate(chart.lines):
        tone = chart.tone(index)
        group = index
        for extra in [*_band(line, group), *_joints(line, group, chart)]:
            traces.append(extra)
            tones.append(_tone(tone))
        traces.append(_trace(chart, index, line) | {"meta": group})
        tones.append(_tone(tone))
    return traces, tones


def _trace(chart: Chart, index: int, line: Line) -> dict[str, Any]:
    name = html.escape(chart.names[index], quote=False)
    if line.drawn == "bars":
        bars = {"type": "bar", "orientation": "h", "width": 0.62, "marker": {}, "name": name}
        found = {"x": _column(line.x), "y": _column(line.y)}
        return bars | found | {"hovertemplate": "%{x:.2g}<extra></extra>"}
    points = line.drawn == "points"
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers" if points else "lines+markers" if len(line.x) == 1 else "lines",
        "name": name,
        "x": _column(line.x),
        "y": _column(line.y),
        "opacity": 0.45 if line.faint else 1,
        "line": {
            "width": 1 if line.faint else 2,
            "dash": chart.dash(index),
            "shape": "hv" if line.drawn == "steps" else "linear",
            "simplify": False,  # the points are few already, and facets would show
        },
        "hovertemplate": "%{y:.4g}<extra>%{fullData.name}</extra>",
    }
    if points:
        trace["marker"] = {"size": 8}
    if line.texts:
        trace["text"] = [html.escape(text, quote=False) for text in line.texts]
        trace["hovertemplate"] = "%{text}<extra></extra>"
    return trace


def _band(line: Line, group: int) -> list[dict[str, Any]]:
    if line.low is None or line.high is None:
        return []
    common = {
        "type": "scatter",
        "mode": "lines",
        "meta": group,
        "hoverinfo": "skip",
        "line": {"width": 0},
        "x": _column(line.x),
    }
    return [
        common | {"y": _column(line.low)},
        common | {"y": _column(line.high), "fill": "tonexty"},
    ]


def _joints(line: Line, group: int, chart: Chart) -> list[dict[str, Any]]:
    if not line.joints:
        return []
    low, high = chart.ylim()
    x = [value for joint in line.joints for value in (joint, joint, None)]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "meta": group,
            "hoverinfo": "skip",
            "opacity": 0.5,
            "line": {"width": 1, "dash": "dot"},
            "x": x,
            "y": [low, high, None] * len(line.joints),
        }
    ]


def _layout(chart: Chart, height: int) -> dict[str, Any]:
    axis = {"automargin": True, "zeroline": False, "ticks": "outside", "ticklen": 4}
    across = _axis(chart.xlabel, chart.xlim(), chart.xlog) | _named(chart.xnames)
    up = _axis(chart.ylabel, chart.ylim(), chart.log) | _named(chart.ynames)
    told = any(line.texts or line.drawn == "bars" for line in chart.lines)
    return {
        "height": height,
        "margin": {"l": 60, "r": 14, "t": 12, "b": 52},
        "xaxis": axis | across | {"showgrid": False},
        "yaxis": axis | up,
        "annotations": [_note(*note) for note in chart.notes],
        "hovermode": "closest" if told else "x unified",
        "hoverlabel": {"namelength": 36},
        "showlegend": False,
    }


def _named(names: tuple[tuple[float, str], ...]) -> dict[str, Any]:
    """Return what makes an axis of numbers one of *names*; {} where it has none."""
    if not names:
        return {}
    return {
        "tickmode": "array",
        "tickvals": [at for at, _ in names],
        "ticktext": [html.escape(name, quote=False) for _, name in names],
        "ticks": "outside" if any(name for _, name in names) else "",
        "showgrid": False,
    }


def _note(x: float, y: float, text: str) -> dict[str, Any]:
    shown = {"text": html.escape(text, quote=False), "showarrow": False, "font": {"size": 11}}
    return shown | {"x": x, "y": y, "xanchor": "left", "xshift": 4}


def _axis(label: str, ends: tuple[float, float], log: bool) -> dict[str, Any]:
    low, high = ends
    return {
        "title": {"text": html.escape(label, quote=False), "standoff": 10},
        "type": "log" if log else "linear",
        "range": [math.log10(low), math.log10(high)] if log else [low, high],
        "exponentformat": "e" if log else "SI",
        "dtick": 1 if log and high / low >= 100 else None,
    }


def _column(values: Array) -> list[float | None]:
    # Seven digits are more than a screen shows, at half the size.
    return [float(f"{v:.7g}") if math.isfinite(v) else None for v in np.asarray(values).tolist()]


def _tone(tone: Colour) -> dict[str, str]:
    return {"light": tone.light, "dark": tone.dark}
