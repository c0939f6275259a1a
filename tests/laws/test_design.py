"""Designs: as good as the published optimum, never rising, and with the price of simplicity."""

import numpy as np
import pytest

from lrkit.errors import SpecError
from lrkit.laws import Fit, design, fit, predict
from tests.laws.conftest import PARAMETERS, made
from tests.laws.test_fit import TRUE

PEAK, WARM, TOTAL = 3e-4, 2160, 24_000


def published_objective(values, rates):
    """The final loss as the authors optimise it: drops after the warm-up, none for its rise."""
    eta = rates[WARM:]
    gone = np.concatenate([[0.0], np.cumsum(eta)]) + 0.5 * PEAK * WARM
    drops = -np.diff(eta, prepend=PEAK)
    x = values["C"] * eta ** -values["gamma"] * (gone[-1] - gone[:-1])
    paid = np.sum(drops * (1 - (1 + x) ** -values["beta"]))
    return values["L0"] + values["A"] * gone[-1] ** -values["alpha"] - values["B"] * paid


@pytest.mark.parametrize(("size", "best"), [("llama-25m", 3.1497), ("llama-100m", 2.7941)])
def test_the_published_optimum_is_reached(size, best):
    fitted = Fit("mpl", PARAMETERS[size], 0.0, ())
    found = design([fitted], TOTAL, peak=PEAK, warmup=WARM)
    rates = found.schedule.over(TOTAL).values()
    assert published_objective(PARAMETERS[size], rates) <= best + 1e-4
    assert (np.diff(rates[WARM:]) <= 1e-18).all()
    assert rates.max() == pytest.approx(PEAK, rel=1e-5)
    # A plateau and a steep decay to about half a percent, as published.
    assert rates[int(0.8 * TOTAL)] > 0.95 * PEAK
    assert 1e-3 < rates[-1] / PEAK < 1e-2
    simple = published_objective(PARAMETERS[size], found.nearest.over(TOTAL).values())
    assert best - 1e-4 < simple < best + 1e-3
    assert found.price == pytest.approx(simple - best, abs=2e-4)


def test_a_design_beats_the_schedules_it_learned_from_under_every_law_it_is_made_for():
    curves = made("memory", TRUE["memory"], noise=3e-4)
    fits = [fit(curves, "memory"), fit(curves, "drop")]
    found = design(fits, 4000, peak=1e-3, warmup=100)
    final = found.finals["memory"][0]
    for curve in curves:
        if curve.peak == 1e-3 and curve.total == 4000:
            assert final <= predict(fits[0], curve.schedule, 4000).final + 1e-9
    assert set(found.finals) == {"memory", "drop"}
    assert found.disagreement == pytest.approx(
        abs(found.finals["memory"][0] - found.finals["drop"][0])
    )
    low, high = found.finals["memory"][1:]
    assert low < final < high
    assert found.price >= -1e-6


def test_freedom_to_rise_costs_nothing_and_the_peak_can_be_chosen():
    fitted = fit(made("memory", TRUE["memory"], noise=3e-4), "memory")
    bound = design([fitted], 3000, peak=1e-3)
    free = design([fitted], 3000, peak=1e-3, free=True)
    assert free.finals["memory"][0] <= bound.finals["memory"][0] + 1e-6
    chosen = design([fitted], 3000, max_peak=2e-3)
    assert chosen.finals["memory"][0] <= bound.finals["memory"][0] + 1e-5
    assert 4e-4 <= chosen.peak <= 2e-3 * (1 + 1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"peak": 0.0}, "peak > 0"),
        ({"peak": 1e-3, "max_peak": 1e-3}, "not both"),
        ({"peak": 1e-3, "warmup": 990}, "96 updates after it"),
        ({}, "nothing of the peaks"),
    ],
)
def test_what_cannot_be_designed_is_refused(options, words):
    with pytest.raises(SpecError, match=words):
        design([Fit("drop", TRUE["drop"], 0.0, ())], 1000, **options)
