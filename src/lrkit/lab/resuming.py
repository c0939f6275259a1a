"""Going on with a run that was stopped, was killed, or is done and is to be longer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from lrkit.control import Extend, Replace, controller_from_dict, edit_from_dict
from lrkit.errors import DataError, SpecError
from lrkit.lab.catalog import task
from lrkit.lab.checkpoints import clear_leftovers
from lrkit.lab.conductor import Conductor
from lrkit.lab.contract import Task
from lrkit.lab.hands import by_hand
from lrkit.lab.keeping import AUTO, KEEP, Keep, keeper_of
from lrkit.lab.loop import Loop, Options
from lrkit.lab.plan import horizon_of, planned, stage_of
from lrkit.lab.progress import Bar, Watcher
from lrkit.lab.ranks import Ranks
from lrkit.lab.recovery import find_start
from lrkit.lab.sessions import Session, Sitting, conducted
from lrkit.lab.snapshots import about_of, restore
from lrkit.lab.stages import Ask
from lrkit.lab.training import views
from lrkit.lab.weights import weights_of
from lrkit.records import Journal, Run, replay
from lrkit.schedules import SpanLike, as_span, from_dict

Policy: TypeAlias = Literal["raise", "keep", "new", "stretch"]
POLICIES: Final = ("raise", "keep", "new", "stretch")
OWN: Final = ("kind", "time")
"""Fields of an event that are the journal's."""


@conducted
def resume(
    folder: str | os.PathLike[str],
    *,
    total: SpanLike | None = None,
    policy: Policy = "raise",
    what: Task | str | None = None,
    device: str | None = None,
    checkpoint: str | float | None = None,
    keep: Keep | None = None,
    tensorboard: bool | None = None,
    ask: Ask | None = None,
    stage: SpanLike | None = None,
    progress: bool | Watcher = False,
) -> Sitting:
    """Go on with the run in *folder* from its newest good checkpoint, and return the whole run.

    On a CPU, with the same number of threads (which is set), the weights, the rate of every
    update and the scores come out bit for bit as if the run had never stopped. Edits made by hand
    after the checkpoint are applied again at their steps; controllers decide again. Without a
    checkpoint the run starts from its beginning, and says so. A damaged checkpoint is renamed and
    the one before it is taken, which is said on the log and in the journal.

    - *total*, a span from the very beginning, makes the run longer or shorter, and *policy* says
      what becomes of the schedule: "keep" leaves it as it is (its last value holds, or it is cut),
      "stretch" spreads what is left of it over what is left of the run now, "new" takes the
      declared schedule as if *total* had been its total from the beginning, "raise" asks. The
      change is kept as edits in the journal.
    - *what* is the task, or a name for one; None: as the run says. A run that was given a `Task`
      object needs it here, freshly made.
    - *device*, *checkpoint*, *keep* and *tensorboard* are as the run says, unless given.
    - *ask*, *stage* and *progress* are those of `train`.

    Raises `SpecError` for a total that differs under "raise" or is over already, and `DataError`
    for what is no run of `train`, a run that another process is writing, a run that is done and
    gets no longer total, and a checkpoint that does not fit the task.

    """
    ranks = Ranks()
    run = ranks.share(lambda: _free(folder))
    check_is_training(run)
    header = run.header
    _check_ranks(run, ranks)
    made = task_of(header, what, device)
    if (begun := weights_of(run)) is not None:
        begun.put(made.model)
    session = session_of(made, header)
    session.ask, session.stage = ask, stage_of(stage, session.plan, ask)
    session.watcher = Bar(made.name) if progress is True else progress or None
    if run.status == "done" and total is None:
        raise DataError(
            f"a run that is done goes on only with a longer total, {run.folder} is done; "
            "give total= and a policy, or train anew"
        )
    start = ranks.share(lambda: find_start(run, session.about, name=f"run {run.name}"))
    known = {edit.get("letter") for edit in [*start.edits, *run.edits]}
    planned_edits = map(edit_from_dict, header.get("edits", ()))
    session.edits = [edit for edit in planned_edits if edit.letter not in known]
    sinks = views(bool(header.get("tensorboard")) if tensorboard is None else tensorboard)
    go_on = lambda: Journal.resume(  # noqa: E731
        run.folder, start.step, edits=start.edits, sinks=sinks
    )
    journal = ranks.lead(go_on)
    session.folder = run.folder
    keeper = keeper_of(
        journal or run.folder,
        header.get("checkpoint", AUTO) if checkpoint is None else checkpoint,
        header.get("keep", KEEP) if keep is None else keep,
        session.plan.length,
    )
    if keeper is not None:
        ranks.lead(lambda: clear_leftovers(run.folder))
        keeper.asked = {str(e["file"]) for e in run.checkpoints if e.get("asked")}
        keeper.saved = start.saved

    def begin(conductor: Conductor) -> None:
        for text in start.said:
            conductor.say(text)
        fill(conductor.loop, run, start.step)
        if start.saved is not None:
            restore(conductor.loop, start.state, start.saved)
            for letter in {event["obeyed"] for event in run.events if event.get("obeyed")}:
                conductor.loop.scheduler.obeyed(letter)
            if keeper is not None:
                keeper.plan(start.step)
        if total is not None:
            _give_total(conductor, total, policy)

    return Sitting(session, journal, keeper, begin)


def _give_total(conductor: Conductor, total: SpanLike, policy: Policy) -> None:
    """Make the end of the training *total*, and the schedule what *policy* says."""
    scheduler, plan = conductor.loop.scheduler, conductor.plan
    span = as_span(total, "total")
    if policy not in POLICIES:
        raise SpecError(f"policy must be one of {', '.join(POLICIES)}, got {policy!r}")
    if span.unit == "%" or (plan.per == "epoch" and span.unit != "ep"):
        need = "epochs, as its rates are set per epoch" if plan.per == "epoch" else "another unit"
        raise SpecError(f"the total of this run is given in {need}, got {span}; write e.g. 40ep")
    steps = plan.curve.horizon.steps(span)
    if steps == scheduler.total:
        return
    if policy == "raise":
        raise SpecError(
            f"the run is {scheduler.total:.10g} {plan.per}s long, the total is {steps:.10g} now; "
            "choose: policy='keep' leaves the schedule as it is, 'stretch' spreads what is left "
            "of it over what is left now, 'new' takes it as if declared with the new total"
        )
    who: dict[str, Any] = {"author": "resume", "reason": f"total {span}, {policy}"}
    how = "stretch" if policy == "stretch" else "keep"
    scheduler.apply(by_hand(Extend(span, how=how, **who)))
    if policy == "new":
        rest = plan.curve.schedule.part(scheduler.position, steps, of=steps)
        scheduler.apply(by_hand(Replace(rest, **who)))


def fill(loop: Loop, run: Run, step: int) -> None:
    """Give *loop* the rates, losses and evaluations that the journal of *run* has up to *step*."""
    steps = run.metrics["step"]
    before = steps < step
    if steps[before].tolist() != list(range(step)):
        raise DataError(
            f"a run goes on where its journal ends, {run.folder} lacks metrics of updates before "
            f"{step}; restore journal.jsonl from a copy"
        )
    loop.rates = _column(run, "lr", step)
    loop.losses = _column(run, "loss", step)
    loop.evaluations = [
        {k: v for k, v in event.items() if k not in OWN}
        for event in run.evaluations
        if event["step"] <= step
    ]


def _column(run: Run, name: str, step: int) -> list[float]:
    if not step:
        return []
    found: list[float] = run.metrics[name][run.metrics["step"] < step].tolist()
    return found


def _free(folder: str | os.PathLike[str]) -> Run:
    """Return the run in *folder*, which nobody writes."""
    run = replay(folder)
    if run.status == "running":
        raise DataError(
            f"one writer a run: {run.folder} is being written by another process; "
            "wait until it ends, or steer it with `lrkit steer`"
        )
    return run


def _check_ranks(run: Run, ranks: Ranks) -> None:
    if run.header.get("ranks", 1) != ranks.size:
        was = run.header.get("ranks", 1)
        how = "without torchrun" if was == 1 else f"with torchrun --nproc-per-node {was}"
        raise SpecError(
            f"a run goes on with as many processes as it began with, {run.folder} began with "
            f"{was} and there are {ranks.size}; resume it {how}"
        )


def check_is_training(run: Run) -> None:
    """Raise `DataError` when *run* is none of `train`'s."""
    missing = [k for k in ("task", "seed", "updates", "schedule", "horizon") if k not in run.header]
    if missing:
        raise DataError(
            f"only a run of `lrkit train` can be resumed, the journal of {run.folder} has no "
            f"{missing[0]!r}; a Scheduler(run=...) of your own resumes with load_state_dict"
        )


def task_of(header: Mapping[str, Any], what: Task | str | None, device: str | None) -> Task:
    """Return *what*, or the task that *header* names, made anew."""
    if isinstance(what, Task):
        return what
    name = what or header.get("made_by")
    if name is None:
        raise SpecError(
            f"the run was given a Task of your own ({header['task']}); "
            "pass a fresh one: resume(folder, what=task)"
        )
    place = device or str(header.get("device", "auto"))
    return task(str(name), int(header["seed"]), place, **dict(header.get("options", {})))


def session_of(made: Task, header: Mapping[str, Any]) -> Session:
    """Return the sitting that *header* describes, of the task *made* for it."""
    rules = Options(
        clip=header.get("clip"),
        accumulate=header.get("accumulate", 1),
        amp=header.get("amp", False),
        per=header.get("per", "step"),
    )
    updates, total = int(header["updates"]), header["horizon"].get("total")
    length = horizon_of(made, rules, float(updates if rules.per == "epoch" else total))
    if (was := header.get("data", {})) != made.data:
        raise DataError(
            f"the data must be those of the run: they are {dict(made.data)} now and were {was}; "
            "go on where it began, or train anew"
        )
    controllers = [controller_from_dict(c) for c in header.get("controllers", ())]
    plan = planned(from_dict(header["schedule"]), rules, length, updates, controllers)
    saved = dict(header["horizon"])
    now = {k: getattr(plan.curve.horizon, k) for k in saved}
    if now != saved:
        wrong = next(k for k in saved if saved[k] != now[k])
        raise DataError(
            f"the task must be the one of the run: its {wrong} is {now[wrong]!r} now and was "
            f"{saved[wrong]!r}; restore its data and options"
        )
    return Session(
        made,
        str(header["spec"]),
        plan,
        rules,
        int(header["seed"]),
        threads=header.get("threads"),
        about=about_of(header),
    )
