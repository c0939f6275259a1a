"""The panel of controllers: hands them what was measured, the same on every rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat, TypeAlias

import torch.distributed as dist
from torch import Tensor

from lrkit.control import Controller, Edit, Observation, State
from lrkit.drive.rules import Plan
from lrkit.errors import LoopError, SpecError
from lrkit.schedules import Horizon

Metrics: TypeAlias = Mapping[str, SupportsFloat] | SupportsFloat


def check_controllers(given: Sequence[Controller]) -> tuple[Controller, ...]:
    """Return *given*, or raise `SpecError` for what is no controller."""
    for controller in given:
        if not isinstance(controller, Controller):
            raise SpecError(
                f"a controller has init, update and to_dict, got {controller!r}; "
                "pass for example plateau(0.1, patience=5)"
            )
    return tuple(given)


class Panel:
    """Controllers and their states, in the order given; their spans are placed on the horizon."""

    def __init__(self, plan: Plan, states: Sequence[State] | None = None) -> None:
        self.controllers = plan.controllers
        self._placed = [placed(controller, plan.horizon) for controller in plan.controllers]
        self.states: list[State] = (
            [c.init() for c in self._placed] if states is None else [dict(s) for s in states]
        )

    def read(self, metrics: Metrics) -> dict[str, float]:
        """Return *metrics* by name as floats; a bare number is the one metric that is looked for.

        Under torch.distributed this is the mean over the ranks that gave the metric, so that all
        of them decide alike; every rank has to make the call.
        """
        if isinstance(metrics, Mapping):
            named = {str(name): _number(name, value) for name, value in metrics.items()}
        else:
            named = {self._only_metric(metrics): _number("metrics", metrics)}
        return _agree(named) if self.controllers else named

    def ask(self, observation: Observation) -> list[Edit]:
        """Return the edits that the controllers answer *observation* with."""
        edits = []
        for i, controller in enumerate(self._placed):
            self.states[i], edit = controller.update(self.states[i], observation)
            if edit is not None:
                edits.append(edit)
        return edits

    def _only_metric(self, value: object) -> str:
        names = {name for c in self.controllers if (name := getattr(c, "metric", None))}
        if len(names) == 1:
            return str(names.pop())
        if not self.controllers:
            raise LoopError(
                f"step() takes metrics for controllers and there is none, got {value!r}; name it "
                "to write it down, step(metrics={'loss': x}); to go to another step call seek(t)"
            )
        raise LoopError(f"metrics must be named, as in step(metrics={{'loss': x}}), got {value!r}")


def placed(controller: Controller, horizon: Horizon) -> Controller:
    """Return *controller* with its spans as steps of *horizon*; as it is where it has none."""
    place = getattr(controller, "placed", None)
    found: Controller = controller if place is None else place(horizon)
    return found


def _number(name: object, value: Any) -> float:
    if isinstance(value, Tensor):
        value = value.detach()  # a loss as it is; torch warns where a graph hangs on the number
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise LoopError(f"the metric {name!r} must be a number, got {value!r}: {error}") from error


def _agree(named: dict[str, float]) -> dict[str, float]:
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return named
    everywhere: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everywhere, named)
    names = sorted({name for ranks in everywhere for name in ranks})
    values = {name: [ranks[name] for ranks in everywhere if name in ranks] for name in names}
    return {name: sum(found) / len(found) for name, found in values.items()}
