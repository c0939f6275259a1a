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
from lrkit.plots.style import Colour, colour, dash, library

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
        sweep = bool(chart.sweep)
        tone = colour(index, len(chart.lines), sweep=sweep)
        items.append(
            f'<button type="button" data-line="{index}" aria-pressed="true">'
            f'<i class="{dash(index, sweep=sweep)}" style="--light:{tone.light};'
            f'--dark:{tone.dark}"></i><span>{html.escape(name)}</span></button>'
        )
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
        tone = colour(index, len(chart.lines), sweep=bool(chart.sweep))
        group = index
        for extra in [*_band(line, group), *_joints(line, group, chart)]:
            traces.append(extra)
            tones.append(_tone(tone))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers" if len(line.x) == 1 else "lines",
                "name": html.escape(chart.names[index], quote=False),
                "meta": group,
                "x": _column(line.x),
                "y": _column(line.y),
                "line": {
                    "width": 2,
                    "dash": dash(index, sweep=bool(chart.sweep)),
                    "simplify": False,  # the points are few already, and facets would show
                },
                "hovertemplate": "%{y:.4g}<extra>%{fullData.name}</extra>",
            }
        )
        tones.append(_tone(tone))
    return traces, tones


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
    return {
        "height": height,
        "margin": {"l": 60, "r": 14, "t": 12, "b": 52},
        "xaxis": axis | _axis(chart.xlabel, chart.xlim(), chart.xlog) | {"showgrid": False},
        "yaxis": axis | _axis(chart.ylabel, chart.ylim(), chart.log),
        "hovermode": "x unified",
        "hoverlabel": {"namelength": 36},
        "showlegend": False,
    }


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
