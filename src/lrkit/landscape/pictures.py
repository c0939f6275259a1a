"""Stills of descents: paths over contours or a surface, with loss and rate beneath (matplotlib)."""

from __future__ import annotations

import io
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lrkit.errors import SpecError
from lrkit.landscape.backdrop import INK, dress, ground, ground_3d
from lrkit.landscape.races import Race
from lrkit.landscape.scene import (
    RATE_COLOURS,
    Trail,
    heights,
    loss_chart,
    rate_chart,
    rate_range,
    title,
    trail,
)
from lrkit.landscape.surface import Box
from lrkit.plots import Chart
from lrkit.plots.style import DASHES, colour, dash, library, short
from lrkit.records import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES: Final = (".png", ".svg", ".pdf")
Pixels = NDArray[np.uint8]
_STYLES: Final[dict[str, Any]] = dict(
    zip(DASHES, ("-", (0, (6, 3)), (0, (1.5, 2)), "-."), strict=True)
)


def draw_race(race: Race, path: str | os.PathLike[str], *, surface: bool = False) -> Path:
    """Draw *race* to *path*, a PNG, SVG or PDF by its suffix, and return the path.

    Above are the paths over the contours, each edged in its own colour and filled in the colour of
    its learning rate; beneath are loss and rate against the step. With *surface* the paths lie on
    a surface whose height counts contours.

    Raises `SpecError` for another suffix, `DataError` when the file cannot be written, and
    `LrkitError` when matplotlib is missing.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise SpecError(f"a picture's name ends in {', '.join(SUFFIXES)}, got {os.fspath(path)}")
    stage = Stage(race, surface=surface)
    stage.draw()
    out = io.BytesIO()
    matplotlib = library("matplotlib", "a picture")
    metadata = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with matplotlib.rc_context({"svg.hashsalt": "lrkit", "svg.fonttype": "path"}):
        stage.figure.savefig(out, format=suffix[1:], metadata=metadata[suffix], dpi=160)
    return write_file(path, out.getvalue())


class Stage:
    """A figure of a race: the ground is drawn once, the paths up to any step."""

    def __init__(self, race: Race, *, surface: bool = False, width: float = 8.4) -> None:
        self.race, self.surface = race, surface
        self.box = race.box
        self.grid = race.function.grid(self.box, 161, 161)
        rows = -(-len(race.runners) // _legend_columns(race))
        self.figure: Figure = library("matplotlib.figure", "a picture").Figure(
            figsize=(width, 0.98 * width + 0.2 * rows), layout="constrained", facecolor="white"
        )
        self._canvas = library("matplotlib.backends.backend_agg", "a picture").FigureCanvasAgg(
            self.figure
        )
        self._still: Any = None
        places = self.figure.add_gridspec(2, 2, height_ratios=(2.6, 1))
        kind = {"projection": "3d", "computed_zorder": False} if surface else {}
        if surface:
            library("mpl_toolkits.mplot3d", "a surface")
        self._map: Any = self.figure.add_subplot(places[0, :], **kind)
        self._loss = self.figure.add_subplot(places[1, 0])
        self._rate = self.figure.add_subplot(places[1, 1])
        self._norm = self._colours()
        self._moving: list[Any] = []
        ground_3d(self._map, self.grid) if surface else ground(self._map, self.grid, self.box)
        self._minima()
        self._heading = self.figure.suptitle("", color=INK, fontsize=11, x=0.02, ha="left")
        self._legend()

    def draw(self, until: int | None = None) -> None:
        """Draw the paths up to step *until*, in place of what was drawn before."""
        for artist in self._moving:
            artist.remove()
        self._moving = []
        for index, runner in enumerate(self.race.runners):
            tone = colour(index, len(self.race.runners), sweep=False).light
            self._path(trail(runner.descent, self.box, until), tone)
        for axes, chart in (
            (self._loss, loss_chart(self.race)),
            (self._rate, rate_chart(self.race)),
        ):
            self._lines(axes, chart, until)
        text = textwrap.shorten(title(self.race), 110, placeholder=" ...")
        step = "" if until is None else f", step {until:,}"
        self._heading.set_text(text.replace("$", r"\$") + step)

    def frame(self, until: int | None, dpi: int) -> Pixels:
        """Return the picture up to step *until* as pixels (rows, columns, RGBA).

        What does not move is drawn in the first one only.
        """
        canvas, figure = self._canvas, self.figure
        if self._still is None:
            figure.set_dpi(dpi)
            self.draw()  # with all there is, so that nothing has to move for it later
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
            for artist in (*self._moving, self._heading):
                artist.set_visible(False)
            canvas.draw()
            self._still = canvas.copy_from_bbox(figure.bbox)
            self._heading.set_visible(True)
        self.draw(until)
        canvas.restore_region(self._still)
        for artist in self._moving:
            if hasattr(artist, "do_3d_projection"):
                artist.do_3d_projection()
            artist.axes.draw_artist(artist)
        figure.draw_artist(self._heading)
        return np.array(canvas.buffer_rgba())

    def _colours(self) -> Any:
        colors = library("matplotlib.colors", "a picture")
        cm = library("matplotlib.cm", "a picture")
        low, high, log = rate_range(self.race)
        norm = (colors.LogNorm if log else colors.Normalize)(low, high, clip=True)
        scale = colors.LinearSegmentedColormap.from_list("rates", RATE_COLOURS)
        bar = self.figure.colorbar(
            cm.ScalarMappable(norm, scale),
            ax=self._map,
            shrink=0.7,
            pad=0.1 if self.surface else 0.02,
            aspect=24,
        )
        bar.set_label("learning rate", color=INK, fontsize=9)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, colors=INK)
        bar.ax.minorticks_off()
        bar.ax.yaxis.set_major_formatter(lambda v, _: short(v))
        return lambda values: scale(norm(values))

    def _minima(self) -> None:
        """Mark the known minima with a cross."""
        minima = [m for m in self.race.function.minima
                  if self.box.left <= m.x <= self.box.right
                  and self.box.bottom <= m.y <= self.box.top]  # fmt: skip
        x, y = ([m.x for m in minima], [m.y for m in minima])
        place = (
            (x, y, heights(self.grid, np.array([m.value for m in minima])))
            if self.surface
            else (x, y)
        )
        self._map.plot(*place, "+", color=INK, markersize=9, markeredgewidth=1.4, zorder=5)

    def _path(self, seen: Trail, tone: str) -> None:
        points = seen.points
        if self.surface:
            values = self.race.function(points[:, 0], points[:, 1])
            inside = _inside(points, self.box)
            points = np.column_stack([points, heights(self.grid, values) + 0.1])[inside]
            seen = Trail(points, seen.steps[inside], seen.rates[inside], seen.ended)
        collections = "mpl_toolkits.mplot3d.art3d" if self.surface else "matplotlib.collections"
        kind = "Line3DCollection" if self.surface else "LineCollection"
        lines = getattr(library(collections, "a picture"), kind)
        parts = np.stack([points[:-1], points[1:]], axis=1)
        for width, colours in ((3.6, tone), (1.7, self._norm(seen.rates[:-1]))):
            if len(parts):
                drawn = lines(parts, colors=colours, linewidths=width, zorder=6, capstyle="round")
                self._moving.append(self._map.add_collection(drawn))
        if len(points):
            ends = [(self.box.left, self.box.right), (self.box.bottom, self.box.top)]
            # Where a path has left the picture its mark stands at the edge.
            where = [np.clip(points[-1:, a], *ends[a]) for a in (0, 1)] + [
                points[-1:, a] for a in range(2, points.shape[1])
            ]
            mark: dict[str, Any] = {
                "marker": "X" if seen.ended else "o",
                "markersize": 9 if seen.ended else 7.5,
            }
            mark |= {"markeredgecolor": "white", "markeredgewidth": 1.2, "clip_on": False}
            self._moving += self._map.plot(*where, color=tone, zorder=8, **mark)

    def _lines(self, axes: Axes, chart: Chart, until: int | None) -> None:
        if not axes.has_data():
            dress(axes, chart)
        for index, line in enumerate(chart.lines):
            tone = colour(index, len(self.race.runners), sweep=False).light
            bound = index >= len(self.race.runners)  # a largest rate, 2 / L
            end = len(line.x) if until is None or bound else max(until + 1, 1)
            y = np.where(line.y > 0, line.y, np.nan) if chart.log else line.y
            self._moving += axes.plot(
                line.x[:end],
                y[:end],
                color=INK if bound else tone,
                linestyle=(0, (4, 3)) if bound else _STYLES[dash(index, sweep=False)],
                linewidth=1.1 if bound else 1.6,
            )
            if bound:
                place = (line.x[-1], float(line.y[-1]))
                offset: dict[str, Any] = {"textcoords": "offset points", "xytext": (0, 3)}
                self._moving.append(
                    axes.annotate(line.label, place, ha="right", fontsize=8, color=INK, **offset)
                )

    def _legend(self) -> None:
        lines = library("matplotlib.lines", "a picture")
        handles = [
            lines.Line2D([], [], color=colour(i, len(self.race.runners), sweep=False).light,
                         linestyle=_STYLES[dash(i, sweep=False)], linewidth=2.4,
                         label=_told(self.race, i))
            for i in range(len(self.race.runners))
        ]  # fmt: skip
        self.figure.legend(
            handles=handles, loc="outside lower left", ncols=_legend_columns(self.race),
            frameon=False, fontsize=9, labelcolor=INK,
        )  # fmt: skip


def _told(race: Race, index: int) -> str:
    """Return the label of a runner with its outcome."""
    runner = race.runners[index]
    there = runner.descent
    label = textwrap.shorten(runner.label, 60, placeholder=" ...").replace("$", r"\$")
    if there.status == "diverged":
        return f"{label}: diverged at step {there.diverged_at:,}"
    return f"{label}: loss {there.losses[-1]:.3g}"


def _legend_columns(race: Race) -> int:
    longest = max(len(_told(race, index)) for index in range(len(race.runners)))
    return max(min(len(race.runners), 110 // (longest + 8)), 1)


def _inside(points: Any, box: Box) -> Any:
    x, y = points[:, 0], points[:, 1]
    return (x >= box.left) & (x <= box.right) & (y >= box.bottom) & (y <= box.top)
