"""A tuning in its folder: found, kept, gone on with after a kill, reported; what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lrkit.errors import DataError, LoopError, SpecError
from lrkit.lab.tuning import Aim, tune, tune_report
from lrkit.records import list_runs, replay
from lrkit.schedules import parse

QUIET = {"engine": "serial", "device": "cpu", "progress": False}
LINE = {"task": "homemade:line", "total": "40ep", "options": {"noise": 0.1}}

KILLED = """
import os, signal, sys
from lrkit.lab.result import RunResult
from lrkit.lab.tuning import conducting, tune

left = int(sys.argv[1])
told = conducting.outcome_of

def outcome_of(request, result):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return told(request, result)

conducting.outcome_of = outcome_of
tune("homemade:line", out="killed", total="40ep", options={"noise": 0.1}, engine="serial",
     device="cpu", progress=False)
"""


def test_the_same_call_finds_the_same_and_trains_nothing_twice(homemade):
    found = tune(**LINE, out="here", **QUIET)
    assert found.spent <= 3.0
    assert found.full(), "the winner was confirmed"
    assert found.expected.low <= found.expected.score <= found.expected.high
    parse(found.schedule)
    runs = list_runs("here/runs")
    assert len(runs) == len(found.finding.outcomes)
    updates = sum(len(replay(run.folder).metrics["step"]) for run in runs) + found.ranged.cost
    assert updates / found.terms.updates == pytest.approx(found.spent), "everything counts"
    assert not list(Path("here/runs").glob("*/checkpoints"))
    again = tune(**LINE, out="here", **QUIET)
    assert again.replayed == len(runs)
    assert again.engine == "none: all was there"
    elsewhere = tune(**LINE, out="there", **QUIET)
    for other in (again, elsewhere):
        assert other.schedule == found.schedule
        assert other.expected == found.expected
        assert other.finding.reasons == found.finding.reasons
    assert tune(**LINE, seed=7, out="seven", **QUIET).full()[0].request.seed >= 7


@pytest.mark.parametrize("after", [3])
def test_a_tuning_killed_at_any_moment_goes_on_and_finds_the_same(homemade, after):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(after)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(homemade), *sys.path])},
        timeout=120,
    )
    assert done.returncode == -9
    there = len(list_runs("killed/runs"))
    assert there >= after
    found = tune(**LINE, out="killed", **QUIET)
    assert found.replayed >= after
    whole = tune(**LINE, out="whole", **QUIET)
    assert found.schedule == whole.schedule
    assert [o.score for o in found.finding.outcomes] == [o.score for o in whole.finding.outcomes]


def test_choosing_leaves_the_test_data_alone(tmp_path):
    found = tune("relu-digits", total="3ep", budget=2.5, test=2, out=tmp_path / "out", **QUIET)
    for o in found.finding.outcomes:
        assert replay(o.folder).header["options"]["holdout"] == 0.1
    assert len(found.tests) == found.test.n == 2
    for o in found.tests:
        assert replay(o.folder).header["options"]["holdout"] == 0
        assert replay(o.folder).header["spec"] == found.schedule
    used = {o.request.seed for o in found.finding.outcomes}
    assert used.isdisjoint(o.request.seed for o in found.tests)
    assert found.spent <= 2.5, "the test is outside the budget"


def test_a_larger_budget_goes_on_from_what_is_there(homemade):
    tune(**LINE, budget=1.5, out="here", **QUIET)
    count = len(list_runs("here/runs"))
    more = tune(**LINE, budget=6.0, out="here", **QUIET)
    assert len(list_runs("here/runs")) > count
    assert more.ranged.cost == tune(**LINE, budget=1.5, out="here", **QUIET).ranged.cost


def test_a_folder_holds_one_tuning(homemade):
    tune(**LINE, budget=1.0, out="here", **QUIET)
    with pytest.raises(DataError, match="one tuning a folder"):
        tune(**LINE | {"options": {"noise": 0.2}}, out="here", **QUIET)
    with pytest.raises(DataError, match="one tuning a folder"):
        tune(**LINE, seed=1, out="here", **QUIET)
    Path("here/tune.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        tune(**LINE, out="here", **QUIET)


def test_a_time_buys_a_budget_that_is_measured(homemade):
    found = tune(**LINE, minutes=0.01, out="here", **QUIET)
    kept = msgspec.json.decode(Path("here/tune.json").read_bytes())
    assert kept["width"] == 1
    again = tune(**LINE, minutes=0.01, out="here", **QUIET)
    assert again.schedule == found.schedule
    assert again.spent == found.spent


def test_the_report_tells_the_whole_story(homemade):
    found = tune(**LINE, budget=6.0, out="here", **QUIET)
    files = tune_report(found, "here")
    assert {"report.html", "report.md", "tuned.json", "peaks.png"} <= set(files)
    assert all(path.stat().st_size > 500 for path in files.values())
    text = files["report.md"].read_text()
    assert found.schedule in text
    assert found.runner_up in text
    for o in found.finding.outcomes:
        assert o.request.candidate.text in text
    page = files["report.html"].read_text()
    assert "range test" in page
    assert "loss-curve law" in page or "the law fsl-m" in page
    kept = msgspec.json.decode(files["tuned.json"].read_bytes())
    assert kept["schedule"] == found.schedule
    assert kept["spent"] <= 6.0


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"budget": 0.4}, "budget >= 0.5"),
        ({"budget": float("nan")}, "budget >= 0.5"),
        ({"minutes": 0.0}, "time > 0"),
        ({"holdout": 1.0}, "0 <= holdout < 1"),
        ({"seed": -1}, "seed"),
        ({"test": -1}, "test"),
    ],
)
def test_settings_that_break_a_rule_are_refused_when_they_are_made(fields, says):
    with pytest.raises(SpecError, match=says):
        Aim(task="poly-tanh", **fields)


def test_what_cannot_be_tuned_is_said_before_anything_is_trained(homemade):
    for settings, says in [
        ({"task": "homemade:line", "total": "5ep"}, "updates >= 30"),
        ({"task": "homemade:line", "holdout": 0.1}, "keeps no share"),
        ({"task": "homemade:lin"}, "did you mean line"),
        ({"task": "homemade:line", "options": {"noisy": 1}}, "no option 'noisy'"),
    ]:
        with pytest.raises(SpecError, match=says):
            tune(**settings, out="here", **QUIET)
    with pytest.raises(SpecError, match="did you mean serial"):
        tune("homemade:line", out="here", engine="seriel")
    with pytest.raises(LoopError, match="no such file"):
        tune("homemade:raises", out="here", **QUIET)
    assert not Path("here/runs").exists()
