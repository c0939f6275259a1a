"""Many trainings in parallel processes, one thread each; a worker that dies takes nothing along."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Final

import loky

from lrkit.errors import DataError
from lrkit.lab.board import Board
from lrkit.lab.jobs import Job, ignore_interrupts, run_job

LOOK: Final = 0.2  # seconds between two looks at the workers
GRACE: Final = 10.0  # seconds a worker has to close its journal when told to stop
ATTEMPTS: Final = 3
IDLE: Final = 3600.0  # seconds a worker waits for work
ONE_THREAD: Final = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def default_workers() -> int:
    """Return the number of cores this process may use."""
    return int(loky.cpu_count())


class Pool:
    """Runs jobs, tells of each that is done, and on an error or Ctrl-C stops the others.

    A worker that dies (killed, out of memory) breaks all that runs beside it; those jobs are run
    again, each `ATTEMPTS` times at most.
    """

    def __init__(self, workers: int, board_path: Path, count: int) -> None:
        self._workers = workers
        self._path = board_path
        self._count = count
        self._board = Board(board_path, count, create=True)
        self._executor: Any = None
        self._pending: dict[Future[None], int] = {}

    def run(
        self,
        jobs: Sequence[tuple[int, Job]],
        finished: Callable[[int, Job], None],
        look: Callable[[Board], None],
        unfinished: Callable[[Job], bool],
    ) -> None:
        """Run *jobs* (index, job); call *finished* for each and *look* often.

        *unfinished* clears what a dead worker left of a job, and is true when there is more to do.

        Raises the first error of a job, or `KeyboardInterrupt`, after the others have stopped.
        """
        left = dict(jobs)
        attempts = dict.fromkeys(left, 0)
        try:
            while left:
                try:
                    self._round(left, finished, look)
                except BrokenProcessPool as error:
                    self._shut(kill=True)
                    self._count_deaths(left, attempts, error)
                    for index in list(left):
                        self._board.write(index, 0, 0, 0.0)
                        if not unfinished(left[index]):
                            finished(index, left.pop(index))
        except BaseException:
            self._stop()
            raise
        self._shut(kill=True)  # nothing is left to do, and torch takes long to leave

    def _round(
        self,
        left: dict[int, Job],
        finished: Callable[[int, Job], None],
        look: Callable[[Board], None],
    ) -> None:
        """Submit all of *left*, and take out of it what is done."""
        self._executor = loky.ProcessPoolExecutor(
            min(self._workers, len(left)),
            timeout=IDLE,
            env=ONE_THREAD,
            initializer=ignore_interrupts,
        )
        pending = self._pending = {
            self._executor.submit(run_job, job, self._path, index, self._count, os.getpid()): index
            for index, job in left.items()
        }
        while pending:
            done, _ = wait(pending, timeout=LOOK, return_when=FIRST_COMPLETED)
            look(self._board)
            for future in done:
                index = pending.pop(future)
                future.result()
                finished(index, left.pop(index))

    def _count_deaths(
        self, left: dict[int, Job], attempts: dict[int, int], error: Exception
    ) -> None:
        begun = [index for index in left if self._board.progress(index)[0]]
        for index in begun or left:
            attempts[index] += 1
            if attempts[index] >= ATTEMPTS:
                raise DataError(
                    f"a process died {ATTEMPTS} times while {left[index].row.name!r} (seed "
                    f"{left[index].seed}) ran; it was killed or out of memory: take fewer workers"
                ) from error

    def _stop(self) -> None:
        """Let the workers close their journals, then end them."""
        self._board.stop()
        try:
            wait([f for f in self._pending if not f.cancel()], timeout=GRACE)
        finally:
            self._shut(kill=True)

    def _shut(self, kill: bool) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, kill_workers=kill)
            self._executor = None
