"""Training one task under one schedule."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch

from lrkit.errors import LoopError, LrkitError
from lrkit.lab.catalog import DEFAULT, task
from lrkit.lab.contract import Task, first_line
from lrkit.lab.loop import Diverged, Loop, Options, Per, as_array
from lrkit.lab.plan import Plan, plan_of
from lrkit.lab.progress import Bar, Watcher
from lrkit.lab.result import RunResult
from lrkit.records import Journal
from lrkit.schedules import Schedule, parse


def train(
    what: Task | str = DEFAULT,
    schedule: Schedule | str | None = None,
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
    progress: bool | Watcher = False,
) -> RunResult:
    """Train a task under a schedule and return what it came to.

    - *what* is a `Task`, or a name that `task(name, seed, device, **options)` makes one of.
    - *schedule* sets the rate of every update (None: the task's own), *per* "step" or "epoch":
      per epoch its clock counts epochs, and epoch e trains at value(e).
    - The length is *epochs*, or *total*, a span ("2000st", "5ep"); None: the task's own.
    - *clip* bounds the norm of the gradient; *accumulate* batches make one update; *amp* trains
      in mixed precision (bfloat16, or float16 with a scaled loss where a GPU has none).
    - *run* is the folder of the run's journal, which must not exist; *header* goes into it.
    - *progress* shows a bar, or is told (`Watcher`).

    The same seed gives the same numbers on the same machine and number of threads; the caller's
    random state stays as it was. A loss or score that is not finite ends the training; the
    result then has `status == "failed"` and the update and rate in `reason`.

    What the task's own code raises comes out as a `LoopError` in one line, its cause attached.

    Raises `SpecError` for options that break a rule, `LoopError` for a task that does, and
    `DataError` when the journal cannot be written.

    >>> result = train("poly-tanh", "constant(0.03)", epochs=2, device="cpu")
    >>> result.status, len(result.losses), result.score < 2
    ('done', 100, True)
    """
    made = what if isinstance(what, Task) else task(what, seed, device, **(options or {}))
    spec = _schedule(made, schedule)
    rules = Options(clip=clip, accumulate=accumulate, amp=amp, per=per)
    plan = plan_of(made, spec, rules, epochs=epochs, total=total)
    watcher = Bar(made.name) if progress is True else progress or None
    journal: AbstractContextManager[Journal | None] = nullcontext()
    if run is not None:
        about = _about(made, spec, plan, rules, seed, options) | dict(header or {})
        journal = Journal.create(run, **about)
    with journal as book, _reproducible(seed, made.device), _open(watcher):
        loop = Loop(made, plan.scheduler(made), plan.updates, rules, book, watcher)
        status, reason = _run(loop)
        if book is not None:
            book.close(status, reason)
    return RunResult(
        task=made.name,
        schedule=str(spec),
        seed=seed,
        status=status,
        reason=reason,
        score_name=made.score,
        higher_is_better=made.higher_is_better,
        rates=as_array(loop.rates),
        losses=as_array(loop.losses),
        evaluations=tuple(loop.evaluations),
        folder=None if book is None else book.folder,
    )


def _run(loop: Loop) -> tuple[Literal["done", "failed"], str]:
    """Run *loop* to its end; what the user's own code raises becomes a `LoopError`."""
    try:
        if loop.watcher is not None:
            loop.watcher.started(loop.updates)
        loop.run()
    except Diverged as outcome:
        return "failed", str(outcome)
    except LrkitError:
        raise
    except torch.OutOfMemoryError as error:
        raise LoopError(
            f"task {loop.task.name!r} does not fit into the memory of {loop.task.device}; "
            "make batch_size smaller and accumulate more batches"
        ) from error
    except Exception as error:
        raise LoopError(
            f"task {loop.task.name!r} raised {first_line(error)} at update {loop.done}; "
            "see that its model, loss, batches and evaluate() work by themselves"
        ) from error
    return "done", ""


def _schedule(made: Task, schedule: Schedule | str | None) -> Schedule:
    if schedule is None:
        schedule = made.schedule
    return parse(schedule) if isinstance(schedule, str) else schedule


def _about(
    made: Task,
    spec: Schedule,
    plan: Plan,
    rules: Options,
    seed: int,
    options: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return what a reader of the journal needs in order to run the training again."""
    return {
        "task": made.name,
        "spec": str(spec),
        "schedule": spec.to_dict(),
        "seed": seed,
        "options": dict(options or {}),
        "horizon": dataclasses.asdict(plan.curve.horizon),
        "updates": plan.updates,
        **dataclasses.asdict(rules),
        "score": made.score,
        "higher_is_better": made.higher_is_better,
        "device": str(made.device),
        "threads": torch.get_num_threads(),
    }


@contextmanager
def _reproducible(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch for the block, and on a GPU take the same kernels every time."""
    cuda = device.type == "cuda"
    kernels: AbstractContextManager[None] = (
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
        if cuda
        else nullcontext()
    )
    with torch.random.fork_rng(devices=[device] if cuda else []), kernels:
        torch.manual_seed(seed)
        yield


@contextmanager
def _open(watcher: Watcher | None) -> Iterator[None]:
    if isinstance(watcher, Bar):
        with watcher:
            yield
    else:
        yield
