"""What this studio is: version, colours, tasks, and the commands it has spawned."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel

from lrkit import __version__
from lrkit.errors import DataError
from lrkit.plots.style import DASHES, PALETTE
from lrkit.studio.areas import CHANGES, Spawned, Told
from lrkit.studio.jobs import AT_ONCE

router = APIRouter(prefix="/api", tags=["about"])
PATIENCE: Final = 60.0  # seconds that listing the tasks may take: it loads torch


class About(BaseModel):
    """What the page needs to know before it draws anything."""

    version: str
    read_only: bool
    root: str
    palette: list[dict[str, str]]
    dashes: list[str]
    jobs_at_once: int


class Task(BaseModel):
    """A built-in task: what it is, and its options with their defaults."""

    name: str
    summary: str
    options: dict[str, Any]


@router.get("/about")
def about(told: Told) -> About:
    """What this studio is."""
    return About(
        version=__version__,
        read_only=told.read_only,
        root=str(told.root),
        palette=[{"light": one.light, "dark": one.dark} for one in PALETTE],
        dashes=list(DASHES),
        jobs_at_once=AT_ONCE,
    )


@router.get("/pulse")
def pulse() -> dict[str, bool]:
    """Answer at once: the page asks this to know that the studio is there."""
    return {"here": True}


@router.get("/tasks")
def tasks(told: Told) -> list[Task]:
    """The tasks that can be trained; the first call takes seconds, it asks the command line."""
    with _ASKING:
        return _tasks(told.work)


_ASKING: Final = threading.Lock()


@cache
def _tasks(work: Path) -> list[Task]:
    # The lab knows them, and it loads torch: it is asked in a process of its own.
    command = [sys.executable, "-m", "lrkit", "tasks", "--json"]
    try:
        told = subprocess.run(
            command, cwd=work, capture_output=True, timeout=PATIENCE, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode(errors="replace").strip().removeprefix("lrkit: ")
        raise DataError(f"the tasks cannot be listed: {why}") from error
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"the tasks could not be listed within {PATIENCE:g} s; see that `lrkit tasks` works"
        ) from error
    listed = msgspec.json.decode(told.stdout)["tasks"]
    return [Task(**{k: one[k] for k in ("name", "summary", "options")}) for one in listed]


@router.get("/jobs")
def jobs(spawned: Spawned) -> list[dict[str, Any]]:
    """The commands that were started from this folder's studios, newest first."""
    return [job.plain() for job in spawned.list()]


@router.get("/jobs/{name}")
def job(name: str, spawned: Spawned) -> dict[str, Any]:
    """One command, with the end of its output."""
    found = spawned.get(name)
    return found.plain() | {"log": found.log()}


@router.post("/jobs/{name}/stop", dependencies=CHANGES)
def stop(name: str, spawned: Spawned, kill: bool = False) -> dict[str, Any]:
    """Ask a command to end, as Ctrl-C does; a training then keeps a last checkpoint."""
    return spawned.stop(name, kill=kill).plain()
