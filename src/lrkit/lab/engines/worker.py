"""What runs in a worker of the processes engine. Importing this must not take long."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lrkit.lab.engines.board import Board, BoardWatcher, Scores
from lrkit.lab.engines.contract import Training

if TYPE_CHECKING:
    from lrkit.lab.progress import Watcher

GRACE: Final = 10.0  # seconds a training has to close its journal when it is told to stop
LOOK: Final = 0.5  # seconds between two looks at the parent

_at_work: list[BoardWatcher] = []


def begin(parent: int) -> None:
    """Make this process a worker of *parent*: Ctrl-C is the parent's, and so is its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="lrkit parent").start()


def work(training: Training, board: Path, rows: int, row: int, number: int, scores: Path) -> bool:
    """Make *training* on one thread; return whether it began. How it went is in its journal."""
    import torch

    from lrkit.lab.engines.trainings import run_training

    torch.set_num_threads(1)
    watcher = BoardWatcher(Board(board, rows), row, number, Scores(scores))
    if watcher.stopping:
        return False
    told: Watcher = watcher
    _at_work.append(watcher)
    try:
        run_training(training, told)
    finally:
        _at_work.remove(watcher)
    return True


def _watch(parent: int) -> None:
    """End this process when *parent* is gone, after its training has closed its journal."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    until = time.monotonic() + GRACE
    while _at_work and time.monotonic() < until:
        for watcher in list(_at_work):
            watcher.orphaned = True
        time.sleep(LOOK / 5)
    os._exit(1)
