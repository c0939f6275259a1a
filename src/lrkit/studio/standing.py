"""How a run stands for who steers it: where it is, what it follows, its edits and its letters."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from lrkit.control import Replace, steered
from lrkit.errors import DataError, SpecError
from lrkit.records import (
    Follower,
    Run,
    Wheel,
    edits_of,
    login_name,
    progress_of,
    told_of,
    words_of,
)
from lrkit.records.tail import LAST
from lrkit.records.wheel import TAKES
from lrkit.schedules import Schedule, from_dict
from lrkit.schedules.tables import FromFunction, Multiplicative

AT_ONCE: Final = 8
"""Runs that are followed at once; those not asked for longest are let go."""
MOST_EVENTS: Final = 200
MOST_METRICS: Final = 40


class GroupNow(BaseModel):
    """A parameter group that is driven, and its rate at the next step."""

    index: int
    name: str | None
    rate: float


class Event(BaseModel):
    """An edit in the journal, or a letter: what it does, and what became of it."""

    letter: str
    words: str
    step: int | None
    told: str
    author: str = ""
    reason: str = ""
    source: str = ""
    time: float = 0.0


class State(BaseModel):
    """How a run stands, for who steers it; None where its journal does not tell."""

    run: str
    status: str
    reason: str
    takes: bool
    resumable: bool
    done: int
    updates: int | None
    position: int
    total: float | None
    per_epoch: bool
    steps_per_epoch: float | None
    speed: float | None
    left: float | None
    schedule: str | None
    problem: str
    groups: list[GroupNow]
    metrics: dict[str, float | None]
    checkpoint: int | None
    edits: list[Event]
    refused: list[Event]
    waiting: list[Event]
    author: str


class Followed:
    """The runs that are looked at again and again, each read once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[Path, tuple[Follower, threading.Lock]] = OrderedDict()

    def look(self, folder: Path) -> Run:
        """Return the run in *folder* as it is now, its metrics the last ones."""
        with self._lock:
            if folder not in self._runs:
                self._runs[folder] = Follower(folder, last=LAST), threading.Lock()
            self._runs.move_to_end(folder)
            while len(self._runs) > AT_ONCE:
                self._runs.popitem(last=False)
            follower, mine = self._runs[folder]
        with mine:
            return follower.look()


FOLLOWED: Final = Followed()


def state_of(found: Run) -> State:
    """Return how the run *found* stands."""
    wheel, problem = _wheel_or_problem(found)
    far, course = wheel.far, wheel.course
    checkpoints = [event.get("step") for event in found.checkpoints]
    return State(
        run=found.name,
        status=found.status,
        reason=found.reason,
        takes=found.status in TAKES,
        resumable=found.status in ("dead", "stopped", "failed") and "updates" in found.header,
        done=far.done,
        updates=far.updates,
        position=far.position,
        total=None if course is None else finite(course.total),
        per_epoch=far.unit != 1,
        steps_per_epoch=far.steps_per_epoch,
        speed=far.speed,
        left=far.left,
        schedule=None if course is None else str(course.schedule),
        problem=problem,
        groups=[
            GroupNow(index=g.index, name=g.name, rate=wheel.courses[g.index](far.position))
            for g in wheel.groups
        ],
        metrics=_last(found),
        checkpoint=next((s for s in reversed(checkpoints) if isinstance(s, int)), None),
        edits=[_event(event, told_of(event)) for event in found.edits[-MOST_EVENTS:]],
        refused=[_refused(event) for event in found.refused[-MOST_EVENTS:]],
        waiting=_waiting(wheel),
        author=login_name(),
    )


def wheel_of(run: Run) -> Wheel:
    """Return the wheel of *run*; errors as for `Wheel.of`.

    A schedule that names a function by path is refused (`DataError`): to place it would import
    the module, and a journal may come from anywhere.
    """
    waiting = list(_schedules(run))
    while waiting:
        node = waiting.pop()
        if isinstance(node, FromFunction | Multiplicative):
            raise DataError(
                f"run {run.name} follows {node.name}(), a function of a module, and the studio "
                "imports none; steer it with `lrkit steer` in a terminal"
            )
        waiting.extend(node.children)
    return Wheel.of(run)


def _schedules(run: Run) -> Iterator[Schedule]:
    """Yield every schedule that the journal of *run* names, none of them placed."""
    header = run.header
    if header.get("spec") is None and not header.get("groups"):
        return  # it is steered unseen
    rows = header.get("groups") or ()
    for written in (header.get("schedule"), header.get("spec"), *(r.get("schedule") for r in rows)):
        if isinstance(written, str):
            yield steered(written).schedule
        elif isinstance(written, Mapping):
            yield from_dict(written)
    yield from (edit.new for edit in edits_of(run) if isinstance(edit, Replace))


def _wheel_or_problem(run: Run) -> tuple[Wheel, str]:
    """Return the wheel of *run*, and why its course cannot be told where it cannot."""
    try:
        return wheel_of(run), ""
    except (DataError, SpecError) as error:  # edits of a newer lrkit, or a journal of other hands
        return Wheel(run, progress_of(run, None)), str(error)


def _event(event: dict[str, Any], told: str, **more: Any) -> Event:
    step, sent = event.get("step"), event.get("time")
    return Event(
        letter=str(event.get("letter") or ""),
        words=words_of(event),
        step=step if isinstance(step, int) else None,
        told=told,
        author=str(event.get("author") or ""),
        source=str(event.get("source") or ""),
        time=float(sent) if isinstance(sent, (int, float)) else 0.0,
        **{"reason": str(event.get("reason") or "")} | more,
    )


def _refused(event: dict[str, Any]) -> Event:
    fields = event.get("fields")
    asked = fields if isinstance(fields, dict) else {}
    reason = str(event.get("reason") or "")
    letter = {"letter": event.get("letter"), "time": event.get("time")}
    found = _event(asked | letter, reason, reason=reason)
    step = event.get("step")
    return found.model_copy(update={"step": step if isinstance(step, int) else None})


def _waiting(wheel: Wheel) -> list[Event]:
    """Return the letters that were not answered yet, in the order sent."""
    answered = {event.get("letter") for event in (*wheel.run.edits, *wheel.run.refused)}
    return [
        _event(letter.fields | {"letter": letter.id}, letter.problem)
        for letter in wheel.waiting()
        if letter.id not in answered
    ]


def _last(run: Run) -> dict[str, float | None]:
    """Return the last value of each metric; None where it is no number."""
    found: dict[str, float | None] = {}
    for name in run.metrics:
        if name in ("step", "time") or len(found) >= MOST_METRICS:
            continue
        values = run.metrics[name][run.recorded(name)]
        if len(values):
            found[name] = finite(float(values[-1]))
    return found


def finite(value: float) -> float | None:
    """Return *value*, or None where JSON cannot hold it."""
    return value if math.isfinite(value) else None
