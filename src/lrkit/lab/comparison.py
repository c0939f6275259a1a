"""Comparing schedules: every schedule of a study with every seed, side by side."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from lrkit.errors import DataError, InternalError
from lrkit.lab.display import Display
from lrkit.lab.engines import Ended, Engine, check_engine, follow
from lrkit.lab.engines import engine as engine_of
from lrkit.lab.entries import Row
from lrkit.lab.extra import installed
from lrkit.lab.jobs import Job, jobs_of
from lrkit.lab.result import OverSeeds, RunResult
from lrkit.lab.statistics import Paired, Summary
from lrkit.lab.study import Study, study_json
from lrkit.records import Run, course_of, list_runs, remove_run, replay, write_file
from lrkit.schedules import Curve, Horizon

if TYPE_CHECKING:
    from lrkit.lab.sought import Sought

LOCK: Final = ".compare.lock"
RUNS: Final = "runs"


@dataclass(frozen=True, eq=False)
class RowResult(OverSeeds):
    """A schedule of a study, its curve, and its trainings, one for each seed.

    *courses* are what the trainings followed where controllers steer: one for each, all their
    edits in it.
    """

    row: Row
    curve: Curve
    runs: tuple[RunResult, ...]
    courses: tuple[Curve, ...] = ()

    def followed(self) -> dict[str, Curve]:
        """Return what was followed by whom: "" for all, or "seed 0", "seeds 1, 2"."""
        alike: dict[str, list[int]] = {}
        for i, course in enumerate(self.courses):
            alike.setdefault(f"{course.schedule} {course.horizon}", []).append(i)
        if len(alike) < 2:
            return {"": self.courses[0] if self.courses else self.curve}
        return {
            f"seed{'s' * (len(ids) > 1)} {', '.join(str(self.runs[i].seed) for i in ids)}":
            self.courses[ids[0]]
            for ids in alike.values()
        }  # fmt: skip

    def measured(self, name: str) -> dict[int, float]:
        """Return the last *name* of every seed that stayed finite, one that learned nothing too."""
        return {
            run.seed: float(run.evaluations[-1][name])
            for run in self.runs
            if run.status == "done" and name in run.evaluations[-1]
        }

    @property
    def summary(self) -> Summary:
        """Mean and spread of the scores of the seeds that trained."""
        return Summary.of(list(self.scores.values()))


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a study came to; `replayed` trainings were finished before.

    `study` has the rates that the range test gave in its schedules; `sought` is that test.
    `score_name` is "" for a study that only draws curves.
    """

    study: Study
    rows: tuple[RowResult, ...]
    score_name: str = ""
    higher_is_better: bool = True
    replayed: int = 0
    sought: Sought | None = None

    def paired(self, row: RowResult) -> Paired:
        """Return the differences of *row* from the first schedule, seed by seed."""
        return Paired.of(row.scores, self.rows[0].scores)


def compare(
    study: Study,
    out: str | os.PathLike[str],
    *,
    workers: int | None = None,
    engine: str = "processes",
    address: str | None = None,
    progress: bool = True,
    console: Console | None = None,
) -> Comparison:
    """Run every training of *study* that is not finished yet, and return what all came to.

    The trainings run on the *engine* of that name, with *workers* and at *address*: see
    `lrkit.lab.engines.engine`. "processes" are *workers* of one thread each (None: one a core).
    They are kept in `out/runs`. After an error or Ctrl-C the finished ones stay; the same call
    goes on from there, also after the study was changed: a training is known by what decides its
    outcome, whatever the engine. What was begun goes on from its last checkpoint, or is done again
    where it has none.

    Raises `SpecError`, `LoopError` and `DataError` before the first training where it can, and
    `DataError` when another comparison is at work in *out*.
    """
    check_engine(engine, workers, address)
    folder = Path(os.path.abspath(out))
    if not study.task:
        return _curves_only(study)
    with installed():
        from lrkit.lab.catalog import pick_device
        from lrkit.lab.prepare import prepare
        from lrkit.lab.sought import seek

    screen = console or Console(stderr=True, quiet=not progress)
    with only_one(folder):
        sought = seek(study, pick_device(study.device), folder) if study.find else None
        if sought is not None:
            study = study.with_rates(sought.rates)
        plan = prepare(study)
        jobs = jobs_of(study, plan.device, folder / RUNS)
        write_file(folder / "study.json", study_json(study))
        found = _sort_out(folder / RUNS, jobs, screen)
        left = [job for job in jobs if job.identity not in found]
        if left:
            with engine_of(engine, workers=workers, address=address) as trainer:
                _train(left, len(jobs), trainer, screen, found)
        runs = {job.identity: replay(found[job.identity]) for job in jobs}
    rows = tuple(
        _row_result(row, curve, [runs[job.identity] for job in jobs if job.row.name == row.name])
        for row, curve in zip(study.rows(), plan.curves, strict=True)
    )
    replayed = len(jobs) - len(left)
    return Comparison(study, rows, plan.score_name, plan.higher_is_better, replayed, sought)


def _row_result(row: Row, curve: Curve, runs: list[Run]) -> RowResult:
    courses = tuple(course_of(run) for run in runs) if row.controllers else ()
    return RowResult(row, curve, tuple(map(RunResult.of, runs)), courses)


def _curves_only(study: Study) -> Comparison:
    total = study.total if study.epochs is None else f"{study.epochs}ep"
    per_epoch = 1 if study.per == "epoch" else study.steps_per_epoch
    horizon = Horizon.of(total, steps_per_epoch=per_epoch, batch_size=study.batch_size)
    return Comparison(
        study, tuple(RowResult(row, row.schedule.over(horizon), ()) for row in study.rows())
    )


def _sort_out(root: Path, jobs: list[Job], screen: Console) -> dict[str, Path]:
    """Return the finished trainings by identity, and remove what cannot go on."""
    wanted = {job.identity for job in jobs}
    places = {job.folder: job.identity for job in jobs}
    finished: dict[str, Path] = {}
    broken: list[Path] = []
    for summary in list_runs(root) if root.is_dir() else ():
        identity = str(summary.header.get("identity", ""))
        if summary.status == "damaged" and any(job.folder == summary.folder for job in jobs):
            broken.append(summary.folder)
        elif identity in wanted:
            if is_finished(summary.folder):
                finished[identity] = summary.folder
            elif places.get(summary.folder) == identity and goes_on(summary.folder):
                screen.print(f"{summary.folder.name} goes on from its checkpoint", highlight=False)
            else:
                broken.append(summary.folder)
    for folder in broken:
        screen.print(f"{folder.name} was not finished; it is done again", highlight=False)
        remove_run(folder)
    if finished:
        screen.print(f"{len(finished)} of {len(jobs)} trainings are there already", highlight=False)
    return finished


def goes_on(folder: Path) -> bool:
    """Return whether the training in *folder* has a checkpoint to go on from."""
    return any((folder / "checkpoints").glob("step-*.pt"))


def is_finished(folder: Path) -> bool:
    """Return whether the training in *folder* came to its end, a good one or not."""
    run = replay(folder)
    return run.events_lost == 0 and RunResult.of(run).status in ("done", "failed")


def _train(
    left: list[Job], count: int, trainer: Engine, screen: Console, found: dict[str, Path]
) -> None:
    """Run the jobs of *left* on *trainer* and enter them into *found*; raise its first error."""
    jobs = {job.folder: job for job in left}
    why = ""
    try:
        with Display(count, count - len(left), jobs, screen) as display:
            for event in follow(trainer, [job.training for job in left]):
                if trainer.why != why:
                    display.say(why := trainer.why)
                display.look(event)
                if isinstance(event, Ended):
                    job = jobs[event.training.folder]
                    if event.error is not None:
                        raise event.error
                    _keep(job, event.result, display)
                    found[job.identity] = job.folder
    except KeyboardInterrupt:
        screen.print(
            f"stopped: {len(found)} of {count} trainings are finished and kept; "
            "the same command goes on from there"
        )
        raise


def _keep(job: Job, result: RunResult | None, display: Display) -> None:
    """Say what *job* came to; checkpoints are for what is cut short, and go when it is not."""
    if result is None:
        raise InternalError(f"a training has a result or an error, {job.folder.name} has neither")
    if result.status != "stopped":
        shutil.rmtree(job.folder / "checkpoints", ignore_errors=True)
    display.finished(job, result)


@contextlib.contextmanager
def only_one(folder: Path, what: str = "comparison") -> Iterator[None]:
    """Hold *folder* for one comparison, or *what* it is; the lock goes when its process does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"cannot write to {folder}: {reason}; choose another folder") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
        os.close(descriptor)
        raise DataError(
            f"one {what} a folder: {folder} is used by {holder}; wait, or choose another folder"
        ) from None
    try:
        os.ftruncate(descriptor, 0)
        with contextlib.suppress(OSError):  # who holds it is a courtesy; the disk may be full
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)
