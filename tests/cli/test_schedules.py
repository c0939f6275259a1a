"""`lrkit schedules` and `lrkit tasks`: what there is."""

from __future__ import annotations

from lrkit import catalog
from lrkit.cli import complete
from lrkit.lab import tasks


def test_every_family_has_a_line_with_a_picture_and_its_parameters(lrkit):
    done = lrkit("schedules")
    assert done.code == 0
    lines = {line.split()[0]: line for line in done.out.splitlines() if line.startswith("   ")}
    for family in catalog():
        assert any("▁" <= c <= "█" for c in lines[family.name]), family.name
        assert (
            family.signature[len(family.name) + 1 :].split("=")[0].strip("()") in lines[family.name]
        )
    assert "\x1b" not in done.out


def test_one_family_is_told_with_its_doc_and_a_plot(lrkit):
    done = lrkit("schedules", "cosine")
    assert done.code == 0
    assert done.out.startswith("cosine(start=1.0, end=0.0")
    assert ">>> " in done.out
    assert "learning rate" in done.out


def test_every_family_can_be_told(lrkit):
    for family in catalog():
        done = lrkit("schedules", family.name)
        assert (done.code, done.err) == (0, ""), family.name


def test_json_lists_them_all(lrkit):
    listed = lrkit("schedules", "--json").json["families"]
    assert [one["name"] for one in listed] == [one.name for one in catalog()]
    assert lrkit("schedules", "rex", "--json").json["families"][0]["signature"].startswith("rex(")


def test_a_mistyped_family_gets_the_nearest_names(lrkit):
    done = lrkit("schedules", "cosin")
    assert done.code == 2
    assert done.err == "lrkit: unknown schedule 'cosin'; did you mean cosine?\n"


def test_tasks_are_listed_with_their_options(lrkit):
    done = lrkit("tasks")
    assert done.code == 0
    assert "lenet-digits" in done.out
    assert "batch_size=32" in done.out
    told = {one["name"]: one for one in lrkit("tasks", "--json").json["tasks"]}
    assert set(told) == {one.name for one in tasks()}
    assert told["poly-tanh"]["options"]["batch_size"] == 20


def test_completion_knows_the_tasks_the_lab_has():
    assert set(complete.TASKS) == {one.name for one in tasks()}


def test_completion_of_a_schedule_goes_on_where_the_text_ends():
    assert complete.schedules("0.3 * (warm") == ["0.3 * (warmup("]
    assert "cosine(" in complete.schedules("")
    assert complete.schedules("5 ") != []
    assert complete.families("one_c") == ["one_cycle", "one_cycle_momentum"]


def test_completion_of_files_and_runs(lrkit, study, tmp_path):
    (tmp_path / "runs" / "first").mkdir(parents=True)
    assert complete.studies("stu") == ["study.toml"]
    assert complete.studies("") == ["runs/", "study.toml"]
    assert complete.studies("no/such/") == []
    assert complete.runs("f") == ["first"]
