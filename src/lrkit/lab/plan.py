"""How long a training is: its budget in updates, and its schedule on that horizon."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lrkit.drive import Scheduler
from lrkit.errors import SpecError
from lrkit.lab.contract import Task
from lrkit.lab.loop import Options, Per
from lrkit.schedules import Curve, Horizon, Schedule


@dataclass(frozen=True, eq=False)
class Plan:
    """A schedule on the clock of a training, and the number of updates the training makes."""

    curve: Curve
    updates: int
    per: Per

    def scheduler(self, task: Task) -> Scheduler:
        """Return the scheduler that drives the optimizer of *task* by this plan."""
        whole = self.curve.horizon
        total = whole.total if self.per == "epoch" else whole
        return Scheduler(task.optimizer, lr=self.curve.schedule, total=total, unit=self.per)


def plan_of(
    task: Task,
    schedule: Schedule,
    options: Options,
    *,
    epochs: int | None = None,
    total: str | float | None = None,
) -> Plan:
    """Return the plan of training *task* for *epochs*, or for *total*; see `train`.

    Raises `SpecError` for a budget that is none, and what `Schedule.over` raises.
    """
    if epochs is not None and total is not None:
        raise SpecError(f"epochs and total say the same, got {epochs} and {total!r}; give one")
    if epochs is not None and (isinstance(epochs, bool) or epochs != int(epochs) or epochs < 1):
        raise SpecError(f"epochs must be a whole number >= 1, got {epochs!r}")
    length = f"{task.epochs if epochs is None else int(epochs)}ep" if total is None else total
    updates_per_epoch = -(-task.steps_per_epoch // options.accumulate)
    samples = float(task.batch_size * options.accumulate)
    horizon = Horizon.of(length, steps_per_epoch=updates_per_epoch, batch_size=samples)
    if horizon.total is None or not math.isfinite(horizon.total):
        raise SpecError(f"a training needs an end, got total={length!r}; write e.g. '30ep'")
    updates = math.ceil(horizon.total)
    if options.per == "epoch":
        # The clock counts epochs: one step of the schedule is an epoch.
        horizon = Horizon(float(math.ceil(updates / updates_per_epoch)), steps_per_epoch=1.0)
    return Plan(schedule.over(horizon), updates, options.per)
