"""The training loop: batches in, updates out, the schedule stepped, everything written down.

Rates are set by `lrkit.drive.Scheduler` alone; here they are only read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrkit.drive import Scheduler
from lrkit.errors import LoopError, SpecError
from lrkit.lab.contract import Task
from lrkit.lab.precision import Precision
from lrkit.lab.progress import Watcher
from lrkit.records import Journal

Per = Literal["step", "epoch"]
Batch = tuple[Tensor, Tensor]
GPU_WINDOW: Final = 64
"""Losses that stay on a GPU before they are read: every reading waits for all queued work."""


@dataclass(frozen=True)
class Options:
    """How the loop turns batches into updates."""

    clip: float | None = None
    accumulate: int = 1
    amp: bool = False
    per: Per = "step"

    def __post_init__(self) -> None:
        if self.clip is not None and not 0 < self.clip < math.inf:
            raise SpecError(
                f"`clip > 0` must hold, got {self.clip!r}; leave it out for no clipping"
            )
        whole = isinstance(self.accumulate, int) and not isinstance(self.accumulate, bool)
        if not whole or self.accumulate < 1:
            raise SpecError(
                f"accumulate must be a whole number >= 1, got {self.accumulate!r}; "
                "1 makes every batch an update"
            )
        if self.per not in ("step", "epoch"):
            raise SpecError(f"per must be 'step' or 'epoch', got {self.per!r}")


class Diverged(Exception):  # noqa: N818 - an outcome of training, not an error
    """The training has left the finite numbers; its text says where."""


class Loop:
    """One training, from the first update to the last."""

    def __init__(
        self,
        task: Task,
        scheduler: Scheduler,
        updates: int,
        options: Options,
        journal: Journal | None,
        watcher: Watcher | None,
    ) -> None:
        self.task = task
        self.scheduler = scheduler
        self.updates = updates
        self.options = options
        self.journal = journal
        self.watcher = watcher
        self.evaluations: list[dict[str, Any]] = []
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.done = 0
        self._unread: list[Tensor] = []
        self._precision = Precision(task.device, options.amp)
        self._parameters = [p for group in task.optimizer.param_groups for p in group["params"]]
        self._window = 1 if task.device.type == "cpu" else GPU_WINDOW
        self._began = time.monotonic()

    def run(self) -> None:
        """Train; raise `Diverged` when the loss or the score stops being finite."""
        epoch = 0
        while self.done < self.updates:
            first = self.done
            self.task.model.train()
            for group in grouped(self._batches(epoch), self.options.accumulate):
                self._update(group)
                if self.done == self.updates:
                    break
            self._read()
            epoch += 1
            if self.options.per == "epoch":
                self.scheduler.step()
            self._evaluate(epoch, first)

    def _batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of *epoch*, of which there must be as many as the task says."""
        name, expected, count = self.task.name, self.task.steps_per_epoch, 0
        for batch in self.task.batches(epoch):
            count += 1
            if count > expected:
                break
            yield batch
        if count == 0:
            raise LoopError(
                f"an epoch needs a batch, task {name!r} gave none in epoch {epoch}; "
                "batches(epoch) must give (x, y) every time it is called"
            )
        if count != expected:
            more = "more than that" if count > expected else str(count)
            raise LoopError(
                f"task {name!r} says steps_per_epoch={expected} and gave {more} in epoch {epoch}; "
                "the schedule counts on it: correct the number"
            )

    def _update(self, group: list[Batch]) -> None:
        """Make one update from the batches of *group*."""
        optimizer, precision = self.task.optimizer, self._precision
        optimizer.zero_grad(set_to_none=True)
        whole: Tensor | None = None
        for x, y in group:
            with precision.context():
                loss = self.task.loss(self.task.model(x), y)
            if len(group) > 1:
                loss = loss / len(group)
            precision.backward(loss)
            whole = loss.detach() if whole is None else whole + loss.detach()
        if self.options.clip is not None:
            precision.unscale(optimizer)
            torch.nn.utils.clip_grad_norm_(self._parameters, self.options.clip)
        self.rates.append(float(optimizer.param_groups[0]["lr"]))
        precision.step(optimizer)
        if self.options.per == "step":
            self.scheduler.step()
        self.done += 1
        if whole is not None:
            self._unread.append(whole)
        if len(self._unread) >= self._window:
            self._read()

    def _read(self) -> None:
        """Read the losses that have gathered, write them down and see that they are finite."""
        if not self._unread:
            return
        first = self.done - len(self._unread)
        values = (
            [float(self._unread[0])]
            if len(self._unread) == 1
            else torch.stack(self._unread).tolist()
        )
        self._unread = []
        for update, value in enumerate(values, first):
            rate = self.rates[update]
            self.losses.append(value)
            if self.journal is not None:
                self.journal.metrics(update, loss=value, lr=rate)
            if not math.isfinite(value):
                self._diverged("loss", value, update)
        if self.watcher is not None:
            self.watcher.stepped(self.done, values[-1])

    def _evaluate(self, epoch: int, first: int) -> None:
        """Score the model after *epoch* epochs and write it down."""
        found = {name: float(value) for name, value in self.task.evaluate().items()}
        if self.task.score not in found:
            raise LoopError(
                f"evaluate() of task {self.task.name!r} must give its score {self.task.score!r}, "
                f"it gave {', '.join(found) or 'nothing'}; correct one of the two"
            )
        event = {
            "step": self.done,
            "epoch": epoch,
            "seconds": time.monotonic() - self._began,
            "train_loss": float(np.mean(self.losses[first:])),
        }
        if clash := sorted(event.keys() & found):
            raise LoopError(f"{clash[0]!r} is lrkit's own; call the score something else")
        event |= found
        self.evaluations.append(event)
        if self.journal is not None:
            self.journal.append("evaluation", **event)
        if self.watcher is not None:
            self.watcher.evaluated(epoch, found)
        if not math.isfinite(found[self.task.score]):
            self._diverged(self.task.score, found[self.task.score], self.done - 1)

    def _diverged(self, what: str, value: float, update: int) -> None:
        # The weights that gave this loss were made by the update before.
        rate = self.rates[max(update - 1, 0)]
        epoch = len(self.evaluations) - (what == self.task.score)
        if self.journal is not None:
            self.journal.append("diverged", step=update, lr=rate, what=what, value=value)
        raise Diverged(
            f"diverged: {what} is {value} at update {update} (epoch {epoch}), after a rate of "
            f"{rate:.4g}; lower the peak, lengthen the warm-up or clip the gradient"
        )


def grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Yield the batches in lists of *size*; the last has what is left."""
    iterator = iter(batches)
    while group := list(islice(iterator, size)):
        yield group


def as_array(values: list[float]) -> NDArray[np.float64]:
    """Return *values* as a float64 array."""
    return np.asarray(values, dtype=np.float64)
