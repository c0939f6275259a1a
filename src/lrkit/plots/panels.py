"""Several charts beside each other in one picture, for eyes that compare them."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from lrkit.errors import SpecError
from lrkit.plots.chart import Chart
from lrkit.plots.still import INK, POINTS, _draw, _dress, _names, _suffix
from lrkit.plots.style import library
from lrkit.records import write_file

WIDTH: Final = 3.9  # inches of a panel
HEIGHT: Final = 4.0


def panels(charts: Sequence[Chart], path: str | os.PathLike[str]) -> Path:
    """Draw *charts* beside each other to *path*, on y axes of one span, and return the path.

    The first one's legend stands for all: line i of each chart means the same. Raises `SpecError`
    for no charts, for charts with other labels, and as `still` does.
    """
    if not charts:
        raise SpecError("a picture of panels needs a chart, got none")
    if any(chart.names != charts[0].names for chart in charts):
        raise SpecError(
            "the charts of panels have the same labels in the same order, got "
            f"{' and '.join(str(list(chart.names)) for chart in charts)}"
        )
    suffix = _suffix(path)
    matplotlib = library("matplotlib", f"a {suffix[1:].upper()} file")
    drawn = library("matplotlib.figure", "a picture").Figure(
        figsize=(WIDTH * len(charts), HEIGHT), dpi=160, layout="constrained", facecolor="white"
    )
    spans = [chart.ylim() for chart in charts]
    low, high = min(s[0] for s in spans), max(s[1] for s in spans)
    for place, chart in enumerate(charts):
        axes = drawn.add_subplot(1, len(charts), place + 1)
        _dress(axes, chart if not place else replace(chart, ylabel=""))
        for index, line in enumerate(chart.lines):
            _draw(axes, chart, index, line.thinned(POINTS))
        axes.set_xlim(*chart.xlim())
        axes.set_ylim(low, high)
        if not place:
            handles = axes.get_legend_handles_labels()[0]
    drawn.legend(
        handles, _names(charts[0]), loc="outside lower left", ncols=len(charts[0].lines),
        frameon=False, fontsize=9, labelcolor=INK, handlelength=2.2,
    )  # fmt: skip
    out = io.BytesIO()
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with matplotlib.rc_context({"svg.hashsalt": "lrkit", "svg.fonttype": "path"}):
        drawn.savefig(out, format=suffix[1:], metadata=metadata[suffix[1:]])
    return write_file(path, out.getvalue())
