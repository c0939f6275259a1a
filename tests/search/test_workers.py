"""Several workers on one storage: no point twice, none lost, whatever dies."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lrkit.errors import DataError, LoopError
from lrkit.search import Search, Space
from lrkit.search.attempts import anew
from lrkit.search.optional import optuna
from tests.search.functions import TEXT, score

SPACE = Space.parse(TEXT)


def worker(folder: Path, trials: int, mode: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.search.worker", str(folder), str(trials), mode],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_workers_share_the_trials_and_none_is_done_twice(tmp_path: Path) -> None:
    """They open the same new folder at once, and their number of trials is one."""
    workers = [worker(tmp_path, 8) for _ in range(2)]
    lines = [line for w in workers for line in w.communicate(timeout=120)[0].splitlines()]
    assert [w.returncode for w in workers] == [0, 0]
    assert sorted(int(line.split()[0]) for line in lines) == sorted(
        {int(line.split()[0]) for line in lines}
    )
    assert len({line.partition(" ")[2] for line in lines}) == len(lines) == 8
    results = Search.read(tmp_path)
    assert [trial.state for trial in results.trials] == ["done"] * 8


def test_a_killed_workers_trial_is_run_again_with_its_point(tmp_path: Path) -> None:
    victim = worker(tmp_path, 3, "hang")
    assert victim.stdout is not None
    begun = victim.stdout.readline().split(maxsplit=1)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    asked = []
    with Search.open(tmp_path, SPACE, trials=3, sampler="random", heartbeat=1, grace=3) as search:
        for _ in range(2):
            asked.append(search.ask())
            assert asked[-1] is not None
            search.tell(asked[-1], score(asked[-1].point.values))
        assert search.ask() is None  # it may still be alive
        assert search.progress().elsewhere == 1
        end = time.monotonic() + 60
        while (again := search.ask()) is None and time.monotonic() < end:
            time.sleep(0.3)
        assert again is not None
        assert (again.origin, again.attempt) == (int(begun[0]), 2)
        assert again.point.text == begun[1].strip()
        search.tell(again, 1.0)
        assert search.ask() is None
        progress, results = search.progress(), search.results()
    assert (progress.done, progress.elsewhere, progress.left) == (3, 0, 0)
    lost = results.trials[0]
    assert (lost.state, lost.reason) == ("taken over", "its worker died")
    assert results.best is not None
    assert results.best.origin == lost.number
    assert results.best.steps == ((1, 0.5),)  # what the dead one had reported


def test_a_worker_that_was_thought_dead_tells_nothing(tmp_path: Path) -> None:
    """Its heart stood still (a suspended machine, say); then it wakes, and its trial is done."""
    late = Search.open(tmp_path, SPACE, trials=1, sampler="random", heartbeat=1, grace=2)
    asked = late.ask()
    assert asked is not None
    late._desk._heart.close()
    time.sleep(3.5)
    with Search.open(tmp_path, SPACE, trials=1, sampler="random", heartbeat=1, grace=2) as other:
        again = other.ask()
        assert again is not None
        assert (again.origin, again.point) == (asked.number, asked.point)
        with pytest.raises(LoopError, match="trial 0 was taken over as trial 1: this worker"):
            late.report(asked, 2, 1.0)
        with pytest.raises(LoopError, match=r"taken over|not under way"):
            late.tell(asked, 1.0)
        other.tell(again, 2.0)
        results = other.results()
    late.close()
    assert [trial.score for trial in results.trials] == [None, 2.0]


def test_what_kills_every_worker_is_given_up(tmp_path: Path) -> None:
    for attempt in (1, 2, 3):
        with Search.open(tmp_path, SPACE, trials=1, sampler="random") as search:
            asked = search.ask()
            assert asked is not None
            assert (asked.origin, asked.attempt) == (0, attempt)
            desk = search._desk
            # As `fail_stale_trials` leaves it when nobody has heard of the worker.
            held = search._held[asked.number]
            desk._storage.set_trial_state_values(held.id, optuna().trial.TrialState.FAIL)
    with Search.open(tmp_path, SPACE, trials=1, sampler="random") as search:
        assert search.ask() is None
        assert search.progress().failed == 1
        trials = search.results().trials
    assert [trial.state for trial in trials] == ["taken over", "taken over", "failed"]
    assert trials[-1].reason == "its worker died in each of 3 attempts"


def test_two_that_take_over_at_once_run_it_once(tmp_path: Path) -> None:
    with Search.open(tmp_path, SPACE, trials=1, sampler="random") as search:
        asked = search.ask()
        assert asked is not None
        desk = search._desk
        held = search._held[asked.number]
        desk._storage.set_trial_state_values(held.id, optuna().trial.TrialState.FAIL)
        (orphan,) = desk.attempts().orphans()
        for _ in range(2):  # both saw it before either had written
            desk._study.add_trial(anew(optuna(), orphan))
        first = search.ask()
        assert first is not None
        search.tell(first, 1.0)
        assert search.ask() is None
        assert [t.state for t in search.results().trials] == ["taken over", "done"]


def test_an_outage_is_waited_for_and_then_said(tmp_path: Path) -> None:
    """Another program holds the database: for a moment that is waited for, for ever it is said."""
    with Search.open(tmp_path, SPACE, trials=2, sampler="random", patience=0.3) as search:
        asked = search.ask()
        assert asked is not None
        with search._desk._rdb.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 100")
        holder = sqlite3.connect(
            tmp_path / "search.sqlite3", isolation_level=None, check_same_thread=False
        )
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(DataError, match="what was told is kept, and trial 0") as caught:
            search.tell(asked, 1.0)
        assert "database is locked" in str(caught.value)
        assert "\n" not in str(caught.value)
        release = threading.Timer(0.2, lambda: holder.execute("ROLLBACK"))
        release.start()
        search._desk._patience = 20.0
        search.tell(asked, 1.0)
        release.join()
        holder.close()
        assert search.results().trials[0].score == 1.0
