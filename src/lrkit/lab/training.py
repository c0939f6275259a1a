"""Training one task under one schedule."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lrkit.control import Edit, SpikeGuard, Steered, steered
from lrkit.errors import SpecError
from lrkit.lab.catalog import DEFAULT, task
from lrkit.lab.contract import Task
from lrkit.lab.keeping import AUTO, KEEP, Keep, check_keeping, keeper_of
from lrkit.lab.loop import BATCH_LOSS, Options, Per
from lrkit.lab.plan import plan_of, resolved, stage_of
from lrkit.lab.progress import Bar, Watcher
from lrkit.lab.sessions import Session, Sitting, conducted
from lrkit.lab.stages import Ask
from lrkit.lab.weights import Beginning, read_weights
from lrkit.records import Journal, Sink
from lrkit.schedules import Schedule, SpanLike


@conducted
def train(
    what: Task | str = DEFAULT,
    schedule: Schedule | Steered | str | None = None,
    *,
    epochs: int | None = None,
    total: str | float | None = None,
    per: Per = "step",
    seed: int = 0,
    device: str = "auto",
    options: Mapping[str, Any] | None = None,
    clip: float | None = None,
    accumulate: int = 1,
    amp: bool = False,
    run: str | os.PathLike[str] | None = None,
    header: Mapping[str, Any] | None = None,
    checkpoint: str | float = AUTO,
    keep: Keep = KEEP,
    tensorboard: bool = False,
    ask: Ask | None = None,
    stage: SpanLike | None = None,
    edits: Sequence[tuple[SpanLike, Edit]] = (),
    weights: str | os.PathLike[str] | Mapping[str, Tensor] | None = None,
    progress: bool | Watcher = False,
) -> Sitting:
    """Train a task under a schedule and return what it came to.

    - *what* is a `Task`, or a name that `task(name, seed, device, **options)` makes one of.
    - *schedule* sets the rate of every update (None: the task's own), *per* "step" or "epoch":
      per epoch its clock counts epochs, and epoch e trains at value(e). Controllers behind it,
      as in `0.1 * cosine() | plateau(0.1) | spike_guard()`, see after each epoch the task's scores
      and `loss`, the mean training loss unless a score is called so, and after each update
      `batch_loss`; a spike guard that looks for `loss` is given the latter.
    - The length is *epochs*, or *total*, a span ("2000st", "5ep"); None: the task's own.
    - *clip* bounds the norm of the gradient; *accumulate* batches make one update; *amp* trains
      in mixed precision (bfloat16, or float16 with a scaled loss where a GPU has none).
    - *run* is the folder of the run's journal, which must not exist; *header* goes into it.
    - *checkpoint* says how often a run writes a checkpoint: a span ("1ep", "500st", "10%"), "none",
      or "auto": by the clock, for 2 % of the time at most. The last *keep* stay ("all": every one),
      and those asked for by hand. One is written at the end, too. `resume` goes on from there.
    - *tensorboard* writes TensorBoard's event files into the run's folder while it goes.
    - *ask* is called with a `Stage` when all updates are made; the edits it returns are applied,
      and if an `Extend` is among them the training goes on. With *stage*, a span, it is also
      called each time that this much is done; there the training goes on unless the edits say
      otherwise.
    - *edits* are made when their moment comes, as if by hand: `[("30ep", Set(0.01))]`.
    - *weights* to begin with instead of those that the seed makes: a file of them (see
      `lrkit.lab.weights`) or a `state_dict()`. The run keeps a copy, so a resume begins with
      them, too. Optimizer and parts begin fresh.
    - *progress* shows a bar, or is told (`Watcher`).

    Under `torchrun` the processes make one training: each takes its share of every batch, and
    rank 0 alone evaluates, asks and writes. The update is that of the whole batch, up to
    rounding and to what a model draws or normalises over its share.

    The same seed gives the same numbers on the same machine and number of threads; the caller's
    random states (Python's, NumPy's, torch's) stay as they were. Ctrl-C and SIGTERM end a run
    with checkpoints between two updates, as "stopped", with a last checkpoint; a second Ctrl-C
    ends it at once. A loss or score that is not finite ends the training; the
    result then has `status == "failed"` and the update and rate in `reason`.

    What the task's own code raises comes out as a `LoopError` in one line, its cause attached.

    Raises `SpecError` for options that break a rule, `LoopError` for a task that does, and
    `DataError` when the journal cannot be written, or the weights do not fit the model.

    >>> result = train("poly-tanh", "constant(0.03)", epochs=2, device="cpu")
    >>> result.status, len(result.losses), result.score < 2
    ('done', 100, True)
    """
    made = what if isinstance(what, Task) else task(what, seed, device, **(options or {}))
    begun = _begun(made, weights)
    spec = for_updates(steered(made.schedule if schedule is None else schedule))
    rules = Options(clip=clip, accumulate=accumulate, amp=amp, per=per)
    plan = plan_of(
        made, spec.schedule, rules, epochs=epochs, total=total, controllers=spec.controllers
    )
    check_keeping(checkpoint, keep, plan.length)
    watcher = Bar(made.name) if progress is True else progress or None
    session = Session(
        made,
        str(spec),
        plan,
        rules,
        seed,
        watcher,
        ask,
        stage_of(stage, plan, ask),
        resolved(edits, plan),
    )
    if run is None:
        if tensorboard:
            raise SpecError("tensorboard shows a run; say where it is kept: run='runs/a'")
        return Sitting(session)
    about = header_of(session, what, options, checkpoint, keep, tensorboard) | dict(header or {})
    about |= {} if begun is None else {"weights": begun.header}
    begin = lambda: Journal.create(run, sinks=views(tensorboard), **about)  # noqa: E731
    journal = session.ranks.lead(begin)
    session.keep_in(run, journal)
    if begun is not None and journal is not None:
        begun.keep(journal.folder)
    return Sitting(session, journal, keeper_of(journal or Path(run), checkpoint, keep, plan.length))


def _begun(
    made: Task, weights: str | os.PathLike[str] | Mapping[str, Tensor] | None
) -> Beginning | None:
    """Give *made* the *weights*, where there are any, and return them."""
    if weights is None:
        return None
    begun = read_weights(weights)
    begun.put(made.model)
    return begun


def for_updates(spec: Steered) -> Steered:
    """Return *spec* with the spike guards on the loss of single updates, where spikes are seen."""
    return Steered(
        spec.schedule,
        tuple(
            dataclasses.replace(c, metric=BATCH_LOSS)
            if isinstance(c, SpikeGuard) and c.metric == "loss"
            else c
            for c in spec.controllers
        ),
    )


def header_of(
    session: Session,
    what: Task | str | None,
    options: Mapping[str, Any] | None,
    checkpoint: str | float,
    keep: Keep,
    tensorboard: bool,
) -> dict[str, Any]:
    """Return what a reader of the journal needs in order to run the training again."""
    made, plan = session.task, session.plan
    return {
        "task": made.name,
        "made_by": what if isinstance(what, str) else None,
        "spec": session.spec,
        "schedule": plan.curve.schedule.to_dict(),
        "controllers": [controller.to_dict() for controller in plan.controllers],
        "seed": session.seed,
        "options": dict(options or {}),
        "horizon": dataclasses.asdict(plan.curve.horizon),
        "updates": plan.updates,
        "edits": [edit.to_dict() for edit in session.edits],
        **dataclasses.asdict(session.rules),
        "score": made.score,
        "higher_is_better": made.higher_is_better,
        "device": str(made.device),
        "threads": torch.get_num_threads(),
        "checkpoint": checkpoint,
        "keep": keep,
        "tensorboard": tensorboard,
        "ranks": session.ranks.size,
        **({"data": dict(made.data)} if made.data else {}),
    } | ({} if (groups := plan.groups(made)) is None else {"groups": groups})


def views(tensorboard: bool) -> list[Sink]:
    """Return the sinks of a run."""
    if not tensorboard:
        return []
    from lrkit.sinks import TensorBoard  # an optional install

    return [TensorBoard()]
