"""`lrkit compare`: from a file or from options, and again where it was left."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrkit.control import steered as parse_steered
from lrkit.records import course_of, replay

FAST = ("--seeds", "1", "--workers", "1", "--quiet")


def test_a_study_is_run_reported_and_not_run_twice(lrkit, study: Path, tmp_path: Path):
    done = lrkit("compare", "study.toml", "--workers", "2", "--json")
    assert done.code == 0, done.err
    first, second = done.json["schedules"]
    assert first["text"] == "0.03 * cosine()"
    assert sorted(first["scores"]) == ["0", "1"]
    assert second["against_first"]["n"] == 2
    assert done.json["replayed"] == 0
    out = tmp_path / "reports" / "two"
    assert (out / "report.html").stat().st_size > 1_000_000  # works offline
    assert (out / "report.md").exists()
    assert "4/4" in done.err
    again = lrkit("compare", "study.toml", "--quiet", "--json")
    assert again.json["replayed"] == 4
    assert again.json["schedules"] == done.json["schedules"]
    # What is given beside the study goes before its own, and what is there is not run again.
    less = lrkit("compare", "study.toml", "--seeds", "1,", "-s", "constant(0.03)", "--json")
    assert less.json["replayed"] == 1
    assert less.json["schedules"][0]["scores"] == {"1": second["scores"]["1"]}
    listed = lrkit("runs", "list", "--root", "reports/two/runs", "--json")
    assert len(listed.json["runs"]) == 4


def test_options_make_a_study_of_their_own(lrkit, tmp_path):
    done = lrkit(
        "compare", "--task", "poly-tanh", "-s", "cosine()", "-s", "linear()", "--total", "50",
        "--rates", "0.01, 0.03", *FAST, "--out", "here", "-o", "batch_size=50",
    )  # fmt: skip
    assert done.code == 0, done.err
    for name in ("cosine() at 0.01", "cosine() at 0.03", "linear() at 0.01", "linear() at 0.03"):
        assert name in done.out
    assert done.err.startswith("wrote ")
    assert (tmp_path / "here" / "runs.csv").read_text().count("\n") == 5


def test_any_engine_makes_the_same_comparison(lrkit, study, tmp_path):
    one = lrkit("compare", "study.toml", "--engine", "serial", "--out", "one", "--json")
    assert one.code == 0, one.err
    two = lrkit("compare", "study.toml", "--workers", "2", "--out", "two", "--json")
    assert [row["scores"] for row in one.json["schedules"]] == [
        row["scores"] for row in two.json["schedules"]
    ]
    # What is finished stays, whatever the engine; a name that is none is refused before.
    again = lrkit("compare", "study.toml", "--out", "one", "--json")
    assert again.json["replayed"] == 4
    wrong = lrkit("compare", "study.toml", "--engine", "serail", "--out", "three")
    assert wrong.code == 2
    assert "did you mean serial?" in wrong.err
    assert not (tmp_path / "three").exists()


def test_a_study_without_a_task_draws_its_curves(lrkit, tmp_path):
    (tmp_path / "c.toml").write_text('name = "c"\ntotal = 100\nschedules = ["cosine()"]\n')
    done = lrkit("compare", "c.toml", "--out", "here")
    assert done.code == 0, done.err
    assert (tmp_path / "here" / "report.html").exists()


def test_controllers_steer_each_seed_and_the_report_shows_what_it_followed(lrkit, tmp_path):
    steered = "0.03 * warmup(1ep) | plateau(0.5, patience=0, after=1ep, threshold=0.5)"
    command = (
        "compare", "--task", "poly-tanh", "-s", steered, "-s", "constant(0.03)", "--epochs", "4",
        "--rates", "1,0.1", "--seeds", "2", "--workers", "2", "--quiet", "--json", "--out", "here",
    )  # fmt: skip
    scaled, controllers = str(parse_steered(steered)).split(" | ")
    done = lrkit(*command)
    assert done.code == 0, done.err
    assert done.json["schedules"][0]["text"] == f"1 * ({scaled}) | {controllers}"
    runs = [Path(run) for run in done.json["schedules"][0]["runs"]]
    assert all(replay(run).edits for run in runs)
    report = (tmp_path / "here" / "report.md").read_text()
    for run in runs:
        course = course_of(replay(run))
        assert course.values().tobytes() == replay(run).metrics["lr"].tobytes()
        assert f"`{course.schedule}`" in report
    assert lrkit(*command).json["replayed"] == 8


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "lrkit compare --task poly-tanh"),
        (("--task", "poly-tanh"), "a task and schedules"),
        (("nix.toml",), "no such file"),
        (("folder.toml",), "is a directory"),
        (("study.toml", "--seeds", "0"), "--seeds"),
        (("study.toml", "--seeds", "two"), "'two'"),
        (("study.toml", "--seeds", "1,1"), "different"),
        (("study.toml", "--seeds", "1,-1"), "seed"),
        (("study.toml", "--rates", "0.1,nan"), "rates"),
        (("study.toml", "--rates", "0.1,-1"), "rates"),
        (("study.toml", "--rates", ""), "--rates"),
        (("study.toml", "--epochs", "0"), "epochs"),
        (("study.toml", "-s", "cosin()"), "did you mean cosine?"),
        (("study.toml", "-s", "cosine() | platoe()"), "did you mean plateau?"),
        (("study.toml", "-s", "cosine() | plateau(0.1, after=5tok)"), "tokens_per_step"),
        (("study.toml", "--task", "poly"), "poly-tanh"),
        (("study.toml", "--workers", "0"), "workers"),
        (("study.toml", "--out", "study.toml"), "study.toml"),
        (("study.toml", "--out", "/dev/full/x"), "/dev/full/x"),
        (("study.toml", "-s", "0.1 * linear(1, 0, 5tok)"), "tokens_per_step"),
    ],
)
def test_bad_input_is_one_line_with_code_2(lrkit, study, tmp_path, arguments, says):
    (tmp_path / "folder.toml").mkdir()
    done = lrkit("compare", *arguments, "--quiet")
    assert done.code == 2, done.err
    assert says in done.err
    assert done.out == ""
    assert len(done.err.splitlines()) in (1, 3)
    assert not list(tmp_path.glob("**/journal.jsonl"))
