"""The points of a curve that a hand can take hold of, and where they are for any text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrkit.errors import SpecError
from lrkit.schedules.curve import Curve
from lrkit.schedules.outline import outline
from lrkit.schedules.parser import parse
from lrkit.schedules.repeat import Repeat
from lrkit.schedules.spans import Horizon
from lrkit.schedules.tree import Array, Schedule

MAX_JOINTS = 24
"""Of a curve with more joints, these first ones are handles: a hand needs no more of a cycle."""
GRID = 513


@dataclass(frozen=True)
class Points:
    """Where the handles of a text are, *x* in steps: columns are (just before, at) the point.

    *names* are "start", "joint 1", "joint 2", ..., "end", and "peak" where the highest value is
    at none of these. *count* is of all joints, *repeats* says that there are cycles.
    """

    names: tuple[str, ...]
    x: Array
    y: Array
    total: float
    repeats: bool
    count: int

    @property
    def inner(self) -> int:
        """How many of the joints are handles."""
        return sum(name.startswith("joint") for name in self.names)

    @property
    def top(self) -> float:
        """The highest value at a handle, 1 where all are 0; what others are small against."""
        return float(np.nanmax(self.y)) or 1.0


def read_points(text: str, horizon: Horizon) -> Points:
    """Return where the handles of *text* are; `SpecError` for no schedule, or one without room."""
    return _points(_curve(text, horizon), None)


def points_of(text: str, horizon: Horizon, like: Points) -> Points | None:
    """Return where the handles of *like* are for *text*, or None where a hand has gone too far."""
    try:
        return _points(_curve(text, horizon), like)
    except SpecError:
        return None


def _curve(text: str, horizon: Horizon) -> Curve:
    return parse(text[: outline(text).stop] if "|" in text else text).over(horizon)


def _points(curve: Curve, like: Points | None) -> Points:
    total = curve.total
    if not np.isfinite(total):
        raise SpecError(f"`{curve.schedule}` has no end; pass total to over()")
    joints, end = curve.joints, min(curve.end, total)
    repeats = like.repeats if like else _repeats(curve.schedule)
    wanted = like.inner if like else min(len(joints), MAX_JOINTS)
    if like and len(joints) != like.count and not repeats:
        raise SpecError(f"{like.count} joints were there, {len(joints)} are left; drag less far")
    # Of cycles that are drawn out the last ones leave the horizon: they are nowhere, NaN.
    x = np.full(wanted + 2, np.nan)
    known = np.array(joints[:wanted], dtype=np.float64)
    x[0], x[1 : 1 + len(known)], x[wanted + 1] = 0.0, known, end
    y = np.full((wanted + 2, 2), np.nan)
    there = np.isfinite(x)
    before = x[there].copy()
    before[1:-1] = np.nextafter(before[1:-1], 0)
    y[there] = np.stack([curve(before), curve(x[there])], axis=1)
    names = ["start", *(f"joint {i + 1}" for i in range(wanted)), "end"]
    if like is None or "peak" in like.names:
        grid = np.linspace(0, total, GRID)
        values = curve(grid)
        top = int(values.argmax())
        if like or values[top] > y.max() * (1 + 1e-3):
            names.append("peak")
            x = np.append(x, grid[top])
            y = np.vstack([y, [values[top]] * 2])
    return Points(tuple(names), x, y, total, repeats, len(joints))


def _repeats(schedule: Schedule) -> bool:
    return isinstance(schedule, Repeat) or any(map(_repeats, schedule.children))
