"""Starting trainings, and going on with them: the command line does it, in its own process."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lrkit.errors import SpecError
from lrkit.records import free_name
from lrkit.studio.areas import CHANGES, Spawned, Told
from lrkit.studio.places import run_folder
from lrkit.studio.texts import read

router = APIRouter(prefix="/api/trainings", tags=["trainings"])

TASK: Final = r"^[A-Za-z_][A-Za-z0-9_.:-]{0,199}$"
"""A task's name. None begins with a dash: it stands among the words of a command."""
NAME: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}$"
SPAN: Final = r"^[0-9][0-9_.eE+]{0,20}(st|ep|sa|tok)?$"
TaskName = Annotated[str, StringConstraints(pattern=TASK)]
Value = bool | int | float | Annotated[str, StringConstraints(max_length=200)]


class Training(BaseModel):
    """A training to start: what `lrkit train` takes. Without a *name* one is made of the task."""

    model_config = ConfigDict(extra="forbid")

    task: TaskName = "lenet-digits"
    schedule: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
    total: Annotated[str, StringConstraints(pattern=SPAN)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    options: dict[str, Value] = {}
    name: Annotated[str, StringConstraints(pattern=NAME)] | None = None
    checkpoint: Annotated[str, StringConstraints(pattern=r"^(auto|none|[0-9.]+(st|ep|%))$")] = (
        "auto"
    )
    keep: Annotated[str, StringConstraints(pattern=r"^(all|[1-9][0-9]{0,3})$")] = "2"


class Begun(BaseModel):
    """What was started: the command's id, and the name of the run that it makes."""

    job: str
    run: str


@router.post("", dependencies=CHANGES, status_code=201)
def start(training: Training, told: Told, spawned: Spawned) -> Begun:
    """Start a training in a process of its own; it goes on when the studio ends."""
    read(training.schedule)  # what the command would refuse is refused here, under the character
    folder = told.root / (training.name or _name_of(training.task))
    folder = folder if training.name else free_name(folder)
    if folder.exists():
        raise SpecError(f"a run {folder.name!r} is there already; choose another name")
    words = ["train", training.task, "--schedule", training.schedule, "--run", str(folder)]
    words += ["--seed", str(training.seed), "--checkpoint", training.checkpoint]
    words += ["--keep", training.keep, "--quiet", "--json"]
    words += ["--total", training.total] if training.total else []
    words += option_words(training.options)
    job = spawned.start("train", words, folder.name, {"run": folder.name})
    return Begun(job=job.id, run=folder.name)


@router.post("/{run}/resume", dependencies=CHANGES, status_code=201)
def resume(run: str, told: Told, spawned: Spawned) -> Begun:
    """Go on with a run that was stopped or killed, from its last good checkpoint."""
    folder = run_folder(told.root, run)
    words = ["train", "--resume", "--run", str(folder), "--quiet", "--json"]
    job = spawned.start("train", words, run, {"run": run})
    return Begun(job=job.id, run=run)


def option_words(options: dict[str, Any]) -> list[str]:
    """Return the options of a task as the command line takes them."""
    words = []
    for name, value in options.items():
        if not name.isidentifier():
            raise SpecError(f"an option of a task has a name, got {name!r}; see `lrkit tasks`")
        told = str(value).lower() if isinstance(value, bool) else str(value)
        words += ["--option", f"{name}={told}"]
    return words


def _name_of(task: str) -> str:
    return re.sub(r"[^\w.-]+", "-", task).strip("-.")[:60] or "run"
