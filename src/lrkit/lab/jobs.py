"""The trainings of a comparison: what makes each one itself, and what an engine is given."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from lrkit.lab.engines import Training
from lrkit.lab.entries import Row
from lrkit.lab.study import Study

IDENTITY: Final = 1
"""Raised when a change of lrkit's own changes what a training computes."""


@dataclass(frozen=True)
class Job:
    """A row of a study with one seed, and the training that it is."""

    row: Row
    seed: int
    identity: str
    training: Training

    @property
    def folder(self) -> Path:
        """Where its run is kept."""
        return self.training.folder


def jobs_of(study: Study, device: str, root: Path) -> list[Job]:
    """Return the trainings of *study*, all schedules with the first seed, then with the next."""
    return [
        Job(row, seed, identity, _training(study, row, seed, device, identity, root))
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
        "source": source_of(study.task),
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


def _training(
    study: Study, row: Row, seed: int, device: str, identity: str, root: Path
) -> Training:
    rolls = any(getattr(controller, "rollback", False) for controller in row.controllers)
    return Training(
        task=study.task,
        spec=row.spec,
        folder=root / f"{_slug(row.name)}-s{seed}-{identity[:8]}",
        total=row.total,
        seed=seed,
        options=row.options,
        device=device,
        per=study.per,
        clip=study.clip,
        accumulate=study.accumulate,
        amp=study.amp,
        edits=row.edits,
        # A rollback goes to the last checkpoint: when that was must not hang on the clock.
        checkpoint="1ep" if rolls else "auto",
        header={"identity": identity, "study": study.name, "row": row.name},
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:60] or "run"


def source_of(task: str) -> str:
    """Return the hash of the module of a user's own task; "" for ours."""
    module, colon, _ = task.partition(":")
    spec = importlib.util.find_spec(module) if colon else None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        return ""
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
