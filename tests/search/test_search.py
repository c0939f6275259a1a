"""A search as ask and tell: what is told stays, is told once, and goes on where it ended."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lrkit.errors import DataError, LoopError, SpecError
from lrkit.search import Asked, Point, Results, Search, Space, Trial
from tests.search.functions import CONDITIONAL, TEXT, drawn_by, score

SPACE = Space.parse(TEXT)


def run(search: Search, n: int = 10**6) -> list[Asked]:
    """Tell the scores of up to *n* points."""
    told = []
    while len(told) < n and (asked := search.ask()) is not None:
        search.tell(asked, score(asked.point.values))
        told.append(asked)
    return told


def small(folder: Path, **settings: Any) -> Search:
    return Search.open(folder, SPACE, **{"sampler": "random", "trials": 4, **settings})


def test_what_is_told_is_what_results_say(tmp_path: Path) -> None:
    with small(tmp_path, worker="me") as search:
        told = run(search)
        results = search.results()
    assert [trial.number for trial in results.trials] == [asked.number for asked in told]
    for asked, trial in zip(told, results.trials, strict=True):
        assert trial.state == "done"
        assert trial.values == asked.point.values
        assert trial.text == asked.point.text
        assert trial.score == trial.told == score(asked.point.values)
        assert trial.worker == "me"
        assert trial.seconds is not None
        assert trial.seconds >= 0
    best = max(trial.score or 0.0 for trial in results.trials)
    assert results.best is not None
    assert results.best.score == best
    assert results.history[-1][1] == best
    assert [b for _, b in results.history] == sorted(b for _, b in results.history)
    assert Search.read(tmp_path) == results


def test_an_interrupted_search_goes_on_to_its_number(tmp_path: Path) -> None:
    with small(tmp_path) as search:
        first = run(search, 3)
    with small(tmp_path) as search:
        assert search.progress().left == 1
        then = run(search)
        assert search.ask() is None
        assert search.progress().why == "all 4 trials are given out"
    with small(tmp_path, trials=6) as search:
        more = run(search)
    texts = [asked.point.text for asked in first + then + more]
    assert len(texts) == len(set(texts)) == 6


def test_going_on_changes_nothing(tmp_path: Path) -> None:
    """The same seed gives the same points, in one sitting or in three."""
    with small(tmp_path / "one", trials=6, sampler="tpe") as search:
        once = [asked.point.text for asked in run(search)]
    thrice = []
    for _ in range(3):
        with small(tmp_path / "three", trials=6, sampler="tpe") as search:
            thrice += [asked.point.text for asked in run(search, 2)]
    assert thrice == once


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"sampler": "tpe"}, "begun with sampler 'random', got 'tpe'"),
        ({"direction": "minimize"}, "begun with direction 'maximize', got 'minimize'"),
        ({"seed": 1}, "begun with seed 0, got 1"),
        ({"pruner": "median"}, "begun with pruner 'none', got 'median'"),
        ({"space": Space.parse("~log(1e-3, 2)")}, "begun with space '~log.* got '~log"),
        ({"space": Space.parse(TEXT, {"width": 3})}, r"begun with options \{\}, got \{'width': 3"),
    ],
)
def test_another_search_in_the_same_place_is_refused(
    tmp_path: Path, other: dict[str, Any], reason: str
) -> None:
    with small(tmp_path) as search:
        run(search, 1)
    space = other.pop("space", SPACE)
    with pytest.raises(SpecError, match=reason):
        Search.open(tmp_path, space, **{"sampler": "random", **other})
    assert len(Search.read(tmp_path).trials) == 1


def test_several_searches_share_a_storage_by_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with small(tmp_path, name=name, trials=2) as search:
            run(search)
    assert len(Search.read(tmp_path, "a").trials) == len(Search.read(tmp_path, "b").trials) == 2
    assert Search.stored(tmp_path) is None
    settings = Search.stored(tmp_path, "a")
    assert settings is not None
    assert settings.space == SPACE
    assert (settings.trials, settings.sampler) == (2, "random")


def test_a_place_without_a_search_is_none(tmp_path: Path) -> None:
    assert Search.stored(tmp_path / "nothing") is None
    with pytest.raises(DataError, match="there is no search"):
        Search.read(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_a_folder_that_cannot_be_written_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be opened") as caught:
        small(tmp_path / "file" / "search")
    assert "\n" not in str(caught.value)
    (tmp_path / "search.sqlite3").write_text("this is no database" * 100)
    with pytest.raises(DataError, match="file is not a database"):
        small(tmp_path)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("sqlite:///search.db", "a search in SQLite is kept in a folder"),
        ("://", "a storage is a folder or a URL such as postgresql://"),
        ("what?", "a search's folder has no \\? in its name"),
    ],
)
def test_a_place_that_is_none_is_refused(place: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        Search.open(place, SPACE)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_a_failure_that_teaches(tmp_path: Path, value: float) -> None:
    with small(tmp_path) as search:
        run(search, 2)
        asked = search.ask()
        assert asked is not None
        search.tell(asked, value)
        results = search.results()
        progress = search.progress()
    worst = min(trial.score for trial in results.trials if trial.score is not None)
    failed = results.trials[-1]
    assert (failed.state, failed.score, failed.told) == ("failed", None, worst)
    assert failed.reason == f"its score is {value}"
    assert (progress.done, progress.failed, progress.left) == (2, 1, 1)
    assert failed not in results.done


def test_a_failure_keeps_its_reason_and_is_not_run_again(tmp_path: Path) -> None:
    with small(tmp_path, trials=2) as search:
        for _ in range(2):
            asked = search.ask()
            assert asked is not None
            search.tell(asked, failed="no memory")
        assert search.ask() is None
        assert search.results().best is None
        assert [t.reason for t in search.results().trials] == ["no memory"] * 2


def test_a_trial_is_told_once(tmp_path: Path) -> None:
    with small(tmp_path) as search:
        asked = search.ask()
        assert asked is not None
        with pytest.raises(SpecError, match="one of score, failed and pruned"):
            search.tell(asked)
        with pytest.raises(SpecError, match="one of score, failed and pruned"):
            search.tell(asked, 1.0, pruned=True)
        with pytest.raises(SpecError, match="a trial that failed has no score"):
            search.tell(asked, 1.0, failed="why")
        search.tell(asked, 1.0)
        for again in (lambda: search.tell(asked, 2.0), lambda: search.report(asked, 1, 2.0)):
            with pytest.raises(LoopError, match="trial 0 is not under way here"):
                again()
        assert search.results().trials[0].score == 1.0


def test_what_is_given_back_is_given_out_again(tmp_path: Path) -> None:
    with small(tmp_path, trials=2) as search:
        first = search.ask()
        assert first is not None
        search.report(first, 1, 0.5)
        search.give_back(first)
        again = search.ask()
        assert again is not None
        assert (again.number, again.point) == (first.number, first.point)
        assert len(run(search)) == 1
    # What is under way when the search is closed is given back too.
    with small(tmp_path, trials=2) as search:
        last = search.ask()
    assert last is not None
    assert last.number == first.number
    trial = Search.read(tmp_path).trials[0]
    assert (trial.state, trial.steps) == ("waiting", ((1, 0.5),))


def test_reports_are_kept_and_said_once(tmp_path: Path) -> None:
    with small(tmp_path) as search:
        asked = search.ask()
        assert asked is not None
        for step, value in ((1, 0.1), (2, 0.2), (2, 0.9), (3, math.nan)):
            search.report(asked, step, value)
        with pytest.raises(SpecError, match="`step` must be a whole number >= 0, got -1"):
            search.report(asked, -1, 0.0)
        steps = search.results().trials[0].steps
    assert steps[:2] == ((1, 0.1), (2, 0.2))
    assert math.isnan(steps[2][1])


@pytest.mark.parametrize("pruner", ["median", "halving", "hyperband"])
def test_a_pruner_ends_what_is_worse(tmp_path: Path, pruner: str) -> None:
    with small(tmp_path, trials=12, pruner=pruner, steps=9) as search:
        while (asked := search.ask()) is not None:
            value = score(asked.point.values)
            for step in range(1, 10):
                search.report(asked, step, value - 1 / step)
                if search.should_prune(asked):
                    search.tell(asked, pruned=True)
                    break
            else:
                search.tell(asked, value)
        results = search.results()
    pruned = [trial for trial in results.trials if trial.state == "pruned"]
    assert pruned
    assert all(len(trial.steps) < 9 for trial in pruned)
    assert all(trial.score == trial.steps[-1][1] for trial in pruned)
    assert results.best is not None
    assert results.best.state == "done"


def test_a_grid_ends_by_itself_and_says_so(tmp_path: Path) -> None:
    space = Space.parse(CONDITIONAL)
    with Search.open(tmp_path, space, sampler="grid", grid={"peak": 2, "warmup": 1, "end": 2}) as s:
        assert s.total == 2 * 1 * 3
        texts = {asked.point.text for asked in run(s)}
        assert s.progress().why == "the grid's 6 points are given out"
    assert texts == {p.text for p in space.grid({"peak": 2, "warmup": 1, "end": 2})}


def test_a_minimum_is_looked_for_where_asked(tmp_path: Path) -> None:
    with small(tmp_path, direction="minimize") as search:
        for value in (3.0, 1.0, 2.0):
            asked = search.ask()
            assert asked is not None
            search.tell(asked, value)
        assert search.results().history == ((0, 3.0), (1, 1.0), (2, 1.0))


@pytest.mark.parametrize("method", ["fanova", "ped-anova"])
def test_what_matters_is_found(method: Any) -> None:
    space = Space.parse(CONDITIONAL, {"idle": "~uniform(0, 1)"})
    points = drawn_by("random", space, 60, seed=0)
    results = Results(space, "maximize", tuple(map(done, range(60), points)))
    found = {one.name: one for one in results.importance(method)}
    assert set(found) == {"peak", "warmup", "shape", "end", "idle"}
    assert results.importance(method)[0].name == "peak"
    always = [one for one in found.values() if one.name != "end"]
    assert sum(one.share or 0 for one in always) == pytest.approx(1)
    assert (found["peak"].share or 0) > 3 * (found["idle"].share or 0)
    assert found["end"].trials == sum("end" in point.values for point in points) < 60
    assert found["end"].note.startswith("where shape is cosine")
    assert found["idle"].trials == 60


def test_equal_scores_say_nothing_of_what_matters() -> None:
    points = drawn_by("random", SPACE, 20, seed=0)
    trials = [replace(done(i, point), told=1.0) for i, point in enumerate(points)]
    for one in Results(SPACE, "maximize", tuple(trials)).importance():
        assert (one.share, one.note) == (None, "all scores are the same")


def done(number: int, point: Point) -> Trial:
    value = score(point.values)
    return Trial(number, number, "done", value, point.values, point.text, point.options, told=value)


def test_of_few_trials_nothing_is_said(tmp_path: Path) -> None:
    with small(tmp_path) as search:
        run(search)
        results = search.results()
    for one in results.importance():
        assert one.share is None
        assert one.note == "8 trials with a score are needed, there are 4"
    with pytest.raises(SpecError, match="`method` must be one of fanova, ped-anova"):
        results.importance("shap")  # type: ignore[arg-type]


def test_a_trial_under_way_is_shown(tmp_path: Path) -> None:
    with small(tmp_path) as search:
        asked = search.ask()
        assert asked is not None
        search.report(asked, 1, 0.25)
        (trial,) = search.results().trials
        progress = search.progress()
    assert isinstance(trial, Trial)
    assert (trial.state, trial.score, trial.seconds) == ("running", 0.25, None)
    assert (progress.running, progress.elsewhere, progress.left) == (1, 0, 3)


def test_options_that_are_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="options are kept as JSON"):
        Search.open(tmp_path, Space.parse(TEXT, {"f": print}))
