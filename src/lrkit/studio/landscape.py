"""The Landscape page's functions of two variables: surfaces, and races of descents on them.

Everything is worked out anew for each request, whole descents with all their changes on the way:
nothing is kept here, and what the page shows is what its link says.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Final

import msgspec
import numpy as np
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from lrkit.errors import SpecError
from lrkit.landscape.descent import Descent, Leg, descend_in_legs
from lrkit.landscape.expression import from_text
from lrkit.landscape.functions import NAMES, catalog, function
from lrkit.landscape.optimizers import KINDS, Optimizer, optimizer, option_values
from lrkit.landscape.surface import Box, Function, checked_box
from lrkit.schedules import Curve, Horizon
from lrkit.studio.texts import read

router = APIRouter(prefix="/api/landscape", tags=["landscape"])

STEPS: Final = 20_000
LANES: Final = 6
LEGS: Final = 40
DIGITS: Final = 10  # of the ground, which is a picture; paths are told whole
FAR: Final = 1e6

Finite = Annotated[float, Field(allow_inf_nan=False)]
Place = Annotated[float, Field(ge=-FAR, le=FAR, allow_inf_nan=False)]
Words = Annotated[str, Field(max_length=2_000)]


class Strict(BaseModel):
    """A request that may hold nothing we do not know."""

    model_config = ConfigDict(extra="forbid")


class Where(Strict):
    """A function by name, with its knobs, or a formula of x and y; and what to look at."""

    function: Words
    knobs: dict[Annotated[str, Field(max_length=20)], Finite] = Field({}, max_length=8)
    box: tuple[Place, Place, Place, Place] | None = None


class Look(Where):
    """A surface to draw, with so many columns and rows."""

    columns: Annotated[int, Field(ge=2, le=240)] = 160
    rows: Annotated[int, Field(ge=2, le=240)] = 120


class Part(Strict):
    """What drives a descent from step *since* on; the schedule keeps its own clock."""

    schedule: Words
    optimizer: Annotated[str, Field(max_length=40)] = "sgd"
    options: dict[Annotated[str, Field(max_length=20)], Finite] = Field({}, max_length=8)
    since: Annotated[int, Field(ge=0, le=STEPS)] = 0


class Lane(Strict):
    """One descent: its parts in order, the first from step 0."""

    parts: Annotated[list[Part], Field(min_length=1, max_length=LEGS)]


class Start(Where):
    """A race: descents from one start, over so many updates, in the same noise."""

    lanes: Annotated[list[Lane], Field(min_length=1, max_length=LANES)]
    start: tuple[Place, Place] | None = None
    steps: Annotated[int, Field(ge=1, le=STEPS)] = 200
    noise: Annotated[float, Field(ge=0, le=FAR, allow_inf_nan=False)] = 0.0
    seed: Annotated[int, Field(ge=0, le=2**53)] = 0


class Knob(BaseModel):
    """A number that shapes a function, and what it does."""

    name: str
    value: float
    low: float
    high: float
    about: str


class Minimum(BaseModel):
    """A known minimum."""

    x: float
    y: float
    value: float


class Known(BaseModel):
    """A function: its formula, where to look and start, and what is known of it."""

    name: str
    formula: str
    about: str
    box: tuple[float, float, float, float]
    start: tuple[float, float]
    knobs: list[Knob]
    minima: list[Minimum]
    curvature: float | None
    source: str


class Kind(BaseModel):
    """An optimizer, and its options with where they stand by default."""

    name: str
    about: str
    options: dict[str, float]


class Choice(BaseModel):
    """What there is to choose from."""

    functions: list[Known]
    optimizers: list[Kind]
    most_steps: int
    most_lanes: int


class Surface(BaseModel):
    """A function, and its values over a box: row by row from the bottom; null where undefined."""

    function: Known
    box: tuple[float, float, float, float]
    columns: int
    rows: int
    values: list[float | None]
    levels: list[float]


class Run(BaseModel):
    """A descent: columns with a number for each point; one rate less, null where not finite."""

    status: str
    diverged_at: int | None
    reason: str
    x: list[float]
    y: list[float]
    losses: list[float]
    gradients: list[float | None]
    rates: list[float]
    sharpness: list[float | None]


class Races(BaseModel):
    """The descents of a race, in the order asked."""

    start: tuple[float, float]
    runs: list[Run]


@router.get("/functions")
def functions() -> Choice:
    """The functions of two variables, and the optimizers."""
    kinds = [Kind(name=n, about=k.about, options=option_values(n)) for n, k in KINDS.items()]
    return Choice(
        functions=[_known(one) for one in catalog()],
        optimizers=kinds,
        most_steps=STEPS,
        most_lanes=LANES,
    )


@router.post("/surface", response_model=Surface)
def surface(asked: Look) -> Response:
    """The values of a function over a box, and levels for contours."""
    one = _function(asked)
    grid = one.grid(columns=asked.columns, rows=asked.rows)
    told = {
        "function": _known(one).model_dump(),
        "box": tuple(one.box),
        "columns": asked.columns,
        "rows": asked.rows,
        "values": _rounded(grid.values.ravel()),
        "levels": grid.levels.tolist(),
    }
    return _json(told)


@router.post("/race", response_model=Races)
def race(asked: Start) -> Response:
    """The descents of a race, from the start to the last step or to where they diverge."""
    one = _function(asked)
    start = one.start if asked.start is None else asked.start
    runs = []
    for lane in asked.lanes:
        legs = _legs(lane, asked.steps)
        there = descend_in_legs(one, legs, start, noise=asked.noise, seed=asked.seed)
        runs.append(_run(one, there))
    return _json({"start": start, "runs": runs})


def _function(asked: Where) -> Function:
    """Return the function asked for, looked at where it is asked to be."""
    box = None if asked.box is None else checked_box(Box(*asked.box))
    if asked.function in NAMES:
        named = function(asked.function, **asked.knobs)
        return named if box is None else replace(named, box=box)
    if asked.knobs:
        raise SpecError("a formula has no knobs; write the numbers into it")
    return from_text(asked.function, box=box)


def _legs(lane: Lane, steps: int) -> list[Leg]:
    """Return the parts of a lane as legs that fill all the steps."""
    since = [part.since for part in lane.parts]
    if since[0] != 0 or sorted(set(since)) != since:
        raise SpecError(f"parts must begin at 0 and follow each other, got {since}")
    ends = [*since[1:], steps]
    legs = []
    for part, end in zip(lane.parts, ends, strict=True):
        if part.since < steps:  # a change after the end changes nothing
            length = min(end, steps) - part.since
            legs.append(Leg(_optimizer(part), _curve(part.schedule, steps), length))
    return legs


def _optimizer(part: Part) -> Optimizer:
    return optimizer(part.optimizer, **part.options)


def _curve(text: str, steps: int) -> Curve:
    """Return the schedule of *text* over *steps*; a descent has no metric for a controller."""
    found = read(text)
    if found.controllers:
        raise SpecError(
            "a descent here follows its schedule; remove the controllers after |",
            text,
            text.index("|"),
        )
    return Curve(found.schedule, Horizon(steps))


def _run(one: Function, there: Descent) -> dict[str, object]:
    return {
        "status": there.status,
        "diverged_at": there.diverged_at,
        "reason": there.reason,
        "x": there.path[:, 0].tolist(),
        "y": there.path[:, 1].tolist(),
        "losses": there.losses.tolist(),
        "gradients": there.gradients.tolist(),  # msgspec writes infinity as null
        "rates": there.rates.tolist(),
        "sharpness": _rounded(one.sharpness(there.path[:, 0], there.path[:, 1])),
    }


def _known(one: Function) -> Known:
    return Known(
        name=one.name,
        formula=one.text,
        about=one.about,
        box=one.box,
        start=one.start,
        knobs=[Knob(**knob._asdict()) for knob in one.knobs],
        minima=[Minimum(**minimum._asdict()) for minimum in one.minima],
        curvature=one.curvature,
        source=one.source,
    )


def _rounded(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[float | None]:
    """Return *values* with few digits, which is what a picture shows, and None for no number."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        size = np.floor(np.log10(np.where(values == 0, 1.0, np.abs(values))))
    return [
        round(v, DIGITS - int(s)) if math.isfinite(v) else None
        for v, s in zip(values.tolist(), np.nan_to_num(size, posinf=0, neginf=0), strict=True)
    ]


def _json(told: dict[str, object]) -> Response:
    # Tens of thousands of numbers: validated answer models would take longer than the descent.
    return Response(msgspec.json.encode(told), media_type="application/json")
