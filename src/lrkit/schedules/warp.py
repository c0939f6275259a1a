"""The combinator that reads a schedule on another clock: parts of it, and stretched ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lrkit.errors import HorizonError, SpecError
from lrkit.schedules.combine import check_tree
from lrkit.schedules.spans import Horizon, Span, SpanLike, as_span
from lrkit.schedules.tree import Array, Piece, Schedule


@dataclass(frozen=True, repr=False)
class Warp(Schedule):
    """`child` on a total of *of* steps, read where a clock through (at, clock) points."""

    child: Schedule
    at: tuple[Span, ...]
    clock: tuple[Span, ...]
    of: Span | None = None

    def __post_init__(self) -> None:
        check_tree(self)
        for name in ("at", "clock"):
            object.__setattr__(self, name, _positions(getattr(self, name), name))
        if len(self.at) != len(self.clock) or len(self.at) < 2:
            raise SpecError(
                "a clock needs as many positions in at= as in clock=, two or more, got "
                f"{len(self.at)} and {len(self.clock)}"
            )
        if self.at[0].value != 0:
            raise SpecError(f"a clock begins at step 0, `at[0] = 0` must hold, got {self.at[0]}")
        if len({a.unit for a in self.at[1:]}) == 1:
            _check_rising([a.value for a in self.at], SpecError)
        if self.of is not None:
            of = as_span(self.of, "of")
            if of.value == 0:
                raise SpecError("`of > 0` must hold, got 0; it is the total of the whole schedule")
            object.__setattr__(self, "of", None if of == self._largest() else of)

    def _largest(self) -> Span | None:
        """Return the largest position of the clock, where one unit is used throughout."""
        top = max(self.clock, key=lambda c: c.value)
        return top if all(c.unit == top.unit or c.value == 0 for c in self.clock) else None

    @property
    def children(self) -> tuple[Schedule, ...]:
        return (self.child,)

    @property
    def is_open(self) -> bool:
        return False

    @property
    def is_endless(self) -> bool:
        return False

    @property
    def is_part(self) -> bool:
        """Whether it is what `Schedule.part` makes: one stretch of the clock, at its own pace."""
        (_, length), (start, stop) = self.at[:2], self.clock[:2]
        one = len(self.at) == 2 and stop.unit == length.unit and start.unit in (stop.unit, "st")
        plain = start.unit == stop.unit or start.value == 0
        return one and plain and stop.value - start.value == length.value

    def length(self, horizon: Horizon) -> float:
        return horizon.steps(self.at[-1])

    def fit(self, horizon: Horizon, room: float) -> Piece:
        at = np.array([horizon.steps(a) for a in self.at])
        clock = np.array([horizon.steps(c) for c in self.clock])
        _check_rising(at.tolist(), HorizonError)
        total = float(clock.max()) if self.of is None else horizon.steps(self.of)
        if total == 0:
            raise HorizonError(f"`{self}` looks at step 0 alone; say of how many steps: of=...")
        inner = self.child.fit(replace(horizon, total=total), total)
        joints = _joints(at, clock, (*inner.joints, inner.length))
        return Piece(float(at[-1]), lambda t: inner.held(clock_at(at, clock, t)), joints)


def clock_at(at: Array, clock: Array, t: Array) -> Array:
    """Return the clock at steps *t*, 0 <= t: through (at, clock), straight in between.

    Where it runs at the pace of the steps, it is t plus an offset and nothing is rounded; where
    it stands, it stands exactly. After the last position it stays there.
    """
    i = np.clip(np.searchsorted(at, t, side="right") - 1, 0, len(at) - 2)
    offset, straight = clock[:-1] - at[:-1], np.diff(clock) == np.diff(at)
    if straight.all():
        now = t + offset[i]
    else:
        u = (t - at[i]) / (at[i + 1] - at[i])
        now = np.where(straight[i], t + offset[i], (1.0 - u) * clock[i] + u * clock[i + 1])
        now = np.where(clock[i] == clock[i + 1], clock[i], now)
    return np.where(t >= at[-1], clock[-1], np.maximum(now, 0.0))


def stretched(schedule: Schedule, step: float, old: float, new: float) -> Schedule:
    """Return *schedule*, made for *old* steps, with what is left at *step* spread over *new*.

    Before *step* it is *schedule* to the bit; at or after *old* there is nothing left to spread,
    and its last value holds up to *new*. `new > step` must hold.
    """
    if step >= old:
        return schedule.part(0, new, of=old)
    if step <= 0:
        return schedule.warp([0, new], [0, old])
    return schedule.warp([0, step, new], [0, step, old])


def part_of(
    schedule: Schedule, start: SpanLike, stop: SpanLike, of: SpanLike | None = None
) -> Warp:
    """Return the piece of *schedule* from *start* to *stop*; see `Schedule.part`."""
    first, last = as_span(start, "start"), as_span(stop, "stop")
    if first.value == 0:
        first = Span(0, last.unit)
    if first.unit != last.unit:
        raise SpecError(
            f"a part is given in one unit, got {first} and {last}; write both in steps, or epochs"
        )
    if not first.value < last.value:
        raise SpecError(f"`start < stop` must hold, got {first} and {last}")
    length = Span(last.value - first.value, last.unit)
    return Warp(schedule, (Span(0), length), (first, last), None if of is None else as_span(of))


def _positions(values: Sequence[SpanLike], what: str) -> tuple[Span, ...]:
    if not isinstance(values, list | tuple):
        raise SpecError(f"{what} must be a list of positions, got {values!r:.80}")
    spans = (as_span(value, f"a position in {what}") for value in values)
    return tuple(Span(0) if span.value == 0 else span for span in spans)


def _check_rising(at: list[float], error: type[SpecError]) -> None:
    if any(b <= a for a, b in itertools.pairwise(at)):
        raise error(f"the positions in at= must rise, got {', '.join(f'{a:g}' for a in at)}")


def _joints(at: Array, clock: Array, inner: tuple[float, ...]) -> tuple[float, ...]:
    """Return where the clock bends, and where it passes a joint of the child."""
    found = {float(a) for a in at[1:-1]}
    for (a0, c0), (a1, c1) in itertools.pairwise(zip(at.tolist(), clock.tolist(), strict=True)):
        low, high = min(c0, c1), max(c0, c1)
        for joint in inner:
            if low < joint < high:
                same = c1 - c0 == a1 - a0
                t = joint - (c0 - a0) if same else a0 + (joint - c0) / (c1 - c0) * (a1 - a0)
                found.add(_reached(at, clock, t, joint) if c1 > c0 else t)
    return tuple(sorted(j for j in found if 0 < j < at[-1]))


def _reached(at: Array, clock: Array, t: float, joint: float) -> float:
    """Return *t*, or the number after it at which the clock is not before *joint* any more."""
    for _ in range(4):
        if float(clock_at(at, clock, np.array([t]))[0]) >= joint:
            break
        t = math.nextafter(t, math.inf)
    return t
