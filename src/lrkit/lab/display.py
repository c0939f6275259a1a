"""The live display of a comparison: one bar for the whole and one for each training at work."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from lrkit.lab.board import Board
from lrkit.lab.jobs import Job
from lrkit.lab.result import RunResult


class Display:
    """Follows the board; on what is no terminal it prints a line for each finished training."""

    def __init__(self, count: int, done: int, jobs: dict[int, Job], console: Console) -> None:
        self._jobs = jobs
        self._count = count
        self._done = done
        self._bars: dict[int, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}"),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=console,
            refresh_per_second=5,
        )
        self._whole = self._progress.add_task(
            "[bold]all", total=count, completed=done, unit="trainings", state=""
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for bar in self._bars.values():
            self._progress.remove_task(bar)
        self._progress.stop()

    def look(self, board: Board) -> None:
        """Bring every bar up to date."""
        for index, job in self._jobs.items():
            updates, done, loss = board.progress(index)
            if updates == 0:
                continue
            if index not in self._bars:
                name = escape(f"{job.row.name}, seed {job.seed}")
                self._bars[index] = self._progress.add_task(
                    name, total=updates, unit="updates", state=""
                )
            state = f"loss {loss:.4g}" if done else ""
            self._progress.update(self._bars[index], completed=done, state=state)

    def finished(self, index: int, job: Job, result: RunResult) -> None:
        """Take the bar of a training away and say what it came to."""
        self._done += 1
        del self._jobs[index]
        if index in self._bars:
            self._progress.remove_task(self._bars.pop(index))
        self._progress.update(self._whole, completed=self._done)
        outcome = (
            f"failed: {result.failure}"
            if result.failure
            else f"{result.score_name} {result.score:.4g}, {result.seconds:.1f} s"
        )
        self._progress.console.print(
            f"{self._done}/{self._count}  {job.row.name}, seed {job.seed}: {outcome}",
            markup=False,
            highlight=False,
        )
