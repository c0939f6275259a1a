"""The rest of a curve, drawn by hand, as an edit: points where the rate should be, and when."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from lrkit.control.changes import Cooldown, Hold, Replace, Set
from lrkit.control.edits import Edit, GroupKey, number, whole
from lrkit.errors import SpecError
from lrkit.schedules import Schedule, linear, table

WAYS = ("pchip", "linear")

Points = Sequence[tuple[float, float]]


def drawn(
    points: Points,
    *,
    step: int,
    rate: float,
    end: float | None = None,
    own: float = 1.0,
    kind: str = "pchip",
    group: GroupKey | None = None,
    author: str = "",
    reason: str = "",
) -> Edit:
    """Return the edit by which a run goes through *points* from *step* on.

    - *points* are pairs (step, rate), in steps of the run's clock, rising, after *step* and up to
      *end*, the run's total (None: it has none). The curve begins at (*step*, *rate*), the rate in
      use there, or at a first point that lies at *step* itself. After the last point its rate
      holds.
    - *kind* joins them: "pchip" by a monotone cubic, which never overshoots (Fritsch and Butland
      1984), "linear" by straight pieces. Between two points both are a line.
    - *own*, above 0, is what the run multiplies schedules by (a group's own rate, `Group.own`).
    - *group*, *author* and *reason* go into the edit. For all groups the points are those of the
      first that is not at 0, and the others keep their ratio to it.

    It is the plainest edit that does it: `Set` for a jump or one straight piece, `Hold` where the
    rate stays what it is, `Cooldown` for one straight way down that ends with the run, else
    `Replace` with a table. Until *step* nothing changes, bit for bit.

    Raises `SpecError` for points that break a rule, and for a run in which nothing is left.

    >>> from lrkit.control import course
    >>> from lrkit.schedules import Horizon, cosine
    >>> edit = drawn([(60, 0.08), (100, 0.01)], step=40, rate=0.05, end=100)
    >>> print(edit)
    replace table([0.05, 0.08, 0.01], [0st, 20st, 60st], kind=pchip)
    >>> curve = course(0.1 * cosine(), [edit.stamped(40)], Horizon(100.0))
    >>> curve([40, 60, 100]).tolist()
    [0.05, 0.08, 0.01]
    >>> print(drawn([(90, 0.02)], step=40, rate=0.05, end=100))
    set 0.02 over=50st
    """
    start, rate = float(whole(step, "step")), number(rate, "rate")
    own = number(own, "own")
    if own == 0:
        raise SpecError("`own > 0` must hold, got 0: a group whose own rate is 0 stays at 0")
    if kind not in WAYS:
        raise SpecError(f"kind must be {' or '.join(map(repr, WAYS))}, got {kind!r}")
    path = _path(points, start, rate, math.inf if end is None else end)
    who = {"author": author, "reason": reason, "step": step}
    (_, first), *rest = path
    last_step, last = path[-1]
    if all(value == first for _, value in path):
        if first == rate:
            return Hold(group=group, **who)  # type: ignore[arg-type]
        return Set(first, group=group, **who)  # type: ignore[arg-type]
    over = last_step - start
    if len(rest) == 1 and first == rate and over.is_integer():
        if last_step == end and last < rate and group is None:
            return Cooldown(over, to=last, **who)  # type: ignore[arg-type]
        return Set(last, over=over, group=group, **who)  # type: ignore[arg-type]
    return Replace(_through(path, own, kind), group=group, **who)  # type: ignore[arg-type]


def _path(points: Points, start: float, rate: float, end: float) -> list[tuple[float, float]]:
    """Return *points* checked, the one at *start* included."""
    if start >= end:
        raise SpecError(f"`step < {end:g}` (the end of the run) must hold, got {start:g}")
    path = [(number(at, "a point's step"), number(value, "a point's rate")) for at, value in points]
    if not path:
        raise SpecError("a curve is drawn through points, got none; give one (step, rate) or more")
    if path[0][0] < start:
        raise SpecError(
            f"points lie at step {start:g} or after, got {path[0][0]:g}; what is done cannot be "
            "changed"
        )
    if path[-1][0] > end:
        raise SpecError(
            f"points lie within the run, which ends at {end:g}, got {path[-1][0]:g}; extend it "
            "first"
        )
    if path[0][0] > start:
        path.insert(0, (start, rate))
    for (before, _), (at, _) in itertools.pairwise(path):
        if not before < at:
            raise SpecError(f"the steps of points must rise, {at:g} follows {before:g}; sort them")
    return path


def _through(path: list[tuple[float, float]], own: float, kind: str) -> Schedule:
    """Return the schedule through *path*, its clock from 0, to be multiplied by *own*."""
    start = path[0][0]
    at = [step - start for step, _ in path]
    values = [value / own for _, value in path]
    if len(path) == 2:
        return linear(values[0], values[1], at[1])
    return table(values, at, kind=kind)
