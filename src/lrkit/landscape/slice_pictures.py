"""Stills of slices: the training over contours or a surface, and how far from the truth it is."""

from __future__ import annotations

import io
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lrkit.errors import SpecError
from lrkit.landscape.backdrop import INK, SOFT, dress, ground_3d
from lrkit.landscape.planes import Array, Slice, percent
from lrkit.landscape.scene import GROUND, RATE_COLOURS, heights
from lrkit.landscape.slice_scene import gap_chart, ground_of, notes_of, rates_of, title_of
from lrkit.landscape.surface import Grid
from lrkit.plots.style import PALETTE, library, short
from lrkit.records import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES: Final = (".png", ".svg", ".pdf")
WIDTH: Final = 8.4  # inches
LETTERS: Final = 130  # of the notes' font on the whole width
LABELLED: Final = 3  # every so many-th contour has its loss written on it
NEAR: Final = 0.02  # of the view: beginning and end closer than this are marked as one
Pixels = NDArray[np.uint8]


def draw_slice(found: Slice, path: str | os.PathLike[str], *, surface: bool = False) -> Path:
    """Draw the plane *found* to *path*, a PNG, SVG or PDF by its suffix, and return the path.

    The checkpoints of the training lie on the contours in the colours of their learning rates;
    beneath is the loss of the true weights beside that of their images on the plane, and in words
    how much the plane shows. With *surface* the height counts contours, and a thread leads from
    each image to its true loss.

    Raises `SpecError` for another suffix or a line, `DataError` when there is no level of the grid
    yet or the file cannot be written, and `LrkitError` when matplotlib is missing.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise SpecError(f"a picture's name ends in {', '.join(SUFFIXES)}, got {os.fspath(path)}")
    stage = SliceStage(found, surface=surface)
    stage.draw(len(found.way))
    out = io.BytesIO()
    matplotlib = library("matplotlib", "a picture")
    metadata = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with matplotlib.rc_context({"svg.hashsalt": "lrkit", "svg.fonttype": "path"}):
        stage.figure.savefig(out, format=suffix[1:], metadata=metadata[suffix], dpi=160)
    return write_file(path, out.getvalue())


class SliceStage:
    """A figure of a plane: the ground is drawn once, the training up to any of its checkpoints."""

    def __init__(self, found: Slice, *, surface: bool = False, width: float = WIDTH) -> None:
        if len(found.axes) != 2:
            raise SpecError("a plane has two axes, this slice is a line; draw its chart")
        self.found, self.surface = found, surface
        self.grid = ground_of(found)
        notes = "\n".join(
            "\n".join(textwrap.wrap(note, int(LETTERS * width / WIDTH))) for note in notes_of(found)
        )
        tall = 0.155 * (notes.count("\n") + 1)
        self.figure: Figure = library("matplotlib.figure", "a picture").Figure(
            figsize=(width, 0.92 * width + tall), layout="constrained", facecolor="white"
        )
        self._canvas = library("matplotlib.backends.backend_agg", "a picture").FigureCanvasAgg(
            self.figure
        )
        self._still: Any = None
        self._moving: list[Any] = []
        chart = gap_chart(found)
        rows = (3.2, 1) if chart is not None else (1,)
        places = self.figure.add_gridspec(len(rows), 1, height_ratios=rows)
        if surface:
            library("mpl_toolkits.mplot3d", "a surface")
        kind = {"projection": "3d", "computed_zorder": False} if surface else {}
        self._map: Any = self.figure.add_subplot(places[0], **kind)
        self._norm: Any = self._colours() if found.way else None
        ground_3d(self._map, self.grid) if surface else _ground(self._map, self.grid)
        self._name_axes()
        if chart is not None:
            self._gap(self.figure.add_subplot(places[1]), chart)
        self._heading = self.figure.suptitle(
            title_of(found).replace("$", r"\$"), color=INK, fontsize=11, x=0.02, ha="left"
        )
        self.figure.supxlabel(
            notes.replace("$", r"\$"), color=INK, fontsize=8, x=0.02, ha="left", linespacing=1.35
        )

    def draw(self, until: int) -> None:
        """Draw the first *until* checkpoints, in place of what was drawn before."""
        for artist in self._moving:
            artist.remove()
        self._moving = []
        if not self.found.way:
            return
        way = self.found.way[:until]
        points = np.array([w.at for w in way], dtype=np.float64)
        rates = rates_of(self.found)[:until]
        if self.surface:
            points = np.column_stack([points, self._threads(until)])
        self._path(points, rates)

    def frame(self, until: int, dpi: int) -> Pixels:
        """Return the picture with the first *until* checkpoints as pixels (rows, columns, RGBA)."""
        canvas, figure = self._canvas, self.figure
        if self._still is None:
            figure.set_dpi(dpi)
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
            canvas.draw()
            self._still = canvas.copy_from_bbox(figure.bbox)
        self.draw(until)
        canvas.restore_region(self._still)
        for artist in self._moving:
            if hasattr(artist, "do_3d_projection"):
                artist.do_3d_projection()
            artist.axes.draw_artist(artist)
        return np.array(canvas.buffer_rgba())

    def _name_axes(self) -> None:
        for name, axis in zip("xy", self.found.axes, strict=True):
            share = "" if axis.share is None else f" ({percent(axis.share)} of the movement)"
            # A surface has no room for long names: they would leave the picture.
            text = axis.label if self.surface else f"{axis.label}{share}"
            getattr(self._map, f"set_{name}label")(text, color=INK, fontsize=9)
        if self.surface:
            self._map.set_box_aspect((1, 1, 0.55), zoom=1.1)

    def _colours(self) -> Any:
        colors = library("matplotlib.colors", "a picture")
        cm = library("matplotlib.cm", "a picture")
        rates = rates_of(self.found)
        norm = colors.Normalize(0.0, float(rates.max(initial=0.0)) or 1.0, clip=True)
        scale = colors.LinearSegmentedColormap.from_list("rates", RATE_COLOURS)
        bar = self.figure.colorbar(
            cm.ScalarMappable(norm, scale), ax=self._map, shrink=0.7, aspect=24,
            pad=0.1 if self.surface else 0.02,
        )  # fmt: skip
        bar.set_label("learning rate", color=INK, fontsize=9)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, colors=INK)
        bar.ax.yaxis.set_major_formatter(lambda v, _: short(v))
        return lambda values: scale(norm(values))

    def _threads(self, until: int) -> Array:
        """Return the heights of the images, and draw the threads to the true losses."""
        way = self.found.way[:until]
        inside = heights(self.grid, _known([w.inside for w in way])) + 0.1
        true = heights(self.grid, _known([w.loss for w in way])) + 0.1
        for w, low, high in zip(way, inside, true, strict=True):
            if np.isfinite(low) and np.isfinite(high):
                self._moving += self._map.plot(
                    [w.at[0]] * 2, [w.at[1]] * 2, [low, high], color=SOFT, linewidth=0.9, zorder=5
                )
        return np.asarray(inside)

    def _path(self, points: Array, rates: Array) -> None:
        module = "mpl_toolkits.mplot3d.art3d" if self.surface else "matplotlib.collections"
        kind = "Line3DCollection" if self.surface else "LineCollection"
        lines = getattr(library(module, "a picture"), kind)
        if len(points) > 1:
            parts = np.stack([points[:-1], points[1:]], axis=1)
            for width, tone in ((3.8, "white"), (2.2, self._norm(rates[:-1]))):
                drawn = lines(parts, colors=tone, linewidths=width, zorder=6, capstyle="round")
                self._moving.append(self._map.add_collection(drawn))
        many = len(points) > 40
        columns = [points[:, k] for k in range(points.shape[1])]
        flat: dict[str, Any] = {"depthshade": False} if self.surface else {}
        self._moving.append(
            self._map.scatter(
                *columns,
                c=self._norm(rates),
                s=10 if many else 34,
                zorder=7,
                edgecolors="white",
                linewidths=0.4 if many else 1.0,
                **flat,
            )
        )
        self._mark(points)

    def _mark(self, points: Array) -> None:
        """Mark the beginning and the end, or where the training is."""
        ended = len(points) == len(self.found.way)
        marks = [(0, "s", "begin"), (len(points) - 1, "D", "end" if ended else "")]
        size = np.array([axis.high - axis.low for axis in self.found.axes])
        apart = (np.abs(points[-1] - points[0])[:2] / size).max() > NEAR
        for i, marker, text in marks if apart else marks[-1:]:
            place = [points[i : i + 1, k] for k in range(points.shape[1])]
            self._moving += self._map.plot(
                *place, marker, color=INK, markersize=7, markeredgecolor="white", zorder=8
            )
            if text and not self.surface:
                beside = (7, 5) if text == "begin" else (8, -11)
                offset: dict[str, Any] = {"textcoords": "offset points", "xytext": beside}
                label = text if apart else "begin and end"
                self._moving.append(
                    self._map.annotate(label, points[i], color=INK, fontsize=8, zorder=9, **offset)
                )

    def _gap(self, axes: Any, chart: Any) -> None:
        dress(axes, chart)
        axes.set_title("loss", color=INK, fontsize=9, loc="left")
        for index, line in enumerate(chart.lines):
            good = np.isfinite(line.y) & ((line.y > 0) | (not chart.log))
            axes.plot(
                line.x, np.where(good, line.y, np.nan), color=PALETTE[index].light, linewidth=1.6,
                linestyle="-" if index == 0 else (0, (5, 2)), marker="o", markersize=3,
                label=line.label,
            )  # fmt: skip
        # Above the axes: within, it would lie on the lines of some training.
        axes.legend(
            frameon=False, fontsize=8, labelcolor=INK, ncols=2,
            loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2,
        )  # fmt: skip


def _ground(axes: Any, grid: Grid) -> None:
    """Draw the contours, some with their losses, and grey where the loss is not finite."""
    colors = library("matplotlib.colors", "a picture")
    scale = colors.LinearSegmentedColormap.from_list("ground", GROUND)
    axes.set_facecolor("#DADDE1")
    levels = grid.levels
    if len(levels) > 1:
        values = np.ma.masked_invalid(grid.values)
        tones = scale(np.linspace(0, 1, len(levels) - 1))
        axes.contourf(grid.x, grid.y, values, levels=levels, colors=tones)
        drawn = axes.contour(
            grid.x, grid.y, values, levels=levels, colors="#8FA6BC", linewidths=0.6
        )
        axes.clabel(
            drawn,
            levels[1:-1:LABELLED],
            fmt=lambda v: short(float(f"{v:.3g}")),
            fontsize=7,
            colors="#5A7188",
        )
    axes.set_xlim(grid.x[0], grid.x[-1])
    axes.set_ylim(grid.y[0], grid.y[-1])
    axes.tick_params(colors=INK, labelsize=8, color=SOFT)
    axes.spines[:].set_color(SOFT)


def _known(values: list[float]) -> Array:
    found = np.array(values, dtype=np.float64)
    return np.where(np.isfinite(found), found, np.nan)
