"""A small SVG written by hand: how a curve shows itself in a notebook, with no library at all.

Text and axes take the colour of the page around (`currentColor`), so it fits a dark notebook.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Final

import numpy as np

from lrkit.plots.chart import Chart, Line, curve_chart
from lrkit.plots.style import colour, short, ticks
from lrkit.schedules import Curve, Schedule

WIDTH: Final = 640
HEIGHT: Final = 250
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 14, 40
POINTS: Final = 800
ROW: Final = 18  # height of a legend's row


def notebook(shown: Curve | Schedule, log: bool = False) -> str:
    """Return *shown* as an SVG picture for a notebook's cell.

    A schedule that is on no horizon yet is shown over 100 epochs of 100 steps; raises
    `HorizonError` where that cannot be, for it needs samples or tokens.

    >>> from lrkit import cosine
    >>> notebook(cosine().over(100)).startswith("<svg")
    True
    """
    curve = shown.over("100ep", steps_per_epoch=100) if isinstance(shown, Schedule) else shown
    return svg(curve_chart({str(curve.schedule): curve}, log=log, points=POINTS))


def svg(chart: Chart, width: int = WIDTH, height: int = HEIGHT) -> str:
    """Return *chart* as the text of an SVG picture."""
    whole = height + ROW * len(chart.lines)
    x = _Axis(*chart.xlim(), LEFT, width - RIGHT, chart.xlog)
    y = _Axis(*chart.ylim(), height - BOTTOM, TOP, chart.log)
    label = html.escape(f"{chart.ylabel} by {chart.xlabel}: {'; '.join(chart.names)}", quote=True)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {whole}" width="{width}" '
        f'height="{whole}" style="max-width:100%;height:auto" role="img" aria-label="{label}" '
        'font-family="system-ui,sans-serif" font-size="11" fill="currentColor">',
        *_grid(chart, x, y),
    ]
    for index, line in enumerate(chart.lines):
        tone = colour(index, len(chart.lines), sweep=bool(chart.sweep)).light
        parts += _line(line.thinned(POINTS), tone, x, y)
        at = height + ROW * index
        parts.append(
            f'<path d="M{LEFT} {at}h18" stroke="{tone}" stroke-width="2.5"/>'
            f'<text x="{LEFT + 26}" y="{at + 4}" font-family="ui-monospace,monospace">'
            f"{html.escape(chart.names[index])}</text>"
        )
    return "".join([*parts, "</svg>"])


class _Axis:
    """From data to the picture's points."""

    def __init__(self, low: float, high: float, start: float, end: float, log: bool) -> None:
        self.low, self.high, self.start, self.end, self.log = low, high, start, end, log

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            low, high, value = np.log10(low), np.log10(high), np.log10(value)
        return round(float(self.start + (value - low) / (high - low) * (self.end - self.start)), 1)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def _grid(chart: Chart, x: _Axis, y: _Axis) -> Iterator[str]:
    for tick in ticks(x.low, x.high, 8, log=x.log):
        yield (
            f'<path d="M{x(tick)} {y.start}v5" stroke="currentColor" stroke-opacity=".6"/>'
            f'<text x="{x(tick)}" y="{y.start + 17}" text-anchor="middle">{short(tick)}</text>'
        )
    for tick in ticks(y.low, y.high, 5, log=y.log):
        yield (
            f'<path d="M{x.start} {y(tick)}H{x.end}" stroke="currentColor" stroke-opacity=".13"/>'
            f'<text x="{x.start - 7}" y="{y(tick) + 4}" text-anchor="end">{short(tick)}</text>'
        )
    yield f'<path d="M{x.start} {y.start}H{x.end}" stroke="currentColor" stroke-opacity=".6"/>'
    middle = (x.start + x.end) / 2
    label = html.escape(chart.xlabel)
    yield f'<text x="{middle}" y="{y.start + 32}" text-anchor="middle">{label}</text>'
    across = (y.start + y.end) / 2
    yield (
        f'<text transform="rotate(-90)" x="{-across}" y="12" text-anchor="middle">'
        f"{html.escape(chart.ylabel)}</text>"
    )


def _line(line: Line, tone: str, x: _Axis, y: _Axis) -> Iterator[str]:
    for joint in line.joints:
        if x.holds(joint):
            yield (
                f'<path d="M{x(joint)} {y.start}V{y.end}" stroke="{tone}" stroke-opacity=".45" '
                'stroke-dasharray="2 4"/>'
            )
    path, pen_up = [], True
    for at, value in zip(line.x.tolist(), line.y.tolist(), strict=True):
        if not (x.holds(at) and y.holds(value)):
            pen_up = True
            continue
        path.append(f"{'M' if pen_up else 'L'}{x(at)} {y(value)}")
        pen_up = False
    yield (
        f'<path d="{"".join(path)}" fill="none" stroke="{tone}" stroke-width="2" '
        'stroke-linejoin="round" stroke-linecap="round"/>'
    )
