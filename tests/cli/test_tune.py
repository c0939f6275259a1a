"""`lrkit tune`: the outcome for people and for scripts, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="tuning trains")


def test_a_tuning_prints_what_to_paste_and_writes_the_report(lrkit):
    done = lrkit("tune", "poly-tanh", "--epochs", "2", "--budget", "1.2", "--engine", "serial")
    assert done.code == 0, done.err
    assert "schedule" in done.out
    assert 'lrkit train poly-tanh --total 2ep -s "' in done.out
    assert "range test" in done.err, "what is tried and why, in plain lines"
    assert Path("tunes/poly-tanh/report.html").exists()
    again = lrkit("tune", "poly-tanh", "--epochs", "2", "--budget", "1.2", "--json", "--quiet")
    assert again.code == 0, again.err
    told = again.json
    assert told["schedule"] in done.out
    assert told["replayed"] == told["trainings"]
    assert told["spent"] <= 1.2
    assert Path(told["files"]["report.md"]).exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "TASK"),
        (("poly",), "poly-tanh"),
        (("poly-tanh", "--budget", "0"), "budget"),
        (("poly-tanh", "--budget", "3", "--time", "1m"), "give one"),
        (("poly-tanh", "--time", "soon"), "'soon'"),
        (("poly-tanh", "--epochs", "0"), "epochs"),
        (("poly-tanh", "--epochs", "3", "--total", "9ep"), "give one"),
        (("poly-tanh", "--total", "10st"), "updates >= 30"),
        (("poly-tanh", "-o", "momentun=0.9"), "momentum"),
        (("poly-tanh", "-o", "holdout=2"), "holdout"),
        (("poly-tanh", "--engine", "seriel"), "serial"),
        (("poly-tanh", "--out", "/dev/full/x"), "/dev/full/x"),
    ],
)
def test_bad_input_is_said_with_code_2(lrkit, arguments, says):
    done = lrkit("tune", *arguments, "--quiet")
    assert done.code == 2, done.err
    assert says in done.err
    assert done.out == ""
