"""What pictures of descents share: what of a path is seen, heights, colours of rates, charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lrkit.landscape.descent import Descent
from lrkit.landscape.races import Race
from lrkit.landscape.surface import Box, Grid
from lrkit.landscape.tape import Array
from lrkit.plots import Chart, Line

# Dark violet to yellow-orange: the part of plasma (Smith and van der Walt, 2015) that shows on a
# light ground; it rises evenly in lightness, for any colour vision.
RATE_COLOURS: Final = ("#3B0F70", "#7E24A6", "#B5367A", "#E2574C", "#F48849", "#FDB32F")
# The ground: low is deep, high is pale, and any path stands out from it.
GROUND: Final = ("#B9CDE0", "#CEDCE9", "#E1E9F1", "#EFF3F8", "#F9FBFD")
FAR: Final = 3.0  # views beyond which a path is not drawn
HIGH: Final = 1e4  # starts: a loss above is not drawn
LOW: Final = 16  # decades: a float has no more
NEAR: Final = 2e-3  # of the view: points closer than this are one


@dataclass(frozen=True, eq=False)
class Trail:
    """The part of a path that is seen: points (n, 2), the step of each, and the rate that left it.

    *ended* is whether the trail breaks off where the path diverged or left the picture for good.
    """

    points: Array
    steps: Array
    rates: Array
    ended: bool


def trail(descent: Descent, box: Box, until: int | None = None) -> Trail:
    """Return what is seen of *descent* up to step *until*: no points on top of each other."""
    count = len(descent.path) if until is None else min(until + 1, len(descent.path))
    path = descent.path[:count]
    centre = np.array([box.left + box.right, box.bottom + box.top]) / 2
    size = np.array([box.right - box.left, box.top - box.bottom])
    gone = np.flatnonzero((np.abs(path - centre) > FAR * size).any(axis=1))
    # A path that comes back is drawn whole; one that does not, to where it leaves.
    away = int(gone[0]) + 1 if gone.size and gone[-1] == count - 1 else count
    keep = _apart(path[:away] / size)
    rates = descent.rates[np.minimum(keep, max(len(descent.rates) - 1, 0))]
    if not len(descent.rates):
        rates = np.zeros(len(keep))
    over = descent.status == "diverged" and count == len(descent.path)
    return Trail(path[keep], descent.first + keep, rates, over or away < count)


def _apart(path: Array) -> Array:
    """Return the indices of points that are not where the last one kept is; both ends are kept."""
    kept, at = [0], path[0].tolist()
    for index, (x, y) in enumerate(path.tolist()):
        if abs(x - at[0]) > NEAR or abs(y - at[1]) > NEAR:
            kept.append(index)
            at = [x, y]
    if kept[-1] != len(path) - 1:
        kept.append(len(path) - 1)
    return np.array(kept)


def heights(grid: Grid, values: Array | None = None) -> Array:
    """Return *values* (default: the grid's) on the scale of its contours: level k is at height k.

    On this scale a ravine is no wall: equal heights are equal numbers of contour lines.
    """
    levels = grid.levels
    if len(levels) < 2:
        return np.zeros_like(grid.values if values is None else values)
    return np.interp(grid.values if values is None else values, levels, np.arange(len(levels)))


def rate_range(race: Race) -> tuple[float, float, bool]:
    """Return the least and the greatest rate of *race*, and whether a log scale shows them best."""
    rates = np.concatenate([runner.descent.rates for runner in race.runners])
    high = float(rates.max(initial=0.0)) or 1.0
    positive = rates[rates > 0]
    low = float(positive.min(initial=high))
    spread = float(np.quantile(positive, 0.25)) if positive.size else high
    if spread < high / 30:  # most of a long decay would be one colour
        return max(low, high * 1e-4), high, True
    return 0.0, high, False


def loss_chart(race: Race) -> Chart:
    """Return the losses against the step: above the known minimum, where that is one number.

    The axis is logarithmic where all are positive; a loss far above the start ends its line, for
    what diverges would hide all else.
    """
    known = min((minimum.value for minimum in race.function.minima), default=0.0)
    columns = [runner.descent.losses for runner in race.runners]
    above = known if min(float(column.min()) for column in columns) >= known else 0.0
    top = HIGH * max(float(column[0]) - above for column in columns)
    lines = []
    for runner, column in zip(race.runners, columns, strict=True):
        heights = column - above
        shown = np.where(heights <= top, heights, np.nan) if top > 0 else heights
        lines.append(Line(runner.label, runner.descent.first + np.arange(len(column)), shown))
    log = top > 0 and min(float(column.min()) for column in columns) >= above
    label = "loss" if abs(above) < 1e-12 else "loss above the minimum"
    return Chart(lines, "step", label, log=log, decades=LOW)


def rate_chart(race: Race) -> Chart:
    """Return the rates against the step; with the limits where the function has one curvature.

    The limits, one for each kind of optimizer, come after the lines of the runners (see
    `largest_rate`); optimizers that scale their steps have none.
    """
    lines = []
    for runner in race.runners:
        there = runner.descent
        rates = there.rates if len(there.rates) else np.zeros(1)
        lines.append(Line(runner.label, there.first + np.arange(len(rates)), rates))
    most = max(float(line.x[-1]) for line in lines)
    for limit, formula in limits(race):
        label = f"{formula} = {limit:.4g}"
        lines.append(Line(label, [0.0, max(most, 1.0)], [limit, limit]))
    return Chart(lines, "step", "learning rate")


def limits(race: Race) -> list[tuple[float, str]]:
    """Return the largest rates of the optimizers of *race* and their formulas, each once."""
    return sorted({runner.limit for runner in race.runners if runner.limit is not None})


def title(race: Race) -> str:
    """Return a heading for a picture of *race*."""
    function = race.function
    name = function.name or function.text
    knobs = ", ".join(f"{knob.name} = {knob.value:g}" for knob in function.knobs)
    first = race.runners[0]
    made = f"{first.optimizer}, {first.schedule}" if len(race.runners) == 1 else ""
    noise = f"noise {race.noise:g}, seed {race.seed}" if race.noise else ""
    told = [f"{name} ({knobs})" if knobs else name, made, noise]
    return ": ".join(filter(None, [told[0], ", ".join(filter(None, told[1:]))]))
