"""The picture of cost against quality."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from bench._tune_methods import NAMES, OURS, REFERENCE
from bench._tune_pairs import Pair
from bench._tune_report import Judged, Ratio, logs, over_pairs, ways_of

MARKERS = "ovsD^P*Xh"


def picture(pairs: Sequence[Pair], judged: Sequence[Judged], path: Path) -> None:
    """Draw cost against quality: a panel for each pair, and one for the mean over them."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    there = ways_of(judged)
    columns = 4
    rows = -(-(len(pairs) + 1) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(3.3 * columns, 2.7 * rows + 1.0), sharex=True, squeeze=False
    )
    panels = [*axes.flat]
    _panel(
        panels[0],
        "over the pairs",
        {way: over_pairs(pairs, judged, way, REFERENCE) for way in there},
        judged,
    )
    panels[0].title.set_fontweight("bold")
    for axis, pair in zip(panels[1:], pairs, strict=False):
        ratios = {way: Ratio.of(logs(judged, pair.name, way, REFERENCE)) for way in there}
        mine = [one for one in judged if one.pair == pair.name]
        _panel(axis, f"{pair.name}{' (held out)' if pair.held_out else ''}", ratios, mine)
    for axis in panels[len(pairs) + 1 :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("error / that of the 36-grid", fontsize=8)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=5, frameon=False, fontsize=9)
    tall = figure.get_figheight()
    figure.supxlabel("cost in full runs", fontsize=10, y=0.6 / tall)
    figure.tight_layout(rect=(0, 0.5 / tall, 1, 1))
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _panel(
    axis: mpl.axes.Axes, title: str, ratios: Mapping[str, Ratio], judged: Sequence[Judged]
) -> None:
    axis.set_title(title, fontsize=9)
    for way, ratio in ratios.items():
        cost = float(np.mean([one.cost for one in judged if one.way == way]))
        _dot(axis, NAMES.index(way), way, cost, ratio)
    axis.axhline(1, color="0.6", linewidth=0.8, zorder=1)
    # A default costs nothing, which has no place on a log axis.
    axis.set_xscale("symlog", linthresh=1, linscale=0.5)
    axis.set_xticks([0, 1, 3, 9, 36], ["0", "1", "3", "9", "36"])
    axis.set_xlim(-0.35, 55)
    axis.set_yscale("log")
    # The points decide what is shown; an interval of few repetitions may reach beyond.
    shown = [ratio.middle for ratio in ratios.values()]
    low, high = min(*shown, 0.85) / 1.15, max(*shown, 1.2) * 1.15
    axis.set_ylim(low, high)
    fine = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.5, 2)
    steps = fine if high < 2.5 else (0.3, 0.5, 1, 2, 3, 5, 10, 20)
    ticks = [tick for tick in steps if low <= tick <= high]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.tick_params(labelsize=8, labelbottom=True)


def _dot(axis: mpl.axes.Axes, i: int, way: str, cost: float, ratio: Ratio) -> None:
    ours = way == OURS
    colour = "#D55E00" if ours else mpl.colormaps["viridis"](i / (len(NAMES) - 1) * 0.9)
    wide = math.isinf(ratio.high)
    ends = [[0.0], [0.0]] if wide else [[ratio.middle - ratio.low], [ratio.high - ratio.middle]]
    # Beside each other where the costs are the same.
    near = cost + (1 + cost) * 0.05 * (i % 3 - 1) if cost else cost
    axis.errorbar(
        [near],
        [ratio.middle],
        yerr=ends,
        fmt=MARKERS[i % len(MARKERS)],
        color=colour,
        markersize=8 if ours else 5.5,
        elinewidth=1,
        label=way,
        zorder=3 if ours else 2,
    )
