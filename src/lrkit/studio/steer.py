"""Steering: how a run stands, what an edit would make of it, and the edit on its way.

An edit becomes a letter in the run's inbox, written whole; the training takes it at its next step
boundary. Nothing here waits for that longer than a moment, and nothing is kept here: a studio
that is killed after a letter was sent has lost nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel

from lrkit.control import Command
from lrkit.errors import DataError, SpecError
from lrkit.records import declared_of, submit, wait_for
from lrkit.schedules import Curve
from lrkit.studio.areas import CHANGES, Told
from lrkit.studio.orders import AnyOrder
from lrkit.studio.places import run_folder, runs_in
from lrkit.studio.sampling import Points, sampled
from lrkit.studio.standing import FOLLOWED, State, finite, state_of, wheel_of
from lrkit.studio.texts import MAX_STEPS

router = APIRouter(prefix="/api/steer", tags=["steer"])

MOST_RUNS: Final = 500
MOST_JOINTS: Final = 1000
MOST_LOOKS: Final = 200_000
"""Updates of a long run that its area is worked out from."""

GroupQuery = Annotated[int | None, Query(ge=0, le=100_000)]


class Listed(BaseModel):
    """A run to choose: its name, whether it goes, and the last update that it has told."""

    name: str
    status: str
    step: int
    updated: float


class Courses(BaseModel):
    """The rate of a run as declared, and as it follows it with its edits."""

    declared: Points
    followed: Points
    schedule: str
    joints: list[float]
    total: float | None


class Side(BaseModel):
    """A run's schedule before or after an edit; the area is the sum of the rates of all updates."""

    schedule: str
    total: float | None
    area: float | None
    rate: float


class Preview(BaseModel):
    """What an edit would do, if the run took it now; *curve* is what it would follow from then on.

    None where the edit leaves the rate alone, or the run does not say what it follows.
    """

    words: str
    step: int
    command: bool
    changes: bool
    before: Side | None = None
    after: Side | None = None
    curve: Points | None = None


class Sent(BaseModel):
    """What became of an edit that was sent; "waiting" is no refusal, the run takes it yet."""

    letter: str
    answer: str
    told: str
    step: int | None
    rate: float | None


@router.get("")
def runs(told: Told) -> list[Listed]:
    """The runs, those that go first, then the newest first."""
    found = [
        Listed(name=run.name, status=run.status, step=run.step, updated=run.updated)
        for run in runs_in(told.root)
    ]
    return sorted(found, key=lambda run: (run.status != "running", -run.updated))[:MOST_RUNS]


@router.get("/{run}")
def state(run: str, told: Told) -> State:
    """How a run stands: where it is, what it follows, its edits, and the letters that wait."""
    return state_of(FOLLOWED.look(run_folder(told.root, run)))


@router.get("/{run}/course")
def course(run: str, told: Told, group: GroupQuery = None) -> Courses:
    """The rate of a run over all of it: as declared, and with the edits so far."""
    found = FOLLOWED.look(run_folder(told.root, run))
    wheel = wheel_of(found)
    lead = wheel.lead(wheel.far.position, group)
    if lead is None:
        raise DataError(f"run {run} does not say what it follows; its rates are in its metrics")
    followed = wheel.courses[lead.index]
    return Courses(
        declared=sampled(declared_of(found, lead.index)),
        followed=sampled(followed),
        schedule=str(followed.schedule),
        joints=list(followed.joints[:MOST_JOINTS]),
        total=finite(followed.total),
    )


@router.post("/{run}/preview")
def preview(run: str, order: AnyOrder, told: Told) -> Preview:
    """What an edit would do; nothing is sent."""
    wheel = wheel_of(FOLLOWED.look(run_folder(told.root, run)))
    edit = order.made(wheel)
    wheel.check(edit, sending=False)
    step, command = wheel.step_for(edit), isinstance(edit, Command)
    told_words = Preview(words=str(edit), step=step, command=command, changes=command)
    if wheel.course is None or command:
        return told_words
    before, after = wheel.before(edit), wheel.after(edit)
    _bounded(after)
    changes = str(before.schedule) != str(after.schedule) or before.total != after.total
    return told_words.model_copy(
        update={
            "changes": changes,
            "before": _side(before, step, wheel.far.unit),
            "after": _side(after, step, wheel.far.unit),
            "curve": sampled(after, min(float(wheel.far.position), float(step))),
        }
    )


@router.post("/{run}/edits", dependencies=CHANGES, status_code=201)
def send(
    run: str, order: AnyOrder, told: Told, wait: Annotated[float, Query(ge=0, le=5)] = 1.0
) -> Sent:
    """Send an edit, and wait a moment for the answer; `GET` the run to see what becomes of it."""
    found = FOLLOWED.look(run_folder(told.root, run))
    wheel = wheel_of(found)
    edit = order.made(wheel)
    wheel.check(edit, sending=True)
    if wheel.course is not None and not isinstance(edit, Command):
        _bounded(wheel.after(edit))
    fields = {name: value for name, value in edit.to_dict().items() if name != "letter"}
    letter = submit(found.folder, fields)
    answer = wait_for(found, letter, wait)
    return Sent(
        letter=letter, answer=answer.answer, told=answer.told, step=answer.step, rate=answer.rate
    )


def _side(curve: Curve, step: int, unit: float) -> Side:
    area = _area(curve)
    return Side(
        schedule=str(curve.schedule),
        total=finite(curve.total),
        area=None if area is None else area * unit,
        rate=curve(step),
    )


def _area(curve: Curve) -> float | None:
    """Return the sum of the rates of all steps; of a long run from every second, third, ..."""
    if not np.isfinite(curve.total):
        return None
    stride = -(-curve.steps // MOST_LOOKS)
    return float(curve(np.arange(0, curve.steps, stride)).sum()) * stride


def _bounded(curve: Curve) -> None:
    if np.isfinite(curve.total) and curve.total > MAX_STEPS:
        raise SpecError(
            f"a run of up to {MAX_STEPS:,} steps is steered here, got a total of "
            f"{curve.total:,.10g}; use `lrkit steer` in a terminal"
        )
