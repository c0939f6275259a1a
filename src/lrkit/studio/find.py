"""Range tests: started as commands, watched while they are made, and made into schedules.

The command writes its points to a file in the job's folder; that file is all there is to a test,
so a studio that is killed and started again goes on watching.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from lrkit.errors import DataError
from lrkit.records.points import Point, RangeTest, read_points
from lrkit.records.scan import read_header
from lrkit.records.writer import JOURNAL
from lrkit.schedules.ranged import from_range
from lrkit.studio.areas import CHANGES, Spawned, Told
from lrkit.studio.errors import NotFoundError
from lrkit.studio.jobs import Job, Own
from lrkit.studio.places import run_folder, runs_in
from lrkit.studio.trainings import TaskName, Value, option_words

router = APIRouter(prefix="/api/find", tags=["find"])

KIND: Final = "find"
FILE: Final = "range.jsonl"
DIGITS: Final = 3
"""Of the rates that were moved by hand, in the schedules."""

Rate = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
RunName = Annotated[str, Field(min_length=1, max_length=255)]


class Asked(BaseModel):
    """A range test to make: of a task, or from the newest checkpoint of a run.

    Without *low* and *high* the range is the optimizer's own. *validation* k takes the score
    before every k-th update, *dead* the share of dead units.
    """

    model_config = ConfigDict(extra="forbid")

    task: TaskName | None = None
    options: dict[str, Value] = {}
    run: RunName | None = None
    low: Rate | None = None
    high: Rate | None = None
    steps: Annotated[int, Field(ge=8, le=5000)] = 200
    kind: Literal["exponential", "linear"] = "exponential"
    repeats: Annotated[int, Field(ge=1, le=20)] = 3
    validation: Annotated[int, Field(ge=1, le=5000)] | None = None
    dead: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @model_validator(mode="after")
    def _fits(self) -> Asked:
        if self.run is not None and (self.task is not None or self.options):
            raise ValueError("a run has its task and options already; give a run or a task")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"`low < high` must hold, got {self.low:g} and {self.high:g}")
        return self


class Started(BaseModel):
    """The range test that was started."""

    job: str


class Known(BaseModel):
    """A range test that was made, or is being made."""

    job: str
    label: str
    status: str
    started: float


class Start(BaseModel):
    """A run whose newest checkpoint a test can begin at."""

    run: str
    task: str
    status: str


class Measured(BaseModel):
    """Points of one repeat, in order; None for a loss that was not finite, or not measured."""

    repeat: int
    rates: list[float]
    losses: list[float | None]
    validation: list[float | None]
    dead: list[float | None]


class Estimate(BaseModel):
    """A rate, and the interval it lies in with a probability of about 90 %."""

    value: float
    low: float
    high: float


class Suggested(BaseModel):
    """What the finished test suggests; None where the curve does not say."""

    base: Estimate | None
    peak: Estimate | None
    maximum: Estimate | None
    steepest: Estimate | None
    confidence: str
    reason: str
    rules: dict[str, float | None]
    smooth_rates: list[float]
    smooth_losses: list[float]
    schedules: dict[str, str]


class Watched(BaseModel):
    """A range test as far as it is.

    `status` is "loading", "running", "found", "nothing" (the curve does not say), "stopped",
    "failed" or "killed", with the `reason`. `points` are those after the first `known`; where
    `life` is another than yours, yours are void and these are all. `updates` is how many there
    may be.
    """

    job: str
    label: str
    status: str
    reason: str
    task: str
    run: str
    options: dict[str, Value]
    about: dict[str, Any]
    updates: int
    life: int
    known: int
    count: int
    points: list[Measured]
    suggestion: Suggested | None
    notes: list[str]
    endings: list[str]


class Moved(BaseModel):
    """Base, maximum and peak as they were moved by hand."""

    model_config = ConfigDict(extra="forbid")

    base: Rate | None = None
    maximum: Rate | None = None
    peak: Rate | None = None


@router.get("")
def made(spawned: Spawned) -> list[Known]:
    """The range tests of this folder's studios, the newest first."""
    return [
        Known(job=job.id, label=job.what.label, status=job.status, started=job.what.started)
        for job in spawned.list()
        if job.what.kind == KIND
    ]


@router.get("/starts")
def starts(told: Told) -> list[Start]:
    """The runs with a checkpoint, the newest first: a test may begin at it."""
    found = [run for run in runs_in(told.root) if run.header.get("made_by")]
    return [
        Start(run=run.name, task=str(run.header["made_by"]), status=run.status)
        for run in sorted(found, key=lambda run: -run.updated)
        if any((run.folder / "checkpoints").glob("*"))
    ]


@router.post("/schedules")
def schedules(moved: Moved) -> dict[str, str]:
    """The schedules that rates moved by hand speak for, as text; see `from_range`."""
    found = from_range(moved.base, moved.maximum, peak=moved.peak, digits=DIGITS)
    return {name: str(schedule) for name, schedule in found.items()}


@router.post("", dependencies=CHANGES, status_code=201)
def start(asked: Asked, told: Told, spawned: Spawned) -> Started:
    """Start a range test in a process of its own."""
    words = ["find", "--quiet", "--json", "--follow", Own(FILE), "--kind", asked.kind]
    words += ["--steps", str(asked.steps), "--repeats", str(asked.repeats)]
    words += ["--seed", str(asked.seed)] + (["--dead"] if asked.dead else [])
    for name in ("low", "high", "validation"):
        if (value := getattr(asked, name)) is not None:
            words += [f"--{name}", repr(value)]
    about: dict[str, Any] = {"options": asked.options}
    if asked.run is not None:
        folder = run_folder(told.root, asked.run)
        header = read_header(folder / JOURNAL)
        words += ["--from", str(folder)]
        about |= {"run": asked.run, "task": str(header.get("made_by") or "")}
        about["options"] = header.get("options") or {}
        label = f"from {asked.run}"
    else:
        about["task"] = label = asked.task or "lenet-digits"
        words[1:1] = [label]
        words += option_words(asked.options)
    job = spawned.start(KIND, words, label, about)
    return Started(job=job.id)


@router.get("/{job}")
def watched(
    job: str,
    spawned: Spawned,
    known: Annotated[int, Query(ge=0, le=10**9)] = 0,
    life: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Watched:
    """A range test as far as it is: the points after the first *known*, and what it found."""
    found = spawned.get(job)
    if found.what.kind != KIND:
        raise NotFoundError(f"{job} is no range test; list them with GET /api/find")
    measured = _measured(found)
    fresh = life == measured.restarts and known <= len(measured.points)
    begin = known if fresh else 0
    status, reason = _status(found, measured)
    ending = measured.ending or {}
    about = measured.about
    return Watched(
        job=found.id,
        label=found.what.label,
        status=status,
        reason=reason,
        task=str(found.what.about.get("task") or ""),
        run=str(found.what.about.get("run") or ""),
        options=found.what.about.get("options") or {},
        about={k: v for k, v in about.items() if isinstance(v, (int, float, str, bool))},
        updates=_whole(about.get("steps")) * _whole(about.get("repeats")),
        life=measured.restarts,
        known=begin,
        count=len(measured.points),
        points=_by_repeat(measured.points[begin:]),
        suggestion=_suggestion(ending),
        notes=[str(note) for note in ending.get("notes") or ()],
        endings=[str(one) for one in ending.get("endings") or ()],
    )


def _measured(job: Job) -> RangeTest:
    path = job.folder / FILE
    return read_points(path) if path.is_file() else RangeTest({})


def _status(job: Job, measured: RangeTest) -> tuple[str, str]:
    if measured.ending is not None:
        return str(measured.ending.get("status")), str(measured.ending.get("reason") or "")
    if job.status == "running":
        return ("running" if measured.points else "loading"), ""
    told = job.log().strip().splitlines()
    if job.status == "failed" and told:
        return "failed", told[-1].removeprefix("lrkit: ")
    return "killed", "the command was killed before the test was done"


def _suggestion(ending: Any) -> Suggested | None:
    told = ending.get("suggestion")
    if not isinstance(told, dict):
        return None
    try:
        return Suggested.model_validate(told)
    except ValueError as error:
        raise DataError(f"what the range test found cannot be read: {error}") from error


def _by_repeat(points: tuple[Point, ...]) -> list[Measured]:
    found: dict[int, Measured] = {}
    for point in points:
        if point.repeat not in found:
            found[point.repeat] = Measured(
                repeat=point.repeat, rates=[], losses=[], validation=[], dead=[]
            )
        row = found[point.repeat]
        row.rates.append(point.rate)
        row.losses.append(_finite(point.loss))
        row.validation.append(_finite(point.validation))
        row.dead.append(_finite(point.dead))
    return list(found.values())


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
