"""Simulated annealing: a walk that forgives less and less, and finds the valley."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrkit.search import Parameter, Space
from lrkit.search.annealing import AnnealingSampler, accepted, neighbour
from tests.search.functions import TEXT, best_of

PEAK = Parameter("peak", "log", 1e-3, 1.0)


def walked(n: int, trials: int = 100) -> Any:
    """Return where a walk stands after *n* scores of a bowl, told in a fixed order."""
    peaks = np.random.default_rng(0).uniform(-3, 0, n)
    points = [{"peak": float(10**peak)} for peak in peaks]
    sampler = AnnealingSampler([PEAK], trials=trials, seed=1)
    return sampler.walk(points, [float(peak + 1) ** 2 for peak in peaks], list(range(n)))


def test_temperature_and_width_fall_as_the_formula_says() -> None:
    start, middle, end = (walked(n) for n in (8, 50, 100))
    spread = start.temperature / 0.01 ** (8 / 100)
    assert middle.temperature == pytest.approx(spread * 0.1)
    assert end.temperature == pytest.approx(spread * 0.01)
    assert middle.width == pytest.approx(0.3 * math.sqrt(0.1))
    assert end.width == pytest.approx(0.03)
    assert walked(150).temperature == end.temperature  # a search that goes on stays cold


def test_the_walk_begins_at_the_best_of_the_first() -> None:
    scores = [3.0, 1.0, 2.0, 5.0, 4.0, 6.0, 7.0, 8.0]
    points = [{"peak": 0.1 * (i + 1)} for i in range(8)]
    place = AnnealingSampler([PEAK], trials=100, seed=0).walk(points, scores, list(range(8)))
    assert place.values == points[1]
    assert place.score == 1.0


@given(st.floats(1e-9, 10), st.floats(1e-6, 10), st.floats(0, 0.999))
def test_a_worse_point_is_taken_by_chance_and_less_often_when_cold(
    worse: float, temperature: float, chance: float
) -> None:
    assert accepted(-worse, temperature, chance)
    assert accepted(worse, temperature, chance) == (chance < math.exp(-worse / temperature))
    if accepted(worse, temperature / 2, chance):
        assert accepted(worse, temperature, chance)
    assert not accepted(worse, 0.0, chance)


def test_worse_points_are_taken_early_and_hardly_late() -> None:
    """The same step up, half the scores' deviation, at the start and at the end of a search."""

    def taken(k: int) -> int:
        count = 0
        for seed in range(200):
            sampler = AnnealingSampler([PEAK], trials=100, seed=seed)
            scores = [0.0, 1.0] * 4 + [0.0] * (k - 8) + [0.25]
            points = [{"peak": 0.1}] * k + [{"peak": 0.5}]
            count += sampler.walk(points, scores, list(range(k + 1))).score == 0.25
        return count

    assert taken(10) > 80
    assert taken(95) < 10


@pytest.mark.parametrize(
    "parameter",
    [
        PEAK,
        Parameter("momentum", "uniform", 0.0, 0.99),
        Parameter("warmup", "int", 0, 10, step=2),
        Parameter("shape", "choice", members=("cosine()", "linear()", 3)),
    ],
)
def test_a_neighbour_is_a_value_of_the_range(parameter: Parameter) -> None:
    draws = np.random.default_rng(0)
    for value in parameter.levels(3):
        for width in (0.03, 0.3, 3.0):
            for _ in range(50):
                near = neighbour(parameter, value, width, draws)
                assert parameter.checked(near) == near


def test_neighbours_come_closer_as_the_width_falls() -> None:
    draws = np.random.default_rng(0)
    spreads = []
    for width in (0.3, 0.1, 0.03):
        near = [float(neighbour(PEAK, 0.03, width, draws) or 0) for _ in range(500)]
        spreads.append(float(np.std(np.log(near)) / np.log(1000)))
    assert spreads[0] > 2 * spreads[1] > 4 * spreads[2]
    assert spreads[2] == pytest.approx(0.03, rel=0.15)


def test_annealing_beats_chance_on_a_smooth_bowl() -> None:
    space, seeds = Space.parse(TEXT), range(12)
    ours = [best_of("annealing", space, 50, seed)[0] for seed in seeds]
    chance = [best_of("random", space, 50, seed)[0] for seed in seeds]
    assert np.median(ours) > np.median(chance) / 2  # scores are below 0: half as far off
    assert sum(a > b for a, b in zip(ours, chance, strict=True)) >= 9
