"""One training among those of a stack: its run, and what happens to it between two updates.

All of that is the lab's own (`Loop`, `Conductor`, `Session`): journal, evaluations, checkpoints,
letters, controllers and endings are those of a training by itself. Only the updates come from
the stack.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np

from lrkit.errors import LrkitError
from lrkit.lab.conductor import Conductor
from lrkit.lab.engines.contract import Ended, Evaluated, Event, Stepped, Training
from lrkit.lab.engines.vectorized.rules import Floats
from lrkit.lab.interrupts import Interrupts
from lrkit.lab.loop import Diverged, Loop
from lrkit.lab.sessions import Ending, Sitting, blamed
from lrkit.probe.randomness import RandomState, seeded
from lrkit.records.rows import write_rows

TOLD: Final = 0.25
"""Seconds between two words on how far a training is."""


class Member:
    """A training of a stack; *news* takes what is told of it."""

    def __init__(self, training: Training, sitting: Sitting, news: list[Event]) -> None:
        session, self.journal = sitting.session, sitting.journal
        self.training = training
        self.session = session
        self.task = session.task
        self._begin = sitting.begin
        self._teller = _Teller(training, news)
        if self.journal is not None:
            self.journal.hasty = True
        scheduler = session.plan.scheduler(self.task, self.journal)
        self.loop = _Loop(
            self.task,
            scheduler,
            session.rules,
            self.journal,
            self._teller,
            session.about,
            session.ranks,
        )
        self.conductor = _Conductor(
            self.loop, session.plan, sitting.keeper, None, Interrupts(), None
        )
        self.conductor.member = self
        #: Gives the task what the stack holds: `bring(False)` the weights, `bring(True)` all.
        self.bring: Callable[[bool], None] = lambda everything: None
        self.random = RandomState.now(self.task.device)

    # From its beginning to its end.

    def open(self) -> None:
        """Put the training where it begins, in its own random state."""
        with seeded(self.session.seed, self.task.device):
            if self._begin is not None:
                self._begin(self.conductor)
            for edit in self.session.edits:
                self.loop.scheduler.apply(edit)
            self.conductor.open()
            self.random = RandomState.now(self.task.device)
        self._teller.started(self.conductor.updates)

    @property
    def offset(self) -> int:
        """The updates that are made of the epoch."""
        return self.loop.place.done - self.loop.place.first

    @property
    def left(self) -> int:
        """How many updates may be made before something else is to be done."""
        place = self.loop.place
        return min(self.loop.per_epoch - self.offset, self.conductor.updates - place.done)

    def rates(self, count: int) -> Floats:
        """Return the rates of the next *count* updates, shape (groups, *count*)."""
        scheduler = self.loop.scheduler
        if self.loop.options.per == "step":
            return scheduler.ahead(count)
        return np.repeat(scheduler.ahead(1), count, axis=1)

    def take(self, rates: Floats, losses: Sequence[float]) -> None:
        """Take in the updates that the stack has made; *rates* may have more."""
        self.loop.take(rates, list(losses))
        if self.loop.options.per == "step":
            self.loop.scheduler.skip(len(losses))

    def settle(self) -> bool:
        """Do what is due between two updates; return whether the training is over."""
        conductor, loop = self.conductor, self.loop
        if loop.unsound is not None:
            raise loop.diverged()
        if self.offset == loop.per_epoch or conductor.over:
            conductor.close_epoch()
        else:
            conductor.between()
        while conductor.over and not conductor.stopped:
            if conductor.evaluated_at == loop.place.done:
                break
            conductor.close_epoch()  # the end has moved to where the training is
        return conductor.over

    def end(self, error: BaseException | None = None) -> Ended:
        """Close the run: at its end, or for *error*; return what is told of it."""
        try:
            if error is not None:
                return self._failed(error)
            self.conductor.finish()
            stopped = self.conductor.stopped
            return self._closed(("stopped", stopped) if stopped else ("done", ""))
        except Exception as trouble:  # of the task's own code, or of the disk
            return self._failed(trouble)

    def stop(self) -> None:
        """End at the next moment between two updates."""
        self.loop.interrupted = True

    def leave(self) -> Ended:
        """Stop now, with a checkpoint, and return what is told of it."""
        self.stop()
        try:
            self.conductor.between()
        except Exception as error:
            return self.end(error)
        return self.end()

    def abandon(self) -> None:
        """Close the run without a checkpoint: its updates were cut short."""
        if self.journal is not None:
            self.journal.close("stopped", "interrupted")

    def _closed(self, ending: Ending) -> Ended:
        if self.journal is not None:
            self.journal.close(*ending)
        return Ended(self.training, self.session.result(self.loop, ending))

    def _failed(self, error: BaseException) -> Ended:
        if isinstance(error, Diverged):
            return self._closed(("failed", str(error)))
        if not isinstance(error, Exception):
            raise error
        found = blamed(error, self.loop)
        found.__cause__ = None if found is error else error
        try:
            if self.journal is not None:
                self.journal.close("failed", str(found))
        except LrkitError as full:  # the first error matters more than a full disk
            found.add_note(str(full))
        return Ended(self.training, None, found)

    @contextmanager
    def own_randomness(self) -> Iterator[None]:
        """Draw from the training's own random states in the block."""
        before = RandomState.now(self.task.device)
        self.random.restore()
        try:
            yield
        finally:
            self.random = RandomState.now(self.task.device)
            before.restore()


class _Loop(Loop):
    """A loop whose updates are made elsewhere."""

    member: Member

    def take(self, rates: Floats, losses: list[float]) -> None:
        """Take in the *losses* of updates that were made at *rates*, up to one not finite."""
        bad = [i for i, loss in enumerate(losses) if not np.isfinite(loss)]
        count = bad[0] + 1 if bad else len(losses)
        first = self.place.done
        columns = {"loss": losses[:count], "lr": rates[0, :count].tolist()}
        columns |= {
            name: row[:count].tolist()
            for (name, _), row in zip(self._others, rates[1:], strict=True)
        }
        self.losses += columns["loss"]
        self.rates += columns["lr"]
        self.place.done += count
        if self.journal is not None:
            write_rows(self.journal, first, columns)
        if bad:
            self.unsound = ("loss", losses[count - 1], first + count - 1)
        self.tell_loss()


class _Conductor(Conductor):
    """A conductor that fetches what it needs from the stack."""

    member: Member

    def close_epoch(self) -> None:
        """Evaluate the weights that the stack has come to."""
        self.member.bring(False)
        super().close_epoch()

    def save(self, why: str, *, asked: bool = False) -> None:
        """Write a checkpoint of what the stack holds, in the training's own random state."""
        self.member.bring(True)
        with self.member.own_randomness():
            super().save(why, asked=asked)


class _Teller:
    """Tells the engine's caller how a training goes."""

    def __init__(self, training: Training, news: list[Event]) -> None:
        self._training = training
        self._news = news
        self._updates = 0
        self._done = 0
        self._told = time.monotonic()

    def started(self, updates: int) -> None:
        self._updates = updates

    def stepped(self, done: int, loss: float) -> None:
        self._done = done
        now = time.monotonic()
        if now - self._told > TOLD:
            self._told = now
            self._news.append(Stepped(self._training, self._updates, done, loss))

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        self._told = time.monotonic()
        self._news.append(Evaluated(self._training, epoch, self._done, dict(scores)))
