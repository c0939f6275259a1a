"""The training loop: batches in, updates out, the schedule stepped, everything written down.

Rates are set by `lrkit.drive.Scheduler` alone; here they are only read. What happens between two
updates (edits, commands, checkpoints, an end that moves) is the `Conductor`'s.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrkit.drive import Scheduler
from lrkit.errors import InternalError, LoopError, SpecError
from lrkit.lab.contract import Task
from lrkit.lab.progress import Watcher
from lrkit.lab.ranks import Ranks
from lrkit.lab.snapshots import Place
from lrkit.probe.precision import Precision
from lrkit.probe.randomness import RandomState
from lrkit.records import Journal

Per = Literal["step", "epoch"]
Batch = tuple[Tensor, Tensor]
GPU_WINDOW: Final = 64
"""Losses that stay on a GPU before they are read: every reading waits for all queued work."""
BATCH_LOSS: Final = "batch_loss"
"""What controllers know the loss of a single update by."""


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
    """Makes updates, epoch by epoch; `Conductor` says what comes between two."""

    def __init__(
        self,
        task: Task,
        scheduler: Scheduler,
        options: Options,
        journal: Journal | None,
        watcher: Watcher | None,
        about: Mapping[str, Any],
        ranks: Ranks,
    ) -> None:
        self.task = task
        self.scheduler = scheduler
        self.options = options
        self.journal = journal
        self.about = about
        self.ranks = ranks
        self.watcher = watcher
        self.precision = Precision(task.device, options.amp)
        self.place = Place()
        self.evaluations: list[dict[str, Any]] = []
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.interrupted = False
        #: (what, value, update) of a number that is not finite, until somebody has judged it.
        self.unsound: tuple[str, float, int] | None = None
        self._unread: list[Tensor] = []
        self._groups = task.optimizer.param_groups
        self._parameters = [p for group in self._groups for p in group["params"]]
        self._others = _named(self._groups)[1:]
        self._unread_others: list[list[float]] = []
        self._window = 1 if task.device.type == "cpu" else GPU_WINDOW
        self._began = time.monotonic()

    @property
    def per_epoch(self) -> int:
        """The updates of a whole epoch."""
        return -(-self.task.steps_per_epoch // self.options.accumulate)

    @property
    def seconds(self) -> float:
        """How long the training has taken, over all its parts."""
        return time.monotonic() - self._began

    def go_to(self, place: Place, seconds: float) -> None:
        """Take up the training at *place*, forgetting what came after it."""
        self.place = place
        self._began = time.monotonic() - seconds
        self._unread, self._unread_others = [], []
        self.unsound = None
        for told in (self.rates, self.losses):
            del told[place.done :]
        self.evaluations = [e for e in self.evaluations if e["step"] <= place.done]

    def batches(self, remember: bool) -> Iterator[list[Batch]]:
        """Yield what is left of the epoch, the batches of one update at a time.

        Where updates of it are done already, the iterator is made as it was at the start of the
        epoch, in the random state of then, and their batches are left out. With *remember* the
        random state of the start is kept for that.
        """
        place = self.place
        begun = (place.done - place.first) * self.options.accumulate
        if not begun:
            place.began = RandomState.now(self.task.device) if remember else None
            return _grouped(self._counted(place.epoch), self.options.accumulate)
        now = RandomState.now(self.task.device)
        if place.began is not None:
            place.began.restore()
        left = self._counted(place.epoch)
        for _ in islice(left, begun):
            pass
        now.restore()
        return _grouped(left, self.options.accumulate)

    def _counted(self, epoch: int) -> Iterator[Batch]:
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

    def update(self, group: list[Batch]) -> None:
        """Make one update from the batches of *group*; the schedule is not stepped here."""
        optimizer, precision = self.task.optimizer, self.precision
        optimizer.zero_grad(set_to_none=True)
        whole: Tensor | None = None
        for whole_x, whole_y in group:
            x, y, share = self.ranks.part(whole_x, whole_y)
            if not share:
                continue
            with precision.context():
                loss = self.task.loss(self.task.model(x), y)
            if len(group) > 1 or share < 1:
                loss = loss * share / len(group)
            precision.backward(loss)
            whole = loss.detach() if whole is None else whole + loss.detach()
        if not self.ranks.alone:
            whole = self.ranks.add_up(self._parameters, whole)
            self.ranks.same_buffers(self.task.model)
        if self.options.clip is not None:
            precision.unscale(optimizer)
            torch.nn.utils.clip_grad_norm_(self._parameters, self.options.clip)
        precision.step(optimizer)
        # Now, because letters that wait at the beginning take effect with the first update.
        self.rates.append(float(optimizer.param_groups[0]["lr"]))
        if self._others:
            self._unread_others.append([float(group["lr"]) for _, group in self._others])
        self.place.done += 1
        if whole is not None:
            self._unread.append(whole)

    def read(self, *, all_of_them: bool = True, tell: bool = True) -> None:
        """Read the losses that have gathered and write them down; note one that is not finite.

        With *all_of_them* False they may wait until there are enough of them. The watcher is told,
        unless *tell* says that it comes later.
        """
        if not self._unread or not (all_of_them or len(self._unread) >= self._window):
            return
        first = self.place.done - len(self._unread)
        values = (
            [float(self._unread[0])]
            if len(self._unread) == 1
            else torch.stack(self._unread).tolist()
        )
        self._unread = []
        for update, value in enumerate(values, first):
            self.losses.append(value)
            if self.journal is not None:
                more = self._other_rates(update - first)
                self.journal.metrics(update, loss=value, lr=self.rates[update], **more)
            if not math.isfinite(value):
                self.unsound = ("loss", value, update)
                break
        self._unread_others = []
        if tell:
            self.tell_loss()

    def tell_loss(self) -> None:
        """Tell the watcher how far the training is, with the last loss."""
        done, loss = self.place.done, self.losses[-1]
        self.tell_watcher(lambda watcher: watcher.stepped(done, loss))

    def _other_rates(self, row: int) -> dict[str, float]:
        """Return the rates of the groups after the first, by the names that the journal has."""
        if not self._others:
            return {}
        names = [name for name, _ in self._others]
        return dict(zip(names, self._unread_others[row], strict=True))

    def tell_watcher(self, what: Callable[[Watcher], None]) -> None:
        """Tell the watcher; its Ctrl-C is obeyed when the step is over."""
        if self.watcher is not None:
            try:
                what(self.watcher)
            except KeyboardInterrupt:
                self.interrupted = True

    def evaluate(self) -> dict[str, float]:
        """Score the model and write it down; a score that is not finite is noted."""
        place = self.place
        found = self.ranks.share(lambda: {k: float(v) for k, v in self.task.evaluate().items()})
        if self.task.score not in found:
            raise LoopError(
                f"evaluate() of task {self.task.name!r} must give its score {self.task.score!r}, "
                f"it gave {', '.join(found) or 'nothing'}; correct one of the two"
            )
        event = {
            "step": place.done,
            "epoch": place.epoch + 1,
            "seconds": self.seconds,
            "train_loss": float(np.mean(self.losses[place.first :])),
        }
        if clash := sorted(event.keys() & found):
            raise LoopError(f"{clash[0]!r} is lrkit's own; call the score something else")
        event |= found
        self.evaluations.append(event)
        if self.journal is not None:
            self.journal.append("evaluation", **event)
        self.tell_watcher(lambda watcher: watcher.evaluated(place.epoch + 1, found))
        if not math.isfinite(found[self.task.score]):
            self.unsound = (self.task.score, found[self.task.score], place.done - 1)
        train_loss = event["train_loss"]
        return {"loss": train_loss, "train_loss": train_loss} | found

    def diverged(self) -> Diverged:
        """Write down that the training has left the finite numbers, and return it to be raised."""
        if self.unsound is None:
            raise InternalError("a training diverges by a number; there is none")
        what, value, update = self.unsound
        # The weights that gave this loss were made by the update before.
        rate = self.rates[max(update - 1, 0)]
        epoch = len(self.evaluations) - (what == self.task.score)
        if self.journal is not None:
            self.journal.append("diverged", step=update, lr=rate, what=what, value=value)
        return Diverged(
            f"diverged: {what} is {value} at update {update} (epoch {epoch}), after a rate of "
            f"{rate:.4g}; lower the peak, lengthen the warm-up or clip the gradient"
        )


def _grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Yield the batches in lists of *size*; the last has what is left."""
    iterator = iter(batches)
    while group := list(islice(iterator, size)):
        yield group


def _named(groups: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the groups with the names of their rates in the journal; that of the first is "lr"."""
    names = [group.get("name") for group in groups]
    own = [
        str(i) if name is None or names.count(name) > 1 else str(name)
        for i, name in enumerate(names)
    ]
    return [(f"lr/{name}", group) for name, group in zip(own, groups, strict=True)]


def as_array(values: list[float]) -> NDArray[np.float64]:
    """Return *values* as a float64 array."""
    return np.asarray(values, dtype=np.float64)
