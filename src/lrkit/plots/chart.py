"""What is to be drawn, as values: lines over a common axis, from curves or from measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrkit.errors import SpecError
from lrkit.plots.style import PALETTE, Colour, colour, dash
from lrkit.plots.thin import sampled, thin
from lrkit.schedules import Curve

Array = NDArray[np.float64]
Drawn: TypeAlias = Literal["line", "steps", "points", "bars"]

MOST_JOINTS: Final = 12  # a line with more has none marked: the marks would be a fence
DECADES: Final = 5  # how far below its top a logarithmic axis goes; a decay to 0 has no bottom


@dataclass(frozen=True, eq=False)
class Line:
    """A labelled line through points (*x*, *y*), with a band from *low* to *high* where given.

    All are sequences of numbers of one length; NaN and infinity are gaps. *joints* are places on
    the x axis to mark softly. Raises `SpecError` for lengths that differ.

    *drawn* says how: "line"; "steps", each value held until the next point; "points"; "bars" from
    0 to x at the height y. *texts*, one for each point, are shown where the pointer is. *faint*
    puts it into the background, in grey.

    >>> Line("mean of 3 seeds", [0, 1], [2.5, 2.0], low=[2.4, 1.8], high=[2.6, 2.2]).y.tolist()
    [2.5, 2.0]
    """

    label: str
    x: Array
    y: Array
    low: Array | None
    high: Array | None
    joints: tuple[float, ...]
    drawn: Drawn
    texts: tuple[str, ...]
    faint: bool

    def __init__(
        self,
        label: str,
        x: ArrayLike,
        y: ArrayLike,
        low: ArrayLike | None = None,
        high: ArrayLike | None = None,
        joints: Iterable[float] = (),
        *,
        drawn: Drawn = "line",
        texts: Iterable[str] = (),
        faint: bool = False,
    ) -> None:
        columns = {"x": x, "y": y, "low": low, "high": high}
        for name, column in columns.items():
            array = None if column is None else np.asarray(column, dtype=np.float64)
            if array is not None and array.shape != (np.size(x),):
                raise SpecError(
                    f"the columns of a line must be flat and of one length, {label!r} has "
                    f"{np.size(x)} x and {name} of shape {array.shape}"
                )
            object.__setattr__(self, name, array)
        if (low is None) != (high is None):
            raise SpecError(f"a band needs both low and high, {label!r} has one; give the other")
        object.__setattr__(self, "label", _plain(label))
        object.__setattr__(self, "joints", tuple(joints))
        object.__setattr__(self, "drawn", drawn)
        object.__setattr__(self, "texts", tuple(map(_plain, texts)))
        object.__setattr__(self, "faint", faint)
        if self.texts and len(self.texts) != np.size(x):
            raise SpecError(
                f"a line has a text for each point or none, {label!r} has {np.size(x)} points "
                f"and {len(self.texts)} texts; give one each"
            )

    def thinned(self, points: int) -> Line:
        """Return the line with about *points* points, its highest and lowest among them."""
        keep = thin(self.y, points)
        low = None if self.low is None else self.low[keep]
        high = None if self.high is None else self.high[keep]
        return Line(
            self.label,
            self.x[keep],
            self.y[keep],
            low,
            high,
            self.joints,
            drawn=self.drawn,
            texts=[self.texts[i] for i in keep] if self.texts else (),
            faint=self.faint,
        )

    def path(self) -> tuple[Array, Array]:
        """Return the points to draw a line through: those of steps have their corners."""
        if self.drawn != "steps" or not self.x.size:
            return self.x, self.y
        return np.repeat(self.x, 2)[1:], np.repeat(self.y, 2)[:-1]


@dataclass(frozen=True, eq=False)
class Chart:
    """Lines on one pair of axes.

    *log* makes the y axis logarithmic, *xlog* the x axis. *sweep* names the parameter whose
    values the labels are; the lines then take their colours from a scale, in their order.
    *decades* is how far below its top a logarithmic y axis goes at most. *xnames* and *ynames* are
    (place, name) where an axis has names and no numbers; *notes* are (x, y, text) inside.
    """

    lines: Sequence[Line]
    xlabel: str = "step"
    ylabel: str = "learning rate"
    title: str = ""
    log: bool = False
    xlog: bool = False
    sweep: str = ""
    decades: int = DECADES
    xnames: tuple[tuple[float, str], ...] = ()
    ynames: tuple[tuple[float, str], ...] = ()
    notes: tuple[tuple[float, float, str], ...] = ()
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        if not self.lines:
            raise SpecError("a chart needs at least one line, got none; pass a curve")
        prefix = f"{self.sweep} = " if self.sweep else ""
        object.__setattr__(self, "names", tuple(prefix + line.label for line in self.lines))

    def tone(self, index: int) -> Colour:
        """Return the colour of line *index*: grey where it is in the background."""
        if self.lines[index].faint:
            return PALETTE[-1]
        front = [i for i, line in enumerate(self.lines) if not line.faint]
        return colour(front.index(index), len(front), sweep=bool(self.sweep))

    def dash(self, index: int) -> str:
        """Return the dash of line *index*."""
        front = sum(not line.faint for line in self.lines[:index])
        return "solid" if self.lines[index].faint else dash(front, sweep=bool(self.sweep))

    def thinned(self, points: int) -> Chart:
        """Return the chart with at most about *points* points a line."""
        lines = [line.thinned(points) for line in self.lines]
        return replace(self, lines=lines)

    def xlim(self) -> tuple[float, float]:
        """Return the ends of the x axis."""
        low, high = _span([line.x for line in self.lines], positive=self.xlog)
        drawn = {line.drawn for line in self.lines}
        if "bars" in drawn:
            return (0.0, 1.05 * high or 1.0)
        if self.xnames:
            return (low - 0.25, high + 0.55)  # the names inside stand to the right of their place
        if high > low and "points" in drawn:  # a point on the frame would be cut
            air = (high / low) ** 0.03 if self.xlog else 0.03 * (high - low)
            return (low / air, high * air) if self.xlog else (low - air, high + air)
        if high > low:
            return (low, high)
        return (low / 2, high * 2) if self.xlog else (low - 0.5, high + 0.5)

    def ylim(self) -> tuple[float, float]:
        """Return the ends of the y axis, with some air above; a linear axis of rates starts at 0.

        A logarithmic axis ends at the lowest positive value, or *decades* below the highest.
        """
        columns = [c for line in self.lines for c in (line.y, line.low, line.high) if c is not None]
        low, high = _span(columns, positive=self.log)
        if self.ynames:
            air = 0.6 if any(line.drawn == "bars" for line in self.lines) else 0.06 * (high - low)
            return (low - air, high + air)
        if self.log:
            low = max(low, high * 10.0**-self.decades)
            return (low / 1.3, high * 1.5)
        if low >= 0 and low < 0.5 * high:
            low = 0.0
        if high == low == 0:
            return (0.0, 1.0)
        if high == low:
            return (low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0))
        air = 0.05 * (high - low)
        return (low if low == 0 else low - air, high + air)


def curve_chart(
    curves: Mapping[str, Curve], *, log: bool = False, sweep: str = "", points: int = 2000
) -> Chart:
    """Return the chart of *curves* by label: in epochs when each knows its steps per epoch.

    Long curves are thinned to about *points* points that keep the highest and lowest rate of
    each stretch, the ends and the joints exactly.

    Raises `SpecError` for no curves and for one without an end.
    """
    if not curves:
        raise SpecError("a chart needs at least one curve, got none")
    epochs = all(curve.horizon.steps_per_epoch for curve in curves.values())
    lines = []
    for label, curve in curves.items():
        unit = float(curve.horizon.steps_per_epoch or 1) if epochs else 1.0
        x, y = sampled(curve, points)
        joints = curve.joints if len(curve.joints) <= MOST_JOINTS else ()
        lines.append(Line(str(label), x / unit, y, joints=[j / unit for j in joints]))
    return Chart(lines, "epoch" if epochs else "step", log=log, sweep=sweep)


def _plain(text: str) -> str:
    """Return *text* without what would move the terminal's cursor or break the SVG."""
    return "".join(c if c.isprintable() else " " for c in text)


def _span(columns: Sequence[Array], *, positive: bool) -> tuple[float, float]:
    """Return the lowest and highest finite (and positive) value; 0 and 1 when there is none."""
    low, high = np.inf, -np.inf
    for column in columns:
        good = column[np.isfinite(column) & (column > 0)] if positive else column
        good = good[np.isfinite(good)]
        if good.size:
            low, high = min(low, float(good.min())), max(high, float(good.max()))
    if high < low:
        return (0.1, 1.0) if positive else (0.0, 1.0)
    return low, high
