"""Workers as processes of their own, and a PostgreSQL server for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lrkit.control import Checkpoint
from lrkit.records import replay, submit
from tests.lab.searching.postgresql import NoServerError, Server

PATIENCE = 120.0  # seconds: the machine may be busy


class Worker:
    """`lrkit search` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.errors = folder / f"stderr-{time.monotonic_ns()}"
        with open(self.errors, "wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from lrkit.cli import main; main()", "search", *arguments],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "300"},
            )

    def said(self) -> str:
        """Return what it has written to stderr."""
        return self.errors.read_text()

    def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        return self.process.wait(PATIENCE)


def until(happened: Callable[[], bool]) -> None:
    """Wait until *happened*; fail when it takes too long."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def kill_after_checkpoint(worker: Worker, run: Path) -> None:
    """Kill *worker* in the middle of *run*, once there is a checkpoint: one is asked for."""
    until(lambda: updates_of(run) > 50)
    submit(run, Checkpoint().to_dict())
    until(lambda: any((run / "checkpoints").glob("step-*.pt")))
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait()


def updates_of(run: Path) -> int:
    """Return how many updates the journal of *run* has, 0 before it begins."""
    return len(replay(run).metrics.get("lr", ())) if (run / "journal.jsonl").exists() else 0


@pytest.fixture
def start(homemade: Path) -> Iterator[Callable[..., Worker]]:
    """Return what starts a worker in the folder of `homemade`; none outlives the test."""
    workers: list[Worker] = []

    def begin(*arguments: str) -> Worker:
        workers.append(Worker(homemade, *arguments))
        return workers[-1]

    yield begin
    for worker in workers:
        worker.process.kill()
        worker.process.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return a PostgreSQL server that runs; skip where there can be none."""
    pytest.importorskip("psycopg", reason="PostgreSQL needs psycopg (lrkit[postgresql])")
    try:
        own = Server()
        own.start()
    except NoServerError as missing:
        pytest.skip(str(missing))
    yield own
    own.remove()
