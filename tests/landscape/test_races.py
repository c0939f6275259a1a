"""Races, and what their pictures show of them."""

from __future__ import annotations

import numpy as np
import pytest

from lrkit import constant, cosine, linear
from lrkit.errors import SpecError
from lrkit.landscape import from_text, function, optimizer, race
from lrkit.landscape.races import nearest_minimum
from lrkit.landscape.scene import heights, loss_chart, rate_chart, rate_range, title, trail
from lrkit.landscape.stability import largest_rate

RAVINE = function("ravine")
BOTH = race(RAVINE, [constant(0.095), constant(0.15)], steps=300)


def test_labels_tell_apart_what_differs_and_nothing_else():
    one = race(RAVINE, [cosine()], ["adam"], steps=5)
    kinds = race(RAVINE, [0.1 * cosine()], ["sgd", "adam"], steps=5)
    assert [r.label for r in one.runners] == ["adam, cosine()"]
    assert [r.label for r in kinds.runners] == ["sgd", "adam"]
    assert title(one) == "ravine (k = 20): adam, cosine()"


def test_columns_have_a_row_for_each_point_and_the_rate_that_leads_on():
    columns = BOTH.columns()
    first, second = (columns["descent"] == n for n in (0, 1))
    assert first.sum() == 301
    assert second.sum() == BOTH.runners[1].descent.steps + 1 < 100
    assert columns["step"][first].tolist() == list(range(301))
    assert np.isnan(columns["rate"]).sum() == 2
    assert (columns["loss"] == RAVINE(columns["x"], columns["y"])).all()


def test_a_trail_leaves_out_what_is_not_seen_and_ends_where_it_leaves_for_good():
    fine, gone = (trail(runner.descent, BOTH.box) for runner in BOTH.runners)
    assert len(fine.points) < 200  # at the bottom it stands still
    assert fine.points[0].tolist() == [-8, 2]
    assert not fine.ended
    assert gone.ended
    assert len(gone.points) < BOTH.runners[1].descent.steps
    assert np.abs(gone.points).max() < 100
    early = trail(BOTH.runners[0].descent, BOTH.box, 3)
    assert early.steps.tolist() == [0, 1, 2, 3]


def test_losses_that_diverge_do_not_hide_the_rest():
    chart = loss_chart(BOTH)
    low, high = chart.ylim()
    assert chart.log
    assert low < 1e-10
    assert high < 1e7
    assert np.isnan(chart.lines[1].y).any()
    saddle = loss_chart(race(function("saddle"), [constant(0.1)], ["momentum"]))
    assert saddle.ylabel == "loss above the minimum"
    below = loss_chart(race(from_text("-x**2 - y"), [constant(0.01)], steps=20))
    assert not below.log


def test_two_over_l_stands_beside_the_rates():
    names = rate_chart(BOTH).names
    assert names[-1] == "2 / L = 0.1"
    assert len(rate_chart(race(function("beale"), [constant(1e-3)], steps=5)).lines) == 1


def test_the_limit_that_stands_beside_the_rates_is_that_of_the_optimizer():
    kinds = ["momentum", "nesterov", "adam", "rmsprop"]
    names = rate_chart(race(RAVINE, [constant(0.05)], kinds, steps=5)).names
    assert names[4:] == ("2 (1 + 0.9) / ((1 + 2 * 0.9) L) = 0.06786", "2 (1 + 0.9) / L = 0.19")
    adaptive = race(RAVINE, [constant(0.05)], ["adam", "adamw"], steps=5)
    assert len(rate_chart(adaptive).lines) == 2
    assert "limit" not in adaptive.to_dict()["descents"][0]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sgd", {}),
        ("sgd", {"weight_decay": 3.0}),
        ("momentum", {"momentum": 0.5}),
        ("momentum", {"momentum": 0.5, "dampening": 0.4, "weight_decay": 3.0}),
        ("nesterov", {"momentum": 0.5}),
        ("nesterov", {"momentum": 0.5, "weight_decay": 3.0}),
    ],
)
def test_a_descent_settles_below_its_limit_and_not_above(name, options):
    limit = largest_rate(optimizer(name, **options), 20.0)[0]
    rates = [constant(factor * limit) for factor in (0.99, 1.01)]
    below, above = race(RAVINE, rates, [name], options=options, start=(1, 1), steps=3000).runners
    assert below.descent.losses[-1] < 1e-9
    assert above.descent.status == "diverged"


@pytest.mark.parametrize("steps", [0, -5, 1_000_001])
def test_a_race_of_no_steps_or_too_many_says_so(steps):
    with pytest.raises(SpecError, match=r"`1 <= steps <= 1,000,000` must hold"):
        race(RAVINE, [constant(0.05)], steps=steps)


def test_rates_of_a_long_decay_are_coloured_by_decades():
    assert rate_range(BOTH) == (0.0, 0.15, False)
    assert rate_range(race(RAVINE, [0.1 * linear()], steps=100))[2] is False
    low, high, log = rate_range(race(RAVINE, [0.1 * cosine(exponent=9)], steps=1000))
    assert log
    assert 0 < low < high == 0.1


def test_a_surface_counts_contours():
    grid = RAVINE.grid(columns=40, rows=40)
    high = heights(grid)
    assert high.min() == 0
    assert high.max() == len(grid.levels) - 1
    assert heights(grid, grid.levels).tolist() == list(range(len(grid.levels)))
    flat = from_text("5").grid(columns=4, rows=4)
    assert heights(flat).tolist() == np.zeros((4, 4)).tolist()


def test_it_is_said_which_minimum_is_near():
    minimum, far = nearest_minimum(function("himmelblau"), 3.1, 2.0)
    assert (minimum.x, minimum.y) == (3, 2)
    assert far == pytest.approx(0.1)
    assert nearest_minimum(from_text("x"), 0, 0) is None


def test_a_race_of_none_and_of_too_many_is_refused():
    with pytest.raises(SpecError, match="1 to 12 descents, got 0 schedules"):
        race(RAVINE, [])
    with pytest.raises(SpecError, match="got 7 schedules x 2 optimizers"):
        race(RAVINE, [constant(0.1)] * 7, ["sgd", "adam"])
