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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lrkit.control import Checkpoint, Extend, Hold, Release, Replace, Scale, Set
from lrkit.lab import RunResult
from lrkit.lab.checkpoints import find_checkpoints, read_checkpoint
from lrkit.records import course_of, replay, submit
from tests.lab.same import equal, plain

SERVER = Path(__file__).with_name("chaos_server.py")
PLACES = ("in a checkpoint", "before rename", "after rename", "in the journal")
POLY: dict[str, Any] = {
    "what": "poly-tanh",
    "schedule": "0.03 * (warmup(2ep) >> cosine()) | plateau(0.7, patience=1, metric=train_loss)"
    " | spike_guard(window=20, patience=0, threshold=4)",
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

    def start(
        self,
        folder: Path,
        task: dict[str, Any],
        die: list[Any] | None = None,
        letters: Sequence[tuple[int, dict[str, Any]]] = (),
    ) -> int:
        """Start a child on the run in *folder* and return its process id."""
        assert self.process.stdin is not None
        order = {"folder": str(folder), "task": task, "die": die, "letters": letters}
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


def in_peace(
    server: Server,
    folder: Path,
    task: dict[str, Any],
    letters: Sequence[tuple[int, dict[str, Any]]] = (),
) -> float:
    """Train without a kill, and return how long it took."""
    began = time.monotonic()
    server.start(folder, task, letters=letters)
    assert not server.end()
    return time.monotonic() - began


def a_letter(rng: random.Random) -> dict[str, Any]:
    """Return an edit that somebody may send at any time."""
    return rng.choice(
        [
            Scale(rng.uniform(0.5, 1.5), author="anna"),
            Scale(0.8, over=f"{rng.randrange(2, 40)}st"),
            Set(rng.uniform(0.001, 0.03), reason="by hand"),
            Set(rng.uniform(0.001, 0.03), over="1ep"),
            Hold(),
            Release(),
            Extend(f"{rng.randrange(3, 10)}ep", how=rng.choice(["stretch", "keep"])),
            Replace("0.02 * cosine()"),
            Checkpoint(),
        ]
    ).to_dict()


def letters_of(folder: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return the letters that the run accepted, each with where it was."""
    own = ("kind", "time", "source", "at", "step")
    return [
        (event["at"], {k: v for k, v in event.items() if k not in own} | {"letter": ""})
        for event in replay(folder).edits
        if event["source"] == "hand"
    ]


def killed_until_done(
    server: Server, folder: Path, task: dict[str, Any], rng: random.Random, kills: int, span: float
) -> int:
    """Train, with up to *kills* kills within *span* seconds each; return how many there were."""
    count = 0
    for turn in range(kills):
        itself = rng.random() < 0.5
        where = [PLACES[turn % len(PLACES)], rng.randrange(1, 12)] if itself else None
        child = server.start(folder, task, where)
        for part in (0.3, 0.7):
            time.sleep(rng.uniform(0.0, part * span))
            if folder.exists() and rng.random() < 0.7:
                submit(folder, a_letter(rng))
        if not itself:
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
    for run in runs:
        course = course_of(run)
        assert course.values().tolist() == results[0].rates.tolist()


def edits_told(folder: Path) -> list[tuple[Any, ...]]:
    """Return what the journal says of the edits, without the letters' names."""
    return sorted(
        (e["step"], e["edit"], e["source"], str(e.get("factor", e.get("value"))))
        for e in replay(folder).edits
    )


def check(server: Server, war: Path, task: dict[str, Any]) -> int:
    """Compare the run *war* with two left in peace; return how many letters it had accepted.

    One follows the course of *war* as its schedule. The other has the controllers and is sent the
    letters again. A letter that came just as the run went on stands after what the controllers
    had decided there from the last evaluation, which cannot be sent again: then only the first.
    """
    run = replay(war)
    course = course_of(run)
    alone = {k: v for k, v in task.items() if k != "epochs"}
    alone |= {"schedule": str(course.schedule), "total": course.total}
    by_course = war.with_name(f"{war.name}-by-course")
    in_peace(server, by_course, alone)
    compare(war, by_course)
    sent = letters_of(war)
    resumed = {event["step"] for event in run.events if event["kind"] == "resume"}
    if "|" not in task["schedule"] or resumed.isdisjoint(at for at, _ in sent):
        by_letter = war.with_name(f"{war.name}-by-letter")
        in_peace(server, by_letter, task, sent)
        compare(war, by_letter)
        assert edits_told(war) == edits_told(by_letter)
    return len(sent)


TASKS = pytest.mark.parametrize("task", [POLY, DIGITS], ids=["poly-tanh", "lenet-digits"])


@TASKS
def test_killed_a_few_times(task: dict[str, Any], server: Server, tmp_path: Path) -> None:
    war = tmp_path / "war"
    assert killed_until_done(server, war, task, random.Random(11), 4, 1.0)
    check(server, war, task)


@pytest.mark.slow
@TASKS
def test_killed_fifty_times(task: dict[str, Any], server: Server, tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")
    rng = random.Random(seed)
    took = in_peace(server, tmp_path / "first", task)
    kills = turn = letters = 0
    while kills < 50:
        turn += 1
        war = tmp_path / f"war-{turn}"
        kills += killed_until_done(server, war, task, rng, 12, took)
        letters += check(server, war, task)
    print(f"{kills} kills and {letters} letters over {turn} runs")
