"""The edits that change the rate, or how long the run is.

Choices that other tools make differently, or not at all:

- *Scales* stay for the rest of the run and multiply with the scales before them. While the rate is
  held they move the level too, so that "half of it" always means half of what is in use now. A
  scale that takes its time is a factor of its own: another one on top of it does not stop it.
- *Set and hold* take over until *release*, which hands back to the schedule at its own clock (not
  at the value where it was left), with the scales still on it. Released in the middle of a ramp,
  the rate goes back at once.
- *Cooldown and replace* put another schedule in the place of what there was: the scales end, and
  so does what was set or held, because the numbers of the new schedule are meant as they stand.
  `Release` does not call them off, there is nothing left to release to; `Replace` does.
- *Extend* moves the end of the run and spreads the schedule's clock; what was scaled, set or held
  stays so. Ramps and cooldowns by hand that are under way: a ramp keeps its pace, because it is
  counted in updates; a cooldown is the schedule by then, and is stretched as one.
- What comes at or after the end of a run that has a total changes no rate (the last value holds);
  only a cooldown and an extension make the run longer.
- Spans of edits begin and end between two updates: a part of an update counts as one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from lrkit.control.edits import Edit, PerGroup, floors, kind_of_edit, length, number
from lrkit.errors import SpecError
from lrkit.schedules import (
    Schedule,
    Span,
    SpanLike,
    as_span,
    cosine,
    from_dict,
    linear,
    one_minus_sqrt,
    parse,
)

if TYPE_CHECKING:
    from lrkit.control.fold import Fold

SHAPES: dict[str, Callable[[float, float, int], Schedule]] = {
    "linear": linear,
    "cosine": cosine,
    "one_minus_sqrt": one_minus_sqrt,
}
WAYS = ("stretch", "keep")


@kind_of_edit
@dataclass(frozen=True)
class Scale(Edit):
    """Multiply the rate by *factor*, finite and >= 0, for the rest of the run.

    With *over*, a span, the factor goes from 1 to *factor* in a straight line over it. With
    *floor* (a number >= 0, or one by group name or index) a cut stops there: the rate becomes
    max(rate * factor, floor) at the step of the edit, and keeps that ratio to the schedule from
    then on. With *eps* a cut that would change the rate by no more than eps is dropped. Both are
    looked at per group, and only for cuts (*factor* < 1).

    >>> from lrkit.control import effective
    >>> from lrkit.schedules import constant
    >>> effective(constant(0.1), [Scale(0.01, floor=0.02, step=5)]).over(10)([4, 5]).tolist()
    [0.1, 0.02]
    >>> print(effective(constant(0.1), [Scale(0.5, over=200, step=1200)]))
    constant(0.1) * (hold(1200st) >> linear(1, 0.5, 200st))

    Source: floor and eps as in torch's ReduceLROnPlateau (min_lr, eps).
    """

    word = "scale"

    factor: float
    over: Span | None = field(default=None, kw_only=True)
    floor: float | PerGroup = field(default=0.0, kw_only=True)
    eps: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "factor", number(self.factor, "factor"))
        object.__setattr__(self, "over", length(self.over, "over"))
        object.__setattr__(self, "eps", number(self.eps, "eps"))
        object.__setattr__(self, "floor", floors(self.floor))
        if self.factor >= 1 and self.floor:
            raise SpecError(
                f"a floor is for cuts, `factor < 1` must hold, got {self.factor:g}; leave floor out"
            )

    def on(self, fold: Fold, step: int) -> Fold:
        over = fold.updates(self.over, "over")
        if self.factor >= 1 or not (self.floor or self.eps):
            return fold.scaled(step, self.factor, over)
        if not isinstance(self.floor, float):
            raise SpecError("a floor by group needs to know its group; call share_out() first")
        old = fold.rate(step)
        new = max(old * self.factor, self.floor)
        if old - new <= self.eps:
            return fold
        if new == old * self.factor:
            return fold.scaled(step, self.factor, over)
        return fold.scaled(step, _at_least(new, old), over, floor=self.floor)

    def for_group(self, name: str | None, index: int) -> Scale:
        """Return the edit with the floor that it has for one group; 0 where it names none."""
        if isinstance(self.floor, float):
            return self
        own = [value for key, value in self.floor if key in (name, index)]
        return replace(self, floor=own[0] if own else 0.0)


@kind_of_edit
@dataclass(frozen=True)
class Set(Edit):
    """Take over: the rate is *value*, finite and >= 0, until `Release`.

    With *over*, a span, it goes there in a straight line from the rate at the step of the edit.
    For all groups at once, *value* is the rate of the first group that is not at 0, and the others
    keep their ratio to it.
    """

    word = "set"

    value: float
    over: Span | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "value", number(self.value, "value"))
        object.__setattr__(self, "over", length(self.over, "over"))

    def on(self, fold: Fold, step: int) -> Fold:
        return fold.taken(step, self.value, fold.updates(self.over, "over"))


@kind_of_edit
@dataclass(frozen=True)
class Hold(Edit):
    """Take over: the rate stays what it would be at the step of the edit, until `Release`."""

    word = "hold"

    def on(self, fold: Fold, step: int) -> Fold:
        return fold.held(step)


@kind_of_edit
@dataclass(frozen=True)
class Release(Edit):
    """Hand back to the schedule, at its own clock and with the scales so far; ends set and hold."""

    word = "release"

    def on(self, fold: Fold, step: int) -> Fold:
        return fold.released(step)


@kind_of_edit
@dataclass(frozen=True)
class Cooldown(Edit):
    """Go from the rate in use to *to* over *over*, a span, and end the run there.

    *shape* is "linear", "cosine" or "one_minus_sqrt"; *to* is a rate >= 0, at most the one in use.
    All groups go down together: for several, *to* is that of the first group that is not at 0, and
    the others keep their ratio to it.

    >>> from lrkit.control import course
    >>> from lrkit.schedules import Horizon, warmup
    >>> c = course(0.1 * warmup("5ep"), [Cooldown("2ep", step=1200)], Horizon(2400.0, 100.0))
    >>> print(c.schedule)
    (0.1 * warmup(5ep)).part(0, 1200, of=2400) >> linear(0.1, 0, 200st)
    >>> c.total
    1400.0
    """

    word = "cooldown"
    run_wide = True

    over: SpanLike
    to: float = field(default=0.0, kw_only=True)
    shape: str = field(default="linear", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.over is None:
            raise SpecError("a cooldown needs a span, as in Cooldown('20%'); got none")
        object.__setattr__(self, "over", length(self.over, "over"))
        object.__setattr__(self, "to", number(self.to, "to"))
        if self.shape not in SHAPES:
            raise SpecError(f"shape must be one of {', '.join(SHAPES)}, got {self.shape!r}")

    def on(self, fold: Fold, step: int) -> Fold:
        rate, over = fold.rate(step), fold.updates(as_span(self.over), "over") or 1
        if self.to > rate:
            raise SpecError(
                f"a cooldown goes down, `to <= {rate:g}` (the rate at step {step}) must hold, got "
                f"{self.to:g}; to go up use Set({self.to:g}, over=...)"
            )
        return fold.followed_by(step, SHAPES[self.shape](rate, self.to, over), step + over)


@kind_of_edit
@dataclass(frozen=True)
class Extend(Edit):
    """Give the run another *total*, a span from its very beginning, longer or shorter.

    *how* "stretch" spreads what is left of the schedule over what is left of the run now, so the
    rate neither jumps nor rises again; "keep" leaves the curve as it is: cut, or its last value
    held, and a schedule that has no end of its own goes on. `total > step` must hold.
    """

    word = "extend"
    run_wide = True

    total: SpanLike
    how: str = field(default="stretch", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "total", as_span(self.total, "total"))
        if self.how not in WAYS:
            raise SpecError(f"how must be {' or '.join(map(repr, WAYS))}, got {self.how!r}")

    def on(self, fold: Fold, step: int) -> Fold:
        total = fold.steps(as_span(self.total), "total")
        if total <= step:
            raise SpecError(
                f"`total > {step}` (the step of the edit) must hold, got {total:g}; to end the run "
                "now use Stop()"
            )
        return fold.extended(step, total, self.how == "stretch")


@kind_of_edit
@dataclass(frozen=True)
class Replace(Edit):
    """From its step on follow *schedule* over what is left of the run, its clock from 0.

    *schedule* is a schedule or its text; its percentages are of what is left. Where the rates of
    the groups differ, they keep the ratio they have at that step.

    >>> from lrkit.control import effective
    >>> from lrkit.schedules import cosine
    >>> horizon = cosine().over(1000).horizon
    >>> print(effective(cosine(), [Replace("0.1 * hold()", step=400)], horizon))
    cosine().part(0, 400, of=1000) >> 0.1 * hold()
    """

    word = "replace"

    schedule: Schedule | str | Mapping[str, Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.schedule
        if isinstance(given, str):
            given = parse(given)
        elif isinstance(given, Mapping):
            given = from_dict(given)
        if not isinstance(given, Schedule):
            raise SpecError(f"a schedule or its text is needed, got {given!r:.80}")
        object.__setattr__(self, "schedule", given)

    @property
    def new(self) -> Schedule:
        """The schedule to follow."""
        return cast(Schedule, self.schedule)  # __post_init__ has made it one

    def on(self, fold: Fold, step: int) -> Fold:
        return fold.replaced(step, self.new)


def _at_least(new: float, old: float) -> float:
    """Return new / old, rounded so that the product with *old* is not below *new*."""
    factor = new / old
    while factor * old < new:
        factor = math.nextafter(factor, math.inf)
    return factor
