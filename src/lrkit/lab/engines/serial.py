"""One training after the other, in this process."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import torch

from lrkit.errors import LoopError
from lrkit.lab.engines.contract import Ended, Evaluated, Event, Stepped, Training
from lrkit.lab.engines.frame import Frame
from lrkit.lab.engines.trainings import as_error, run_training
from lrkit.probe.randomness import RandomState

FOREVER: Final = float("inf")


class Serial(Frame):
    """Runs trainings one after the other, on one thread, and only while it is polled.

    A training has a thread of its own that takes turns with the caller: `poll` lets it make
    updates until it has been evaluated, has ended, or *timeout* is over (between two updates, so
    a long one makes the turn longer). Outside of `poll` nothing runs, and the caller's random
    states and number of threads are its own.
    """

    name = "serial"

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[Training] = deque()
        self._turns: _Turns | None = None
        self._events: list[Event] = []
        self._closed = False

    @property
    def slots(self) -> int:
        """One."""
        return 1

    def submit(self, training: Training) -> None:
        """Take *training* in, behind those that wait."""
        if self._closed:
            raise LoopError("a closed engine takes no trainings; make a new one")
        self._take(training)
        self._waiting.append(training)

    def poll(self, timeout: float = 0.2) -> list[Event]:
        """Let the trainings make updates for *timeout* seconds at most, and return the news."""
        end = time.monotonic() + timeout
        while not self._events and (self._turns or self._waiting):
            if self._turns is None:
                self._turns = _Turns(self._waiting.popleft())
            try:
                self._turns.go_on(max(end - time.monotonic(), 0.0))
            finally:
                self._events += self._turns.told()
                if self._turns.over:
                    self._taken.discard(self._turns.training.folder)
                    self._turns = None
            if time.monotonic() >= end:
                break
        found, self._events = self._events, []
        return found

    def stop(self, training: Training) -> None:
        """Stop *training* at its next turn; what has ended stays as it is."""
        if self._turns is not None and self._turns.training.folder == training.folder:
            self._turns.stopping = True
        for one in [one for one in self._waiting if one.folder == training.folder]:
            self._waiting.remove(one)
            self._taken.discard(one.folder)
            self._events.append(Ended(one, None))

    def close(self) -> None:
        """Stop the training that is under way; those that wait never begin."""
        self._closed = True
        self._waiting.clear()
        if self._turns is not None:
            self._turns.stopping = True
            while not self._turns.over:
                self._turns.go_on(FOREVER)
            self._turns = None


class _Turns:
    """A training in a thread that runs only between `go_on` and its return; its own watcher."""

    def __init__(self, training: Training) -> None:
        self.training = training
        self.stopping = False
        self.over = False
        self._news: list[Event] = []
        self._updates = 0
        self._done, self._loss = 0, math.nan
        self._until = 0.0
        self._mine = threading.Semaphore(0)
        self._yours = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._train, daemon=True, name="lrkit training")
        self._thread.start()

    # The caller's side.

    def go_on(self, seconds: float) -> None:
        """Let the training run for *seconds*, to its next evaluation or to its end."""
        self._until = time.monotonic() + seconds
        with _kept():
            self._mine.release()
            try:
                self._yours.acquire()
            except BaseException:
                self._until = 0.0  # Ctrl-C: the update under way comes to its end first
                self._yours.acquire()
                raise
        if self.over:
            self._thread.join()

    def told(self) -> list[Event]:
        """Return what the training told in its last turn."""
        found, self._news = self._news, []
        return found

    # The training's side.

    def _train(self) -> None:
        self._mine.acquire()
        try:
            torch.set_num_threads(1)
            ended = Ended(self.training, run_training(self.training, self))
        except BaseException as error:
            ended = Ended(self.training, None, as_error(error))
        self._news.append(ended)
        self.over = True
        self._yours.release()

    def started(self, updates: int) -> None:
        """Note how many updates there are to make."""
        self._updates = updates

    def stepped(self, done: int, loss: float) -> None:
        """Note how far it is, and wait for the next turn when this one is over."""
        self._done, self._loss = done, loss
        if time.monotonic() >= self._until:
            self._tell()
            self._rest()
        if self.stopping:
            raise KeyboardInterrupt

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Tell the scores, and wait: the caller may have had enough."""
        self._tell()
        self._news.append(Evaluated(self.training, epoch, self._done, dict(scores)))
        self._rest()
        if self.stopping:
            raise KeyboardInterrupt

    def _tell(self) -> None:
        self._news.append(Stepped(self.training, self._updates, self._done, self._loss))

    def _rest(self) -> None:
        with _kept():
            self._yours.release()
            self._mine.acquire()


@contextmanager
def _kept() -> Iterator[None]:
    """Bring random states and the number of threads back after the block."""
    state, threads = RandomState.now(), torch.get_num_threads()
    try:
        yield
    finally:
        state.restore()
        torch.set_num_threads(threads)
