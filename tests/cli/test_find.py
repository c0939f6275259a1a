"""`lrkit find`: what it prints, writes and refuses."""

from __future__ import annotations

import shlex

import numpy as np
import pytest

from lrkit.probe import RangeCurve, read_range, write_range
from lrkit.records.points import Point, read_points

FAST = ("--steps", "60", "--repeats", "2", "--device", "cpu", "--quiet")


@pytest.fixture
def curve(tmp_path):
    rates = np.geomspace(1e-5, 10, 100)
    losses = 2.3 - 2 / (1 + (0.01 / rates) ** 1.5) + rates**2
    return write_range(RangeCurve(rates, losses), tmp_path / "range.json")


def test_what_it_prints_can_be_run(lrkit):
    done = lrkit("find", "poly-tanh", *FAST)
    assert done.code == 0, done.err
    assert "confidence" in done.out
    lines = [line.strip() for line in done.out.splitlines() if line.startswith("  lrkit train")]
    assert len(lines) == 4
    for line in lines:
        words = shlex.split(line)[1:]
        trained = lrkit(*words, "--epochs", "1", "--no-run", "--device", "cpu", "--quiet")
        assert trained.code == 0, (line, trained.err)


def test_files_and_json(lrkit, tmp_path):
    out = [f"--out={tmp_path / name}" for name in ("a.json", "a.csv", "a.png", "a.html")]
    done = lrkit("find", "poly-tanh", *FAST, "--validation", "20", "--json", *out)
    assert done.code == 0, done.err
    told = done.json
    assert told["format"] == 1
    assert told["suggestion"]["peak"]["value"] > 0
    assert set(told["suggestion"]["schedules"]) >= {"decay", "linear"}
    assert read_range(tmp_path / "a.json").to_dict() == told["curve"]
    assert read_range(tmp_path / "a.csv").repeats == 2
    assert (tmp_path / "a-validation.png").exists()


def test_a_curve_is_read_again_by_another_rule(lrkit, curve):
    ours = lrkit("find", "--curve", str(curve))
    theirs = lrkit("find", "--curve", str(curve), "--rule", "valley")
    assert ours.code == theirs.code == 0
    assert "one_cycle" not in theirs.out
    assert ours.out.splitlines()[-5:] != theirs.out.splitlines()[-5:]


def test_a_curve_that_says_nothing_is_exit_code_1(lrkit, tmp_path):
    flat = RangeCurve(np.geomspace(1e-5, 1, 50), np.full(50, 2.3))
    path = write_range(flat, tmp_path / "flat.json")
    done = lrkit("find", "--curve", str(path))
    assert done.code == 1
    assert "confidence none" in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "a.gif"), "ends in .json"),
        (("--low", "1", "--high", "0.1"), "`low < high` must hold"),
        (("--steps", "1"), "`steps` must be a whole number >= 2"),
        (("--repeats", "0"), "`repeats` must be a whole number"),
        (("--curve", "no.json"), "cannot read no.json"),
        (("--dead",), "no ReLU ran"),
        (("--from", "runs/none"), "runs/none"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_refused(lrkit, words, message):
    task = () if words[0] in ("--curve", "--from") else ("poly-tanh",)
    done = lrkit("find", *task, *words, "--device", "cpu")
    assert done.code == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_rules_and_exclusions(lrkit, curve):
    done = lrkit("find", "--curve", str(curve), "--rule", "vally")
    assert done.code == 2
    assert "did you mean valley" in done.err
    assert lrkit("find", "poly-tanh", "--curve", str(curve)).code == 2


def test_a_test_can_be_followed_and_ends_with_what_it_found(lrkit, tmp_path):
    done = lrkit("find", "poly-tanh", *FAST, "--json", "--follow", "range.jsonl")
    assert done.code == 0, done.err
    test, curve = read_points(tmp_path / "range.jsonl"), done.json["curve"]
    assert (test.about["task"], test.about["steps"]) == ("poly-tanh", 60)
    for repeat, losses in enumerate(curve["losses"]):
        told = [p.loss for p in test.points if p.repeat == repeat]
        assert told == [float(v) for v in losses if v != "NaN"]
    assert test.ending["status"] == "found"
    assert test.ending["suggestion"] == done.json["suggestion"]
    assert test.ending["endings"] == curve["endings"]


def test_a_test_that_fails_or_is_stopped_says_so_in_its_last_line(lrkit, tmp_path, monkeypatch):
    done = lrkit("find", "poly-tanh", "--dead", "--device", "cpu", "--follow", "a.jsonl")
    assert done.code == 2
    ending = read_points(tmp_path / "a.jsonl").ending
    assert ending["status"] == "failed"
    assert "no ReLU ran" in ending["reason"]
    assert ending["reason"] in done.err

    def interrupted(*_, on_point, **__):
        on_point(Point(0, 0, 0.1, 2.0))
        raise KeyboardInterrupt

    monkeypatch.setattr("lrkit.lab.find", interrupted)
    assert lrkit("find", "poly-tanh", "--follow", "b.jsonl").code == 130
    test = read_points(tmp_path / "b.jsonl")
    assert (test.ending["status"], len(test.points)) == ("stopped", 1)
    assert lrkit("find", "--curve", "x.json", "--follow", "c.jsonl").code == 2
    assert not (tmp_path / "c.jsonl").exists()
