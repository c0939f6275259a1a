"""Slices of a run's network: computed by the command line, watched here while they refine.

A slice is a file in the run's own folder that grows line by line; it is all there is to it, so a
studio that is killed and started again goes on watching. What it cannot show is told with it: the
sentences are those of `lrkit.landscape.planes`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from starlette.concurrency import run_in_threadpool

from lrkit.errors import DataError, SpecError
from lrkit.landscape.growing import is_growing
from lrkit.records import free_name
from lrkit.studio.areas import CHANGES, Spawned, Told
from lrkit.studio.errors import NotFoundError
from lrkit.studio.places import inside, run_folder, runs_in
from lrkit.studio.slice_views import Known, Seen, known_of, seen_of
from lrkit.studio.texts import read
from lrkit.studio.trainings import NAME, SPAN

router = APIRouter(prefix="/api/slices", tags=["slices"])

KIND: Final = "slice"
FOLDER: Final = "landscape"
CHECKPOINTS: Final = re.compile(r"step-(\d{8,})-[0-9a-f]{12}\.pt")
FILE: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,100}\.jsonl$"
PERIOD: Final = 0.25
"""Seconds between two looks at a file that grows."""
BEAT: Final = 5.0
"""Seconds of silence after which a viewer hears that the studio is there."""
FAR: Final = 1e6
STOPPED: Final = 130
"""How a command ends that was asked to stop."""

RunName = Annotated[str, InPath(min_length=1, max_length=255)]
FileName = Annotated[str, InPath(pattern=FILE)]
LEAST: Final = 3  # weights that span a plane
Step = Annotated[int, Field(ge=0, lt=2**63)]
Place = Annotated[float, Field(ge=-FAR, le=FAR, allow_inf_nan=False)]


class Sliceable(BaseModel):
    """A run whose network can be sliced; *steps* are those whose weights are at hand."""

    run: str
    task: str
    status: str
    steps: list[int]


class Asked(BaseModel):
    """A slice to compute: a plane by its kind, a line, or the sharpness along the run.

    *at* are steps: three for "three", two for "line". The same request again goes on with what is
    there, also with more *points*.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["pca", "random", "three", "line", "sharpness"] = "pca"
    at: Annotated[list[Step], Field(max_length=3)] = []
    points: Literal[5, 9, 17, 33, 65, 129] = 33
    samples: Annotated[int, Field(ge=2, le=1_000_000)] | Literal["all"] = 512
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="after")
    def _fits(self) -> Asked:
        need = {"three": 3, "line": 2}.get(self.kind, 0)
        if len(self.at) != need:
            raise ValueError(f"{self.kind} takes {need} steps of checkpoints, got {len(self.at)}")
        return self


class Began(BaseModel):
    """The file to watch, and the command that computes it; None where all is there or going."""

    file: str
    job: str | None


class Begin(BaseModel):
    """A training to start at a point of a slice; without a *name* one is made of the run's."""

    model_config = ConfigDict(extra="forbid")

    at: Annotated[list[Place], Field(min_length=1, max_length=2)]
    schedule: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
    total: Annotated[str, StringConstraints(pattern=SPAN)] | None = None
    name: Annotated[str, StringConstraints(pattern=NAME)] | None = None


class Begun(BaseModel):
    """What was started: the command's id, and the name of the run that it makes."""

    job: str
    run: str


@router.get("")
def sliceable(told: Told) -> list[Sliceable]:
    """The runs with a checkpoint, the newest first."""
    found = []
    for run in sorted(runs_in(told.root), key=lambda run: -run.updated):
        steps = sorted(_checkpoints(run.folder))
        if steps and run.header.get("made_by"):
            task = str(run.header["made_by"])
            every = sorted({0, *steps})
            found.append(Sliceable(run=run.name, task=task, status=run.status, steps=every))
    return found


@router.get("/{run}")
def known(run: RunName, told: Told) -> list[Known]:
    """The slices of a run, the newest first."""
    folder = run_folder(told.root, run) / FOLDER
    if not folder.is_dir() or not inside(told.root, folder):
        return []
    paths = [p for p in folder.iterdir() if re.fullmatch(FILE, p.name) and p.is_file()]
    paths = [path for path in paths if inside(told.root, path)]
    paths.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [one for path in paths if (one := known_of(path)) is not None]


@router.post("/{run}", dependencies=CHANGES, status_code=201)
def compute(run: RunName, asked: Asked, told: Told, spawned: Spawned) -> Began:
    """Compute a slice in a process of its own, or say where it is already."""
    folder = run_folder(told.root, run)
    steps = _checkpoints(folder)
    if missing := [step for step in asked.at if step and step not in steps]:
        raise SpecError(
            f"run {run} has no checkpoint of step {missing[0]}; it has "
            f"{', '.join(map(str, [0, *sorted(steps)][:20]))}"
        )
    if asked.kind == "pca" and len({0, *steps}) < LEAST:
        raise DataError(
            f"a principal plane needs the beginning and two checkpoints or more, run {run} has "
            f"{len(steps)}; train with --checkpoint 1ep --keep all, or choose a random plane"
        )
    # By what is asked, and the checkpoints that it is asked of: a run that goes on has new ones.
    about = {**asked.model_dump(exclude={"points"}), "files": sorted(steps.values())}
    code = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]
    path = _path(told.root, run, f"{asked.kind}-{code}.jsonl")
    if path.is_file() and (is_growing(path) or _has(path, asked)):
        return Began(file=path.name, job=None)
    label = f"{asked.kind} of {run}"
    words = _words(folder, asked, path)
    job = spawned.start(KIND, words, label, {"run": run, "file": path.name})
    return Began(file=path.name, job=job.id)


@router.get("/{run}/{file}")
def seen(
    run: RunName,
    file: FileName,
    told: Told,
    spawned: Spawned,
    known: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Seen:
    """A slice as far as it is: the losses after the first *known* events of its file."""
    return _look(_path(told.root, run, file), run, spawned, known)


@router.get(
    "/{run}/{file}/live",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
def live(
    run: RunName,
    file: FileName,
    told: Told,
    spawned: Spawned,
    limit: Annotated[int | None, Query(ge=1, le=1000)] = None,
) -> StreamingResponse:
    """A slice while it refines: events named `slice`, each what came since the one before."""
    path = _path(told.root, run, file)
    look = lambda known: _look(path, run, spawned, known)  # noqa: E731
    return StreamingResponse(_told(look, limit), media_type="text/event-stream")


@router.post("/{run}/{file}/start", dependencies=CHANGES, status_code=201)
def start(run: RunName, file: FileName, begin: Begin, told: Told, spawned: Spawned) -> Begun:
    """Start a training at a point of a slice, in a process of its own."""
    path = _path(told.root, run, file)
    read(begin.schedule)  # what the command would refuse is refused here, under the character
    folder = told.root / (begin.name or f"{run}-from-slice")
    folder = folder if begin.name else free_name(folder)
    if folder.exists():
        raise SpecError(f"a run {folder.name!r} is there already; choose another name")
    words = ["landscape", "start", str(path), f"--at={','.join(map(repr, begin.at))}"]
    words += ["--schedule", begin.schedule, "--run", str(folder), "--quiet", "--json"]
    words += ["--checkpoint", "1ep", "--keep", "all"]  # to be looked at in its turn
    words += ["--total", begin.total] if begin.total else []
    job = spawned.start("train", words, folder.name, {"run": folder.name})
    return Begun(job=job.id, run=folder.name)


async def _told(look: Any, limit: int | None) -> AsyncIterator[bytes]:
    """Yield what has come since the last look, until the slice ends or the viewer leaves."""
    yield b"retry: 1000\n\n"
    known = told = 0
    before: tuple[Any, ...] = ()
    silent = 0.0
    while limit is None or told < limit:
        try:
            now: Seen = await run_in_threadpool(look, known)
        except (DataError, NotFoundError) as error:
            body = json.dumps({"message": str(error)}).encode()
            yield b"event: refused\ndata: %s\n\n" % body
            return
        state = (now.known, now.status, now.reason)
        if state != before:
            yield b"event: slice\ndata: %s\n\n" % now.model_dump_json().encode()
            before, known, silent, told = state, now.known, 0.0, told + 1
        if now.status not in ("waiting", "growing") and limit is None:
            yield b"event: over\ndata: {}\n\n"
            return
        await asyncio.sleep(PERIOD)
        silent += PERIOD
        if silent >= BEAT:
            yield b": still here\n\n"
            silent = 0.0
            told += 1 if limit is not None else 0  # a stream of so many messages ends in any case


def _look(path: Path, run: str, spawned: Spawned, known: int) -> Seen:
    """Return what the file at *path* has after *known* events, and how its command stands."""
    growing = path.is_file() and is_growing(path)
    own = {"run": run, "file": path.name}
    job = next((j for j in spawned.list() if j.what.kind == KIND and j.what.about == own), None)
    going = job is not None and job.status == "running"
    found = seen_of(path, known) if path.is_file() else None
    if found is None and job is None:
        raise NotFoundError(f"no slice {path.name} of run {run}; list them with GET /api/slices")
    found = found or Seen(file=path.name)
    found.status = "done" if found.done else "growing" if growing else "stopped"
    found.job = job.id if job is not None and going else None
    if not found.done and not growing and going:
        found.status = "waiting"
    elif not (found.done or growing) and job and job.status == "failed" and job.code != STOPPED:
        told = job.log().strip().splitlines()
        found.status = "failed"
        found.reason = told[-1].removeprefix("lrkit: ") if told else "the command failed"
    return found


def _path(root: Path, run: str, file: str) -> Path:
    path = run_folder(root, run) / FOLDER / file
    if not inside(root, path):
        raise NotFoundError(f"a slice lies in its run's own folder, {file} of {run} is outside")
    return path


def _has(path: Path, asked: Asked) -> bool:
    found = seen_of(path, 0)
    return found.done and (asked.kind == "sharpness" or found.wanted >= asked.points)


def _words(folder: Path, asked: Asked, path: Path) -> list[str]:
    words = {"line": ["landscape", "line"], "sharpness": ["landscape", "sharpness"]}
    found = [*words.get(asked.kind, ["landscape", "plane"]), str(folder)]
    found += ["--samples", str(asked.samples), "--file", str(path), "--quiet"]
    if asked.kind == "line":
        found += ["--from", str(asked.at[0]), "--to", str(asked.at[1])]
    elif asked.kind != "sharpness":
        found += ["--plane", asked.kind, "--seed", str(asked.seed)]
        found += ["--at", ",".join(map(str, asked.at))] if asked.at else []
    return found if asked.kind == "sharpness" else [*found, "--points", str(asked.points)]


def _checkpoints(folder: Path) -> dict[int, str]:
    """Return the names of the checkpoints in *folder* by their steps."""
    found: dict[int, str] = {}
    checkpoints = folder / "checkpoints"
    if checkpoints.is_dir():
        for path in checkpoints.iterdir():
            if match := CHECKPOINTS.fullmatch(path.name):
                found[int(match[1])] = path.name
    return found
