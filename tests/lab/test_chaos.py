"""Kill a training at any moment, go on, and again: the run is bit for bit the one left in peace."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lrkit.lab import RunResult
from lrkit.lab.checkpoints import find_checkpoints, read_checkpoint
from lrkit.records import replay
from tests.lab.same import equal, plain

SERVER = Path(__file__).with_name("chaos_server.py")
PLACES = ("in a checkpoint", "before rename", "after rename", "in the journal")
POLY: dict[str, Any] = {
    "what": "poly-tanh",
    "schedule": "0.03 * (warmup(2ep) >> cosine())",
    "epochs": 8,
    "seed": 5,
    "device": "cpu",
    "options": {"momentum": 0.9},
    "checkpoint": "23st",
}
DIGITS: dict[str, Any] = {
    "what": "lenet-digits",
    "schedule": "0.1 * (warmup(1ep) >> hold() >> one_minus_sqrt(1, 0, 20%))",
    "epochs": 3,
    "seed": 2,
    "device": "cpu",
    "options": {"momentum": 0.9},
    "checkpoint": "9st",
}


class Server:
    """The process whose children train."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        self.errors: list[str] = []
        assert self.process.stderr is not None
        self.reader = threading.Thread(target=self.errors.extend, args=(self.process.stderr,))
        self.reader.start()

    def start(self, folder: Path, task: dict[str, Any], die: list[Any] | None = None) -> int:
        """Start a child on the run in *folder* and return its process id."""
        assert self.process.stdin is not None
        order = {"folder": str(folder), "task": task, "die": die}
        print(json.dumps(order), file=self.process.stdin, flush=True)
        return int(self._line())

    def end(self) -> bool:
        """Wait for the child; return whether it was killed, and fail if it failed."""
        status = int(self._line())
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed or status == 0, "".join(self.errors)
        return killed

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "".join(self.errors)
        return line


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


def in_peace(server: Server, folder: Path, task: dict[str, Any]) -> float:
    """Train without a kill, and return how long it took."""
    began = time.monotonic()
    server.start(folder, task)
    assert not server.end()
    return time.monotonic() - began


def killed_until_done(
    server: Server, folder: Path, task: dict[str, Any], rng: random.Random, kills: int, span: float
) -> int:
    """Train, with up to *kills* kills within *span* seconds each; return how many there were."""
    count = 0
    for turn in range(kills):
        if rng.random() < 0.5:
            where = PLACES[turn % len(PLACES)]
            server.start(folder, task, [where, rng.randrange(1, 12)])
        else:
            child = server.start(folder, task)
            time.sleep(rng.uniform(0.0, span))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        count += server.end()
        if folder.exists() and replay(folder).status == "done":
            break
    else:
        server.start(folder, task)
        assert not server.end()
    return count


def compare(folder: Path, other: Path) -> None:
    """Check that the two runs are equal bit for bit: rates, losses, scores, edits, weights."""
    runs = [replay(path) for path in (folder, other)]
    results = [RunResult.of(run) for run in runs]
    assert [run.status for run in runs] == ["done", "done"]
    assert results[0].rates.tolist() == results[1].rates.tolist()
    assert results[0].losses.tolist() == results[1].losses.tolist()
    assert plain(results[0]) == plain(results[1])
    states = [read_checkpoint(find_checkpoints(path)[0]) for path in (folder, other)]
    for part in ("model", "buffers", "optimizer", "random"):
        assert equal(states[0][part], states[1][part]), part


@pytest.mark.parametrize("task", [POLY, DIGITS], ids=["poly-tanh", "lenet-digits"])
def test_killed_a_few_times(task: dict[str, Any], server: Server, tmp_path: Path) -> None:
    rng = random.Random(11)
    took = in_peace(server, tmp_path / "peace", task)
    kills = killed_until_done(server, tmp_path / "war", task, rng, 4, took)
    assert kills
    compare(tmp_path / "war", tmp_path / "peace")


@pytest.mark.slow
@pytest.mark.parametrize("task", [POLY, DIGITS], ids=["poly-tanh", "lenet-digits"])
def test_killed_fifty_times(task: dict[str, Any], server: Server, tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")
    rng = random.Random(seed)
    took = in_peace(server, tmp_path / "peace", task)
    kills = turn = 0
    while kills < 50:
        turn += 1
        war = tmp_path / f"war-{turn}"
        kills += killed_until_done(server, war, task, rng, 12, took)
        compare(war, tmp_path / "peace")
    print(f"{kills} kills over {turn} runs")
