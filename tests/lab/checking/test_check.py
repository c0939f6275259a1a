"""A check of the laws: predictions made first, joined with what training then showed."""

from __future__ import annotations

import html
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy", reason="laws need lrkit[laws]")

from lrkit.errors import DataError, LrkitError, SpecError
from lrkit.lab import RunResult
from lrkit.lab.checking import Check, Checked, Pair, check, report
from lrkit.lab.checking.foreseeing import fitted
from lrkit.lab.checking.judging import Outcome
from lrkit.lab.checking.measuring import curve_of, final_loss
from lrkit.lab.checking.planning import planned
from lrkit.laws import LossCurve, loss_curve, predict
from lrkit.laws import fit as fit_law
from lrkit.records import replay
from lrkit.records.loss_curves import read_loss_curves

TINY: dict[str, Any] = {
    "task": "poly-tanh",
    "total": "120st",
    "peaks": (0.005, 0.01),
    "shapes": ("constant", "cosine", "wsd"),
    "seeds": 2,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checked, Path]:
    """A check of poly-tanh that has run to its end, and its folder."""
    folder = tmp_path_factory.mktemp("check") / "out"
    done = check(Check(**TINY), folder, engine="serial", progress=False)
    report(done, folder)
    return done, folder


def test_what_is_measured_is_what_the_journals_say(made: tuple[Checked, Path]) -> None:
    checked, folder = made
    assert [o.contender.name for o in checked.outcomes] == ["design", "hand-made", "cosine"]
    for outcome in checked.outcomes:
        assert [run.seed for run in outcome.runs] == [1, 2]
        for run in outcome.runs:
            assert run.folder is not None
            assert run.folder.parent == folder / "runs"
            kept = replay(run.folder)
            assert kept.header["spec"] == outcome.contender.schedule
            last = np.asarray(kept.metrics["loss"])[-2:]  # 2 % of 120
            assert outcome.finals[run.seed] == pytest.approx(float(last.mean()))
            assert outcome.scores[run.seed] == kept.evaluations[-1]["mse"]


def test_predictions_are_those_of_the_law_and_were_written_before_the_long_runs(
    made: tuple[Checked, Path],
) -> None:
    checked, folder = made
    told = json.loads((folder / "prediction.json").read_text())
    assert [c["predicted"] for c in told["contenders"]] == [
        o.contender.final for o in checked.outcomes
    ]
    for outcome in checked.outcomes:
        found = predict(checked.foreseen.law, outcome.contender.schedule, 120, points=400)
        last = np.interp(np.arange(118, 120), found.steps, found.losses)
        assert outcome.contender.final == pytest.approx(float(last.mean()))
        assert (
            outcome.contender.interval[0] < outcome.contender.final < outcome.contender.interval[1]
        )
        for run in outcome.runs:
            assert run.folder is not None
            begun = replay(run.folder).events[0]["time"]
            assert begun >= (folder / "prediction.json").stat().st_mtime - 1


def test_the_rivals_are_the_best_of_the_cheap_runs(made: tuple[Checked, Path]) -> None:
    checked, _ = made
    finals = {
        (member.shape, member.peak): final_loss(run)
        for member, run in zip(checked.members, checked.runs, strict=True)
    }
    assert len(finals) == 6
    assert {run.seed for run in checked.runs} == {0}, "no long run has a seed of the cheap ones"
    for shape, outcome in zip(("wsd", "cosine"), checked.outcomes[1:], strict=True):
        best = min((f, peak) for (s, peak), f in finals.items() if s == shape)[1]
        assert outcome.contender.peak == best
        assert outcome.contender.schedule.startswith(f"{best:g} * (")


def test_the_same_check_trains_nothing_twice(made: tuple[Checked, Path]) -> None:
    checked, folder = made
    more = check(Check(**TINY | {"seeds": 3}), folder, engine="serial", progress=False)
    assert more.replayed == 6 + 6
    assert [list(o.finals) for o in more.outcomes] == [[1, 2, 3]] * 3
    for before, after in zip(checked.outcomes, more.outcomes, strict=True):
        assert before.finals.items() <= after.finals.items()


def test_the_report_has_the_numbers_and_the_curves_give_the_same_law(
    made: tuple[Checked, Path],
) -> None:
    checked, folder = made
    page, text = (folder / "report.html").read_text(), (folder / "report.md").read_text()
    for sentence in checked.verdict():
        assert sentence in text
    for outcome in checked.outcomes:
        assert html.escape(outcome.contender.schedule) in page
        assert f"{outcome.contender.final:.4g}" in page
    assert (folder / "predicted.png").read_bytes()[:4] == b"\x89PNG"
    told = json.loads((folder / "check.json").read_text())
    assert told["contenders"][0]["finals"] == {
        str(seed): loss for seed, loss in checked.outcomes[0].finals.items()
    }
    name = checked.foreseen.law.law
    again = fit_law(read_loss_curves([folder / "curves"]), name, trials=False)
    assert again.values == pytest.approx(checked.foreseen.law.values)


@pytest.mark.slow
def test_a_check_that_was_killed_goes_on(made: tuple[Checked, Path], tmp_path: Path) -> None:
    checked, _ = made
    command = [
        str(Path(sys.executable).with_name("lrkit")), "law", "check", "poly-tanh",
        "--total", "120st", "--peaks", "0.005,0.01", "--shapes", "constant,cosine,wsd",
        "--seeds", "2", "--device", "cpu", "--engine", "serial", "--out", "out", "--json",
    ]  # fmt: skip
    going = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 120
    while len(list((tmp_path / "out" / "runs").glob("*"))) < 4:
        assert going.poll() is None, "it was to be killed, and ended"
        assert time.monotonic() < until
        time.sleep(0.01)
    going.send_signal(signal.SIGKILL)
    going.wait()
    assert not (tmp_path / "out" / "check.json").exists()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["replayed"] >= 3
    assert [c["measured"]["mean"] for c in told["contenders"]] == [
        o.measured.mean for o in checked.outcomes
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"cheap": 0}, "`0 < cheap <= 1` must hold"),
        ({"cheap": 1.5}, "`0 < cheap <= 1` must hold"),
        ({"seeds": 0}, "`seeds >= 1` must hold, got 0"),
        ({"peaks": (0.1,)}, "two different peaks or more"),
        ({"peaks": (0.1, 0.1)}, "two different peaks or more"),
        ({"peaks": (0.1, -1)}, "peaks must be finite and > 0"),
        ({"find": True}, "come from the range test or are given"),
        ({"shapes": ("cosine", "zigzag")}, "shapes are constant, .*, got 'zigzag'"),
        ({"shapes": ("cosine", "constant")}, "cosine and another that decays"),
        ({"shapes": ("wsd", "linear")}, "cosine and another that decays"),
        ({"law": "gravity"}, "law must be auto or one of .*mpl"),
    ],
)
def test_a_check_that_cannot_be_is_refused_with_the_rule(
    changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(SpecError, match=says):
        Check(**TINY | changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"total": "40st"}, "50 updates or more, 0.5 of 40 are 20; make the runs longer"),
        ({"task": "poly-tan"}, "did you mean poly-tanh"),
        ({"options": {"colour": 1}}, "no option 'colour'"),
    ],
)
def test_a_task_that_cannot_be_checked_is_refused_before_anything_is_trained(
    changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(LrkitError, match=says):
        check(Check(**TINY | changes), tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("homemade")
def test_what_diverges_is_left_out_and_said() -> None:
    given: dict[str, Any] = {
        "task": "homemade:line",
        "options": {"noise": 0.5},
        "total": 150,
        "seeds": 1,
        "device": "cpu",
        "shapes": ("cosine", "wsd", "linear"),
    }
    wild = Check(**given | {"peaks": (0.02, 50.0)})
    done = check(wild, "out", engine="serial", progress=False)
    failed = [m.name for m, run in zip(done.members, done.runs, strict=True) if run.failure]
    assert failed == ["cheap cosine 50", "cheap wsd 50", "cheap linear 50"]
    assert {curve.name for curve in done.curves}.isdisjoint(failed)
    assert all(outcome.contender.peak < 1 for outcome in done.outcomes)
    report(done, "out")
    assert "cheap wsd 50 was left out: diverged" in Path("out/report.md").read_text()
    with pytest.raises(
        DataError, match="needs 3 cheap runs that trained, 0 did; choose other peaks"
    ):
        check(Check(**given | {"peaks": (50.0, 60.0)}), "two", engine="serial", progress=False)


@pytest.mark.usefixtures("homemade")
def test_a_loss_below_zero_is_no_loss_a_law_can_have(homemade: Path) -> None:
    with open(homemade / "homemade.py", "a", encoding="utf-8") as module:
        module.write(
            "\n\ndef below(seed, device):\n"
            "    task = line(seed, device)\n"
            "    task.loss = lambda output, y: ((output - y) ** 2).mean() - 5\n"
            "    return task\n"
        )
    with pytest.raises(DataError, match=r"cheap .*losses must be above 0"):
        check(
            Check(task="homemade:below", total=120, peaks=(0.1, 0.2), device="cpu"),
            "out", engine="serial", progress=False,
        )  # fmt: skip


def few(points: int) -> list[LossCurve]:
    """Return three curves of so many points each, from a plain power law."""
    steps = np.linspace(20, 99, points).astype(int)
    return [
        loss_curve(
            f"at {peak}", steps, 2 + (peak * (steps + 1)) ** -0.5,
            schedule=f"{peak} * linear(1, 0.1)", total=100,
        )
        for peak in (0.1, 0.2, 0.4)
    ]  # fmt: skip


def test_a_law_that_cannot_be_fitted_is_named() -> None:
    fits, unfitted = fitted(few(2), "auto")
    assert {one.law for one in fits} == {"drop", "mtl"}
    assert "memory has 8 parameters" in unfitted["memory"]
    with pytest.raises(DataError, match="no law to go by: mpl has 7 parameters to fit"):
        fitted(few(2), "mpl")
    with pytest.raises(DataError, match="needs 3 cheap runs that trained, 2 did"):
        fitted(few(9)[:2], "auto")


def test_the_law_asked_for_is_the_one_to_go_by() -> None:
    fits, unfitted = fitted(few(12), "drop")
    assert fits[0].law == "drop"
    assert len(fits) == 6 - len(unfitted)


def run_of(losses: Any, seed: int = 1) -> RunResult:
    """Return a finished run with these losses."""
    values = np.asarray(losses, dtype=np.float64)
    told = ({"step": len(values), "epoch": 1, "seconds": 1.0, "train_loss": 0.1, "mse": 0.1},)
    return RunResult(
        "t", "s", seed, "done", "", "mse", False, np.ones_like(values), values, told
    )  # fmt: skip


def test_a_curve_is_the_mean_of_blocks_at_their_middle_without_the_beginning() -> None:
    losses = np.arange(1, 108, dtype=np.float64)
    curve = curve_of("a", "0.1 * cosine()", 107, run_of(losses), 5)
    assert curve.steps[0] == 17
    assert np.array_equal(curve.losses, curve.steps + 1), "of a straight line: the middle's value"
    assert curve.steps[-1] == 102, "two updates are less than half of a block"
    assert final_loss(run_of(losses)) == pytest.approx(np.arange(106, 108).mean())


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        ([1.0, 1.1, 1.2], [1.5, 1.61, 1.7], "right"),
        ([1.5, 1.61, 1.7], [1.0, 1.1, 1.2], "wrong"),
        ([1.0, 1.6, 1.2], [1.5, 1.1, 1.7], "open"),
        ([1.0], [2.0], "open"),
    ],
)
def test_a_pair_is_ranked_only_where_the_seeds_tell_it_apart(
    made: tuple[Checked, Path], ours: list[float], theirs: list[float], verdict: str
) -> None:
    contenders = made[0].foreseen.contenders
    order = sorted(contenders, key=lambda c: c.final)[::2]  # predicted lower, then higher
    outcomes = [
        Outcome(c, tuple(run_of([5.0] * 40 + [x] * 60, s) for s, x in enumerate(values)), {})
        for c, values in zip(order, (ours, theirs), strict=True)
    ]
    pair = Pair.of(*outcomes)
    assert pair.verdict == verdict
    assert pair.predicted < 0
    assert pair.measured.n == len(ours)
    assert pair.measured.mean == pytest.approx(np.mean(ours) - np.mean(theirs))


def test_a_design_that_fails_with_a_seed_has_not_won(made: tuple[Checked, Path]) -> None:
    checked = made[0]
    design, *others = checked.outcomes
    stuck = run_of([2.0] * 100, seed=2)
    told = dict(stuck.evaluations[0]) | {"train_loss": 2.0}
    stuck = replace(stuck, evaluations=(told,))
    fine = run_of([5.0] * 40 + [0.01] * 60, seed=1)
    unlucky = replace(checked, outcomes=(replace(design, runs=(fine, stuck)), *others))
    sentences = unlucky.verdict()
    assert sentences[0].startswith("Design failed with 1 of 2 seeds")
    assert sentences[-1].startswith("The design lost: it failed with 1 of 2 seeds")


def test_the_peaks_are_around_the_task_s_own_and_quick_is_cheaper() -> None:
    whole = Check(task="poly-tanh", total=200, device="cpu")
    assert planned(whole).peaks == (0.005, 0.01, 0.02)
    quick = planned(whole.quick())
    assert quick.peaks == (0.005, 0.01)
    assert (len(quick.cheap_members(Path("x"))), quick.check.seeds) == (6, 2)
    assert len(planned(whole).cheap_members(Path("x"))) == 12


def test_a_folder_of_another_training_is_refused(
    made: tuple[Checked, Path], tmp_path: Path
) -> None:
    _, folder = made
    shutil.copytree(folder, tmp_path / "out")
    runs = sorted((tmp_path / "out" / "runs").iterdir())
    shutil.rmtree(runs[0])
    runs[-1].rename(runs[0])
    with pytest.raises(DataError, match="a folder holds one training"):
        check(Check(**TINY), tmp_path / "out", engine="serial", progress=False)
