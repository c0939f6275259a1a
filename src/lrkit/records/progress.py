"""How far a run is, how fast it goes, and how long it still takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lrkit.records.replay import Run
from lrkit.schedules import Curve

RECENT: Final = 30.0
"""Seconds at the end of the run from which its speed is told."""


@dataclass(frozen=True)
class Progress:
    """How far a run is; None where its journal does not tell.

    *done* updates of *updates* are made, *steps_per_epoch* of them an epoch, at *speed* updates a
    second; *left* is in seconds. *unit* is the number of updates in a step of the schedule's
    clock: 1, or an epoch's where the rate is set per epoch. *position* is the step of that clock
    at which an edit made now takes effect.
    """

    done: int
    updates: int | None
    steps_per_epoch: float | None
    unit: float
    speed: float | None
    left: float | None

    @property
    def position(self) -> int:
        """The next step of the schedule's clock."""
        return math.ceil(self.done / self.unit)

    @property
    def epoch(self) -> float | None:
        """The epochs done."""
        return self.done / self.steps_per_epoch if self.steps_per_epoch else None


def progress_of(run: Run, course: Curve | None = None) -> Progress:
    """Return how far *run* is; *course* is what it follows (`course_of`), where it can be told.

    >>> import tempfile
    >>> from lrkit.records import Journal, replay
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> with Journal.create(folder) as journal:
    ...     journal.metrics(0, loss=2.5)
    >>> progress_of(replay(folder)).done
    1
    """
    steps = run.metrics["step"]
    done = max(int(steps[-1]) + 1 if len(steps) else 0, _went_on_at(run))
    declared = run.header.get("updates")
    horizon = run.header.get("horizon")
    about = horizon if isinstance(horizon, dict) else {}
    unit = clock_unit(run.header)
    updates = declared if isinstance(declared, int) else None
    if course is not None and math.isfinite(course.total):
        moved = course.total != about.get("total")
        updates = math.ceil(course.total * unit) if moved or updates is None else updates
    speed = _speed(run)
    left = None
    if run.status == "running" and updates is not None and speed:
        left = max(updates - done, 0) / speed
    return Progress(done, updates, epoch_steps(run.header), unit, speed, left)


def epoch_steps(header: Mapping[str, Any]) -> float | None:
    """Return the updates an epoch of the run with *header*, None where it does not tell.

    >>> epoch_steps({"horizon": {"total": 500, "steps_per_epoch": 50}}), epoch_steps({})
    (50.0, None)
    """
    horizon = header.get("horizon")
    per = horizon.get("steps_per_epoch") if isinstance(horizon, Mapping) else None
    return float(per * clock_unit(header)) if isinstance(per, (int, float)) and per > 0 else None


def clock_unit(header: Mapping[str, Any]) -> float:
    """Return the updates in a step of the schedule's clock of the run with *header*."""
    declared, horizon = header.get("updates"), header.get("horizon")
    total = horizon.get("total") if isinstance(horizon, Mapping) else None
    if header.get("per") == "epoch" and declared and total:
        return float(math.ceil(declared / total))
    return 1.0


def _went_on_at(run: Run) -> int:
    """Return the step that the last resume went on at, before which nothing is left to be done."""
    steps = (e.get("step") for e in reversed(run.events) if e["kind"] == "resume")
    return next((step for step in steps if isinstance(step, int)), 0)


def _speed(run: Run) -> float | None:
    """Return the updates a second over the last while; None before there are two."""
    steps, times = run.metrics["step"], run.metrics["time"]
    # A resume or a rollback starts anew: what lies before it is another sitting.
    since = max((float(e["time"]) for e in run.events if e["kind"] == "resume"), default=0.0)
    first = int((times < max(since, times[-1] - RECENT)).sum()) if len(times) else 0
    if len(times) - first < 2:
        return None
    seconds = float(times[-1] - times[first])
    return float(steps[-1] - steps[first]) / seconds if seconds > 0 else None
