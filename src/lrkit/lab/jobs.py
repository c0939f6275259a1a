"""The trainings of a comparison: what makes each one itself, and how a worker runs one."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from lrkit.lab.board import Board, BoardWatcher
from lrkit.lab.entries import Row
from lrkit.lab.result import RunResult
from lrkit.lab.study import Study

IDENTITY: Final = 1
"""Raised when a change of lrkit's own changes what a training computes."""


@dataclass(frozen=True)
class Job:
    """One training: a row of the study with one seed."""

    study: Study
    row: Row
    seed: int
    device: str
    identity: str
    folder: Path


def jobs_of(study: Study, device: str, root: Path) -> list[Job]:
    """Return the trainings of *study*, all schedules with the first seed, then with the next."""
    return [
        Job(study, row, seed, device, identity, root / f"{_slug(row.name)}-s{seed}-{identity[:8]}")
        for seed in study.seeds
        for row in study.rows()
        if not row.seeds or seed in row.seeds
        for identity in [identity_of(study, row, seed, device)]
    ]


def identity_of(study: Study, row: Row, seed: int, device: str) -> str:
    """Return the hash of all that decides what a training computes, and of nothing else.

    Names, notes and references may change without a run being done again; a user's own task
    counts with the text of its module.
    """
    decides: dict[str, Any] = {
        "identity": IDENTITY,
        "task": study.task,
        "source": _source(study.task),
        "options": dict(sorted(row.options.items())),
        "schedule": row.schedule.to_dict(),
        "seed": seed,
        "device": device.partition(":")[0],
        "length": str(row.total),
        "per": study.per,
        "clip": study.clip,
        "accumulate": study.accumulate,
        "amp": study.amp,
    }
    if row.controllers:
        decides["controllers"] = [controller.to_dict() for controller in row.controllers]
    if row.edits:
        decides["edits"] = [[str(at), edit.to_dict()] for at, edit in row.edits]
    return hashlib.sha256(msgspec.json.encode(decides, order="deterministic")).hexdigest()


def run_job(job: Job, board: Path, index: int, count: int, parent: int) -> None:
    """Run *job* on one thread, or go on with it; how it went is in its journal.

    A loss that is not finite is such an outcome; errors of task and disk are raised. Checkpoints
    are for the case that it is cut short, and go when it is finished.
    """
    import torch

    from lrkit.lab.resuming import resume

    torch.set_num_threads(1)
    shared = Board(board, count)
    if shared.stopped:
        return
    watcher = BoardWatcher(shared, index, parent)
    try:
        if job.folder.exists():
            result = resume(job.folder, progress=watcher)
        else:
            result = _begin(job, watcher)
    except KeyboardInterrupt:
        return  # told to stop; the journal says so
    if result.status != "stopped":
        shutil.rmtree(job.folder / "checkpoints", ignore_errors=True)


def _begin(job: Job, watcher: BoardWatcher) -> RunResult:
    from lrkit.lab.keeping import AUTO
    from lrkit.lab.training import train

    controllers = job.row.controllers
    return train(
        job.study.task,
        job.row.spec,
        total=job.row.total,
        per=job.study.per,
        seed=job.seed,
        device=job.device,
        options=job.row.options,
        clip=job.study.clip,
        accumulate=job.study.accumulate,
        amp=job.study.amp,
        edits=job.row.edits,
        # A rollback goes to the last checkpoint: when that was must not hang on the clock.
        checkpoint="1ep" if any(getattr(c, "rollback", False) for c in controllers) else AUTO,
        run=job.folder,
        header={"identity": job.identity, "study": job.study.name, "row": job.row.name},
        progress=watcher,
    )


def ignore_interrupts() -> None:
    """Leave Ctrl-C to the process that started the comparison; it tells the workers to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:60] or "run"


def _source(task: str) -> str:
    """Return the hash of the module of a user's own task; "" for ours."""
    module, colon, _ = task.partition(":")
    spec = importlib.util.find_spec(module) if colon else None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        return ""
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
