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
    done = lrkit("runs", "show", "good", "--json")
    assert done.json["metrics"]["loss"] == [1.0, 0.5, 1 / 3, 0.25, 0.2]
    assert done.json["header"]["seed"] == 3
    done = lrkit("runs", "export", "good", "--out", "tables")
    assert (done.code, done.err) == (0, f"wrote {tmp_path / 'tables'}\n")
    assert read_columns(tmp_path / "tables" / "metrics.csv", ["loss"])["loss"][4] == 0.2


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
        (("show", "good", "--out", "rate.png"), "the total is missing"),
        (("export", "good", "--out", "/proc/tables"), "/proc/tables"),
        (("export", "good", "--to", "excel"), "excel"),
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


def test_edits_and_what_was_followed_are_told(lrkit, edited):
    done = lrkit("runs", "show", "edited")
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "50 scale 0.5 anna it jumps" in lines
    assert "status stopped: stopped by hand" in lines
    text = "0.03 * cosine() * table([1, 0.5], [0st, 50st], kind=step)"
    assert f"follows {text}" in lines
    assert "total 150 steps" in lines
    followed = lrkit("runs", "show", "edited", "--json").json["followed"]
    assert [(one["text"], one["total"]) for one in followed] == [(text, 150)]


def test_what_each_group_followed_is_told_where_they_differ(lrkit, tmp_path):
    torch = pytest.importorskip("torch", reason="groups are an optimizer's")
    from lrkit import Scheduler
    from lrkit.control import Scale

    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "name": n} for n in ("body", "head")]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    with Scheduler(optimizer, lr="cosine()", total=10, run=tmp_path / "runs" / "two") as schedule:
        schedule.apply(Scale(0.5, group="head"))
        for _ in range(10):
            optimizer.step()
            schedule.step()
    out = lrkit("runs", "show", "two").out
    assert "follows      body: cosine()" in out
    assert "follows      head: cosine() * " in out


def test_a_refused_letter_and_a_foreign_edit_are_told(lrkit, tmp_path):
    with Journal.create(
        tmp_path / "runs" / "odd", spec="cosine()", horizon={"total": 9}
    ) as journal:
        journal.append("edit", edit="shake", step=3, author="me")
        journal.append("refused", step=4, letter="x", reason="no such group")
    done = lrkit("runs", "show", "odd")
    assert done.code == 0
    assert "at 4: no such group" in done.out
    assert "cannot be told" in done.out


@pytest.mark.parametrize("name", ["rate.png", "rate.html"])
def test_the_rate_is_drawn(lrkit, edited, tmp_path, name):
    pytest.importorskip("matplotlib")
    pytest.importorskip("plotly")
    done = lrkit("runs", "show", "edited", "--out", name)
    assert (done.code, done.err) == (0, f"wrote {name}\n")
    assert (tmp_path / name).stat().st_size > 1000
    for wrong in ("/dev/null/" + name, "rate.txt"):
        done = lrkit("runs", "show", "edited", "--out", wrong)
        assert (done.code, done.out) == (2, "")
        assert wrong in done.err
