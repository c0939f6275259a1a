"""Descents as a page that works offline: contours and surface to turn, a step to move (plotly)."""

from __future__ import annotations

import html
import math
import os
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lrkit.landscape.races import Race
from lrkit.landscape.scene import (
    RATE_COLOURS,
    heights,
    loss_chart,
    rate_chart,
    rate_range,
    title,
    trail,
)
from lrkit.landscape.surface import Grid
from lrkit.landscape.tape import Array
from lrkit.plots import Section, chart_html, code, document, table
from lrkit.plots.style import colour
from lrkit.records import write_file


def race_page(race: Race, path: str | os.PathLike[str]) -> Path:
    """Write *race* to *path* as an HTML page, and return the path.

    The page has the paths on contours and on a surface, a slider and a button that play them, the
    losses and the rates against the step, and a table of outcomes. It fetches nothing.

    Raises `DataError` when the file cannot be written and `LrkitError` when plotly is missing.
    """
    seen = f"Paths of {title(race)} over contours of the loss"
    sections = [
        Section("", scene_html(_data(race), seen), race.function.about),
        Section("Against the step", chart_html(loss_chart(race)) + chart_html(rate_chart(race))),
        Section("Outcome", _outcomes(race)),
    ]
    lead = f"f(x, y) = {race.function.text}"
    return write_file(path, document(f"Descent: {title(race)}", sections, subtitle=lead))


def scene_html(data: dict[str, Any], label: str) -> str:
    """Return a figure that `interactive.js` draws from *data*; *label* says what it shows."""
    inside = msgspec.json.encode(data).decode().replace("<", "\\u003c")
    script = resources.files("lrkit.landscape").joinpath("interactive.js").read_text("utf-8")
    return (
        '<figure class="descent" style="margin:0 0 20px">'
        '<div style="display:flex;gap:12px;align-items:center;flex-wrap:wrap;margin-bottom:8px">'
        '<button type="button" data-play style="font:inherit;padding:4px 14px;color:var(--ink);'
        'background:var(--card);border:1px solid var(--rule);border-radius:6px">Play</button>'
        '<input type="range" min="0" value="0" aria-label="step" style="flex:1;min-width:120px">'
        '<output style="min-width:9ch;font-variant-numeric:tabular-nums"></output>'
        '<label><input type="checkbox" data-surface> surface</label></div>'
        f'<div class="view" role="img" aria-label="{html.escape(label, quote=True)}" '
        'style="height:560px"></div>'
        f'<script type="application/json">{inside}</script></figure><script>{script}</script>'
    )


def _data(race: Race) -> dict[str, Any]:
    grid = race.function.grid(race.box, 121, 121)
    low, high, log = rate_range(race)
    finite = np.where(np.isfinite(grid.values), grid.values, np.nan)
    return {
        "x": _column(grid.x),
        "y": _column(grid.y),
        "values": [_column(row) for row in finite],
        "heights": [_column(row) for row in np.where(np.isnan(finite), np.nan, heights(grid))],
        "levels": len(grid.levels),
        "steps": race.settled(),
        "scale": [[i / (len(RATE_COLOURS) - 1), c] for i, c in enumerate(RATE_COLOURS)],
        "rates": [low, high, log],
        "minima": [[m.x, m.y] for m in race.function.minima],
        "paths": [_path(race, index, grid) for index in range(len(race.runners))],
    }


def _path(race: Race, index: int, grid: Grid) -> dict[str, Any]:
    runner = race.runners[index]
    seen = trail(runner.descent, race.box)
    losses = runner.descent.losses[seen.steps - runner.descent.first]
    tone = colour(index, len(race.runners), sweep=False)
    return {
        "name": html.escape(runner.label, quote=False),
        "light": tone.light,
        "dark": tone.dark,
        "x": _column(seen.points[:, 0]),
        "y": _column(seen.points[:, 1]),
        "height": _column(heights(grid, losses)),
        "loss": _column(losses),
        "rate": _column(seen.rates),
        "step": seen.steps.tolist(),
        "ended": seen.ended,
    }


def _outcomes(race: Race) -> str:
    rows = []
    for told in race.to_dict()["descents"]:
        status = told["status"]
        if status == "diverged":
            status = f"diverged at step {told['diverged_at']:,}: {told['reason']}"
        what = [code(told["label"]), told["optimizer"], code(told["schedule"]), status]
        rows.append([*what, told["loss"], told["best_loss"], told["best_step"]])
    heads = ["descent", "optimizer", "schedule", "outcome", "last loss", "best loss", "at step"]
    return table(heads, rows)


def _column(values: Array) -> list[float | None]:
    return [float(f"{v:.7g}") if math.isfinite(v) else None for v in values.tolist()]
