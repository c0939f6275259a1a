"""Workers that are stopped and killed, alone and beside each other: nothing is lost or double."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="searching needs the search extra")

from lrkit.lab.searching import outcome_of
from lrkit.records import list_runs, replay
from tests.lab.searching.conftest import kill_after_checkpoint, until, updates_of

# A training takes a second or two, so that there is something to break off.
COMMON = (
    "poly-tanh", "~log(1e-3, 0.1) * ~choice(cosine(), linear())", "--sampler", "random",
    "--pruner", "none", "--total", "60ep", "--confirm", "0", "--out", "a", "--engine", "serial",
    "--grace", "2",
)  # fmt: skip


def whole(count: int) -> None:
    """See that *count* trials are done, each once and with all of its updates."""
    found = outcome_of("a")
    assert [trial.state for trial in found.trials] == ["done"] * count
    assert len({trial.origin for trial in found.trials}) == count
    runs = list_runs("a/runs")
    assert len(runs) == count
    for run in runs:
        metrics = replay(run.folder).metrics
        assert len(metrics["lr"]) == 60 * 45


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(start):
    first = start(*COMMON, "--trials", "2")
    until(lambda: updates_of(Path("a/runs/trial-0001-s0")) > 50)
    first.process.send_signal(signal.SIGINT)
    assert first.wait() == 130
    last = first.said().splitlines()[-1]
    assert "1 of 2 trials are over and kept in a" in last
    assert "the same command goes on" in last
    assert Path("a/report.html").exists()
    assert replay("a/runs/trial-0001-s0").status == "stopped"
    second = start(*COMMON, "--trials", "2")
    assert second.wait() == 0, second.said()
    assert "trial 0:" not in second.said(), "it was finished"
    whole(2)


def test_the_trial_of_a_worker_that_was_killed_is_taken_over_from_its_checkpoint(start):
    run = Path("a/runs/trial-0000-s0")
    kill_after_checkpoint(start(*COMMON, "--trials", "1"), run)
    second = start(*COMMON, "--trials", "1")
    assert second.wait() == 0, second.said()
    whole(1)
    kinds = [event["kind"] for event in replay(run).events]
    assert "resume" in kinds, "it went on, and did not begin again"


@pytest.mark.slow
def test_two_workers_at_once_hold_to_the_number_of_trials(start):
    workers = [start(*COMMON[:-2], "--trials", "4", "--total", "10ep") for _ in range(2)]
    codes = [worker.wait() for worker in workers]
    assert codes == [0, 0], [worker.said() for worker in workers]
    found = outcome_of("a")
    assert len(found.of("done")) == len(found.trials) == 4
    assert len(list_runs("a/runs")) == 4
