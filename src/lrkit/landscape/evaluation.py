"""The loss at any weights, always on the same samples and in the same way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lrkit.errors import LoopError, LrkitError, SpecError
from lrkit.lab.contract import Task, first_line
from lrkit.landscape.directions import Array, Part
from lrkit.landscape.subjects import put_vector
from lrkit.probe.patience import Patience
from lrkit.probe.randomness import seeded
from lrkit.probe.restore import restored

Norm: TypeAlias = Literal["recompute", "stored"]
Batch: TypeAlias = tuple[Any, Any]

SAMPLES: Final = 512
TOGETHER: Final = 256
"""Samples of one forward pass, where nothing depends on which are together: as fast as any on a
CPU. (Many weights in one pass by `torch.func.vmap` took 3 to 5 times as long there as a loop.)"""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """On what and how the loss is taken: *batches* of *samples* in all, from epoch 0.

    *bn* says how batch normalisation normalises: "recompute" by the statistics of the samples at
    the weights looked at, as in training but without a trace, "stored" by those that the origin's
    checkpoint has; None where the model has none. Dropout is off.
    """

    batches: tuple[Batch, ...]
    samples: int
    drawn: int
    bn: Norm | None
    everything: bool

    def to_dict(self) -> dict[str, Any]:
        """Return what a reader must know of it, as JSON types."""
        return {
            "samples": self.samples,
            "batches": self.drawn,
            "epoch": 0,
            "all": self.everything,
            "bn": self.bn,
            "together": len(self.batches) == 1,
        }


def evaluation_of(
    task: Task, samples: int | Literal["all"] = SAMPLES, bn: Norm | None = None, seed: int = 0
) -> Evaluation:
    """Return the samples that the loss of *task* is taken on: its first batches of epoch 0.

    So many batches that they have *samples* or more, or "all" of the epoch. *bn* None: "recompute"
    where the model has batch normalisation, because stored statistics belong to other weights and
    draw walls where there are none (they are right at one point of a slice).

    Raises `SpecError` for arguments that break a rule, `LoopError` when an epoch has no batch.
    """
    if samples != "all" and (isinstance(samples, bool) or not samples >= 2):
        raise SpecError(f"`samples >= 2` must hold, or 'all', got {samples!r}; write e.g. 512")
    if bn not in (None, "recompute", "stored"):
        raise SpecError(f"bn must be 'recompute' or 'stored', got {bn!r}")
    found: list[Batch] = []
    count = 0
    with seeded(seed, task.device), task_errors(task):
        for x, y in islice(task.batches(0), task.steps_per_epoch):
            found.append((x, y))
            count += size_of(x, y)
            if samples != "all" and count >= samples:
                break
    if not found:
        raise LoopError(f"an epoch needs a batch, task {task.name!r} gave none in epoch 0")
    normed = any(isinstance(part, _BatchNorm) for part in task.model.modules())
    how: Norm | None = (bn or "recompute") if normed else None
    whole = len(found) == task.steps_per_epoch
    # Statistics are of all samples; else a pass is as large as is quick.
    together = count if how == "recompute" else TOGETHER
    return Evaluation(tuple(_merged(found, together)), count, len(found), how, whole)


class Meter:
    """Takes the loss of *task* at weight vectors; made by `metering`."""

    def __init__(
        self, task: Task, parts: list[Part], evaluation: Evaluation, patience: Patience
    ) -> None:
        self.task = task
        self.patience = patience
        self.parts = parts
        self.evaluation = evaluation

    def __call__(self, weights: Array) -> float:
        """Return the mean loss at *weights*; infinity where it is not a finite number.

        Ctrl-C is obeyed here, between two losses.
        """
        self.patience.check()
        put_vector(self.task.model, weights, self.parts)
        return self.here()

    def here(self) -> float:
        """Return the mean loss at the weights that the model has."""
        total = 0.0
        with torch.inference_mode(), task_errors(self.task):
            for x, y in self.evaluation.batches:
                total += float(self.task.loss(self.task.model(x), y)) * size_of(x, y)
        mean = total / self.evaluation.samples
        return mean if math.isfinite(mean) else math.inf


@contextmanager
def metering(
    task: Task, parts: list[Part], evaluation: Evaluation, seed: int = 0
) -> Iterator[Meter]:
    """Lend the model of *task* to a `Meter` for the block; it comes back as it was, bit for bit.

    Weights, buffers, modes and the process's random states are put back.
    """
    model = task.model
    kernels: AbstractContextManager[None] = (
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
        if task.device.type == "cuda"
        else nullcontext()
    )
    with restored(model) as patience, seeded(seed, task.device), kernels:
        set_modes(model, evaluation.bn)
        yield Meter(task, parts, evaluation, patience)


def set_modes(model: nn.Module, bn: Norm | None) -> None:
    """Put *model* into the mode of evaluation, batch normalisation as *bn* says."""
    model.eval()
    if bn != "recompute":
        return
    for part in model.modules():
        if isinstance(part, _BatchNorm):
            part.train()
            part.track_running_stats = False  # normalises by the batch and keeps no trace of it


@contextmanager
def task_errors(task: Task) -> Iterator[None]:
    """Turn what the task's own code raises into a `LoopError` in one line."""
    try:
        yield
    except LrkitError:
        raise
    except torch.OutOfMemoryError as error:
        raise LoopError(
            f"the loss of {task.name!r} on these samples does not fit into the memory of "
            f"{task.device}; take fewer samples"
        ) from error
    except Exception as error:
        raise LoopError(
            f"task {task.name!r} raised {first_line(error)} when its loss was taken; "
            "see that its model, loss and batches work by themselves"
        ) from error


def size_of(x: Any, y: Any) -> int:
    """Return how many samples a batch has: what its target, or else its input, is long."""
    for part in (y, x):
        if isinstance(part, Tensor) and part.dim():
            return len(part)
    raise LoopError(
        "the samples of a batch must be counted, neither its x nor its y is a tensor with an axis "
        "of samples; give a task whose batches are tensors"
    )


def _merged(batches: list[Batch], together: int) -> Iterator[Batch]:
    """Yield *batches* put together up to so many samples, where their tensors fit together."""
    plain = all(isinstance(part, Tensor) for batch in batches for part in batch)
    shapes = {tuple((p.shape[1:], p.dtype) for p in batch) for batch in batches} if plain else set()
    if len(shapes) != 1:
        yield from batches
        return
    held: list[Batch] = []
    count = 0
    for batch in batches:
        size = size_of(*batch)
        if held and count + size > together:
            yield _joined(held)
            held, count = [], 0
        held.append(batch)
        count += size
    yield _joined(held)


def _joined(batches: list[Batch]) -> Batch:
    xs, ys = zip(*batches, strict=True)
    return torch.cat(xs), torch.cat(ys)
