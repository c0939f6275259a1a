"""Many trainings in processes of one thread each; a worker that dies takes nothing along."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import loky

from lrkit.errors import LoopError
from lrkit.lab.engines import worker
from lrkit.lab.engines.board import Board, Scores
from lrkit.lab.engines.contract import Event, Stepped, Training
from lrkit.lab.engines.frame import Frame
from lrkit.lab.engines.orders import Order
from lrkit.lab.engines.trainings import ended
from lrkit.records.writer import JOURNAL

LOOK: Final = 0.05  # seconds between two looks at the workers
IDLE: Final = 3600.0  # seconds a worker waits for work
ENVIRONMENT: Final = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Data sets that stay in memory are no leak: loky would end the worker for them.
    "LOKY_MAX_MEMORY_LEAK_SIZE": "1e12",
}


def default_workers() -> int:
    """Return the number of cores this process may use."""
    return int(loky.cpu_count())


@dataclass(eq=False)
class _Slot:
    """Room for one worker, which has an executor of its own: one that breaks breaks no other."""

    row: int
    executor: Any = None
    order: Order | None = None
    future: Future[bool] | None = None
    scores: Scores | None = None
    told: int = -1


class Processes(Frame):
    """Runs trainings in *workers* processes (None: one a core), each on one thread.

    The worker that dies (killed, out of memory) is replaced, and its training goes on from its
    last checkpoint, 3 times in all. Workers whose parent is gone stop, too.
    """

    name = "processes"

    def __init__(self, workers: int | None = None) -> None:
        super().__init__()
        count = workers or default_workers()
        self._folder = Path(tempfile.mkdtemp(prefix="lrkit-"))
        self._board = Board(self._folder / "board", count, create=True)
        self._slots = [_Slot(row) for row in range(count)]
        self._waiting: deque[Order] = deque()
        self._count = 0
        self._events: list[Event] = []
        self._closed = False

    @property
    def slots(self) -> int:
        """The number of workers."""
        return len(self._slots)

    def submit(self, training: Training) -> None:
        """Take *training* in; it begins at once where a worker is free."""
        if self._closed:
            raise LoopError("a closed engine takes no trainings; make a new one")
        self._take(training)
        self._count += 1
        self._waiting.append(Order(training, self._count))
        self._dispatch()

    def poll(self, timeout: float = 0.2) -> list[Event]:
        """Return what happened since the last call, waiting up to *timeout* seconds for it."""
        end = time.monotonic() + timeout
        while True:
            self._look()
            self._dispatch()
            futures = [slot.future for slot in self._slots if slot.future is not None]
            left = end - time.monotonic()
            if self._events or left <= 0 or not futures:
                break
            wait(futures, timeout=min(LOOK, left), return_when=FIRST_COMPLETED)
        found = [*self._progress(), *self._events]
        self._events = []
        return found

    def stop(self, training: Training) -> None:
        """Stop *training* between two updates; what has ended stays as it is."""
        for order in [o for o in self._waiting if o.training.folder == training.folder]:
            self._waiting.remove(order)
            self._end(order, False)
        for slot in self._slots:
            if slot.order is not None and slot.order.training.folder == training.folder:
                slot.order.stopping = True
                self._board.stop(slot.row, slot.order.number)

    def close(self) -> None:
        """Let the trainings close their journals, then end the workers."""
        self._closed = True
        self._waiting.clear()
        self._board.stop_all()
        try:
            wait([s.future for s in self._slots if s.future is not None], timeout=worker.GRACE)
        finally:
            for slot in self._slots:
                _shut(slot)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _dispatch(self) -> None:
        """Give what waits to the workers that are free, those first that are there already."""
        free = [slot for slot in self._slots if slot.order is None]
        for slot in sorted(free, key=lambda slot: slot.executor is None):
            if not self._waiting:
                return
            order = self._waiting.popleft()
            path = self._folder / f"scores-{order.number}-{order.deaths}"
            self._board.write(slot.row, 0, 0, 0.0)
            self._board.stop(slot.row, 0)
            slot.order, slot.scores, slot.told = order, Scores(path), -1
            with _interrupts_held():
                if slot.executor is None:
                    slot.executor = loky.ProcessPoolExecutor(
                        1,
                        timeout=IDLE,
                        env=ENVIRONMENT,
                        initializer=worker.begin,
                        initargs=(os.getpid(),),
                    )
                slot.future = slot.executor.submit(
                    worker.work,
                    order.training,
                    self._folder / "board",
                    len(self._slots),
                    slot.row,
                    order.number,
                    path,
                )

    def _look(self) -> None:
        """Take in the scores that have come, and what has ended."""
        for slot in self._slots:
            order, future, scores = slot.order, slot.future, slot.scores
            if order is None or future is None or scores is None:
                continue
            over = future.done()  # before the scores are read, so that all of them are
            for event in scores.read(order.training):
                if order.fresh(event.done):
                    self._events.append(event)
            if over:
                self._free(slot, order, future)

    def _free(self, slot: _Slot, order: Order, future: Future[bool]) -> None:
        slot.order = slot.future = None
        error = future.exception()
        if not isinstance(error, BrokenProcessPool):
            self._end(order, error is None and future.result(), error)
            return
        _shut(slot)
        if (gone := order.died(error)) is not None:
            self._end(order, False, gone)
        elif order.stopping:
            self._end(order, (order.training.folder / JOURNAL).exists())
        else:
            self._waiting.appendleft(order)

    def _end(self, order: Order, began: bool, error: BaseException | None = None) -> None:
        self._taken.discard(order.training.folder)
        self._events.append(ended(order.training, began, error))

    def _progress(self) -> Iterator[Stepped]:
        """Yield how far the trainings are that have made updates since the last time."""
        for slot in self._slots:
            if slot.order is None:
                continue
            updates, done, loss = self._board.progress(slot.row)
            if updates and done != slot.told:
                slot.told = done
                yield Stepped(slot.order.training, updates, done, loss)


def _shut(slot: _Slot) -> None:
    if slot.executor is not None:
        # Nothing is left to do in it, and torch takes long to leave.
        slot.executor.shutdown(wait=True, kill_workers=True)
        slot.executor = None


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Start processes that know no Ctrl-C until `worker.begin`; ours waits until after."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
