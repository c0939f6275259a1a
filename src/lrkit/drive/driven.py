"""A schedule as a run follows it: on its horizon, and with a clock that a resume may stretch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lrkit.control import Extend
from lrkit.errors import SpecError
from lrkit.schedules import Curve, Horizon, Schedule, constant, from_dict, parse
from lrkit.schedules.warp import stretched

Array: TypeAlias = NDArray[np.float64]
SpecLike: TypeAlias = Schedule | Curve | str | float
HORIZON = ("total", "steps_per_epoch", "batch_size", "tokens_per_step")
SAMPLES = 4097


@dataclass(frozen=True)
class Stretch:
    """From step *start* on, the clock runs so as to reach the end at step *end*."""

    start: float
    end: float


@dataclass(frozen=True)
class Driven:
    """What a run follows: *curve* as declared, read on the clock of *origin* once stretched.

    A stretch leaves the past as it was and spreads what was left of the curve over the steps that
    are left now, so the rate neither jumps at the resume nor rises again.
    """

    curve: Curve
    origin: Curve | None = None
    stretches: tuple[Stretch, ...] = field(default=())

    @cached_property
    def followed(self) -> Curve:
        """What it follows as one schedule on its horizon, the stretches in it."""
        if self.origin is None:
            return self.curve
        schedule, total = self.origin.schedule, self.origin.total
        for stretch in self.stretches:
            schedule = stretched(schedule, stretch.start, total, stretch.end)
            total = stretch.end
        # In the units it was declared in: another batch size must not change what has been.
        return Curve(schedule, replace(self.origin.horizon, total=self.curve.total))

    @cached_property
    def extensions(self) -> tuple[Extend, ...]:
        """The stretches as edits: where there are others too, they act in the order of time."""
        return tuple(Extend(s.end, step=int(s.start), author="resume") for s in self.stretches)

    def values(self, t: Array) -> Array:
        """Return the values at steps *t*."""
        return self.followed(t)

    def at(self, t: float) -> float:
        """Return the value at step *t*, bit for bit that of `values`."""
        return float(self.values(np.array([t], dtype=np.float64))[0])

    @property
    def total(self) -> float:
        """The number of steps it is meant for; infinite when it has no end."""
        return self.curve.total

    @property
    def end(self) -> float:
        """The step after which it has nothing to say; infinite where it always has."""
        return end_of_curve(self.curve)

    def stretched(self, curve: Curve, step: int) -> Driven:
        """Return it with what is left after *step* spread over what is left of *curve*."""
        origin = self.curve if self.origin is None else self.origin
        if not (math.isfinite(origin.total) and math.isfinite(curve.total)):
            raise SpecError(
                "resume='stretch' needs a total on both sides, got "
                f"{origin.total:g} and {curve.total:g} steps; use resume='new'"
            )
        if curve.total <= step:
            raise SpecError(
                f"resume='stretch' needs steps that are left, got a total of {curve.total:g} "
                f"at step {step}; raise total, or use resume='keep'"
            )
        return Driven(curve, origin, (*self.stretches, Stretch(step, curve.total)))

    def same_as(self, other: Driven) -> bool:
        """Return whether *other* is declared to give the same values for as long.

        A horizon that differs in a number which the schedule does not use makes no difference.
        """
        mine, its = self.curve, other.curve
        if mine.schedule != its.schedule or mine.total != its.total:
            return False
        if mine.horizon == its.horizon or math.isinf(mine.total):
            return mine.horizon == its.horizon
        t = np.linspace(0.0, mine.total, SAMPLES)
        return mine.joints == its.joints and bool(np.array_equal(mine(t), its(t)))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "schedule": self.curve.schedule.to_dict(),
            "horizon": _horizon_dict(self.curve.horizon),
            "origin": None if self.origin is None else _horizon_dict(self.origin.horizon),
            "stretches": [[s.start, s.end] for s in self.stretches],
        }


def end_of_curve(curve: Curve) -> float:
    """Return where *curve* ends; infinite where it has no end.

    It has none either where nobody said how long it is for, and it ends at its peak: a warm-up.
    """
    if curve.horizon.total is not None or math.isinf(curve.total):
        return curve.total
    values = curve(np.linspace(0.0, curve.total, SAMPLES))
    return math.inf if values[-1] >= values.max() else curve.total


def driven_from_dict(data: Mapping[str, Any]) -> Driven:
    """Return what `Driven.to_dict` wrote."""
    schedule = from_dict(data["schedule"])
    origin = data["origin"]
    return Driven(
        schedule.over(Horizon(**data["horizon"])),
        None if origin is None else schedule.over(Horizon(**origin)),
        tuple(Stretch(float(s[0]), float(s[-1])) for s in data["stretches"]),
    )


def as_driven(value: SpecLike, horizon: Horizon, what: str) -> Driven:
    """Return a schedule, its text, a number or a curve as what a run follows.

    A curve has a horizon of its own; everything else is placed on *horizon*.
    """
    if isinstance(value, Curve):
        return Driven(value)
    if isinstance(value, str):
        value = parse(value)
    elif not isinstance(value, Schedule):
        if isinstance(value, bool) or not hasattr(value, "__float__"):
            raise SpecError(
                f"{what} must be a schedule, its text, a number or a curve, got {value!r}; "
                "a function goes in from_function(f)"
            )
        value = constant(float(value))
    return Driven(value.over(horizon))


def _horizon_dict(horizon: Horizon) -> dict[str, float | None]:
    return {name: getattr(horizon, name) for name in HORIZON}


def horizon_text(curve: Curve, unit: str) -> str:
    """Return the horizon of *curve* in words, for the difference that a resume prints."""
    horizon = curve.horizon
    text = f"{curve.total:.10g} {unit}s"
    if unit == "step":
        units = [(n, getattr(horizon, n)) for n in HORIZON[1:]]
        text += "".join(f", {name}={value:.10g}" for name, value in units if value is not None)
    return text
