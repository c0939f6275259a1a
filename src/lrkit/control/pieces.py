"""The pieces that expressions of edited runs are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, cast

from lrkit.schedules import Schedule, Span, constant, table
from lrkit.schedules.combine import Product, Scale, join
from lrkit.schedules.combine import Sequence as InSequence
from lrkit.schedules.endless import Constant
from lrkit.schedules.warp import Warp


def sequence(pieces: Sequence[Schedule]) -> Schedule:
    """Return *pieces* one after the other."""
    return pieces[0] if len(pieces) == 1 else join(InSequence, *pieces)


def product(parts: Sequence[Schedule]) -> Schedule:
    """Return *parts* multiplied."""
    return parts[0] if len(parts) == 1 else join(Product, *parts)


def part(schedule: Schedule, start: float, stop: float, of: float | None) -> Schedule:
    """Return `schedule.part(start, stop, of)`; of a flat one, as long a flat one."""
    if is_flat(schedule):
        return _flat_for(schedule, stop - start)
    if isinstance(schedule, Warp) and schedule.is_part and schedule.at[1].unit == "st":
        first, last = (c.value for c in schedule.clock)
        if first + stop <= last:  # a part of a part
            whole = last if schedule.of is None else schedule.of
            return schedule.child.part(first + start, first + stop, whole)
    return schedule.part(start, stop, of=of)


def kept(schedule: Schedule, old: float, new: float) -> Schedule:
    """Return *schedule*, made for *old* steps, cut or held so as to last *new* steps."""
    if isinstance(schedule, Warp) and schedule.is_part and schedule.at[1].unit == "st":
        of = schedule.clock[1] if schedule.of is None else schedule.of
        whole = schedule.clock[0].value == 0 and of.unit == "st"
        if whole and (new <= old or old >= of.value):  # no cut lies in between: no nesting either
            return schedule.child.part(0, new, of=of)
    return schedule.part(0, new, of=old)


def is_flat(schedule: Schedule) -> bool:
    """Return whether *schedule* is one number all along."""
    if isinstance(schedule, Scale):
        return is_flat(schedule.child)
    return isinstance(schedule, Constant) and schedule.span is None


def _flat_for(schedule: Schedule, length: float) -> Schedule:
    if isinstance(schedule, Scale):
        return Scale(schedule.factor, _flat_for(schedule.child, length))
    return constant(cast(Constant, schedule).level, length)  # the other case of `is_flat`


def step_table(points: Sequence[tuple[int, float]], first: float) -> Schedule:
    """Return the steps through *points*; *first* is the value before them."""
    rows = list(points) if points[0][0] == 0 else [(0, first), *points]
    return table([value for _, value in rows], at=[at for at, _ in rows], kind="step")


def in_percent(value: Any) -> bool:
    """Return whether a schedule has a span in percent, which another total would change."""
    if isinstance(value, Span):
        return value.unit == "%"
    if isinstance(value, tuple):
        return any(map(in_percent, value))
    return is_dataclass(value) and any(in_percent(getattr(value, f.name)) for f in fields(value))
