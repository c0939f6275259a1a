"""Scores that are known: what a search must find, without training anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from lrkit.search import Point, Space
from lrkit.search.optional import optuna, quiet
from lrkit.search.samplers import Turn, grid_points, sampler_of, suggested

TEXT = "~log(1e-3, 1) * (warmup(~int(0, 10)ep) >> cosine())"
CONDITIONAL = (
    "~log(1e-3, 1) * (warmup(~int(0, 10)ep) >> ~choice(linear(), cosine(1, ~uniform(0, 0.5))))"
)


def score(values: Mapping[str, Any]) -> float:
    """Return 0 at a peak of 0.1 after 3 epochs of warm-up, and less the farther away."""
    off = math.log10(values["peak"] / 0.1) ** 2 + ((values.get("warmup", 3) - 3) / 10) ** 2
    # Of the shapes the cosine is better, with its end at 0.2.
    off += 0.1 * (values.get("shape") == "linear()") + (values.get("end", 0.2) - 0.2) ** 2
    return -off


def best_of(sampler: str, space: Space, n: int, seed: int) -> tuple[float, list[Point]]:
    """Return the best of *n* scores that *sampler* finds, and its points, in memory."""
    points = drawn_by(sampler, space, n, seed)
    return max(score(point.values) for point in points), points


def drawn_by(sampler: str, space: Space, n: int, seed: int) -> list[Point]:
    """Return the *n* points that *sampler* chooses, told the `score` of each."""
    grid = grid_points(space, 5, seed) if sampler == "grid" else None
    points = []
    with quiet():
        study = optuna().create_study(direction="maximize")
        for i in range(n if grid is None else min(n, len(grid))):
            study.sampler = sampler_of(sampler, space, Turn(i, n, seed), grid)
            trial = study.ask()
            points.append(space.point(partial(suggested, trial)))
            study.tell(trial, score(points[-1].values))
    return points
