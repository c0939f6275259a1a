"""The range test of a task, fresh or in the middle of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch

from lrkit.errors import DataError, LoopError, LrkitError, SpecError
from lrkit.lab.catalog import DEFAULT, task
from lrkit.lab.contract import Task, first_line
from lrkit.lab.recovery import find_start
from lrkit.lab.resuming import check_is_training, session_of, task_of
from lrkit.lab.snapshots import load_parts
from lrkit.probe import RangeCurve
from lrkit.probe import find as find_range
from lrkit.probe.curve import Kind
from lrkit.probe.randomness import seeded
from lrkit.records import replay
from lrkit.records.points import Point


def find(
    what: Task | str | None = None,
    *,
    start: str | os.PathLike[str] | None = None,
    low: float | None = None,
    high: float | None = None,
    steps: int = 200,
    kind: Kind = "exponential",
    repeats: int = 3,
    validation_every: int | None = None,
    dead: bool = False,
    seed: int = 0,
    device: str = "auto",
    options: Mapping[str, Any] | None = None,
    clip: float | None = None,
    accumulate: int | None = None,
    amp: bool | None = None,
    progress: bool = False,
    on_point: Callable[[Point], None] | None = None,
) -> RangeCurve:
    """Make the range test of a task and return its curve; the task is as before then.

    - *what* is a `Task`, or a name that `task(name, seed, device, **options)` makes one of; None:
      "lenet-digits", or the task of the run *start*.
    - *start* is the folder of a run: the test begins with the weights, the optimizer's state and
      the epoch of its newest good checkpoint, and with the run's own seed, options, *clip*,
      *accumulate* and *amp* where they are not given. The run is not changed.
    - *validation_every* k takes the task's score before every k-th update.
    - Everything else is as in `lrkit.find`.

    The same seed gives the same curve on the same machine and number of threads. What the task's
    own code raises comes out as a `LoopError` in one line, its cause attached.

    Raises `SpecError` for options that break a rule and `DataError` for a run without a
    checkpoint.

    >>> curve = find("poly-tanh", steps=20, repeats=1, device="cpu")
    >>> curve.losses.shape[0], curve.initial_loss > 1
    (1, True)
    """
    epoch = 0
    if start is None:
        name = DEFAULT if what is None else what
        made = name if isinstance(name, Task) else task(name, seed, device, **(options or {}))
    else:
        if options:
            raise SpecError("a run has its options already; leave them out, or leave start out")
        made, epoch, about = _of_run(start, what, None if device == "auto" else device)
        seed = int(about["seed"])
        clip = about.get("clip") if clip is None else clip
        accumulate = about.get("accumulate") if accumulate is None else accumulate
        amp = about.get("amp") if amp is None else amp
    scored: dict[str, Any] = {}
    if validation_every is not None:
        scored = {
            "validation": made.evaluate,
            "validation_every": validation_every,
            "validation_name": made.score,
            "higher_is_better": made.higher_is_better,
        }
    ramp: dict[str, Any] = {"low": low, "high": high, "steps": steps, "kind": kind}
    how: dict[str, Any] = {
        "accumulate": 1 if accumulate is None else accumulate,
        "clip": clip,
        "amp": bool(amp),
        "dead": dead,
        "repeats": repeats,
        "epoch": epoch,
        "seed": seed,
        "also": tuple(made.parts.values()),
        "progress": progress,
        "on_point": on_point,
    }
    with seeded(seed, made.device):
        return _measured(made, ramp | how | scored)


def _measured(made: Task, arguments: Mapping[str, Any]) -> RangeCurve:
    """Make the test; what the user's own code raises becomes a `LoopError`."""
    try:
        return find_range(made.model, made.optimizer, made.loss, made.batches, **arguments)
    except LrkitError:
        raise
    except torch.OutOfMemoryError as error:
        raise LoopError(
            f"the range test of {made.name!r} does not fit into the memory of {made.device}, it "
            "needs a second copy of the weights; make batch_size smaller"
        ) from error
    except Exception as error:
        raise LoopError(
            f"task {made.name!r} raised {first_line(error)} in the range test; "
            "see that its model, loss, batches and evaluate() work by themselves"
        ) from error


def _of_run(
    folder: str | os.PathLike[str], what: Task | str | None, device: str | None
) -> tuple[Task, int, Mapping[str, Any]]:
    """Return the task of the run in *folder* at its newest checkpoint, its epoch and its header."""
    run = replay(folder)
    check_is_training(run)
    made = task_of(run.header, what, device)
    session = session_of(made, run.header)
    start = find_start(run, session.about, name="the range test", tidy=False)
    if start.saved is None:
        raise DataError(
            f"a range test of a run begins at a checkpoint, {run.folder} has none that is good; "
            "train with checkpoint='1ep', or test the task itself"
        )
    try:
        load_parts(made, start.state)
        epoch = int(start.state["place"]["epoch"])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise DataError(
            f"checkpoint {start.saved.name} does not fit the task {made.name!r} "
            f"({first_line(error)}); see that model and optimizer are built as they were then"
        ) from error
    return made, epoch, run.header
