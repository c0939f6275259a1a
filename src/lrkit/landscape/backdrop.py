"""What does not move in a picture of descents: contours, the surface, the axes of charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lrkit.landscape.scene import GROUND, heights
from lrkit.landscape.surface import Box, Grid
from lrkit.plots import Chart
from lrkit.plots.style import library, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK: Final = "#24292F"
SOFT: Final = "#8C959F"


def ground(axes: Axes, grid: Grid, box: Box) -> None:
    """Draw the contours of *grid*."""
    colors = library("matplotlib.colors", "a picture")
    scale = colors.LinearSegmentedColormap.from_list("ground", GROUND)
    if len(levels := grid.levels) > 1:
        tones = scale(np.linspace(0, 1, len(levels) - 1))
        axes.contourf(grid.x, grid.y, grid.values, levels=levels, colors=tones)
        axes.contour(grid.x, grid.y, grid.values, levels=levels, colors="#8FA6BC", linewidths=0.5)
    axes.set_xlim(box.left, box.right)
    axes.set_ylim(box.bottom, box.top)
    axes.set_xlabel("x", color=INK)
    axes.set_ylabel("y", color=INK, rotation=0, labelpad=10)
    axes.tick_params(colors=INK, labelsize=8, color=SOFT)
    axes.spines[:].set_color(SOFT)


def ground_3d(axes: Any, grid: Grid) -> None:
    """Draw the surface of *grid*; its height counts contours."""
    colors = library("matplotlib.colors", "a picture")
    scale = colors.LinearSegmentedColormap.from_list("ground", ("#5E8AB5", *GROUND))
    x, y = np.meshgrid(grid.x, grid.y)
    axes.plot_surface(
        x, y, heights(grid), cmap=scale, linewidth=0, rcount=161, ccount=161, zorder=1
    )
    axes.set_xlabel("x", color=INK)
    axes.set_ylabel("y", color=INK)
    axes.set_zticks([])
    axes.locator_params(nbins=5)
    axes.view_init(elev=42, azim=-58)
    axes.tick_params(colors=INK, labelsize=8)
    axes.set_box_aspect((1, 1, 0.55), zoom=1.05)
    axes.set_in_layout(False)  # its corners reach beyond its place, which the layout would mind


def dress(axes: Axes, chart: Chart) -> None:
    """Give *axes* the scales and labels of *chart*."""
    if chart.log:
        axes.set_yscale("log")
    axes.set_xlim(*chart.xlim())
    axes.set_ylim(*chart.ylim())
    axes.xaxis.set_major_formatter(lambda v, _: short(v))
    axes.yaxis.set_major_formatter(lambda v, _: short(v))
    axes.minorticks_off()
    axes.set_xlabel(chart.xlabel, color=INK, fontsize=9)
    axes.set_title(chart.ylabel, color=INK, fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(colors=INK, labelsize=8, color=SOFT)
    axes.grid(axis="y", color=SOFT, alpha=0.22, linewidth=0.7)
