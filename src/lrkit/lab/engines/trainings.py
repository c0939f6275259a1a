"""How any engine makes one training: begun anew, gone on with, branched off, or there already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from lrkit.errors import DataError, InternalError, LrkitError, SpecError
from lrkit.lab.branching import branch
from lrkit.lab.contract import first_line
from lrkit.lab.engines.contract import Ended, Training
from lrkit.lab.progress import Watcher
from lrkit.lab.result import RunResult
from lrkit.lab.resuming import resume
from lrkit.lab.training import for_updates, train
from lrkit.records import Run, replay
from lrkit.records.writer import JOURNAL
from lrkit.schedules import Horizon, as_span


def run_training(training: Training, watcher: Watcher) -> RunResult:
    """Make *training*, or what is left of it, and return what it came to.

    In its folder, a run that came to its end is read and not made again; one that was begun goes
    on from its newest checkpoint, from its beginning where it has none. A *watcher* that raises
    `KeyboardInterrupt` stops it, and the result says "stopped".

    Raises `DataError` where the folder holds another training, and what `train`, `resume` and
    `branch` raise.
    """
    try:
        if (training.folder / JOURNAL).exists():
            run = replay(training.folder)
            check_same(training, run)
            if (there := finished(run)) is not None:
                return there
            return resume(run.folder, device=training.device, progress=watcher)
        return _begin(training, watcher)
    except KeyboardInterrupt:
        if not getattr(watcher, "stopping", False):
            raise  # a Ctrl-C of the user's
    return RunResult.of(replay(training.folder))


def finished(run: Run) -> RunResult | None:
    """Return what *run* came to, a good end or not; None where there is more of it to do."""
    result = RunResult.of(run)
    return result if run.events_lost == 0 and result.status in ("done", "failed") else None


def check_same(training: Training, run: Run) -> None:
    """Raise `DataError` where *run* is not one of *training*."""
    for name, wanted, there in _facts(training, run.header):
        if wanted != there:
            raise DataError(
                f"a folder holds one training, the run in {run.folder} has {name} {there!r} and "
                f"not {wanted!r}; choose another folder, or remove that run"
            )


def ended(training: Training, began: bool, error: BaseException | None = None) -> Ended:
    """Return how *training* ended: by *error*, or with what its journal says where it *began*."""
    if error is not None:
        return Ended(training, None, as_error(error))
    if not began:
        return Ended(training, None)
    try:
        return Ended(training, RunResult.of(replay(training.folder)))
    except DataError as damage:
        return Ended(training, None, damage)


def as_error(error: BaseException) -> LrkitError:
    """Return *error* as one of ours; what a training does not raise by itself is our own fault."""
    if isinstance(error, LrkitError):
        return error
    return InternalError(f"a training raised {first_line(error)}; please report it")


def _begin(training: Training, watcher: Watcher) -> RunResult:
    cooldown = training.cooldown
    if cooldown is not None:
        if training.spec is not None or training.total is not None:
            raise SpecError(
                "a cooldown has its schedule and length from its parent, "
                f"got spec {training.spec} and total {training.total}; leave them out"
            )
        return branch(
            cooldown.parent,
            cooldown.at,
            cooldown.span,
            shape=cooldown.shape,
            to=cooldown.to,
            run=training.folder,
            header=training.header,
            device=training.device,
            checkpoint=training.checkpoint,
            keep=training.keep,
            progress=watcher,
        )
    return train(
        training.task,
        training.spec,
        total=training.total,
        per=training.per,
        seed=training.seed,
        device=training.device,
        options=training.options,
        clip=training.clip,
        accumulate=training.accumulate,
        amp=training.amp,
        edits=training.edits,
        run=training.folder,
        header=training.header,
        checkpoint=training.checkpoint,
        keep=training.keep,
        progress=watcher,
    )


def _facts(training: Training, header: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return what the header of a run must say of *training*: name, wanted, there."""
    parent = Path(str(header.get("parent", {}).get("run", ""))).name
    if training.cooldown is not None:
        return [("the parent", training.cooldown.parent.name, parent)]
    facts: list[tuple[str, Any, Any]] = [("the parent", "", parent)]
    if training.spec is not None:
        facts.append(("the schedule", str(for_updates(training.spec)), header.get("spec")))
    if training.total is not None and training.per == "step":
        facts.append(("the total", _steps(training.total, header), header["horizon"].get("total")))
    facts.append(("the task", training.task, header.get("made_by")))
    for name in ("seed", "options", "per", "clip", "accumulate", "amp"):
        wanted = msgspec.to_builtins(getattr(training, name))
        facts.append((name, wanted, header.get(name)))
    return facts


def _steps(total: str | float, header: Mapping[str, Any]) -> float:
    """Return *total* in steps of the run whose *header* it is."""
    fields = dict(header["horizon"]) | {"total": None}
    return Horizon(**fields).steps(as_span(total, "total"))
