"""Workers that are killed, parents that die, signals: what is done stays, the rest goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from lrkit.errors import DataError
from lrkit.lab import train
from lrkit.lab.engines import Ended, Engine, Evaluated, engine
from lrkit.records import list_runs, replay
from tests.lab.engines.conftest import outcomes, training, until, writer_of


@pytest.fixture(scope="module")
def workers(home: Path) -> Iterator[Engine]:
    with engine("processes", workers=2) as one:
        yield one


def events_of(folder: Path, kind: str) -> int:
    return sum(event["kind"] == kind for event in replay(folder).events)


def test_a_killed_worker_harms_nobody_and_its_training_goes_on(
    workers: Engine, tmp_path: Path
) -> None:
    about = {"task": "homemade:slow", "total": "25ep", "checkpoint": "1ep"}
    one, other = (training(tmp_path / name, seed=i, **about) for i, name in enumerate("ab"))
    for each in (one, other):
        workers.submit(each)
    seen: list[Evaluated] = []
    killed, ended = False, {}
    while len(ended) < 2:
        for event in workers.poll():
            if isinstance(event, Ended):
                ended[event.training.folder.name] = event
            elif isinstance(event, Evaluated) and event.training is one:
                seen.append(event)
        if len(seen) >= 3 and not killed:
            os.kill(writer_of(one.folder), signal.SIGKILL)
            killed = True
    assert [event.epoch for event in seen] == [*range(1, 26)]  # each once
    assert events_of(one.folder, "resume") == 1
    assert events_of(other.folder, "resume") == 0
    alone = train(one.task, one.spec, total=one.total, seed=0, device="cpu")
    assert ended["a"].result.losses.tolist() == alone.losses.tolist()  # type: ignore[union-attr]
    assert ended["b"].result.status == "done"  # type: ignore[union-attr]


def test_a_training_that_kills_three_workers_is_given_up(workers: Engine, tmp_path: Path) -> None:
    ended = outcomes(
        workers,
        [training(tmp_path / "bad", task="homemade:dies"), training(tmp_path / "good")],
    )
    assert isinstance(ended["bad"].error, DataError)
    assert "died 3 times while bad ran" in str(ended["bad"].error)
    assert ended["good"].result.status == "done"  # type: ignore[union-attr]


def test_the_serial_engine_leaves_the_callers_random_states_alone(
    home: Path, tmp_path: Path
) -> None:
    alone = train("poly-tanh", "0.03 * cosine()", total="20ep", seed=2, device="cpu")

    def drawn() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    def begin() -> None:
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)

    begin()
    expected = [drawn() for _ in range(4)]
    begin()
    with engine("serial") as one:
        one.submit(
            training(tmp_path / "a", "0.03 * cosine()", task="poly-tanh", total="20ep", seed=2)
        )
        found = [drawn()]
        for _ in range(3):
            assert not any(isinstance(event, Ended) for event in one.poll(0.001))
            found.append(drawn())
        ended = until(one, Ended)
    assert found == expected
    assert ended.result.losses.tolist() == alone.losses.tolist()  # type: ignore[union-attr]


def test_the_serial_engine_makes_no_update_after_an_evaluation_that_was_enough(
    home: Path, tmp_path: Path
) -> None:
    asked = training(tmp_path / "a", total="9ep")
    with engine("serial") as one:
        one.submit(asked)
        first = until(one, Evaluated)
        one.stop(asked)
        ended = until(one, Ended)
    assert first.done == 2  # type: ignore[union-attr]
    assert ended.result.losses.size == 2  # type: ignore[union-attr]


SCRIPT = """
import os, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
from lrkit.control import steered
from lrkit.lab.engines import Training, engine, follow
asked = [
    Training("homemade:slow", steered("constant(0.1)"), Path(sys.argv[2]) / f"run-{i}",
             total="100000ep", seed=i)
    for i in range(2)
]
try:
    with engine(sys.argv[1], workers=None if sys.argv[1] == "serial" else 2) as one:
        for event in follow(one, asked):
            pass
except KeyboardInterrupt:
    sys.exit(130)
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("serial", signal.SIGINT),
        ("serial", signal.SIGTERM),
        ("processes", signal.SIGTERM),
        pytest.param("processes", signal.SIGINT, marks=pytest.mark.slow),
        pytest.param("processes", signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_no_worker_outlives_its_parent_and_the_journals_are_closed(
    name: str, number: signal.Signals, home: Path, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, name, str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    want = 1 if name == "serial" else 2
    end = time.monotonic() + 120
    while time.monotonic() < end:
        runs = [run for run in list_runs(tmp_path) if run.step > 0]
        if len(runs) == want:
            break
        time.sleep(0.05)
    writers = {writer_of(run.folder) for run in runs}
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does, workers included
    else:
        process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == (130 if number == signal.SIGINT else -number), errors
    while any(map(alive, writers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(alive, writers))
    assert [run.status for run in list_runs(tmp_path)] == ["stopped"] * want
    assert all(list((run.folder / "checkpoints").glob("*.pt")) for run in list_runs(tmp_path))
    assert "Traceback" not in errors
