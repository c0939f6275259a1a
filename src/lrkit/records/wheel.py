"""A run as who steers it sees it: what it follows, where it is, and what an edit would do."""

from __future__ import annotations

import getpass
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lrkit.control import Command, Cooldown, Edit, Extend, GroupKey
from lrkit.errors import DataError, SpecError
from lrkit.records.course import Group, courses_of, groups_of
from lrkit.records.inbox import Inbox, Letter
from lrkit.records.progress import Progress, progress_of
from lrkit.records.replay import Run
from lrkit.schedules import Curve, Horizon, as_span

TAKES: Final = ("running", "dead")
"""What a run is that takes edits: now, or when it is resumed."""


@dataclass(frozen=True, eq=False)
class Wheel:
    """A run, what each driven group follows (none: its journal does not tell), and where it is.

    *course* is that of the first driven group. A value: it looks at nothing but *run*.

    >>> import tempfile
    >>> from lrkit.control import Scale
    >>> from lrkit.records import Journal, replay
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> Journal.create(folder, spec="0.1 * linear()", horizon={"total": 100}).close("stopped")
    >>> wheel = Wheel.of(replay(folder))
    >>> wheel.far.position, wheel.rate(50)
    (0, 0.05)
    >>> wheel.after(Scale(0.5, step=20))(50)
    0.025
    """

    run: Run
    far: Progress
    courses: Mapping[int, Curve] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()

    @classmethod
    def of(cls, run: Run) -> Wheel:
        """Return the wheel of *run*; errors as for `course_of`."""
        # Only a journal that never said what it follows is steered unseen.
        if run.header.get("spec") is None and not run.header.get("groups"):
            return cls(run, progress_of(run, None))
        courses = courses_of(run)
        first = next(iter(courses.values()), None)
        return cls(run, progress_of(run, first), courses, tuple(groups_of(run)))

    @property
    def course(self) -> Curve | None:
        """What the first driven group follows; None where the journal does not tell."""
        return next(iter(self.courses.values()), None)

    def lead(self, step: float, group: GroupKey | None = None) -> Group | None:
        """Return the group that an edit at *step* for *group* is measured by; None where unknown.

        That is *group* itself, and for all groups (None) the first whose rate is not 0 there: the
        others keep their ratio to it. Raises `SpecError` for a group that is not driven.
        """
        if group is not None:
            for one in self.groups:
                if group in (one.index, one.name):
                    return one
            if not self.groups:
                return None
            known = ", ".join(str(one.name or one.index) for one in self.groups)
            raise SpecError(
                f"`group` must be one that run {self.run.name} drives ({known}), got {group!r}"
            )
        moving = (one for one in self.groups if self.courses[one.index](step) > 0)
        return next(moving, self.groups[0] if self.groups else None)

    def step_of(self, at: str, what: str = "at") -> int:
        """Return the step that *at*, a span from the beginning, means on the run's clock.

        *what* is what the error calls it.
        """
        horizon = self.course.horizon if self.course is not None else Horizon()
        step = horizon.steps(as_span(at, what))
        if step != int(step) or step < self.far.position:
            raise SpecError(
                f"`{what}` must be a whole step from {self.far.position} on, which is where the "
                f"run is, got {at} ({step:g})"
            )
        return int(step)

    def soon(self, seconds: float) -> int:
        """Return a step that the run reaches in *seconds* from now, at the speed it has.

        An edit made for a certain step must arrive before it. A run that does not go gives its
        next step, one that is slow the step after; never one behind the last update. Raises
        `DataError` for a run that has only just begun to go.
        """
        going = self.run.status == "running"
        if going and self.far.speed is None and len(self.run.metrics["step"]) < 2:
            raise DataError(
                f"run {self.run.name} has made no two updates yet, so where it is in {seconds:g} s "
                "cannot be told; try again in a moment"
            )
        gone = (self.far.speed or 0.0) * seconds / self.far.unit
        step = self.far.position + (max(1, math.ceil(gone)) if going else 0)
        end = math.inf if self.course is None else self.course.total
        return min(step, math.ceil(end) - 1) if math.isfinite(end) else step

    def check(self, edit: Edit, *, sending: bool) -> None:
        """Raise the error that the training would answer *edit* with, as far as it can be told.

        With *sending* also where nobody would take it: `DataError` for a run that has ended.
        """
        run = self.run
        if sending and run.status not in TAKES:
            raise DataError(
                f"only a run that is going can be steered, {run.name} is {run.status}; "
                "go on with it with `lrkit train --resume`"
            )
        if self.course is not None:
            self.after(edit)
            self._look_at_end(edit, self.course.total)

    def _look_at_end(self, edit: Edit, total: float) -> None:
        step = self.step_for(edit)
        if step >= total and not isinstance(edit, Command | Cooldown | Extend):
            raise SpecError(
                f"an edit comes before the end, which is {total:g}, "
                f"and {str(edit)!r} would come at {step}; extend the run first"
            )

    def step_for(self, edit: Edit) -> int:
        """Return the step of *edit*: its own, or the next one that the run comes to."""
        return self.far.position if edit.step is None else edit.step

    def after(self, edit: Edit) -> Curve:
        """Return what the group that *edit* is measured by follows once the run has *edit*.

        Raises `SpecError` for an edit that cannot be, and `DataError` for a run whose journal
        does not say what it follows.
        """
        lead = self._measure(edit)
        return courses_of(self.run, more=[edit.stamped(self.step_for(edit))])[lead.index]

    def before(self, edit: Edit) -> Curve:
        """Return what the same group follows as it is; errors as for `after`."""
        return self.courses[self._measure(edit).index]

    def _measure(self, edit: Edit) -> Group:
        lead = self.lead(self.step_for(edit), edit.group)
        if lead is None:
            raise DataError(
                f"run {self.run.name} does not say what it follows; nothing can be drawn"
            )
        return lead

    def rate(self, step: int, group: GroupKey | None = None) -> float | None:
        """Return the rate at *step*, of *group* or else the first; None where it is not known."""
        if group is None:
            return None if self.course is None else self.course(step)
        lead = self.lead(step, group)
        return None if lead is None else self.courses[lead.index](step)

    def waiting(self) -> tuple[Letter, ...]:
        """Return the letters in the run's inbox now, which were not taken yet."""
        return Inbox(self.run.folder).poll()

    def plain(self) -> dict[str, Any]:
        """Return the state as JSON types."""
        return {
            "format": 1,
            "run": self.run.name,
            "status": self.run.status,
            "position": self.far.position,
            "rate": self.rate(self.far.position),
            "total": None if self.course is None else self.course.total,
            "schedule": None if self.course is None else str(self.course.schedule),
            "edits": self.run.edits,
            "refused": self.run.refused,
            "waiting": [letter.id for letter in self.waiting()],
        }


def login_name() -> str:
    """Return who is at the keyboard."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return f"user {os.getuid()}"
