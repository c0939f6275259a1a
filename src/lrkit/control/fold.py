"""The fold of edits over a schedule: what a run follows, as one expression of the algebra.

The expression is built so that what has been stays as it was, bit for bit: a factor before its
step is exactly 1, and a part of a schedule is that schedule on the same clock. Positions that
edits make are whole steps, so that lengths add up without rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from lrkit.control.edits import Edit, GroupKey
from lrkit.control.pieces import in_percent, is_flat, kept, part, product, sequence, step_table
from lrkit.control.takes import FEW, Take, in_pieces, in_sum, stretches_between
from lrkit.errors import SpecError
from lrkit.schedules import Curve, Horizon, Schedule, Span, hold, linear
from lrkit.schedules.warp import stretched

NEARLY = 1 - 1e-12
"""Keeps a whole number of updates that rounding has put just above it."""


@dataclass(frozen=True)
class Ramp:
    """A factor that goes from 1 to *factor* over *over* steps from *start* on."""

    start: int
    over: int
    factor: float

    def schedule(self) -> Schedule:
        """Return it as a schedule of the factor."""
        down = linear(1.0, self.factor, self.over)
        return hold(self.start) >> down if self.start else down


@dataclass(frozen=True)
class Fold:
    """What a run follows: *done*, then from step *begin* on *base* with factors and take-overs.

    Steps in *factors* (cumulative, from each step on), *ramps* and *takes* count from *begin*.
    """

    base: Schedule
    horizon: Horizon
    done: tuple[Schedule, ...] = ()
    begin: int = 0
    factors: tuple[tuple[int, float], ...] = ()
    ramps: tuple[Ramp, ...] = ()
    takes: tuple[Take, ...] = ()

    # What it says of itself.

    def schedule(self) -> Schedule:
        """Return it as one schedule, to be placed on `horizon`."""
        return sequence([*self.done, *self._pieces(None)])

    def curve(self) -> Curve:
        """Return it placed on its horizon."""
        return Curve(self.schedule(), self.horizon)

    def rate(self, step: int) -> float:
        """Return the rate at *step*."""
        with np.errstate(over="ignore", invalid="ignore"):  # what takes it looks at it
            return self.curve()(step)

    @property
    def _room(self) -> float | None:
        """How many steps there are from `begin` to the end of the run, where it has one."""
        return None if self.horizon.total is None else self.horizon.total - self.begin

    def over_at(self, step: int) -> bool:
        """Return whether the run is over at *step*."""
        return self.horizon.total is not None and step >= self.horizon.total

    def steps(self, span: Span, what: str) -> float:
        """Return *span* in steps of this run; a percentage is of its total."""
        if span.unit == "%" and self.horizon.total is None:
            raise SpecError(
                f"{what}={span} is a part of the run's total, and this run has none; write it in "
                f"steps or epochs, as in {what}='500st'"
            )
        return self.horizon.steps(span)

    def updates(self, span: Span | None, what: str) -> int | None:
        """Return *span* in whole updates, a part of one counts as one; None for None."""
        return None if span is None else max(1, math.ceil(self.steps(span, what) * NEARLY))

    # What edits make of it.

    def scaled(self, step: int, factor: float, over: int | None, floor: float = 0.0) -> Fold:
        """Return it with *factor* on it from *step* on, no lower than *floor* at *step*."""
        if self.over_at(step):
            return self
        at = step - self.begin
        takes = self.takes
        if takes and takes[-1].end is None:
            last = takes[-1]
            new = floor if floor and last.ramp is None else None
            takes = (*takes[:-1], *last.scaled(at, factor, over, new))
        if over is not None:
            return replace(self, ramps=(*self.ramps, Ramp(at, over, factor)), takes=takes)
        made = self._with_factor(at, factor, takes)
        while floor and not made.rate(step) >= floor:
            factor = math.nextafter(factor, math.inf)  # the quotient may round to below the floor
            made = self._with_factor(at, factor, takes)
        return made

    def _with_factor(self, at: int, factor: float, takes: tuple[Take, ...]) -> Fold:
        before = self.factors
        now = (before[-1][1] if before else 1.0) * factor
        kept = before[:-1] if before and before[-1][0] == at else before
        return replace(self, factors=(*kept, (at, now)), takes=takes)

    def taken(self, step: int, level: float, over: int | None = None) -> Fold:
        """Return it with the rate at *level* from *step* on, or on its way there for *over*."""
        if self.over_at(step):
            return self
        at = step - self.begin
        ramp = None if over is None else linear(self.rate(step), level, over)
        return replace(self, takes=(*self._ended(at), Take(at, level, ramp, over or 0)))

    def held(self, step: int) -> Fold:
        """Return it with the rate kept at what it is at *step*."""
        last = self.takes[-1] if self.takes else None
        if last is not None and last.end is None and step - self.begin >= last.start + last.over:
            return self
        return self.taken(step, self.rate(step))

    def released(self, step: int) -> Fold:
        """Return it with its schedule in force again from *step* on."""
        if self.over_at(step):
            return self
        return replace(self, takes=self._ended(step - self.begin))

    def _ended(self, at: int) -> tuple[Take, ...]:
        if not self.takes or self.takes[-1].end is not None:
            return self.takes
        *others, last = self.takes
        return (*others, *([replace(last, end=at)] if last.start < at else []))

    def followed_by(self, step: int, schedule: Schedule, total: float | None) -> Fold:
        """Return what was until *step*, and then *schedule*, in a run of *total* steps."""
        before = [*self.done, *self._pieces(step - self.begin)] if step > self.begin else self.done
        end = None if total is None else float(total)
        return Fold(schedule, replace(self.horizon, total=end), tuple(before), step)

    def replaced(self, step: int, schedule: Schedule) -> Fold:
        """Return what was until *step*, and then *schedule* over what is left."""
        if self.over_at(step):
            return self
        room = None if self.horizon.total is None else self.horizon.total - step
        if step and room is not None and in_percent(schedule):
            schedule = schedule.part(0, room)  # its percentages are of what is left
        return self.followed_by(step, schedule, self.horizon.total)

    def extended(self, step: int, total: float, stretch: bool) -> Fold:
        """Return it with another total, what is left of the schedule spread over it or kept."""
        old, new, at = self._room, total - self.begin, step - self.begin
        if old is None:
            own = Curve(self.base, self.horizon).end
            old = None if math.isinf(own) else own
        if old is None and stretch:
            raise SpecError(
                f"`{self.base}` has no end, so that nothing of it can be stretched to {total:g} "
                "steps; use Extend(..., how='keep'), which gives the run an end"
            )
        base = self.base
        if stretch and old is not None and old != new and not is_flat(base):
            base = stretched(base, at, old, new)
        elif not stretch and old is not None and (in_percent(base) or not base.is_endless):
            base = kept(base, old, new)
        return replace(self, base=base, horizon=replace(self.horizon, total=total))

    # The expression.

    def _scheduled(self) -> Schedule:
        """Return the base with all that scales it."""
        parts = [self.base]
        if any(factor != 1 for _, factor in self.factors):
            parts.append(step_table(self.factors, 1.0))
        return product([*parts, *(ramp.schedule() for ramp in self.ramps)])

    def _pieces(self, until: int | None) -> list[Schedule]:
        """Return the pieces from `begin` on, up to step *until* after it where given."""
        room = self._room
        nowhere = room is None and until is None  # no part of a schedule can reach that far
        often = stretches_between(self.takes) > FEW if self.takes else False
        if self.takes and not often and not (nowhere and self.takes[-1].end is not None):
            return in_pieces(self._scheduled(), self.takes, until, room)
        if self.takes:
            ramps = [ramp.schedule() for ramp in self.ramps]
            whole = in_sum(self.base, self.factors, ramps, self.takes)
        else:
            whole = self._scheduled()
        return [whole if until is None else part(whole, 0, until, until if room is None else room)]


def fold_of(
    schedule: Schedule | Curve,
    edits: Iterable[Edit],
    horizon: Horizon | None,
    group: GroupKey | None,
) -> Fold:
    """Return the fold of the *edits* for *group* over *schedule*, in the order of their steps."""
    if isinstance(schedule, Curve):
        fold = Fold(schedule.schedule, schedule.horizon)
    else:
        fold = Fold(schedule, Horizon() if horizon is None else horizon)
    for edit in in_order(e for e in edits if e.group is None or e.group == group):
        fold = edit.on(fold, step_of(edit))
    return fold


def course(
    schedule: Schedule | Curve,
    edits: Iterable[Edit],
    horizon: Horizon | None = None,
    *,
    group: GroupKey | None = None,
) -> Curve:
    """Return what a run with *edits* follows, as a curve: one schedule, on the horizon it got.

    Every edit acts on what the edits before it left, in the order of their steps, those of one
    step in the order given; what each does stands with its class. Before the step of an edit the
    rates are to the bit those without it. Edits for other groups than *group* are left out (None:
    the edits for all groups); `share_out` gives each group its share of them. *schedule* is the
    group's own: where it was declared as a multiple of the group's rate, that rate times it.

    Raises `SpecError` for an edit without its step, or one that cannot be; `HorizonError` for a
    span that *horizon* cannot resolve.

    >>> from lrkit.control import Extend, Scale
    >>> from lrkit.schedules import Horizon, cosine
    >>> c = course(cosine(), [Scale(0.5, step=50), Extend(200, step=60)], Horizon(100.0))
    >>> print(c.schedule)
    cosine().warp(at=[0, 60, 200], clock=[0, 60, 100]) * table([1, 0.5], [0st, 50st], kind=step)
    >>> c.total, c([25, 50]).round(4).tolist()
    (200.0, [0.8536, 0.25])
    """
    return fold_of(schedule, edits, horizon, group).curve()


def effective(
    schedule: Schedule | Curve,
    edits: Iterable[Edit],
    horizon: Horizon | None = None,
    *,
    group: GroupKey | None = None,
) -> Schedule:
    """Return the schedule that a run with *edits* follows, as one expression; see `course`.

    On the horizon that `course` returns with it, it gives the rates of the run, bit for bit.
    *horizon* is needed only where an edit looks at a rate, or has a span in another unit.

    >>> from lrkit.control import Scale
    >>> from lrkit.schedules import Horizon, cosine
    >>> print(effective(0.3 * cosine(), [Scale(0.5, step=50)], Horizon(100.0)))
    0.3 * cosine() * table([1, 0.5], [0st, 50st], kind=step)
    """
    return fold_of(schedule, edits, horizon, group).schedule()


def in_order(edits: Iterable[Edit]) -> list[Edit]:
    """Return *edits* by step, those of one step in the order given."""
    return sorted(edits, key=step_of)


def step_of(edit: Edit) -> int:
    """Return the step of *edit*, or raise `SpecError` where it is not filled in."""
    if edit.step is None:
        raise SpecError(f"an edit needs its step here, got {edit!r}; use edit.stamped(step)")
    return edit.step
