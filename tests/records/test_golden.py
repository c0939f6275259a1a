"""Journals written in every released format load for ever; never change the files."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from lrkit.records import Journal, list_runs, replay, write_csv

GOLDEN = Path(__file__).parent.parent / "golden" / "journal-v1"


def test_ended_run():
    run = replay(GOLDEN / "ended")
    assert (run.status, run.reason) == ("failed", "the loss is not finite at step 4")
    assert run.header["format"] == 1
    assert run.spec == "0.3 * (warmup(5ep) >> cosine())"
    assert run.header["git"]["dirty"] is True
    assert run.header["script"]["text"] == "import lrkit as lr\n"
    assert list(run.metrics) == ["step", "time", "loss", "rate", "gradient norm"]
    assert run.metrics["step"].tolist() == [0, 1, 2, 3, 4]
    assert run.metrics["time"].tolist() == [1795251001.0 + t for t in (0, 0.5, 1, 2.5, 3)]
    np.testing.assert_array_equal(
        run.metrics["loss"], [2.302585092994046, 1e-300, math.nan, math.inf, -math.inf]
    )
    assert run.series("gradient norm")[0].tolist() == [3]
    assert run.evaluations[0]["accuracy"] == 0.8125
    assert math.isnan(run.evaluations[0]["loss"])
    assert run.edits[0]["edit"] == {"kind": "scale", "factor": 0.5, "over": "200st"}
    assert run.checkpoints == [
        {"kind": "checkpoint", "time": 1795251004.5, "step": 5, "path": "checkpoints/5.pt"}
    ]
    assert run.notes[0]["text"] == "NaN is a word here"
    assert [e["more"] for e in run.events if e["kind"] == "something new"] == [
        [1, 2.5, None, True, "x"]
    ]
    assert run.events_lost == 0


def test_resumed_run():
    run = replay(GOLDEN / "resumed")
    assert run.status == "dead"
    assert run.metrics["loss"].tolist() == [10.0, 9.0, 8.0, 103.0, 104.0, 105.0]
    assert [e["accuracy"] for e in run.evaluations] == [0.25]
    assert len(run.edits) == len(run.checkpoints) == 1


def test_torn_run():
    run = replay(GOLDEN / "torn")
    assert run.metrics["step"].tolist() == [0]
    assert len(run.edits) == 1
    assert (run.status, run.events_lost) == ("dead", 1)


def test_listing():
    states = {run.name: (run.status, run.step) for run in list_runs(GOLDEN)}
    assert states == {"ended": ("failed", 4), "resumed": ("dead", 5), "torn": ("dead", 0)}


@pytest.mark.parametrize("name", ["ended", "resumed", "torn"])
def test_old_runs_can_be_resumed_and_exported(name, tmp_path):
    run = shutil.copytree(GOLDEN / name, tmp_path / name)
    before = replay(run)
    with Journal.resume(run) as journal:
        journal.metrics(99, loss=0.0)
    after = replay(run)
    assert after.metrics["step"].tolist() == [*before.metrics["step"], 99]
    assert (after.status, after.events_lost) == ("done", 0)
    assert len(write_csv(after, tmp_path / "a.csv").read_text().splitlines()) == 1 + len(
        after.metrics["step"]
    )
