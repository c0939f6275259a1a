"""Several descents on one function from one start, side by side: which of them gets where."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lrkit.errors import SpecError
from lrkit.landscape.descent import STEPS, Descent, descend
from lrkit.landscape.optimizers import optimizer
from lrkit.landscape.stability import largest_rate
from lrkit.landscape.surface import Box, Function, Minimum, Point
from lrkit.landscape.tape import Array
from lrkit.schedules import Schedule

RUNNERS: Final = 12
STILL: Final = 1e-3  # of the view: what moves less is not seen to move


@dataclass(frozen=True, eq=False)
class Runner:
    """One descent of a race, and the schedule and the optimizer that made it.

    *limit* is the constant rate below which that optimizer settles on a function of one curvature,
    and its formula (see `largest_rate`); None where there is none.
    """

    label: str
    schedule: str
    optimizer: str
    descent: Descent
    limit: tuple[float, str] | None = None


@dataclass(frozen=True, eq=False)
class Race:
    """Descents on one *function*; *steps* were asked of each, *noise* and *seed* are common."""

    function: Function
    runners: tuple[Runner, ...]
    steps: int
    noise: float
    seed: int

    @property
    def box(self) -> Box:
        """Return what to look at: the function's box, widened to a start that lies outside."""
        left, right, bottom, top = self.function.box
        x, y = self.runners[0].descent.path[0].tolist()
        wide, high = 0.05 * (right - left), 0.05 * (top - bottom)
        return Box(min(left, x - wide), max(right, x + wide),
                   min(bottom, y - high), max(top, y + high))  # fmt: skip

    def settled(self) -> int:
        """Return the step after which none of the paths is seen to move any more."""
        left, right, bottom, top = self.box
        room = np.array([right - left, top - bottom]) * STILL
        last = 1
        for runner in self.runners:
            path = runner.descent.path
            moves = np.flatnonzero((np.abs(path - path[-1]) > room).any(axis=1))
            last = max(last, int(moves[-1]) + 1 if moves.size else 1)
        return last

    def to_dict(self, *, paths: bool = False) -> dict[str, Any]:
        """Return the outcome in plain JSON types; with *paths* every point as well."""
        function = self.function
        return {
            "format": 1,
            "function": function.name,
            "formula": function.text,
            "steps": self.steps,
            "noise": self.noise,
            "seed": self.seed,
            "start": self.runners[0].descent.path[0].tolist(),
            "curvature": function.curvature,
            "descents": [_plain(function, runner, paths) for runner in self.runners],
        }

    def columns(self) -> dict[str, Array]:
        """Return all points as columns of one table; *descent* counts the runners from 0.

        The rate stands in the row of the point it leads on from; the last point has none (NaN).
        """
        rows = []
        for index, runner in enumerate(self.runners):
            there = runner.descent
            steps = there.first + np.arange(len(there.path))
            rates = np.append(there.rates, np.nan)
            which = np.full(len(steps), index)
            columns = [which, steps, there.path, there.losses, there.gradients, rates]
            rows.append(np.column_stack(columns))
        table = np.concatenate(rows)
        names = ("descent", "step", "x", "y", "loss", "gradient", "rate")
        return {name: table[:, column] for column, name in enumerate(names)}


def race(
    function: Function,
    schedules: Sequence[Schedule],
    optimizers: Sequence[str] = ("sgd",),
    *,
    options: Mapping[str, float] | None = None,
    start: Point | None = None,
    steps: int = 200,
    noise: float = 0.0,
    seed: int = 0,
) -> Race:
    """Return the descents of every one of *optimizers* under every one of *schedules*.

    *options* go to the optimizers (momentum, beta1, ...), which must all take them; the schedules
    are placed on *steps*; the rest as in `descend`.

    Raises `SpecError` for no schedule or optimizer, for more than 12 descents, and as `optimizer`
    and `descend` do.

    >>> from lrkit import constant, cosine
    >>> from lrkit.landscape import function
    >>> two = race(function("ravine"), [constant(0.09), 0.09 * cosine()], steps=100)
    >>> [runner.label for runner in two.runners]
    ['constant(0.09)', '0.09 * cosine()']
    """
    count = len(schedules) * len(optimizers)
    if not 0 < count <= RUNNERS:
        raise SpecError(
            f"a race has 1 to {RUNNERS} descents, got {len(schedules)} schedules x "
            f"{len(optimizers)} optimizers"
        )
    if not 1 <= steps <= STEPS:
        raise SpecError(f"`1 <= steps <= {STEPS:,}` must hold, got {steps:,}; 200 is a good length")
    made = {name: optimizer(name, **(options or {})) for name in optimizers}
    runners = []
    for name, one in made.items():
        limit = largest_rate(one, function.curvature or 0.0)
        for schedule in schedules:
            curve = schedule.over(steps)
            there = descend(function, one, curve, start, steps, noise=noise, seed=seed)
            label = _label(name, str(schedule), len(made) > 1, len(schedules) > 1)
            runners.append(Runner(label, str(schedule), name, there, limit))
    return Race(function, tuple(runners), steps, noise, seed)


def _label(name: str, schedule: str, names: bool, schedules: bool) -> str:
    """Return what tells a descent from the others: what differs, or all where nothing does."""
    return ", ".join([name] * names + [schedule] * schedules) or f"{name}, {schedule}"


def nearest_minimum(function: Function, x: float, y: float) -> tuple[Minimum, float] | None:
    """Return the known minimum nearest to a point, and how far it is; None where none is known."""
    if not function.minima:
        return None
    best = min(function.minima, key=lambda m: math.hypot(m.x - x, m.y - y))
    return best, math.hypot(best.x - x, best.y - y)


def _plain(function: Function, runner: Runner, paths: bool) -> dict[str, Any]:
    there = runner.descent
    x, y = there.path[-1].tolist()
    near = nearest_minimum(function, x, y)
    told: dict[str, Any] = {
        "label": runner.label,
        "schedule": runner.schedule,
        "optimizer": runner.optimizer,
        "status": there.status,
        "diverged_at": there.diverged_at,
        "reason": there.reason,
        "steps": there.steps,
        "x": x,
        "y": y,
        "loss": float(there.losses[-1]),
        "gradient": float(there.gradients[-1]),
        "best_loss": float(there.losses[there.best]),
        "best_step": there.first + there.best,
        "minimum": None if near is None else [*near[0], near[1]],
    }
    if runner.limit is not None:
        told["limit"], told["limit_is"] = runner.limit
        told["steps_above_limit"] = int((there.rates > runner.limit[0]).sum())
    if paths:
        told["path"] = there.path.tolist()
        told["losses"] = there.losses.tolist()
        told["gradients"] = there.gradients.tolist()
        told["rates"] = there.rates.tolist()
    return told
