"""Fitting: parameters come back, intervals hold, what is not determined is said."""

import json

import numpy as np
import pytest

from lrkit.errors import DataError, SpecError
from lrkit.laws import LAWS, Fit, Trial, compare, fit, loss_curve, predict
from lrkit.laws.fitting import objective, solve
from lrkit.laws.grid import grid_of
from lrkit.laws.intervals import NORMAL, factor_of
from tests.laws.conftest import TRAIN, made

TRUE = {
    "drop": {"L0": 2.8, "A": 0.6, "alpha": 0.5, "B": 100.0},
    "mtl": {"L0": 2.8, "A": 0.6, "alpha": 0.5, "B": 100.0, "memory": 250.0},
    "mpl": {"L0": 2.8, "A": 0.6, "alpha": 0.5, "B": 120.0, "C": 3.0, "beta": 0.6, "gamma": 0.5},
    "fsl": {"L0": 2.8, "A": 0.6, "alpha": 0.5, "B": 2e4, "C": 200.0, "delta": 1.5},
    "fsl-m": {"L0": 2.8, "A": 0.6, "alpha": 0.5, "B": 1e4, "C": 200.0, "delta": 1.5, "q": 0.25},
    "memory": {
        "L0": 2.8, "A": 0.6, "alpha": 0.5, "S0": 0.02, "B": 4.0, "C": 30.0, "r": 0.77, "q": 0.23,
    },
}  # fmt: skip


@pytest.mark.parametrize("law", list(LAWS))
def test_the_parameters_of_made_curves_come_back_within_their_intervals(law):
    fitted = fit(made(law, TRUE[law], noise=5e-4), law)
    for name, value in TRUE[law].items():
        low, high = fitted.interval(name)
        assert low <= value <= high, (name, value, low, high)
    # And the intervals say something: the floor of the loss is known to within a few percent.
    low, high = fitted.interval("L0")
    assert high - low < 0.3


@pytest.mark.parametrize("law", list(LAWS))
def test_without_noise_the_fit_is_the_truth(law):
    curves = made(law, TRUE[law], noise=0.0)
    losses = np.concatenate([curve.losses for curve in curves])
    found = solve(LAWS[law], grid_of(curves), losses)
    assert found.objective < 2e-9 * len(losses)  # a relative error of 6e-5, that of the cells
    assert found.values["L0"] == pytest.approx(2.8, abs=0.02)


def test_auto_takes_the_law_that_made_the_curves():
    fits = compare(made("mtl", TRUE["mtl"], noise=3e-4), ["drop", "mtl", "fsl"])
    assert fits[0].law == "mtl"
    assert [f.error for f in fits] == sorted(f.error for f in fits)


def test_auto_keeps_the_usual_law_where_another_is_not_surely_better():
    curves = made("memory", TRUE["memory"], noise=5e-4)[:4]
    told = []
    fits = compare(curves, ["drop", "memory"], progress=lambda done, of: told.append((done, of)))
    assert [one.law for one in fits] == ["memory", "drop"]
    assert told == [(1, 2), (2, 2)]
    # And leaves it for a law that is: runs without a memory, which the linear drop describes.
    fits = compare(made("drop", TRUE["drop"], noise=1e-4), ["memory", "drop"])
    assert fits[0].law == "drop"
    assert fits[0].error < fits[1].error


def test_auto_leaves_out_laws_with_more_parameters_than_points():
    short = loss_curve("a", range(9, 60, 10), range(9, 3, -1), schedule="1e-3 * hold()", total=60)
    assert [one.law for one in compare([short])] == ["drop", "mtl"]
    assert "none could be held out" in " ".join(compare([short])[0].notes)


def trial(apart, width=1e-3):
    return Trial("a", 1.0, float(np.exp(apart)), width, 0.0, 0.0)


def test_a_few_trials_that_agree_do_not_make_an_interval_narrow():
    three, many = factor_of([trial(0.0)] * 3), factor_of([trial(1e-3)] * 100)
    assert factor_of([]) > three > 2 * NORMAL * 0.75
    assert many == pytest.approx(NORMAL, rel=0.1)  # a hundred runs off by no more than was stated
    assert factor_of([trial(0.01)] * 10) > 10


def test_runs_of_very_many_points_are_fitted_by_blocks_and_told_so():
    curves = made("drop", TRUE["drop"], noise=0.0)[:2]
    steps = np.arange(200, 4000)
    every = np.interp(steps, curves[0].steps, curves[0].losses)
    long = loss_curve("long", steps, every, schedule=curves[0].schedule, total=4000)
    fitted = fit([long, curves[1]], "drop")
    assert "fitted by the means of blocks" in " ".join(fitted.notes)
    assert fitted.values["L0"] == pytest.approx(2.8, abs=0.05)


def test_a_fit_survives_json():
    fitted = fit(made("drop", TRUE["drop"], noise=1e-3), "drop")
    again = Fit.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again == fitted
    text = "1e-3 * cosine()"
    assert predict(again, text, 2000).interval == predict(fitted, text, 2000).interval


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format 1 is needed, got 2"),
        ({"law": "magic"}, "got 'magic'"),
        ({"values": {"L0": 3.0}}, "lacks a parameter"),
        ({"seen": [{"name": "a"}]}, "damaged"),
    ],
)
def test_a_damaged_law_is_refused(change, words):
    data = Fit("drop", TRUE["drop"], 0.0, ()).to_dict() | change
    with pytest.raises(SpecError, match=words):
        Fit.from_dict(data)


def test_held_parameters_stay_and_are_not_called_fitted():
    fitted = fit(made("mpl", TRUE["mpl"], noise=1e-3), "mpl", hold={"gamma": 0.5, "beta": 0.6})
    assert fitted.values["gamma"] == 0.5
    assert fitted.interval("gamma") == (0.5, 0.5)
    assert "gamma" not in fitted.free


def test_with_all_parameters_held_nothing_is_fitted():
    fitted = fit(made("drop", TRUE["drop"], noise=1e-3), "drop", hold=TRUE["drop"])
    assert fitted.values == TRUE["drop"]
    assert fitted.free == ()


@pytest.mark.parametrize(
    ("hold", "words"),
    [({"beta": 1.0}, "drop has the parameters L0, A"), ({"L0": -1.0}, "L0 must lie from")],
)
def test_what_cannot_be_held_is_refused(hold, words):
    with pytest.raises(SpecError, match=words):
        fit(made("drop", TRUE["drop"], noise=1e-3), "drop", hold=hold)


def test_runs_that_do_not_decay_leave_the_response_undetermined_by_name():
    constant = [c for c in made("mpl", TRUE["mpl"], noise=1e-3) if c.name == "constant"]
    fitted = fit(constant, "mpl")
    assert "no run decays, so B, C, beta and gamma are not determined" in fitted.notes[0]
    told = predict(fitted, "1e-3 * cosine()", 4000)
    assert any("no run seen did" in text for text in told.warnings)
    # Nothing is known of a decay, and the interval says so.
    sure = predict(fitted, "1e-3 * (linear(0, 1, 100st) >> hold())", 4000)
    assert np.diff(told.interval) > 3 * np.diff(sure.interval)


def test_one_peak_says_nothing_about_others():
    curves = [c for c in made("drop", TRUE["drop"], noise=1e-3) if c.name not in ("low", "high")]
    assert "every run peaks at 0.001" in " ".join(fit(curves, "memory").notes)


@pytest.mark.parametrize(
    ("curves", "words"),
    [
        ([], "at least one curve"),
        ([loss_curve("a", [1, 2, 3], [3, 2, 1], schedule="hold()", total=9)], "4 parameters"),
        ([loss_curve("a", range(9), range(9, 0, -1), schedule="hold()", total=9)] * 2, "twice"),
    ],
)
def test_too_little_data_is_refused(curves, words):
    with pytest.raises(DataError, match=words):
        fit(curves, "drop")


@pytest.mark.parametrize(("size", "optimum"), [("llama-25m", 1.384e-4), ("llama-100m", 2.133e-5)])
def test_the_converged_optimum_of_the_published_protocol(published, size, optimum):
    curves = published(size)
    train = [curves[name] for name in TRAIN]
    losses = np.concatenate([curve.losses for curve in train])
    found = solve(LAWS["mpl"], grid_of(train), losses)
    assert found.objective == pytest.approx(optimum, rel=0.01)
    # The optimum is not an accident of the cells.
    exact = LAWS["mpl"].losses(found.values, grid_of(train, 4))
    assert objective(np.log(losses / exact)) == pytest.approx(optimum, rel=0.02)


def test_a_constant_run_of_a_million_steps_costs_no_more_than_a_short_one():
    steps = np.arange(127, 1_000_000, 128)
    losses = 2.8 + 0.6 * (1e-3 * (steps + 1)) ** -0.5
    curve = loss_curve("long", steps, losses, schedule="1e-3 * hold()", total=1_000_000)
    grid = grid_of([curve])
    assert len(grid.mean) < 300
    assert len(grid.change_row) == len(steps)  # one change: the beginning
    assert fit([curve], "drop", trials=False).values["L0"] == pytest.approx(2.8, abs=1e-3)


def test_pairs_grow_no_faster_than_points_times_changes():
    sizes = []
    for count in (200, 400):
        steps = np.linspace(10, 39_999, count).astype(int)
        curve = loss_curve("a", steps, np.ones(count), schedule="1e-3 * cosine()", total=40_000)
        sizes.append(len(grid_of([curve]).row))
    assert sizes[1] < 4.2 * sizes[0]


@pytest.mark.slow
def test_every_start_of_the_log_memory_law_leads_to_one_optimum_on_many_runs(published):
    curves = list(published("slimpajama-124m").values())
    grid, losses = grid_of(curves), np.concatenate([curve.losses for curve in curves])
    law = LAWS["memory"]
    found = [solve(law, grid, losses, begin=[start]) for start in law.starts(grid, losses)]
    assert found[0].objective == pytest.approx(found[1].objective, rel=1e-3)
    assert found[0].objective < 3.6e-3
