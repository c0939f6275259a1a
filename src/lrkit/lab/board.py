"""Where the processes of a comparison leave how far they are, and are told to stop.

A small file that all map into memory: no queue and no lock, so a worker that dies can neither
block the others nor leave anything half said. Each number has one writer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

EVERY: Final = 0.1  # seconds between two entries of a worker
COLUMNS: Final = 3
UPDATES, DONE, LOSS = range(COLUMNS)


class Board:
    """Rows of (updates to make, updates done, loss), one for each job, and the order to stop."""

    def __init__(self, path: Path, jobs: int, create: bool = False) -> None:
        shape = (jobs + 1, COLUMNS)  # the last row is the order to stop
        if create:
            path.write_bytes(bytes(8 * (jobs + 1) * COLUMNS))
        self._cells = np.memmap(path, dtype=np.float64, mode="r+", shape=shape)

    def progress(self, job: int) -> tuple[int, int, float]:
        """Return updates to make, updates done and the loss of *job*; zeros before it starts."""
        updates, done, loss = (float(cell) for cell in self._cells[job])
        return int(updates), int(done), loss

    def write(self, job: int, updates: int, done: int, loss: float) -> None:
        """Say how far *job* is."""
        self._cells[job] = updates, done, loss

    def stop(self) -> None:
        """Tell every worker to stop."""
        self._cells[-1, 0] = 1.0

    @property
    def stopped(self) -> bool:
        """Whether the workers have been told to stop."""
        return bool(self._cells[-1, 0])


class BoardWatcher:
    """Writes the progress of one training on the board and stops it when told to.

    It also stops when the process that started the comparison is gone.
    """

    def __init__(self, board: Board, job: int, parent: int) -> None:
        self._board = board
        self._job = job
        self._parent = parent
        self._updates = 0
        self._written = 0.0

    def started(self, updates: int) -> None:
        """Say how many updates there are to make."""
        self._updates = updates
        self._board.write(self._job, updates, 0, 0.0)

    def stepped(self, done: int, loss: float) -> None:
        """Say how many are done, ten times a second at most."""
        now = time.monotonic()
        if now - self._written > EVERY:
            self._written = now
            self._board.write(self._job, self._updates, done, loss)
            if self._board.stopped or os.getppid() != self._parent:
                raise KeyboardInterrupt

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Nothing: the journal has the scores."""
