"""How long a training is: its budget in updates, and its schedule on that horizon."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lrkit.control import Controller, Edit
from lrkit.drive import Scheduler
from lrkit.errors import SpecError
from lrkit.lab.contract import Task
from lrkit.lab.hands import by_hand
from lrkit.lab.loop import Options, Per
from lrkit.lab.stages import Ask
from lrkit.records import Journal
from lrkit.schedules import Curve, Horizon, Schedule, SpanLike, as_span


@dataclass(frozen=True, eq=False)
class Plan:
    """A schedule on the clock of a training, and the number of updates the training makes.

    *length* is the horizon in updates; that of *curve* is in epochs when *per* is "epoch".
    """

    curve: Curve
    updates: int
    per: Per
    length: Horizon
    controllers: tuple[Controller, ...] = field(default=())

    def scheduler(self, task: Task, journal: Journal | Path | None = None) -> Scheduler:
        """Return the scheduler that drives the optimizer of *task* by this plan.

        With *journal* it takes in the letters of that run and writes down the edits.

        The schedule is the rate of the first group that has one; groups built with another rate
        keep their ratio to it.
        """
        whole = self.curve.horizon
        driven = _driven(self.curve.schedule, [float(g["lr"]) for g in task.optimizer.param_groups])
        return Scheduler(
            task.optimizer,
            lr=driven.get("lr"),
            scale=driven.get("scale"),
            total=whole.total if self.per == "epoch" else whole,
            unit=self.per,
            controllers=self.controllers,
            run=journal,
        )

    def groups(self, task: Task) -> list[dict[str, Any]] | None:
        """Return what a journal's header says of the parameter groups; None where one is all."""
        rows = task.optimizer.param_groups
        if len(rows) == 1:
            return None
        owns = [float(group["lr"]) for group in rows]
        driven = _driven(self.curve.schedule, owns)
        schedule = next(iter(driven.values())).to_dict()
        return [
            {
                "name": group.get("name"),
                "own": own if "scale" in driven else None,
                "schedule": schedule,
            }
            for group, own in zip(rows, owns, strict=True)
        ]


def plan_of(
    task: Task,
    schedule: Schedule,
    options: Options,
    *,
    epochs: int | None = None,
    total: str | float | None = None,
    controllers: Sequence[Controller] = (),
) -> Plan:
    """Return the plan of training *task* for *epochs*, or for *total*; see `train`.

    Raises `SpecError` for a budget that is none, and what `Schedule.over` raises.
    """
    if epochs is not None and total is not None:
        raise SpecError(f"epochs and total say the same, got {epochs} and {total!r}; give one")
    if epochs is not None and (isinstance(epochs, bool) or epochs != int(epochs) or epochs < 1):
        raise SpecError(f"epochs must be a whole number >= 1, got {epochs!r}")
    length = f"{task.epochs if epochs is None else int(epochs)}ep" if total is None else total
    horizon = horizon_of(task, options, length)
    if horizon.total is None or not math.isfinite(horizon.total):
        raise SpecError(f"a training needs an end, got total={length!r}; write e.g. '30ep'")
    return planned(schedule, options, horizon, math.ceil(horizon.total), controllers)


def horizon_of(task: Task, options: Options, total: str | float | None = None) -> Horizon:
    """Return the horizon of *total* in updates of *task*."""
    return Horizon.of(
        total,
        steps_per_epoch=updates_per_epoch(task, options),
        batch_size=float(task.batch_size * options.accumulate),
    )


def updates_per_epoch(task: Task, options: Options) -> int:
    """Return how many updates an epoch of *task* has."""
    return -(-task.steps_per_epoch // options.accumulate)


def planned(
    schedule: Schedule,
    options: Options,
    length: Horizon,
    updates: int,
    controllers: Sequence[Controller] = (),
) -> Plan:
    """Return the plan of *updates* updates on the horizon *length*."""
    horizon = length
    if options.per == "epoch":
        # The clock counts epochs: one step of the schedule is an epoch.
        epochs = math.ceil(updates / (length.steps_per_epoch or 1.0))
        horizon = Horizon(float(epochs), steps_per_epoch=1.0)
    return Plan(schedule.over(horizon), updates, options.per, length, tuple(controllers))


def _driven(schedule: Schedule, own: Sequence[float]) -> dict[str, Schedule]:
    """Return *schedule* as `Scheduler` takes it for groups with rates of their *own*."""
    lead = next((rate for rate in own if rate > 0), 0.0)
    if all(rate == lead for rate in own):
        return {"lr": schedule}
    return {"scale": schedule if lead == 1 else (1 / lead) * schedule}


def stage_of(stage: SpanLike | None, plan: Plan, ask: Ask | None) -> float | None:
    """Return the updates in a *stage* of *plan*, None for None; `SpecError` for less than 1."""
    if stage is None:
        return None
    if ask is None:
        raise SpecError(f"a stage ends with a question, stage={stage!r} needs ask; leave it out")
    found = plan.length.steps(as_span(stage, "stage"))
    if found < 1:
        raise SpecError(f"`stage >= 1 update` must hold, got {stage!r}, which is {found:g}")
    return found


def resolved(edits: Sequence[tuple[SpanLike, Edit]], plan: Plan) -> list[Edit]:
    """Return *edits*, each with the moment for it, with the steps of those moments.

    Raises `SpecError` for a moment that is no whole step of *plan* or after its end.
    """
    found: list[Edit] = []
    horizon = plan.curve.horizon
    for at, edit in edits:
        step = horizon.steps(as_span(at, "the moment of an edit"))
        if step != int(step) or not 0 <= step < math.ceil(horizon.total or math.inf):
            raise SpecError(
                f"an edit is made at a whole step before the end ({horizon.total:g}), "
                f"{str(edit)!r} is to be made at {at} ({step:g}); move it"
            )
        found.append(by_hand(edit.stamped(int(step)), f"planned-{len(found)}"))
    return found
