"""A search in its folder: tried, kept, gone on with, reported; and what is refused."""

from __future__ import annotations

import math
import resource
import shutil
import sqlite3
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("optuna", reason="searching needs the search extra")

from lrkit.errors import DataError, LoopError, SpecError
from lrkit.lab import decode_study, load_study
from lrkit.lab.searching import Order, outcome_of, search, search_report, search_table
from lrkit.lab.searching.charts import search_charts
from lrkit.lab.searching.order import read_order
from lrkit.lab.searching.preparing import prepare
from lrkit.lab.searching.studies import order_of
from lrkit.records import list_runs, replay

SPACE = "~log(1e-3, 1) * ~choice(cosine(), linear())"
QUIET = {"engine": "serial", "progress": False}


def order(**fields):
    """Return a small search of a straight line's rate: some peaks train it, some do not."""
    own = {"task": "homemade:line", "space": SPACE, "trials": 6, "sampler": "random"}
    return Order(**own | {"pruner": "none", "total": "4ep"} | fields)


@pytest.fixture
def poly(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Order(task="poly-tanh", space=SPACE, trials=3, sampler="random", pruner="none",
                 total="2ep")  # fmt: skip


def test_every_trial_is_a_run_and_the_same_call_runs_nothing_twice(homemade):
    found = search(order(), "here", confirm_seeds=0, **QUIET)
    runs = list_runs("here/runs")
    assert [run.status for run in runs] == ["done"] * 6
    assert [run.header["trial"] for run in runs] == [0, 1, 2, 3, 4, 5]
    best = found.ranked[0]
    run = replay(f"here/runs/trial-{best.origin:04d}-s0")
    assert run.spec == best.text
    assert run.evaluations[-1]["error"] == best.score == min(t.score for t in found.trials)
    assert not list(homemade.glob("here/runs/*/checkpoints")), "they were for going on"
    again = search(order(), "here", confirm_seeds=0, **QUIET)
    assert again.results == found.results
    assert len(list_runs("here/runs")) == 6
    # A search can be made longer, and is then the same one.
    longer = search(order(trials=8), "here", confirm_seeds=0, **QUIET)
    assert longer.results.trials[:6] == found.results.trials
    assert len(longer.of("done")) == 8


def test_a_trial_is_the_mean_over_its_seeds(homemade):
    found = search(order(trials=2, seeds=(0, 1), options={"noise": 0.5}), "a",
                   confirm_seeds=0, **QUIET)  # fmt: skip
    for trial in found.trials:
        scores = [
            replay(f"a/runs/trial-{trial.origin:04d}-s{seed}").evaluations[-1]["error"]
            for seed in (0, 1)
        ]
        assert scores[0] != scores[1]
        assert trial.score == pytest.approx(sum(scores) / 2)
        assert [step for step, _ in trial.steps] == [1, 2, 3], "the last epoch is told"


def test_options_are_searched_and_reach_the_task(homemade):
    found = search(order(options={"batch_size": "~choice(2, 4, 8)", "noise": 0.0}), "a",
                   confirm_seeds=0, **QUIET)  # fmt: skip
    sizes = {trial.options["batch_size"] for trial in found.trials}
    assert len(sizes) > 1
    for trial in found.trials:
        header = replay(f"a/runs/trial-{trial.origin:04d}-s0").header
        assert header["options"] == {"batch_size": trial.options["batch_size"], "noise": 0.0}
        assert header["values"]["batch_size"] == trial.options["batch_size"]


def test_pruned_trials_end_their_runs_and_tell_the_last_score(homemade):
    found = search(order(trials=14, pruner="median", total="6ep", space="~log(1e-3, 1) * hold()"),
                   "a", confirm_seeds=0, **QUIET)  # fmt: skip
    pruned = found.of("pruned")
    assert pruned
    for trial in pruned:
        run = replay(f"a/runs/trial-{trial.origin:04d}-s0")
        assert run.status == "stopped"
        assert len(run.evaluations) < 6
        assert trial.score == run.evaluations[-1]["error"]
        assert trial not in found.ranked
    assert not list(homemade.glob("a/runs/*/checkpoints"))


def test_nothing_is_chosen_on_the_test_data(poly):
    found = search(poly, "a", confirm_seeds=2, **QUIET)
    for trial in found.trials:
        assert replay(f"a/runs/trial-{trial.origin:04d}-s0").header["options"] == {"holdout": 0.1}
    assert [one.trial for one in found.confirmed] == found.ranked[:2]
    for one in found.confirmed:
        assert sorted(one.scores) == [1, 2], "seeds that no trial has used"
        for run in one.runs:
            assert replay(run.folder).header["options"] == {"holdout": 0.0}
    page = search_report(found, "a")["report.md"].read_text()
    assert "10 % of the training data" in page
    assert "scored on the test data" in page
    again = search(poly, "a", confirm_seeds=2, **QUIET)
    assert [one.scores for one in again.confirmed] == [one.scores for one in found.confirmed]
    told = search(msgspec.structs.replace(poly, options={"holdout": 0.25}, trials=1), "b",
                  confirm_seeds=0, **QUIET)  # fmt: skip
    assert told.prepared.order.holdout == 0.25


def test_a_task_without_a_holdout_is_scored_by_its_own_evaluate_and_the_report_says_so(homemade):
    found = search(order(trials=3), "a", confirm_seeds=1, **QUIET)
    page = search_report(found, "a")["report.md"].read_text()
    assert "nothing was kept for choosing" in page
    assert "test data" not in page
    with pytest.raises(SpecError, match=r"keeps no share.*holdout=0\.2"):
        search(order(holdout=0.2), "b", **QUIET)


def test_the_report_holds_what_was_found(homemade):
    found = search(order(trials=10, options={"batch_size": "~choice(2, 4)"}), "a",
                   confirm_seeds=2, **QUIET)  # fmt: skip
    files = search_report(found, "a")
    assert set(files) == {
        "report.html", "report.md", "search.json", "history.png", "rate.png", "importance.png",
        "parallel.png", "best.png",
    }  # fmt: skip
    plain = msgspec.json.decode(files["search.json"].read_bytes())
    assert plain["best"]["score"] == found.ranked[0].score
    assert len(plain["trials"]) == 10
    assert sum(plain["importance"].values()) == pytest.approx(1)
    assert len(plain["confirmed"][0]["scores"]) == 2
    page = files["report.html"].read_text()
    assert page.count("<figure") == 5
    for trial in found.ranked[:10]:
        assert trial.text.replace(">", "&gt;") in page
    assert len(search_table(found).rows) == len(found.ranked)


def test_trials_far_worse_than_the_rest_stand_at_the_edge_of_the_pictures(homemade):
    # Seven peaks that train alike and one that trains less would share a plain axis.
    space = "~choice(0.1, 0.101, 0.102, 0.103, 0.104, 0.105, 0.106, 0.03) * hold()"
    found = search(order(trials=8, space=space, sampler="grid"), "a", confirm_seeds=0, **QUIET)
    scores = [trial.score for trial in found.ranked]
    charts = search_charts(found)
    for name in ("history", "rate"):
        chart = charts[name]
        assert not chart.log
        edge = next(line for line in chart.lines if "at the edge" in line.label)
        assert edge.label.startswith("1 far worse")
        assert edge.y[0] < max(scores)
        assert f"{max(scores):.4g}" in edge.texts[0]


def test_time_is_over_what_was_under_way_goes_on_later(poly):
    slow = msgspec.structs.replace(poly, trials=2, total="40ep", space="~log(1e-3, 0.1) * hold()")
    found = search(slow, "a", timeout=0.5, confirm_seeds=0, **QUIET)
    assert found.ended < 2
    assert replay("a/runs/trial-0000-s0").status in ("stopped", "done")
    done = search(slow, "a", confirm_seeds=0, **QUIET)
    assert [trial.state for trial in done.trials] == ["done", "done"]
    assert [trial.origin for trial in done.trials] == [0, 1]
    for number in range(2):
        run = replay(f"a/runs/trial-{number:04d}-s0")
        assert len(run.metrics["lr"]) == 1800, "each update once, whatever came between"


def test_trials_that_diverge_are_counted_with_the_reason_and_the_rest_goes_on(homemade):
    found = search(order(trials=8, space="~choice(0.1, 1e30) * hold()"), "a",
                   confirm_seeds=0, **QUIET)  # fmt: skip
    failed = found.of("failed")
    assert failed
    assert found.of("done")
    assert all("diverged" in trial.reason for trial in failed)
    page = search_report(found, "a")["report.md"].read_text()
    assert f"{len(failed)} trial" in page
    assert "diverged" in page


def test_a_factory_that_raises_for_some_options_fails_those_trials(homemade):
    text = (homemade / "homemade.py").read_text()
    text += (
        "\n\ndef picky(seed, device, width=1):\n"
        "    if width == 2:\n        raise RuntimeError('no width of two')\n"
        "    return line(seed, device)\n"
    )
    (homemade / "homemade.py").write_text(text)
    found = search(order(task="homemade:picky", options={"width": "~choice(1, 2)"}, trials=8), "a",
                   confirm_seeds=0, **QUIET)  # fmt: skip
    assert {trial.options["width"] for trial in found.of("failed")} == {2}
    assert {trial.options["width"] for trial in found.of("done")} == {1}
    assert "no width of two" in found.of("failed")[0].reason


def test_a_search_whose_first_trials_all_fail_stops_and_says_why(homemade):
    hopeless = order(trials=30, space="~log(1e30, 1e31) * hold()")
    with pytest.raises(LoopError, match=r"all 5 failed.*diverged.*another --out"):
        search(hopeless, "a", confirm_seeds=0, **QUIET)
    assert len(outcome_of("a").of("failed")) == 5


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"task": "homemade:raises"}, LoopError, "no such file"),
        ({"task": "homemade:nix"}, SpecError, "has no function 'nix'"),
        ({"options": {"nosie": "~uniform(0, 1)"}}, SpecError, "has no option 'nosie'"),
        ({"space": "~log(0, 1) * cosine()"}, SpecError, "low > 0"),
        ({"space": "0.1 * (warmup(~int(9, 99)ep) >> cosine())"}, SpecError, "warmup"),
        ({"sampler": "tp"}, SpecError, "did you mean tpe"),
        ({"pruner": "nix"}, SpecError, "hyperband"),
        ({"trials": 0}, SpecError, "trials >= 1"),
        ({"seeds": (1, 1)}, SpecError, "different"),
        ({"total": "0ep"}, SpecError, "0ep|> 0|end"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_trial(homemade, fields, error, says):
    with pytest.raises(error, match=says):
        search(order(**fields), "a", **QUIET)
    assert not Path("a/runs").exists()


def test_another_search_in_the_folder_is_refused_by_what_differs(homemade):
    search(order(trials=1), "a", confirm_seeds=0, **QUIET)
    for fields, says in (
        ({"space": "~log(1e-3, 1) * linear()"}, "space"),
        ({"seeds": (0, 1)}, "seeds: 0 there, 0, 1 here"),
        ({"options": {"noise": 0.1}}, "options: none there, noise=0.1 here"),
        ({"total": "5ep"}, "total: 4ep there, 5ep here"),
        ({"sampler": "tpe"}, "sampler: random there, tpe here"),
    ):
        with pytest.raises(DataError, match=says):
            search(order(**fields), "a", confirm_seeds=0, **QUIET)
    # What is only spelled differently is the same.
    same = order(trials=1, space="~log(0.001,1.0)*~choice(cosine(),linear())")
    assert search(same, "a", confirm_seeds=0, **QUIET).ended == 1


def test_a_storage_that_is_damaged_or_anothers_is_told_in_a_line(homemade):
    search(order(trials=1), "a", confirm_seeds=0, **QUIET)
    for side in ("-wal", "-shm"):
        Path(f"a/search.sqlite3{side}").unlink(missing_ok=True)
    Path("a/search.sqlite3").write_bytes(b"not a database, at all" * 1000)
    with pytest.raises(DataError, match=r"search\.sqlite3") as told:
        search(order(trials=2), "a", confirm_seeds=0, patience=0.2, **QUIET)
    assert "\n" not in str(told.value)
    shutil.rmtree("a")
    Path("a").mkdir()
    with sqlite3.connect("a/search.sqlite3") as other:
        other.execute("CREATE TABLE studies (mine TEXT)")
    other.close()
    with pytest.raises(DataError, match=r"search\.sqlite3") as told:
        search(order(trials=2), "a", confirm_seeds=0, patience=0.2, **QUIET)
    assert "\n" not in str(told.value)
    shutil.rmtree("a")
    Path("a").mkdir()
    Path("a/order.json").write_text('{"format": 1')
    with pytest.raises(DataError, match=r"order\.json is damaged"):
        search(order(trials=2), "a", confirm_seeds=0, **QUIET)


def test_a_full_disk_stops_the_search_and_keeps_what_is_finished(homemade):
    pytest.importorskip("resource")
    done = search(order(trials=2), "a", confirm_seeds=0, **QUIET)
    size = max(path.stat().st_size for path in Path("a").rglob("*") if path.is_file())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(DataError) as told:
            search(order(trials=4), "a", confirm_seeds=0, patience=0.2, **QUIET)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(told.value)
    assert size > 100
    after = search(order(trials=4), "a", confirm_seeds=0, **QUIET)
    assert after.results.trials[:2] == done.results.trials
    assert [trial.state for trial in after.trials] == ["done"] * 4


def test_two_searches_at_once_share_the_trials(homemade):
    import threading

    outcomes = []

    def work() -> None:
        outcomes.append(search(order(trials=12), "a", confirm_seeds=0, **QUIET))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(outcomes) == 2
    found = outcome_of("a")
    assert len(found.of("done")) == len(found.trials) == 12
    assert len(list_runs("a/runs")) == 12


def test_a_study_with_ranges_is_a_search_and_no_comparison(homemade):
    text = """
        name = "wide"
        task = "homemade:line"
        epochs = 2
        seeds = [0]
        schedules = ["~log(1e-3, 1) * cosine()", "~log(1e-2, 1) * linear()"]
        [search]
        trials = 4
        sampler = "random"
        pruner = "none"
    """
    Path("wide.toml").write_text(text)
    study = load_study("wide.toml")
    with pytest.raises(SpecError, match="lrkit search"):
        study.rows()
    asked = order_of(study)
    assert (asked.trials, asked.sampler, asked.total) == (4, "random", "2ep")
    found = search(asked, "a", confirm_seeds=0, **QUIET)
    assert len(found.of("done")) == 4
    kinds = {"cosine" if "cosine" in trial.text else "linear" for trial in found.trials}
    assert kinds <= {"cosine", "linear"}
    with pytest.raises(SpecError, match="for schedules that hold ranges"):
        decode_study('name = "a"\ntask = "b"\nschedules = ["cosine()"]\n[search]\ntrials = 3\n')
    with pytest.raises(SpecError, match="unknown key 'trails' in search; did you mean 'trials'"):
        decode_study(text.replace("trials = 4", "trails = 4"))
    with pytest.raises(SpecError, match="rates in the space"):
        order_of(decode_study(text.replace("epochs = 2", "epochs = 2\nrates = [0.1]")))


def test_orders_are_kept_as_they_were_read(homemade):
    prepared = prepare(order(total="3ep", options={"batch_size": "~choice(2, 4)"}))
    assert prepared.epochs == 3
    assert prepared.updates == 6
    assert not prepared.higher_is_better
    search(order(trials=1), "a", confirm_seeds=0, **QUIET)
    assert read_order(Path("a")) == prepare(order(trials=1)).order
    assert math.isfinite(outcome_of("a").ranked[0].score)
    assert outcome_of("nowhere") is None
