"""Where the workers of an engine leave how far they are, and are told to stop.

A small file that all map into memory, and beside it one file a training for its scores: no queue
and no lock, so a worker that dies can neither block the others nor leave anything half said.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from lrkit.lab.engines.contract import Evaluated, Training
from lrkit.records.files import disk_errors, write_all

EVERY: Final = 0.1  # seconds between two entries of a worker
COLUMNS: Final = 4
UPDATES, DONE, LOSS, STOP = range(COLUMNS)
ALL: Final = -1.0


class Board:
    """Rows of (updates to make, updates done, loss, whom to stop), one for each worker.

    The first three are the worker's to write; the last has the number of the training to stop.
    """

    def __init__(self, path: Path, rows: int, create: bool = False) -> None:
        if create:
            with disk_errors(path):
                path.write_bytes(bytes(8 * rows * COLUMNS))
        self._cells = np.memmap(path, dtype=np.float64, mode="r+", shape=(rows, COLUMNS))

    def progress(self, row: int) -> tuple[int, int, float]:
        """Return updates to make, updates done and the loss; zeros before it starts."""
        updates, done, loss, _ = (float(cell) for cell in self._cells[row])
        return int(updates), int(done), loss

    def write(self, row: int, updates: int, done: int, loss: float) -> None:
        """Say how far the training of *row* is."""
        self._cells[row, :STOP] = updates, done, loss

    def stop(self, row: int, number: int) -> None:
        """Tell the worker of *row* to stop the training *number*."""
        self._cells[row, STOP] = number

    def stop_all(self) -> None:
        """Tell every worker to stop, whatever it does."""
        self._cells[:, STOP] = ALL

    def stopped(self, row: int, number: int) -> bool:
        """Return whether the training *number* is to stop."""
        return float(self._cells[row, STOP]) in (ALL, float(number))


class Scores:
    """The evaluations of one training, a line each: one process writes them, another reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place = 0

    def write(self, epoch: int, done: int, scores: Mapping[str, float]) -> None:
        """Add a line."""
        # In hexadecimal, because JSON has no NaN.
        line = msgspec.json.encode([epoch, done, {k: v.hex() for k, v in scores.items()}])
        with disk_errors(self.path):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                write_all(descriptor, line + b"\n")
            finally:
                os.close(descriptor)

    def read(self, training: Training) -> list[Evaluated]:
        """Return the whole lines that have come since the last call."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._place)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data.rfind(b"\n") + 1
        self._place += whole
        lines: list[Any] = [msgspec.json.decode(line) for line in data[:whole].splitlines()]
        return [
            Evaluated(training, epoch, done, {k: float.fromhex(v) for k, v in scores.items()})
            for epoch, done, scores in lines
        ]


class BoardWatcher:
    """Writes the progress of one training on the board and stops it when told to."""

    def __init__(self, board: Board, row: int, number: int, scores: Scores) -> None:
        self._board = board
        self._row = row
        self._number = number
        self._scores = scores
        self._updates = self._done = 0
        self._written = 0.0
        self.orphaned = False

    @property
    def stopping(self) -> bool:
        """Whether the training is to stop: it was told to, or nobody is left who asked for it."""
        return self.orphaned or self._board.stopped(self._row, self._number)

    def started(self, updates: int) -> None:
        """Say how many updates there are to make."""
        self._updates = updates
        self._board.write(self._row, updates, self._done, 0.0)

    def stepped(self, done: int, loss: float) -> None:
        """Say how many are done, ten times a second at most."""
        self._done = done
        now = time.monotonic()
        if now - self._written > EVERY:
            self._written = now
            self._board.write(self._row, self._updates, done, loss)
            self._obey()

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Write the scores down."""
        self._scores.write(epoch, self._done, scores)
        self._obey()

    def _obey(self) -> None:
        if self.stopping:
            raise KeyboardInterrupt
