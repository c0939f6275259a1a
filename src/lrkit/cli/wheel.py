"""A run as who steers it sees it: what it follows, where it is, and what an edit would do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrkit.cli.screen import remark
from lrkit.errors import DataError, SpecError

if TYPE_CHECKING:
    from lrkit.control import Edit
    from lrkit.records import Progress, Run
    from lrkit.schedules import Curve


@dataclass(frozen=True)
class Wheel:
    """A run, what it follows (None: its journal does not tell), and where it is."""

    run: Run
    course: Curve | None
    far: Progress

    @classmethod
    def of(cls, run: Run) -> Wheel:
        """Return the wheel of *run*."""
        from lrkit.records import course_of, progress_of

        # Only a journal that never said what it follows is steered unseen.
        told = run.header.get("spec") is not None or run.header.get("groups")
        course = course_of(run) if told else None
        return cls(run, course, progress_of(run, course))

    def step_of(self, at: str) -> int:
        """Return the step that *at*, a span from the beginning, means on the run's clock."""
        from lrkit.schedules import Horizon, as_span

        horizon = self.course.horizon if self.course is not None else Horizon()
        step = horizon.steps(as_span(at, "--at"))
        if step != int(step) or step < self.far.position:
            raise SpecError(
                f"`--at` must be a whole step from {self.far.position} on, which is where the run "
                f"is, got {at} ({step:g})"
            )
        return int(step)

    def check(self, edit: Edit, *, sending: bool) -> None:
        """Raise the error that the training would answer *edit* with, as far as it can be told."""
        run = self.run
        if sending and run.status not in ("running", "dead"):
            raise DataError(
                f"only a run that is going can be steered, {run.name} is {run.status}; "
                "go on with it with `lrkit train --resume`"
            )
        if self.course is None:
            remark(f"run {run.name} does not say what it follows; it judges the edit by itself")
        else:
            self.after(edit)
            self._look_at_end(edit)

    def _look_at_end(self, edit: Edit) -> None:
        from lrkit.control import Command, Cooldown, Extend

        step = self.far.position if edit.step is None else edit.step
        late = self.course is not None and step >= self.course.total
        if late and not isinstance(edit, Command | Cooldown | Extend):
            raise SpecError(
                f"an edit comes before the end, which is {self.course.total:g}, "  # type: ignore[union-attr]
                f"and {str(edit)!r} would come at {step}; extend the run first"
            )

    def after(self, edit: Edit) -> Curve:
        """Return what the run follows once it has *edit*."""
        from lrkit.records import course_of

        stamped = edit if edit.step is not None else edit.stamped(self.far.position)
        return course_of(self.run, edit.group, more=[stamped])

    def rate(self, step: int) -> float | None:
        """Return the rate at *step*."""
        return None if self.course is None else self.course(step)

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
            "waiting": _waiting(self.run.folder),
        }

    def told(self) -> str:
        """Return the state as lines."""
        from lrkit.cli.frames import told

        run, rate = self.run, self.rate(self.far.position)
        rows = [("run", f"{run.name}, {run.status}" + (f": {run.reason}" if run.reason else ""))]
        unit = "epoch" if self.far.unit != 1 else "update"
        end = "" if self.course is None else f" of {self.course.total:.10g}"
        rows.append((f"next {unit}", f"{self.far.position}{end}"))
        if rate is not None:
            rows.append(("rate there", f"{rate:.10g}"))
        if self.course is not None:
            rows.append(("follows", str(self.course.schedule)))
        rows += [("edit", told(edit)) for edit in run.edits] or [("edits", "none")]
        rows += [("refused", f"{e.get('letter')}: {e.get('reason')}") for e in run.refused]
        rows += [("waiting", letter) for letter in _waiting(run.folder)]
        return "\n".join(f"{label:<12} {text}" for label, text in rows)


def _waiting(folder: Path) -> list[str]:
    """Return the letters in the inbox of the run in *folder*, which were not taken yet."""
    from lrkit.records import Inbox

    return [letter.id for letter in Inbox(folder).poll()]
