"""Slices as pages that work offline: contours and surface to turn, the training to play."""

from __future__ import annotations

import html
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from lrkit.landscape.edges import Sharpness
from lrkit.landscape.interactive import scene_html
from lrkit.landscape.planes import Array, Slice, percent, shown
from lrkit.landscape.scene import RATE_COLOURS, heights
from lrkit.landscape.slice_scene import (
    gap_chart,
    ground_of,
    line_chart,
    notes_of,
    rates_of,
    sharpness_chart,
    title_of,
)
from lrkit.plots import Html, Section, chart_html, document, table
from lrkit.plots.style import PALETTE
from lrkit.records import write_file


def slice_page(found: Slice, path: str | os.PathLike[str]) -> Path:
    """Write the slice *found* to *path* as an HTML page, and return the path.

    It says first how much of the truth the slice shows. A plane is drawn as contours or a surface
    with the training on it, a line as a chart; then come the loss beside the slice and a table of
    the checkpoints. It fetches nothing.

    Raises `DataError` when no level of the grid is there or the file cannot be written, and
    `LrkitError` when plotly is missing.
    """
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in notes_of(found))
    plane = len(found.axes) == 2
    picture = _plane(found) if plane else chart_html(line_chart(found))
    sections = [Section("", Html(notes + picture))]
    if (chart := gap_chart(found)) is not None:
        sections.append(Section("Beside the slice", chart_html(chart)))
        sections.append(Section("Checkpoints", _table(found)))
    return write_file(path, document(title_of(found), sections))


def sharpness_page(found: Sharpness, path: str | os.PathLike[str]) -> Path:
    """Write the sharpness along a run to *path* as an HTML page, and return the path."""
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in (found.rule, found.batch()))
    heads = ["step", "rate", "loss", "sharpness", "residual", "iterations", "bound"]
    rows = [
        [r.step, r.rate, shown(r.loss), shown(r.value), shown(r.residual), r.iterations, r.bound]
        for r in found.readings
    ]
    chart = sharpness_chart(found)
    sections = [
        Section("", Html(notes + chart_html(chart))),
        Section("Readings", table(heads, rows, numeric=heads)),
    ]
    return write_file(path, document(chart.title, sections))


def _plane(found: Slice) -> str:
    grid = ground_of(found)
    finite = np.where(np.isfinite(grid.values), grid.values, np.nan)
    rates = rates_of(found)
    names = [
        axis.label + ("" if axis.share is None else f" ({percent(axis.share)} of the movement)")
        for axis in found.axes
    ]
    data = {
        "x": _column(grid.x),
        "y": _column(grid.y),
        "names": [html.escape(name) for name in names],
        "values": [_column(row) for row in finite],
        "heights": [
            _column(row) for row in np.where(np.isnan(finite), np.nan, heights(grid, finite))
        ],
        "levels": len(grid.levels),
        "steps": found.way[-1].step if found.way else 0,
        "scale": [[i / (len(RATE_COLOURS) - 1), c] for i, c in enumerate(RATE_COLOURS)],
        "rates": [0.0, float(rates.max(initial=0.0)) or 1.0, False],
        "minima": [],
        "dots": 9,
        "bar": "learning rate",
        "paths": [_path(found, rates, grid)] if found.way else [],
    }
    return scene_html(data, f"{title_of(found)}, with the training on its contours")


def _path(found: Slice, rates: Array, grid: Any) -> dict[str, Any]:
    inside = np.array([w.inside for w in found.way], dtype=np.float64)
    inside = np.where(np.isfinite(inside), inside, np.nan)
    return {
        "name": "the training's checkpoints, in the colours of their learning rates",
        "light": PALETTE[-1].light,
        "dark": PALETTE[-1].dark,
        "x": _column(np.array([w.at[0] for w in found.way])),
        "y": _column(np.array([w.at[1] for w in found.way])),
        "height": _column(heights(grid, inside)),
        "loss": _column(inside),
        "rate": _column(rates),
        "step": [w.step for w in found.way],
        "ended": False,
    }


def _table(found: Slice) -> str:
    where = "plane" if len(found.axes) == 2 else "line"
    heads = ["step", "rate", "true loss", f"loss on the {where}", f"distance from the {where}"]
    rows = [
        [w.step, w.rate if math.isfinite(w.rate) else None, shown(w.loss), shown(w.inside), w.off]
        for w in found.measured
    ]
    return table(heads, rows, numeric=heads)


def _column(values: Array) -> list[float | None]:
    return [float(f"{v:.7g}") if math.isfinite(v) else None for v in values.tolist()]
