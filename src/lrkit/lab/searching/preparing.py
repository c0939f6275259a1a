"""What can be known of a search before anything is trained: faults show here."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from lrkit.errors import SpecError
from lrkit.lab.catalog import find_factory, pick_device, task
from lrkit.lab.loop import Options
from lrkit.lab.plan import plan_of, updates_per_epoch
from lrkit.lab.searching.order import Order
from lrkit.schedules import Horizon, constant
from lrkit.search import Parameter, Point, Space

HOLDOUT = "holdout"
SHARE = 0.1
"""The share of the training data kept for choosing, where nothing else is said."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """The space of a search, and what its task says of a training.

    *horizon* is what a schedule is laid on, in the task's own batch size; *updates* and *epochs*
    are how long a training is, with as many evaluations as epochs.
    """

    order: Order
    space: Space
    horizon: Horizon
    updates: int
    epochs: int
    score_name: str
    higher_is_better: bool
    device: str

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """The direction of the score, as the search room calls it."""
        return "maximize" if self.higher_is_better else "minimize"

    def options(self, point: Point, *, chosen: bool = False) -> dict[str, Any]:
        """Return the options of the task at *point*; with *chosen* nothing is kept for choosing."""
        if self.order.holdout is None:
            return dict(point.options)
        return {**point.options, HOLDOUT: 0.0 if chosen else self.order.holdout}


def with_holdout(order: Order) -> Order:
    """Return *order* with the share of the training data that is kept for choosing.

    It is the task's option `holdout` where the order gives that, else its own *holdout*, else a
    tenth; None where the task has no such option.

    Raises `SpecError` where a share is wanted of a task that keeps none.
    """
    options = dict(order.options)
    given = options.pop(HOLDOUT, order.holdout)
    if HOLDOUT not in _options_of(order.task):
        if given:
            raise SpecError(
                f"task {order.task} keeps no share of its training data, got holdout={given}; give "
                "its factory an option `holdout`, or leave it out"
            )
        return order
    if isinstance(given, str):
        raise SpecError(f"holdout is one share for all trials, got {given!r}; write a number")
    share = SHARE if given is None else float(given)
    return msgspec.structs.replace(order, options=options, holdout=share)


def prepare(order: Order) -> Prepared:
    """Make the task once and see that the space can be laid on its horizon.

    Raises `SpecError`, `LoopError` and `DataError` for what would fail in the first trial.
    """
    order = with_holdout(order)
    space = Space.parse(order.space, options=order.options)
    canonical = msgspec.structs.replace(order, space=str(space), options=dict(space.options))
    device = pick_device(order.device)
    names = {parameter.name for parameter in space.parameters}
    fixed = {k: v for k, v in space.options.items() if k not in names}
    if order.holdout is not None:
        fixed[HOLDOUT] = order.holdout
    _check_names(order.task, space.options)
    made = task(order.task, order.seeds[0], device, **fixed)
    rules = Options(order.clip, order.accumulate, order.amp, order.per)
    plan = plan_of(made, constant(1.0), rules, total=order.total)
    space.check(plan.curve.horizon)
    return Prepared(
        canonical,
        space,
        plan.curve.horizon,
        plan.updates,
        math.ceil(plan.updates / updates_per_epoch(made, rules)),
        made.score,
        made.higher_is_better,
        device,
    )


def ranges_of(space: Space) -> tuple[Parameter, ...]:
    """Return the parameters of *space* that have more than one value."""
    return tuple(one for one in space.parameters if one.kind != "choice" or len(one.members) > 1)


def _check_names(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options the task has not, those that are ranges, too; `task` sees the fixed ones."""
    known = _options_of(name)
    if unknown := [option for option in options if known and option not in known]:
        task(name, 0, "cpu", **{unknown[0]: None})  # raises what is said of an unknown option


def _options_of(name: str) -> Mapping[str, Any]:
    """Return the options of the factory called *name*; none where it takes any, or says none."""
    try:
        parameters = inspect.signature(find_factory(name)).parameters
    except (TypeError, ValueError):
        return {}
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return {}
    return {k: p for k, p in parameters.items() if k not in ("seed", "device")}
