"""The live display of a comparison: one bar for the whole and one for each training at work."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from lrkit.lab.bars import Bars
from lrkit.lab.engines import Event, Stepped
from lrkit.lab.jobs import Job
from lrkit.lab.result import RunResult


class Display(Bars[Path]):
    """Follows the engine; on what is no terminal it prints a line for each finished training."""

    def __init__(self, count: int, done: int, jobs: dict[Path, Job], console: Console) -> None:
        self._jobs = jobs
        self._count = count
        self._done = done
        super().__init__(console)
        self._whole = self._progress.add_task(
            "[bold]all", total=count, completed=done, unit="trainings", state=""
        )

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(text, markup=False, highlight=False)

    def look(self, event: Event) -> None:
        """Bring the bar of a training up to date."""
        if not isinstance(event, Stepped):
            return
        folder = event.training.folder
        if folder not in self._bars:
            job = self._jobs[folder]
            name = escape(f"{job.row.name}, seed {job.seed}")
            self._bars[folder] = self._progress.add_task(
                name, total=event.updates, unit="updates", state=""
            )
        state = f"loss {event.loss:.4g}" if event.done else ""
        self._progress.update(
            self._bars[folder], total=event.updates, completed=event.done, state=state
        )

    def finished(self, job: Job, result: RunResult) -> None:
        """Take the bar of a training away and say what it came to."""
        self._done += 1
        if job.folder in self._bars:
            self._progress.remove_task(self._bars.pop(job.folder))
        self._progress.update(self._whole, completed=self._done)
        outcome = (
            f"failed: {result.failure}"
            if result.failure
            else f"{result.score_name} {result.score:.4g}, {result.seconds:.1f} s"
        )
        self.say(f"{self._done}/{self._count}  {job.row.name}, seed {job.seed}: {outcome}")
