"""Trainings made ready to join a stack, and what no stack can run."""

from __future__ import annotations

import copy
import functools
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from lrkit.errors import LrkitError, SpecError
from lrkit.lab.branching import branch
from lrkit.lab.catalog import pick_device, task
from lrkit.lab.contract import IndexBatches, Task, first_line
from lrkit.lab.engines.contract import Training
from lrkit.lab.engines.trainings import check_same
from lrkit.lab.engines.vectorized.feeding import Taken
from lrkit.lab.engines.vectorized.stack import Stack
from lrkit.lab.engines.vectorized.twins import INSTEAD, check_task
from lrkit.lab.loop import BATCH_LOSS
from lrkit.lab.resuming import check_is_training, resume
from lrkit.lab.sessions import Sitting
from lrkit.lab.training import for_updates, train
from lrkit.probe.randomness import seeded
from lrkit.records import replay
from lrkit.records.writer import JOURNAL

LEAST: Final = 1 << 16
"""Bytes from which a tensor is worth sharing."""


class Shared:
    """Data sets that are in memory: tasks made by one factory hold equal copies of the same."""

    def __init__(self) -> None:
        self._known: list[weakref.ref[Tensor]] = []

    def task(self, name: str, seed: int, device: str, options: Mapping[str, Any]) -> Task:
        """Return the task, its large tensors those of a task made before where they are equal."""
        made = task(name, seed, device, **options)
        if isinstance(made.batches, IndexBatches):
            x, y = self._one(made.batches.x), self._one(made.batches.y)
            made.batches = replace(made.batches, x=x, y=y)
        if isinstance(made.evaluate, functools.partial):
            scores = made.evaluate
            args = [self._one(a) if isinstance(a, Tensor) else a for a in scores.args]
            named = {
                k: self._one(v) if isinstance(v, Tensor) else v for k, v in scores.keywords.items()
            }
            made.evaluate = functools.partial(scores.func, *args, **named)
        return made

    def _one(self, tensor: Tensor) -> Tensor:
        if tensor.requires_grad:
            return tensor
        here = [known for ref in self._known if (known := ref()) is not None]
        for known in here:
            if (
                known.shape == tensor.shape
                and known.dtype == tensor.dtype
                and known.device == tensor.device
                and torch.equal(known, tensor)
            ):
                return known
        self._known = [weakref.ref(one) for one in [*here, tensor]]
        return tensor


def source_of(training: Training) -> tuple[str, int, Mapping[str, Any]]:
    """Return name, seed and options of the task; those of a cooldown are its parent's."""
    if training.cooldown is None:
        return training.task, training.seed, training.options
    parent = replay(training.cooldown.parent)
    check_is_training(parent)
    name = parent.header.get("made_by")
    if name is None:
        raise SpecError(
            f"a cooldown's parent must have a task with a name, that of {parent.folder} was given "
            "a Task; branch it by lrkit.lab.branch(what=...)"
        )
    return str(name), int(parent.header["seed"]), dict(parent.header.get("options", {}))


def check_training(training: Training) -> None:
    """Raise `SpecError` for what no stack runs, whatever the task."""
    if training.amp:
        raise SpecError(f"the engine 'vectorized' has no mixed precision, got amp=True; {INSTEAD}")
    for controller in for_updates(training.spec).controllers if training.spec else ():
        if getattr(controller, "metric", None) == BATCH_LOSS:
            raise SpecError(
                "the engine 'vectorized' has no controllers that look at every update, got "
                f"{controller}; {INSTEAD}"
            )
        if getattr(controller, "rollback", False):
            raise SpecError(
                f"the engine 'vectorized' has no rollbacks, got {controller}; {INSTEAD}"
            )
    if training.cooldown is not None and (training.spec is not None or training.total is not None):
        raise SpecError(
            "a cooldown has its schedule and length from its parent, "
            f"got spec {training.spec} and total {training.total}; leave them out"
        )


def try_out(made: Task, seed: int) -> None:
    """Raise `SpecError` where *made* cannot be stacked: by what it has, or by an update of it.

    The update is thrown away. What the task's own code raises by itself is left to the training.
    """
    check_task(made)
    with seeded(seed, made.device):
        try:
            x, y = next(iter(made.batches(0)))
            with torch.no_grad():
                made.loss(copy.deepcopy(made.model)(x), y)
        except Exception:
            return  # the training will tell, as it does on every engine
        try:
            stack = Stack([made, made], [None, None], lambda text: None)
            batch = [(x, y)]
            groups = len(made.optimizer.param_groups)
            stack.run(Taken([[batch, batch]]), np.zeros((1, groups, 2)))
        except LrkitError:
            raise
        except Exception as error:
            raise SpecError(
                f"the engine 'vectorized' cannot run task {made.name!r}: torch.func raised "
                f"{first_line(error)}; {INSTEAD}"
            ) from error


def sitting_of(training: Training, made: Task) -> Sitting:
    """Return *training* of the task *made*, ready: begun, gone on with, or branched off."""
    if (training.folder / JOURNAL).exists():
        check_same(training, replay(training.folder))
        return resume.prepare(training.folder, what=made)
    common: dict[str, Any] = {
        "run": training.folder,
        "checkpoint": training.checkpoint,
        "keep": training.keep,
    }
    if (cooldown := training.cooldown) is not None:
        return branch.prepare(
            cooldown.parent,
            cooldown.at,
            cooldown.span,
            shape=cooldown.shape,
            to=cooldown.to,
            what=made,
            header=training.header,
            **common,
        )
    return train.prepare(
        made,
        training.spec,
        total=training.total,
        per=training.per,
        seed=training.seed,
        options=training.options,
        clip=training.clip,
        accumulate=training.accumulate,
        edits=training.edits,
        header={"made_by": training.task, **training.header},
        **common,
    )


def device_of(training: Training, device: str) -> str:
    """Return where *training* runs: on the engine's *device*, unless that is "auto"."""
    return pick_device(training.device if device == "auto" else device)
