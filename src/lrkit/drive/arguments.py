"""The scheduler's arguments, checked and put into one form."""

from __future__ import annotations

from collections.abc import Mapping

from lrkit.control import Controller, Steered, steered
from lrkit.drive.rules import RATE, ByGroup
from lrkit.errors import SpecError
from lrkit.schedules import Horizon, SpanLike

UNITS = ("step", "epoch")


def given_schedules(
    lr: ByGroup | None,
    scale: ByGroup | None,
    hyper: Mapping[str, ByGroup],
    hypers: Mapping[str, ByGroup],
) -> list[tuple[str, bool, ByGroup]]:
    """Return (hyper-parameter, relative, schedules) for all that was given."""
    given: list[tuple[str, bool, ByGroup]] = []
    if lr is not None:
        given.append((RATE, False, lr))
    if scale is not None:
        given.append((RATE, True, scale))
    for name, value in [*hyper.items(), *hypers.items()]:
        if name == RATE:
            raise SpecError("the learning rate goes in lr= or scale=, not in hyper=")
        if name in hyper and name in hypers:
            raise SpecError(f"{name!r} is given twice, in hyper= and by name; drop one")
        given.append((name, False, value))
    if not given:
        raise SpecError("a scheduler needs a schedule; pass lr=, scale= or a hyper-parameter")
    return given


def unsteered(
    value: ByGroup | Steered | None, what: str
) -> tuple[ByGroup | None, tuple[Controller, ...]]:
    """Return the schedules in *value* and the controllers that come with them."""
    if isinstance(value, Steered) or (isinstance(value, str) and "|" in value):
        both = steered(value)
        return both.schedule, both.controllers
    if isinstance(value, Mapping):
        for key, one in value.items():
            if isinstance(one, Steered) or (isinstance(one, str) and "|" in one):
                raise SpecError(
                    f"controllers steer the whole run, {what} has one for group {key!r}; pass "
                    "controllers=[...]"
                )
    return value, ()


def horizon_of(
    total: SpanLike | Horizon | None,
    unit: str,
    steps_per_epoch: float | None,
    batch_size: float | None,
    tokens_per_step: float | None,
) -> Horizon:
    """Return the horizon in calls of `step()`: updates or, with unit "epoch", epochs."""
    if unit not in UNITS:
        raise SpecError(f"unit must be 'step' or 'epoch', got {unit!r}")
    rates = {
        "steps_per_epoch": steps_per_epoch,
        "batch_size": batch_size,
        "tokens_per_step": tokens_per_step,
    }
    named = [name for name, rate in rates.items() if rate is not None]
    if isinstance(total, Horizon):
        if named:
            raise SpecError(f"a Horizon holds {named[0]} itself; leave one of the two out")
        return total
    if unit == "epoch":
        if named:
            raise SpecError(f"unit='epoch' counts epochs and has no {named[0]}; leave it out")
        return Horizon.of(total, steps_per_epoch=1)
    return Horizon.of(
        total,
        steps_per_epoch=steps_per_epoch,
        batch_size=batch_size,
        tokens_per_step=tokens_per_step,
    )
