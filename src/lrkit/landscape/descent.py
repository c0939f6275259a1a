"""Descents: what an optimizer under a schedule does on a function of two variables.

Everything is a value: a descent can stop at any step and go on from its `State`, bit for bit as if
it had never stopped, or with another optimizer or schedule from there. Noise depends on seed and
step alone. Divergence is an outcome, not an error.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from lrkit.errors import SpecError
from lrkit.landscape.noise import pushes
from lrkit.landscape.optimizers import Memory, Optimizer, Step
from lrkit.landscape.surface import Function, Point
from lrkit.landscape.tape import FAULTS, Array
from lrkit.schedules.curve import Curve

STEPS: Final = 1_000_000
BOUND: Final = 1e9
"""A descent further than this from the origin in x or y has diverged; a float ends at 1.8e308."""
_WIDTH: Final = 5  # numbers that are kept of a point

Rates = Curve | ArrayLike


@dataclass(frozen=True)
class State:
    """Where a descent stands before update *step*, and all it needs to go on."""

    step: int
    x: float
    y: float
    optimizer: Optimizer | None = None
    memory: Memory = ()

    def memory_for(self, optimizer: Optimizer) -> Memory:
        """Return what *optimizer* goes on with: this memory when it is of the same kind.

        Another momentum or beta goes on with what was remembered, as when a torch optimizer's
        numbers are changed; another kind of optimizer begins anew.
        """
        return self.memory if type(optimizer) is type(self.optimizer) else optimizer.memory


@dataclass(frozen=True, eq=False)
class Descent:
    """The path of a descent and what was measured on it.

    *path* has a row (x, y) for each point, the start included; *losses* and *gradients* (norms of
    the gradient without noise) have one number a point; *rates* one an update. *first* is the step
    of the first point. When *status* is "diverged", the path ends with its last finite point,
    `diverged_at` is the update that led out of bounds, and *reason* says how; its *state* is the
    last point, with a fresh memory.
    """

    path: Array
    losses: Array
    gradients: Array
    rates: Array
    first: int
    status: Literal["descended", "diverged"]
    diverged_at: int | None
    reason: str
    state: State

    @property
    def steps(self) -> int:
        """The number of updates that were made and stayed within bounds."""
        return len(self.path) - 1

    @property
    def best(self) -> int:
        """The index of the point with the lowest loss."""
        return int(np.argmin(self.losses))


@dataclass(frozen=True)
class Leg:
    """A part of a descent: *steps* updates of *optimizer* at *rates*."""

    optimizer: Optimizer
    rates: Rates
    steps: int


def descend(
    function: Function,
    optimizer: Optimizer,
    rates: Rates,
    start: Point | State | None = None,
    steps: int | None = None,
    *,
    noise: float = 0.0,
    seed: int = 0,
    bound: float = BOUND,
) -> Descent:
    """Return the descent of *optimizer* on *function*, at the rates of a schedule.

    *rates* is a `Curve`, whose own clock goes on when *start* is a `State` (update t uses
    curve(t)), or an array of one rate an update. *steps* is the number of updates: what is left of
    the curve or the array by default. *noise* >= 0 is the standard deviation of a Gaussian added
    to each part of each gradient, drawn from *seed* and the step alone. A point further than
    *bound* from the origin in x or y, or one whose loss is not finite, ends it as "diverged".

    Raises `SpecError` for a start where the function is not finite, more than 1,000,000 steps,
    more steps than rates, and rates or noise that are negative or not finite.

    >>> from lrkit import constant
    >>> from lrkit.landscape import function, optimizer
    >>> ravine = function("ravine", k=20)
    >>> below = descend(ravine, optimizer("sgd"), constant(0.099).over(1000))
    >>> above = descend(ravine, optimizer("sgd"), constant(0.101).over(1000))
    >>> below.status, bool(below.losses[-1] < 1e-12), bool(above.losses[-1] > 1e10)
    ('descended', True, True)
    """
    state = _state(function, start, bound)
    values = _values(rates, state.step, steps)
    if not (math.isfinite(noise) and noise >= 0):
        raise SpecError(f"`noise >= 0` must hold, got {noise:g}; 0 is a gradient without noise")
    memory = state.memory_for(optimizer)
    drawn = pushes(seed, state.step, len(values), noise)
    return _run(function, optimizer, memory, state, values, drawn, bound)


def descend_in_legs(
    function: Function,
    legs: Sequence[Leg],
    start: Point | None = None,
    *,
    noise: float = 0.0,
    seed: int = 0,
    bound: float = BOUND,
) -> Descent:
    """Return one descent made of *legs*: schedule or optimizer change on the way.

    The other arguments and errors are those of `descend`. The path ends where a leg diverges.
    """
    if not legs:
        raise SpecError("a descent needs at least one leg, got none")
    parts: list[Descent] = []
    at: Point | State | None = start
    for leg in legs:
        part = descend(
            function, leg.optimizer, leg.rates, at, leg.steps, noise=noise, seed=seed, bound=bound
        )
        parts.append(part)
        at = part.state
        if part.status == "diverged":
            break
    return _joined(parts)


def _joined(parts: Sequence[Descent]) -> Descent:
    """Return *parts* as one: each begins with the point that the one before ends with."""
    last = parts[-1]

    def points(name: str) -> Array:
        columns = [getattr(part, name) for part in parts]
        return np.concatenate([columns[0], *(column[1:] for column in columns[1:])])

    return Descent(
        points("path"),
        points("losses"),
        points("gradients"),
        np.concatenate([part.rates for part in parts]),
        parts[0].first,
        last.status,
        last.diverged_at,
        last.reason,
        last.state,
    )


def _state(function: Function, start: Point | State | None, bound: float) -> State:
    """Return where a descent begins; `SpecError` where it cannot."""
    if isinstance(start, State):
        return start
    x, y = map(float, function.start if start is None else start)
    if not all(map(math.isfinite, (x, y, *function.program.both(x, y)))):
        raise SpecError(
            f"the function and its gradient must be finite at the start, at ({x:g}, {y:g}) they "
            "are not; choose another start"
        )
    if max(abs(x), abs(y)) > bound:
        raise SpecError(f"a start must be within {bound:g} of the origin, got ({x:g}, {y:g})")
    return State(0, x, y)


def _values(rates: Rates, first: int, steps: int | None) -> Array:
    """Return one rate for each update from *first* on."""
    if isinstance(rates, Curve):
        count = max(rates.steps - first, 0) if steps is None else steps
        _check_count(count)
        return rates.values(first, first + count)
    values = np.array(rates, dtype=np.float64).reshape(-1)
    count = len(values) if steps is None else steps
    _check_count(count)
    if count > len(values):
        raise SpecError(f"{count} steps need as many rates, got {len(values)}; ask for fewer steps")
    values = values[:count]
    if not (np.isfinite(values) & (values >= 0)).all():
        bad = values[~(np.isfinite(values) & (values >= 0))][0]
        raise SpecError(f"`rate >= 0` must hold, got {bad:g}; a rate of 0 stands still")
    return values


def _check_count(steps: int) -> None:
    if not 0 <= steps <= STEPS:
        raise SpecError(
            f"`0 <= steps <= {STEPS:,}` must hold, got {steps:,}; a descent is for looking at"
        )


def _run(
    function: Function,
    optimizer: Optimizer,
    memory: Memory,
    state: State,
    rates: Array,
    drawn: list[float] | None,
    bound: float,
) -> Descent:
    """Return the descent from *state*."""
    step, remembered = optimizer.begin(memory)
    track, reason = _walk(function, step, (state.x, state.y), rates.tolist(), drawn, bound)
    columns = np.array(track).reshape(-1, _WIDTH)
    done = len(columns) - 1
    at = state.step + done
    memory = optimizer.memory if reason else remembered()
    return Descent(
        columns[:, :2].copy(),
        columns[:, 2].copy(),
        np.hypot(columns[:, 3], columns[:, 4]),
        rates[:done],
        state.step,
        "diverged" if reason else "descended",
        at if reason else None,
        reason,
        State(at, track[-_WIDTH], track[1 - _WIDTH], optimizer, memory),
    )


def _walk(
    function: Function,
    step: Step,
    start: Point,
    rates: list[float],
    drawn: list[float] | None,
    bound: float,
) -> tuple[array[float], str]:
    """Return (x, y, loss, df/dx, df/dy) of each point, and how it diverged ("" if it did not).

    The loop that all the time goes to.
    """
    quick, careful = function.quick, function.program.both
    x, y = start
    value, gx, gy = careful(x, y)
    # Flat, not a tuple a step: ten thousand of those would wake the garbage collector.
    track = array("d", (x, y, value, gx, gy))
    add, isfinite, place = track.extend, math.isfinite, 0
    for rate in rates:
        if drawn is not None:
            gx, gy = gx + drawn[place], gy + drawn[place + 1]
            place += 2
        try:
            x, y = step(x, y, gx, gy, rate)
        except FAULTS:  # 0 / 0, as when eps is 0
            x = y = math.nan
        if not (-bound <= x <= bound and -bound <= y <= bound):
            return track, _left(x, y, bound)
        try:
            value, gx, gy = quick(x, y)
        except FAULTS:
            value, gx, gy = careful(x, y)
        if not isfinite(value + gx + gy):
            return track, f"the loss or its gradient is not finite at ({x:.6g}, {y:.6g})"
        add((x, y, value, gx, gy))
    return track, ""


def _left(x: float, y: float, bound: float) -> str:
    if math.isnan(x) or math.isnan(y):
        return "the next point is not a number"
    return f"the next point is more than {bound:g} from the origin"
