"""`lrkit runs`: listing, showing and removing what is on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrkit.records import Journal, read_columns


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder with a run that is done, one that died and one that is damaged."""
    root = tmp_path / "runs"
    about = {"task": "poly-tanh", "spec": "0.1 * cosine()", "seed": 3, "score": "mse"}
    with Journal.create(root / "good", **about) as journal:
        for step in range(5):
            journal.metrics(step, loss=1.0 / (step + 1), lr=0.1)
        journal.append("evaluation", step=5, epoch=1, seconds=0.5, train_loss=0.4, mse=0.25)
        journal.append("checkpoint", step=5, path="checkpoints/5.pt")
        journal.close("done")
    with Journal.create(root / "spoilt", **about) as journal:
        for step in range(5):
            journal.metrics(step, loss=float("nan"), lr=0.1)
        journal.close("failed", "diverged: loss is nan at update 0")
    damaged = Path(root / "spoilt" / "journal.jsonl")
    lines = damaged.read_bytes().splitlines(keepends=True)
    damaged.write_bytes(b"".join([lines[0], b"{broken\n", *lines[1:]]))
    (root / "no-run").mkdir()
    return root


def test_the_list_has_a_line_for_each(lrkit, runs):
    for arguments in (("runs",), ("runs", "list"), ("runs", "list", "--root", str(runs))):
        done = lrkit(*arguments)
        assert done.code == 0
        good, spoilt = (line for line in done.out.splitlines() if "poly-tanh" in line)
        assert good.split()[:3] == ["good", "done", "poly-tanh"]
        assert "0.25" in good
        assert spoilt.split()[0] == "spoilt"
        assert "no-run" not in done.out


def test_the_list_as_json(lrkit, runs):
    good, _ = lrkit("runs", "list", "--json").json["runs"]
    assert (good["name"], good["status"], good["step"]) == ("good", "done", 4)
    assert good["folder"] == str(runs / "good")
    assert good["evaluation"]["mse"] == 0.25


def test_no_runs_are_an_empty_list(lrkit):
    done = lrkit("runs")
    assert (done.code, done.out) == (0, "")
    assert "no runs in runs" in done.err
    assert lrkit("runs", "list", "--json").json == {"format": 1, "runs": []}


def test_a_run_is_shown_with_its_evaluations(lrkit, runs):
    done = lrkit("runs", "show", "good")
    assert done.code == 0
    assert "status       done" in done.out
    assert "schedule     0.1 * cosine()" in done.out
    assert "last step    4: loss 0.2, lr 0.1" in done.out
    assert "0.25" in done.out
    assert lrkit("runs", "show", "runs/good").out == done.out


def test_a_run_as_json_and_csv(lrkit, runs, tmp_path):
    done = lrkit("runs", "show", "good", "--json", "--csv", "metrics.csv")
    assert done.json["metrics"]["loss"] == [1.0, 0.5, 1 / 3, 0.25, 0.2]
    assert done.json["header"]["seed"] == 3
    assert done.err == "wrote metrics.csv\n"
    assert read_columns(tmp_path / "metrics.csv", ["loss"])["loss"][4] == 0.2


def test_a_damaged_run_says_where_and_can_be_read_around(lrkit, runs):
    done = lrkit("runs", "show", "spoilt")
    assert done.code == 2
    assert "2" in done.err
    done = lrkit("runs", "show", "spoilt", "--damaged")
    assert done.code == 0
    assert "1 lines that cannot be read" in done.out
    assert "status       failed: diverged" in done.out
    assert lrkit("runs", "show", "spoilt", "--damaged", "--json").json["metrics"]["loss"][0] is None


def test_removing_needs_a_yes(lrkit, runs):
    done = lrkit("runs", "rm", "good")
    assert done.code == 2
    assert "--yes" in done.err
    assert (runs / "good").exists()
    assert lrkit("runs", "rm", "good", "good", "spoilt", "--yes").code == 0
    assert not (runs / "good").exists()
    assert (runs / "no-run").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "goood"), "did you mean good?"),
        (("show", ".."), "name of a folder"),
        (("show", "runs/no-run"), "no-run"),
        (("show", "good", "--csv", "/dev/full"), "no space left"),
        (("rm", "--yes", "no-run"), "no run"),
        (("rm", "--yes", "runs/no-run"), "not one"),
        (("rm", "--yes", "/"), "not one"),
        (("rm", "--yes", "good", "nix"), "no run 'nix'"),
        (("list", "--root", "runs/good/journal.jsonl"), "journal.jsonl"),
    ],
)
def test_what_is_no_run_is_refused_and_nothing_is_removed(lrkit, runs, arguments, says):
    done = lrkit("runs", *arguments)
    assert done.code == 2
    assert says in done.err
    assert done.err.count("\n") == 1
    assert (runs / "good" / "journal.jsonl").exists()
    assert (runs / "no-run").exists()
