"""`lrkit search`: from options and from a study, its files and its one-line errors."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="searching needs the search extra")

from lrkit.cli.search import seconds_of
from lrkit.errors import SpecError

SPACE = "~log(1e-3, 0.1) * ~choice(cosine(), linear())"
FAST = ("--epochs", "2", "--sampler", "random", "--engine", "serial", "--quiet")


def test_a_search_is_told_written_and_gone_on_with(lrkit, tmp_path):
    command = ("search", "poly-tanh", SPACE, "-n", "3", "--confirm", "1", "--pruner", "none", *FAST)
    done = lrkit(*command)
    assert done.code == 0, done.err
    assert "3 of 3 trials are over" in done.out
    assert "lrkit train poly-tanh -s" in done.out
    folder = tmp_path / "searches" / "poly-tanh"
    for name in ("report.html", "report.md", "search.json", "history.png", "best.png"):
        assert (folder / name).stat().st_size > 200
    again = lrkit(*command, "--json")
    assert again.json["ended"] == 3
    assert again.json["format"] == 1
    assert len(again.json["trials"]) == 3
    assert len(again.json["confirmed"]) == 2
    listed = lrkit("runs", "list", "--root", str(folder / "runs"), "--json")
    assert len(listed.json["runs"]) == 5


def test_a_study_is_searched_and_not_compared(lrkit, tmp_path):
    (tmp_path / "wide.toml").write_text(
        f'name = "wide"\ntask = "poly-tanh"\nepochs = 2\nseeds = [0]\nschedules = ["{SPACE}"]\n'
        '[search]\ntrials = 2\nsampler = "random"\npruner = "none"\nconfirm = 0\n'
    )
    refused = lrkit("compare", "wide.toml")
    assert refused.code == 2
    assert "lrkit search STUDY.toml" in refused.err
    assert lrkit("lint", "wide.toml").code == 0
    done = lrkit("search", "wide.toml", "--engine", "serial", "--json", "--quiet")
    assert done.code == 0, done.err
    assert done.json["ended"] == 2
    assert done.json["confirmed"] == []
    assert (tmp_path / "searches" / "wide" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), 'lrkit search poly-tanh "~log'),
        (("poly-tanh",), "a task and a space"),
        (("poly", SPACE), "poly-tanh"),
        (("poly-tanh", "~lg(1, 2) * cosine()"), "log"),
        (("poly-tanh", "~log(1, 0.1) * cosine()"), "low < high"),
        (("poly-tanh", SPACE, "--sampler", "bayes"), "quasi-random"),
        (("poly-tanh", SPACE, "--pruner", "halvin"), "did you mean halving"),
        (("poly-tanh", SPACE, "-n", "0"), "trials"),
        (("poly-tanh", SPACE, "--seeds", "0"), "--seeds"),
        (("poly-tanh", SPACE, "--epochs", "2", "--total", "3ep"), "say the same"),
        (("poly-tanh", SPACE, "--timeout", "soon"), "90s, 10m"),
        (("poly-tanh", SPACE, "--holdout", "1"), "holdout"),
        (("poly-tanh", SPACE, "--confirm", "-1"), "confirm"),
        (("poly-tanh", SPACE, "-o", "momentun=~uniform(0, 1)"), "momentum"),
        (("poly-tanh", SPACE, "--engine", "warp"), "engine"),
        (("poly-tanh", SPACE, "--storage", "nix://x"), "nix"),
        (("nix.toml",), "no such file"),
    ],
)
def test_bad_input_is_one_line_with_code_2(lrkit, tmp_path, arguments, says):
    done = lrkit("search", *arguments, "--quiet")
    assert done.code == 2, done.err
    assert says in done.err
    assert done.out == ""
    assert len(done.err.splitlines()) in (1, 3)
    assert not list(tmp_path.glob("**/journal.jsonl"))


def test_times_are_read_as_they_are_said():
    assert [seconds_of(t) for t in ("90", "90s", "1.5m", "1h30m", "1d")] == [
        90, 90, 90, 5400, 86400,
    ]  # fmt: skip
    for text in ("", "m", "1x", "1h30", "-5s"):
        with pytest.raises(SpecError, match="--timeout"):
            seconds_of(text)


def test_the_dashboard_is_for_this_machine_alone(lrkit, tmp_path):
    pytest.importorskip("optuna_dashboard", reason="the dashboard is an optional install")
    nowhere = lrkit("search", "--dashboard", "nowhere")
    assert nowhere.code == 2
    assert "no search" in nowhere.err
    done = lrkit("search", "poly-tanh", SPACE, "-n", "1", "--confirm", "0", *FAST)
    assert done.code == 0, done.err
    server = subprocess.Popen(
        [sys.executable, "-c", "from lrkit.cli import main; main()", "search", "--dashboard",
         "searches/poly-tanh"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        link = server.stdout.readline().strip()
        assert link.startswith("http://127.0.0.1:")
        host = link.removeprefix("http://").rstrip("/")
        for name, code in ((host, 200), ("example.org", 403)):
            connection = http.client.HTTPConnection(host, timeout=60)
            connection.request("GET", "/api/studies", headers={"Host": name})
            answer = connection.getresponse()
            assert answer.status == code
            assert (b"search" in answer.read()) == (code == 200)
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.communicate()


def test_a_missing_dashboard_is_told_with_the_remedy(lrkit, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    Path("searches").mkdir()
    done = lrkit("search", "--dashboard", "searches")
    assert done.code == 2
    assert "pip install 'lrkit[search,dashboard]'" in done.err
