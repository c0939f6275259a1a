"""A chart that shows itself: as text in a terminal, as a picture in a notebook, or as a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import overload

from lrkit.plots.chart import Chart, curve_chart
from lrkit.plots.page import page
from lrkit.plots.still import figure
from lrkit.plots.svg import svg
from lrkit.plots.terminal import terminal_chart
from lrkit.schedules import Curve


class Picture:
    """What `plot` returns: `print` it in a terminal, or let a notebook show it."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart

    def __str__(self) -> str:
        return terminal_chart(self.chart)

    def __repr__(self) -> str:
        return str(self)  # what an interactive session shows

    def _repr_svg_(self) -> str:
        return svg(self.chart)


@overload
def plot(
    curves: Curve | Mapping[str, Curve],
    path: None = None,
    log: bool = False,
    *,
    sweep: str = "",
) -> Picture: ...
@overload
def plot(
    curves: Curve | Mapping[str, Curve],
    path: str | os.PathLike[str],
    log: bool = False,
    *,
    sweep: str = "",
) -> Path: ...
def plot(
    curves: Curve | Mapping[str, Curve],
    path: str | os.PathLike[str] | None = None,
    log: bool = False,
    *,
    sweep: str = "",
) -> Picture | Path:
    """Draw one curve, or several by label: to *path* (PNG, SVG, PDF, HTML), else to be shown.

    Without a *path* the result shows itself in a notebook and an interactive session, and prints
    as a chart in a script. *log* and *sweep* are as in `figure` and `page`, as are the errors.

    >>> from lrkit import cosine
    >>> "cosine()" in str(plot(cosine().over(100)))
    True
    """
    named = {str(curves.schedule): curves} if isinstance(curves, Curve) else dict(curves)
    if path is None:
        return Picture(curve_chart(named, log=log, sweep=sweep))
    if Path(path).suffix.lower() in (".html", ".htm"):
        return page(named, path, log, sweep=sweep)
    return figure(named, path, log, sweep=sweep)
