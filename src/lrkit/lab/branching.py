"""A cooldown branch: a new run that leaves another one at a step and takes the rate down."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from lrkit.errors import DataError, SpecError
from lrkit.lab.conductor import Conductor
from lrkit.lab.contract import Task
from lrkit.lab.keeping import AUTO, KEEP, Keep, check_keeping, keeper_of
from lrkit.lab.plan import Plan, planned
from lrkit.lab.progress import Bar, Watcher
from lrkit.lab.recovery import find_start
from lrkit.lab.resuming import OWN, check_is_training, fill, session_of, task_of
from lrkit.lab.sessions import Session, Sitting, conducted
from lrkit.lab.snapshots import restore
from lrkit.lab.training import header_of, views
from lrkit.lab.weights import weights_of
from lrkit.records import Journal, Run, course_of, free_name, replay
from lrkit.schedules import Curve, Schedule, SpanLike, as_span, cosine, linear, one_minus_sqrt

Shape: TypeAlias = Literal["linear", "cosine", "one_minus_sqrt"]
SHAPES: Final[Mapping[str, Callable[[float, float, SpanLike], Schedule]]] = {
    "linear": linear,
    "cosine": cosine,
    "one_minus_sqrt": one_minus_sqrt,
}


@conducted
def branch(
    folder: str | os.PathLike[str],
    at: SpanLike,
    cooldown: SpanLike = "20%",
    *,
    shape: Shape = "linear",
    to: float = 0.0,
    run: str | os.PathLike[str] | None = None,
    header: Mapping[str, Any] | None = None,
    what: Task | str | None = None,
    device: str | None = None,
    checkpoint: str | float = AUTO,
    keep: Keep = KEEP,
    tensorboard: bool = False,
    progress: bool | Watcher = False,
) -> Sitting:
    """Leave the run in *folder* at *at*, cool down to the rate *to*, and return the new run.

    Its rate is that of the parent for updates 0 <= t < *at*, edits included, and from there
    *shape* takes the rate r that the parent has at *at* to *to* within *cooldown*; "linear":

        rate(t) = (1 - u) r + u * to,  u = (t - at) / cooldown

    A *cooldown* in percent is a share of the whole new run, at + cooldown, as papers on such
    schedules count it: 20 % at update 800 is 200 updates (rounded up to whole ones). Any other
    span is taken as it is.

    The branch goes on from the parent's newest checkpoint at or before *at*. Where that lies
    before *at*, the updates between are trained again at the parent's rates, which on a CPU gives
    the parent's weights bit for bit; without one they are trained from the beginning. The parent
    is not changed and may be running. The branch is a run of its own, in the folder *run* (None:
    the parent's name with "-branch"), whose header names its `parent` and has what *header* adds,
    and whose journal begins with the parent's.

    The other arguments are those of `resume` and `train`.

    Raises `SpecError` for an *at* outside the parent or within an epoch of a run whose rates are
    set per epoch, and `DataError` as `resume` does.

    Source: Hu et al. 2024 (MiniCPM), Hägele et al. 2024: one long run at a constant rate and a
    cooldown branch for each length of interest.
    """
    parent = replay(folder)
    check_is_training(parent)
    there = parent.header
    made = task_of(there, what, device)
    if (begun := weights_of(parent)) is not None:
        begun.put(made.model)
    session = session_of(made, there)
    course = course_of(parent)
    spec, plan, leave = _planned(session, course, at, cooldown, shape, to)
    check_keeping(checkpoint, keep, plan.length)
    watcher = Bar(made.name) if progress is True else progress or None
    session = replace(session, spec=str(spec), plan=plan, watcher=watcher)
    start = find_start(parent, session.about, at_most=leave, name="the branch", tidy=False)
    _check_rates(parent, plan, start.step)
    full = header_of(
        session, there.get("made_by"), there.get("options"), checkpoint, keep, tensorboard
    )
    full["parent"] = {"run": str(parent.folder), "step": leave, "from": start.step}
    full |= dict(header or {}) | ({} if begun is None else {"weights": begun.header})
    target = free_name(f"{parent.folder}-branch") if run is None else Path(run)
    journal = Journal.create(target, sinks=views(tensorboard), **full)
    if begun is not None:
        begun.keep(target)
    session.keep_in(target, journal)

    def begin(conductor: Conductor) -> None:
        for text in start.said:
            conductor.say(text)
        fill(conductor.loop, parent, start.step)
        _copy(parent, start.step, journal)
        if start.saved is not None:
            restore(conductor.loop, start.state, start.saved, scheduler=False)
            per = conductor.loop.per_epoch if plan.per == "epoch" else 1
            conductor.loop.scheduler.seek(start.step // per)

    keeper = keeper_of(journal, checkpoint, keep, plan.length)
    return Sitting(session, journal, keeper, begin)


def _planned(
    session: Session, course: Curve, at: SpanLike, cooldown: SpanLike, shape: str, to: float
) -> tuple[Schedule, Plan, int]:
    """Return the branch's schedule, its plan, and the update at which it leaves its parent."""
    if shape not in SHAPES:
        raise SpecError(f"shape must be one of {', '.join(SHAPES)}, got {shape!r}")
    length, per = session.plan.length, session.plan.per
    unit = (length.steps_per_epoch or 1.0) if per == "epoch" else 1.0  # updates in a step
    whole = replace(length, total=course.total * unit)
    leave = whole.steps(as_span(at, "at"))
    if not 1 <= leave <= course.total * unit or leave != int(leave):
        raise SpecError(
            f"a branch leaves at a whole update from 1 to {course.total * unit:g}, the end of its "
            f"parent, got {at!r}, which is {leave:g}; choose one within"
        )
    if leave % unit:
        raise SpecError(
            f"the rates of this run are set per epoch, so a branch leaves at the end of one "
            f"({unit:g} updates), got {at!r}, which is update {leave:g}"
        )
    down = _whole_steps(cooldown, leave, whole.steps, unit)
    begun = leave / unit
    spec = course.schedule.part(0, begun, of=course.total) >> SHAPES[shape](
        course(begun), to, f"{down / unit:g}st"
    )
    updates = int(leave + down)
    new = replace(length, total=float(updates))
    return spec, planned(spec, session.rules, new, updates), int(leave)


def _whole_steps(
    cooldown: SpanLike, leave: float, steps: Callable[[Any], float], unit: float
) -> float:
    """Return the updates of the cooldown, a whole number of schedule steps of *unit* each."""
    span = as_span(cooldown, "cooldown")
    if span.unit == "%":
        if not 0 < span.value < 100:
            raise SpecError(f"`0% < cooldown < 100%` must hold, got {span}; write for example 20%")
        # The last digits of a quotient must not make one more of a whole number.
        found = round(leave * span.value / (100.0 - span.value), 6)
    else:
        found = steps(span)
    if found <= 0:
        raise SpecError(f"`cooldown > 0` must hold, got {span}; write for example 20%")
    return math.ceil(found / unit) * unit


def _check_rates(parent: Run, plan: Plan, step: int) -> None:
    """Raise `DataError` where the parent's journal says other rates than the branch would use."""
    if not step:
        return
    used = np.asarray(parent.metrics["lr"])[parent.metrics["step"] < step]
    t = np.arange(step)
    if plan.per == "epoch":
        t = t // int(plan.length.steps_per_epoch or 1)
    planned_rates = plan.curve(t.astype(np.float64))
    if used.shape != planned_rates.shape or (wrong := np.flatnonzero(used != planned_rates)).size:
        first = int(wrong[0]) if used.shape == planned_rates.shape else used.size
        raise DataError(
            f"a branch has its parent's rates, but the journal of {parent.folder} tells another "
            f"rate of update {first} than its schedule and edits; branch at {first} or before"
        )


def _copy(parent: Run, step: int, journal: Journal) -> None:
    """Write what *parent* has told of the updates before *step* into the branch's own journal."""
    names = [name for name in parent.metrics if name not in ("step", "time")]
    there = {name: parent.recorded(name) for name in names}
    for row in np.flatnonzero(parent.metrics["step"] < step).tolist():
        values = {name: parent.metrics[name][row] for name in names if there[name][row]}
        journal.metrics(int(parent.metrics["step"][row]), **values)
    for event in parent.evaluations:
        if event["step"] <= step:
            journal.append("evaluation", **{k: v for k, v in event.items() if k not in OWN})
