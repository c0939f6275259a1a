"""Every sampler finds what it should, and stays in the space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lrkit.errors import SpecError
from lrkit.search import SAMPLERS, Search, Space
from lrkit.search.samplers import distribution, grid_points, pruner_of
from tests.search.functions import CONDITIONAL, TEXT, best_of, drawn_by, score

SEEDS = range(4)


@pytest.fixture(scope="module")
def chance() -> float:
    """The mean of the best of 40 random points, over the seeds."""
    space = Space.parse(TEXT)
    return float(np.mean([best_of("random", space, 40, seed)[0] for seed in SEEDS]))


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "genetic", "annealing"])
def test_a_sampler_that_learns_beats_chance(sampler: str, chance: float) -> None:
    space = Space.parse(TEXT)
    found = [best_of(sampler, space, 40, seed)[0] for seed in SEEDS]
    assert np.mean(found) > chance


@pytest.mark.slow
def test_a_gaussian_process_beats_chance_with_half_the_points(chance: float) -> None:
    pytest.importorskip("torch")
    space = Space.parse(TEXT)
    found = [best_of("gp", space, 20, seed)[0] for seed in range(3)]
    assert np.mean(found) > chance


def test_a_gaussian_process_learns_in_a_conditional_space() -> None:
    pytest.importorskip("torch")
    space = Space.parse(CONDITIONAL)
    points = drawn_by("gp", space, 13, 1)  # the first ten are drawn evenly
    assert np.mean([score(p.values) for p in points[10:]]) > np.mean(
        [score(p.values) for p in points[:10]]
    )


def test_a_quasi_random_sequence_leaves_fewer_gaps_than_chance() -> None:
    square = Space.parse("~uniform(0, 1) * cosine(1, ~uniform(0, 1))")
    places = np.stack(np.meshgrid(*[np.linspace(0, 1, 21)] * 2), -1).reshape(-1, 1, 2)

    def gap(sampler: str, seed: int) -> float:
        """Return how far, in the worst case, a place of the square is from all points."""
        drawn = drawn_by(sampler, square, 32, seed)
        points = np.array([[p.values["peak"], p.values["end"]] for p in drawn], float)
        return float(np.linalg.norm(places - points, axis=2).min(axis=1).max())

    wins = [gap("quasi-random", seed) < gap("random", seed) for seed in range(10)]
    assert sum(wins) >= 9


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "gp"])
def test_a_conditional_space_is_searched_by_every_sampler(sampler: str) -> None:
    space = Space.parse(CONDITIONAL)
    best, points = best_of(sampler, space, 30, 1)
    shapes = {point.values["shape"] for point in points}
    assert len(shapes) == 2
    for point in points:
        assert ("end" in point.values) == (point.values["shape"] != "linear()")
        assert space.at(point.values) == point
    assert best > -0.5


def test_a_grid_goes_through_every_point_once() -> None:
    space = Space.parse(CONDITIONAL)
    grid = grid_points(space, 3, seed=4)
    _, points = best_of("grid", space, 10**6, 4)
    assert sorted(p.text for p in points) == sorted(p.text for p in space.grid(5))
    assert grid != [dict(point.values) for point in space.grid(3)]  # spread, not in order
    assert len(grid) == 3 * 3 * (1 + 3)


@pytest.mark.parametrize("sampler", ["random", "quasi-random", "tpe", "annealing", "genetic"])
def test_the_seed_decides(sampler: str) -> None:
    space = Space.parse(CONDITIONAL)
    texts = [[p.text for p in best_of(sampler, space, 12, seed)[1]] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert len(set(texts[0])) == 12  # and no trial draws what another has drawn


def test_every_value_of_a_space_is_one_of_optunas() -> None:
    space = Space.parse(
        "~uniform(0.1, 0.7, step=0.1) * warmup(~int(0, 10, step=2)ep)",
        {"m": "~uniform(0, 0.99)", "w": "~log(1e-6, 1e-2)", "b": "~choice(16, none, sgd)"},
    )
    for parameter in space.parameters:
        kind = distribution(parameter)
        for level in parameter.levels(7):
            assert kind.to_external_repr(kind.to_internal_repr(level)) == level
            assert kind._contains(kind.to_internal_repr(level))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"sampler": "tpa"}, "unknown sampler 'tpa'; did you mean tpe"),
        ({"pruner": "medium"}, "unknown pruner 'medium'; did you mean median"),
        ({"pruner": "hyperband"}, "the pruner hyperband needs `steps`"),
        ({"steps": 0}, "`steps` must be a whole number >= 1, got 0"),
        ({"trials": 0}, "`trials` must be a whole number >= 1 or None, got 0"),
        ({"direction": "up"}, "`direction` must be 'maximize' or 'minimize', got 'up'"),
        ({"seed": -1}, "`seed` must be a whole number >= 0"),
        ({"sampler": "grid", "grid": 0}, "1 value or more"),
        (
            {"sampler": "grid", "grid": 10**4},
            "a grid may have 100000 points, this one has 110000",
        ),
        ({"heartbeat": 60}, "`0 < heartbeat < grace` must hold"),
    ],
)
def test_settings_that_are_none_are_refused_before_anything_is_written(
    tmp_path: Path, settings: dict[str, object], reason: str
) -> None:
    folder = tmp_path / "search"
    with pytest.raises(SpecError, match=reason):
        Search.open(folder, Space.parse(TEXT), **settings)  # type: ignore[arg-type]
    assert not folder.exists()


@pytest.mark.parametrize("steps", [1, 2, 9, 30, 1000])
@pytest.mark.parametrize("pruner", ["none", "median", "halving", "hyperband"])
def test_pruners_take_trials_of_any_length(pruner: str, steps: int) -> None:
    assert pruner_of(pruner, steps) is not None
