"""Several machines on one PostgreSQL server: a real one, of the tests' own."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("optuna", reason="searching needs the search extra")

from lrkit.errors import DataError
from lrkit.lab.searching import Order, outcome_of, search
from lrkit.records import list_runs, replay
from tests.lab.searching.conftest import kill_after_checkpoint, until

SPACE = "~log(1e-3, 0.1) * ~choice(cosine(), linear())"
COMMON = (
    "poly-tanh", SPACE, "--sampler", "random", "--pruner", "none", "--confirm", "0",
    "--engine", "serial", "--grace", "2",
)  # fmt: skip


def order(seed: int, **fields) -> Order:
    """Return a small search; *seed* makes it another one in the same database."""
    own = {"task": "homemade:line", "space": SPACE, "trials": 4, "total": "3ep"}
    own |= {"sampler": "random", "pruner": "none", "sampler_seed": seed}
    return Order(**own | fields)


@pytest.fixture
def one(server):
    """Return a server that runs, whatever the test before did to it."""
    if not server.runs:
        server.start()
    return server


@pytest.mark.slow
def test_two_machines_share_the_trials_and_each_keeps_its_runs(one, start):
    own = (*COMMON, "--storage", one.url, "--trials", "5", "--total", "6ep", "--sampler-seed", "1")
    workers = [start(*own, "--out", name) for name in ("a", "b")]
    assert [worker.wait() for worker in workers] == [0, 0], [w.said() for w in workers]
    found = [outcome_of(name, one.url) for name in ("a", "b")]
    assert found[0].results == found[1].results
    assert len(found[0].of("done")) == len(found[0].trials) == 5
    names = [run.name for folder in ("a", "b") for run in list_runs(f"{folder}/runs")]
    assert len(names) == len(set(names)) == 5


def test_a_machine_that_died_leaves_its_trial_to_another(one, start):
    own = (*COMMON, "--storage", one.url, "--trials", "1", "--total", "60ep", "--out", "a")
    run = Path("a/runs/trial-0000-s0")
    kill_after_checkpoint(start(*own), run)
    second = start(*own)
    assert second.wait() == 0, second.said()
    found = outcome_of("a", one.url)
    assert [(trial.state, trial.origin) for trial in found.trials] == [("done", 0)]
    assert len(replay(run).metrics["lr"]) == 60 * 45
    assert any(event["kind"] == "resume" for event in replay(run).events)


def test_a_server_that_is_away_for_a_moment_is_waited_for(one, homemade):
    wanted = order(2, trials=16, total="9ep")

    def outage() -> None:
        until(lambda: len(list_runs("a/runs")) > 2)
        one.stop()
        time.sleep(1.0)
        one.start()

    breaking = threading.Thread(target=outage)
    breaking.start()
    found = search(wanted, "a", storage=one.url, engine="serial", confirm_seeds=0, progress=False)
    breaking.join()
    assert [trial.state for trial in found.trials] == ["done"] * 16
    assert len(list_runs("a/runs")) == 16


def test_a_server_that_is_gone_is_told_in_a_line_and_nothing_is_lost(one, homemade):
    begun = search(order(3, trials=2), "a", storage=one.url, engine="serial", confirm_seeds=0,
                   progress=False)  # fmt: skip

    def outage() -> None:
        until(lambda: len(list_runs("a/runs")) > 3)
        one.stop()

    breaking = threading.Thread(target=outage)
    breaking.start()
    how = {"storage": one.url, "engine": "serial", "confirm_seeds": 0, "progress": False}
    with pytest.raises(DataError, match="goes on") as told:
        search(order(3, trials=20, total="3ep"), "a", patience=0.5, grace=2, **how)
    breaking.join()
    assert "\n" not in str(told.value)
    assert one.url.partition("@")[2].partition("/")[0] in str(told.value)
    with pytest.raises(DataError, match="connection"):
        search(order(3, trials=20), "a", patience=0.5, **how)
    one.start()
    after = search(order(3, trials=20), "a", grace=2, **how)
    assert after.results.trials[:2] == begun.results.trials
    assert len(after.of("done")) == len(after.trials) == 20
    assert len({trial.origin for trial in after.trials}) == 20


def test_other_searches_of_the_database_are_left_alone(one, homemade):
    how = {"storage": one.url, "engine": "serial", "confirm_seeds": 0, "progress": False}
    first = search(order(4), "a", **how)
    second = search(order(5), "b", **how)
    assert outcome_of("a", one.url).results == first.results
    assert first.prepared.order == msgspec.structs.replace(second.prepared.order, sampler_seed=4)
    with pytest.raises(DataError, match="one search a folder"):
        search(order(5), "a", **how)
