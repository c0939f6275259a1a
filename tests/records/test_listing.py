"""Listing, finding and removing runs."""

import os

import pytest

from lrkit.errors import DataError
from lrkit.records import Journal, find_run, list_runs, remove_run, replay


@pytest.fixture
def runs(tmp_path):
    root = tmp_path / "runs"
    with Journal.create(root / "ended", spec="0.1", seed=1) as journal:
        journal.metrics(7, loss=0.5, rate=float("inf"))
        journal.append("evaluation", step=8, accuracy=0.75)
    Journal.create(root / "cut")._writer.close()
    return root


def test_list_shows_each_run_with_its_last_events(runs):
    (runs / "no run").mkdir()
    (runs / "file").write_text("")
    (runs / "broken").mkdir()
    (runs / "broken" / "journal.jsonl").write_text("{}\n")
    with Journal.create(runs / "live") as live:
        live.append("note", text="hello")
        found = {run.name: run for run in list_runs(runs)}
        assert {name: run.status for name, run in found.items()} == {
            "ended": "done",
            "cut": "dead",
            "live": "running",
            "broken": "damaged",
        }
    ended = found["ended"]
    assert (ended.step, ended.metrics) == (7, {"loss": 0.5, "rate": float("inf")})
    assert ended.evaluation["accuracy"] == 0.75
    assert ended.header["spec"] == "0.1"
    assert ended.updated >= ended.started > 0
    assert "first line" in found["broken"].problem
    assert found["live"].step == -1


def test_list_agrees_with_replay_about_resumed_runs(runs):
    journal = Journal.resume(runs / "ended")
    assert list_runs(runs)[0].status == replay(runs / "ended").status == "running"
    journal.close("failed", "because")
    assert (list_runs(runs)[0].status, list_runs(runs)[0].reason) == ("failed", "because")


def test_list_of_a_folder_that_is_not_there_is_empty(tmp_path):
    assert list_runs(tmp_path / "runs") == []


def test_find_offers_the_nearest_names(runs):
    assert find_run(runs, "ended") == runs / "ended"
    with pytest.raises(DataError, match="did you mean ended"):
        find_run(runs, "endde")


@pytest.mark.parametrize("name", ["..", ".", "", "../runs/ended", "/etc", "ended/", "a\0b"])
def test_find_never_leaves_the_folder(runs, name):
    with pytest.raises(DataError, match="name of a folder"):
        find_run(runs, name)


def test_remove_takes_the_run_and_nothing_else(runs, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("1")
    (runs / "ended" / "checkpoints").symlink_to(outside)
    remove_run(runs / "ended")
    assert sorted(os.listdir(runs)) == ["cut"]
    assert (outside / "precious").exists()


def test_remove_refuses_a_running_run(runs):
    with Journal.create(runs / "live"), pytest.raises(DataError, match="one writer a run"):
        remove_run(runs / "live")
    assert (runs / "live" / "journal.jsonl").exists()


def test_remove_refuses_links_and_what_is_no_run(runs, tmp_path):
    (tmp_path / "link").symlink_to(runs / "ended")
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "link", tmp_path / "file", tmp_path / "nothing", runs, tmp_path):
        with pytest.raises(DataError, match="only a run's own folder"):
            remove_run(path)
    assert sorted(os.listdir(runs)) == ["cut", "ended"]
