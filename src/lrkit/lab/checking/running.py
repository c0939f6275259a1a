"""The trainings of a check on an engine, with a bar; what is finished is not trained again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from lrkit.errors import LrkitError
from lrkit.lab.checking.planning import Member
from lrkit.lab.engines import Ended, Evaluated, Event, engine, follow
from lrkit.lab.engines.trainings import check_same, finished
from lrkit.lab.result import RunResult
from lrkit.records import replay
from lrkit.records.writer import JOURNAL


@dataclass(frozen=True)
class How:
    """Which engine trains, and who is told."""

    engine: str
    workers: int | None
    screen: Console


def run_all(members: Sequence[Member], how: How, title: str) -> tuple[list[RunResult], int]:
    """Train *members* and return what each came to, and how many were there already.

    Raises the error of the first one that had one, after the others have ended.
    """
    found: dict[Path, RunResult] = {}
    for member in members:
        if (there := _there(member)) is not None:
            found[member.training.folder] = there
    left = [member for member in members if member.training.folder not in found]
    replayed = len(found)
    if replayed:
        how.screen.print(f"{title}: {replayed} of {len(members)} are there", highlight=False)
    if left:
        _train(left, how, title, found)
    return [found[member.training.folder] for member in members], replayed


def _there(member: Member) -> RunResult | None:
    folder = member.training.folder
    if not (folder / JOURNAL).exists():
        return None
    run = replay(folder)
    check_same(member.training, run)
    return finished(run)


def _train(left: Sequence[Member], how: How, title: str, found: dict[Path, RunResult]) -> None:
    names = {member.training.folder: member for member in left}
    errors: list[LrkitError] = []
    with (
        _Bar(left, how.screen, title) as bar,
        engine(how.engine, workers=how.workers, like=left[0].training) as running,
    ):
        for event in follow(running, [member.training for member in left]):
            bar.tell(event)
            if isinstance(event, Ended):
                if event.error is not None:
                    errors.append(event.error)
                elif event.result is not None:
                    found[event.training.folder] = event.result
                    bar.ended(names[event.training.folder], event.result)
    if errors:
        raise errors[0]
    if any(found[folder].status == "stopped" for folder in names):
        raise KeyboardInterrupt


class _Bar:
    """One bar for all updates; a line for each training that has ended."""

    def __init__(self, members: Sequence[Member], screen: Console, title: str) -> None:
        self._screen = screen
        self._count, self._ended = len(members), 0
        self._done: dict[Path, int] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} updates"),
            TimeRemainingColumn(),
            console=screen,
            refresh_per_second=5,
            disable=screen.quiet,
        )
        whole = sum(float(member.training.total or 0) for member in members)
        self._task = self._progress.add_task(title, total=whole)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, event: Event) -> None:
        """Move the bar to where the trainings are."""
        if not isinstance(event, Ended | Evaluated):
            self._done[event.training.folder] = event.done
            self._progress.update(self._task, completed=sum(self._done.values()))

    def ended(self, member: Member, result: RunResult) -> None:
        """Say what a training came to."""
        self._ended += 1
        self._done[member.training.folder] = int(float(member.training.total or 0))
        self._progress.update(self._task, completed=sum(self._done.values()))
        told = (
            f"failed: {result.failure}"
            if result.failure
            else f"{result.score_name} {result.score:.4g}, {result.seconds:.1f} s"
        )
        self._screen.print(
            f"{self._ended}/{self._count}  {member.name}, seed {member.seed}: {told}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
