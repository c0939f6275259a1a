"""`lrkit lint`: findings, errors and exit codes that a CI job can rely on."""

from __future__ import annotations

import pytest

CURVES = """\
name = "sweep"
total = "30ep"
steps_per_epoch = 235
schedules = ["0.1 * linear(1, 0.5)", {text = "exponential(1, {f})", vary = {f = [0.9, 0.8]}}]
"""


def test_clean_says_nothing(lrkit):
    done = lrkit("lint", "0.3 * (warmup(5ep) >> cosine())", "-t", "30ep", "-e", "235")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_warnings_are_findings(lrkit):
    done = lrkit("lint", "0.1 * linear(1, 0.5)", "-t", "100")
    assert done.code == 1
    assert done.out.startswith("0.1 * linear(1, 0.5): warning: it ends at 0.05")


def test_every_schedule_is_looked_at_and_an_error_outweighs(lrkit):
    done = lrkit("lint", "cosin()", "linear(1, 0.5)", "-t", "100")
    assert done.code == 2
    assert done.out.splitlines()[:3] == [
        "cosin(): error: unknown schedule 'cosin'; did you mean cosine?",
        "  cosin()",
        "  ^",
    ]
    assert "linear(1, 0.5): warning:" in done.out


def test_a_study_without_a_task_brings_its_length(lrkit, tmp_path):
    (tmp_path / "curves.toml").write_text(CURVES)
    done = lrkit("lint", "curves.toml")
    assert done.code == 1
    assert done.out.startswith("curves.toml: 0.1 * linear(1, 0.5): warning: it ends at 0.05")
    assert done.out.count("\n") == 1


def test_a_study_with_a_task_is_placed_on_the_tasks_epochs(lrkit, study):
    study.write_text(study.read_text().replace("constant(0.03)", "linear(0.1, 0.02, 75)"))
    done = lrkit("lint", "study.toml")
    assert done.code == 1
    # Two epochs of 50 updates: the schedule is over at 75 and holds for 25 more.
    assert "remaining 25 steps" in done.out


@pytest.mark.parametrize(
    ("controllers", "warns"),
    [
        ("", ["it ends at 0.1", "holds 0.1 for the remaining"]),
        (" | spike_guard()", ["it ends at 0.1", "holds 0.1 for the remaining"]),
        (" | plateau(0.1, after=5ep)", []),
        (" | spike_guard() | greedy(0.5, patience=2, floor=0.001, peak=0.2)", []),
    ],
)
def test_the_end_is_not_judged_where_controllers_decide_it(lrkit, tmp_path, controllers, warns):
    text = f"0.1 * warmup(5ep){controllers}"
    (tmp_path / "one.toml").write_text(
        f'name = "one"\ntotal = "30ep"\nsteps_per_epoch = 10\nschedules = ["{text}"]\n'
    )
    for arguments in ((text, "-t", "30ep", "-e", "10"), ("one.toml",)):
        done = lrkit("lint", *arguments)
        assert done.code == bool(warns)
        assert len(done.out.splitlines()) == len(warns)
        assert all(warning in done.out for warning in warns)


def test_what_is_wrong_before_the_end_is_said_of_a_steered_schedule_too(lrkit):
    done = lrkit("lint", "constant(0) | plateau(0.1)", "-t", "100")
    assert "the rate is 0 at every update" in done.out


def test_json_has_the_place_of_an_error(lrkit):
    done = lrkit("lint", "0.1 * cosin()", "linear(1, 0.5)", "-t", "100", "--json")
    assert done.code == 2
    error, warning = done.json["findings"]
    assert (error["kind"], error["text"], error["position"]) == ("error", "0.1 * cosin()", 6)
    assert (warning["kind"], warning["where"]) == ("warning", "linear(1, 0.5)")


def test_json_of_nothing_is_still_json(lrkit):
    assert lrkit("lint", "cosine()", "-t", "9", "--json").json == {"format": 1, "findings": []}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no such file"),
        ("name = ", "not TOML"),
        ("\udcff", "UTF-8"),
        (CURVES.replace("total", "totl"), "did you mean 'total'?"),
        (CURVES.replace("0.1 * linear", "0.1 * linaer"), "did you mean linear"),
        (CURVES.replace("steps_per_epoch", "batch_size"), "steps_per_epoch"),
        (CURVES.replace("[0.9, 0.8]", "[0.9, nan]"), "nan"),
        (CURVES.replace("[0.9, 0.8]", "[-0.9]"), "-"),
        (CURVES.replace('"sweep"', '"sweep"\ntask = "lenet-digit"'), "lenet-digits"),
    ],
)
def test_a_study_that_is_none_is_an_error(lrkit, tmp_path, text, says):
    if text is not None:
        (tmp_path / "bad.toml").write_text(text, errors="surrogateescape")
    done = lrkit("lint", "bad.toml")
    assert done.code == 2, done.out
    assert done.out.startswith("bad.toml: error: ")
    assert says in done.out
    assert done.err == ""


def test_a_folder_for_a_study_is_an_error(lrkit, tmp_path):
    (tmp_path / "folder.toml").mkdir()
    done = lrkit("lint", "folder.toml")
    assert done.code == 2
    assert "is a directory" in done.out
