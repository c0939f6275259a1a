"""The schedule with the lowest predicted final loss, and the nearest one that can be spoken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize

from lrkit.errors import SpecError
from lrkit.laws.fitted import Fit
from lrkit.laws.grid import Array
from lrkit.laws.predicting import final_losses, predict
from lrkit.laws.sketch import Sketch
from lrkit.schedules import Schedule, parse

KNOTS: Final = 48
LOWEST: Final = 1e-4  # of the peak: no rate of a design is lower, no law was seen to hold there
STEEPEST: Final = 2.5  # of the logarithm, between two knots
SLOPE: Final = 1e-5  # of a logarithm: the step of the differences that give gradients
ROUNDS: Final = 300

SHAPES: Final[dict[str, str]] = {
    "linear": "linear(1, {end}, {share}%)",
    "cosine": "cosine(1, {end}, {share}%)",
    "1-sqrt": "one_minus_sqrt(1, {end}, {share}%)",
    "square": "power(1, {end}, {share}%, exponent=2)",
    "1-square": "one_minus_square(1, {end}, {share}%)",
}
SHARES: Final = (3, 5, 8, 12, 16, 20, 25, 30, 40, 50, 65, 80)
ENDS: Final = (0.0, 0.01, 0.03, 0.1)


@dataclass(frozen=True, eq=False)
class Design:
    """A designed schedule and its simplification.

    `schedule` is the table, `nearest` the expression of a warm-up, a plateau and a cooldown with
    the lowest predicted loss, `price` what the simplification costs in predicted final loss.
    `finals` and `nearest_finals` are the predictions of every law fitted, by name, with 90 %
    intervals as (loss, low, high); `warnings` where the design goes beyond what was seen.
    """

    law: str
    total: int
    peak: float
    schedule: Schedule
    nearest: Schedule
    shape: str
    cooldown: float
    price: float
    finals: Mapping[str, tuple[float, float, float]]
    nearest_finals: Mapping[str, tuple[float, float, float]]
    warnings: tuple[str, ...]

    @property
    def disagreement(self) -> float:
        """How far the laws' predictions for the design lie apart."""
        values = [final for final, _, _ in self.finals.values()]
        return max(values) - min(values)

    def to_dict(self) -> dict[str, Any]:
        """Return the design as JSON types."""
        return {
            "law": self.law,
            "total": self.total,
            "peak": self.peak,
            "schedule": str(self.schedule),
            "nearest": str(self.nearest),
            "shape": self.shape,
            "cooldown": self.cooldown,
            "price": self.price,
            "finals": {name: list(final) for name, final in self.finals.items()},
            "nearest_finals": {name: list(final) for name, final in self.nearest_finals.items()},
            "disagreement": self.disagreement,
            "warnings": list(self.warnings),
        }


def design(
    fits: Sequence[Fit],
    total: int,
    *,
    peak: float | None = None,
    max_peak: float | None = None,
    warmup: int | None = None,
    free: bool = False,
) -> Design:
    """Return the schedule over *total* updates with the lowest final loss that fits[0] predicts.

    The rate rises linearly over *warmup* updates (2 % of the total if None) to its *peak*. With
    *max_peak* the peak is chosen too, up to it; without either it is chosen among the peaks the
    law has seen. After the peak the rate never rises, unless *free*. The other *fits* say what
    they make of it. Raises `SpecError` for peaks that are not above 0 and totals without room.

    Source: the objective of Luo et al., arXiv 2503.12811, section 5.
    """
    fitted = fits[0]
    low, high = _peaks(fitted, peak, max_peak)
    warm = round(0.02 * total) if warmup is None else warmup
    sketch = Sketch.of(total, warm, KNOTS)
    logs = _descend(fitted, sketch, low, high)
    if free:
        logs = _freed(fitted, sketch, logs, high)
    schedule = _table(sketch, logs)
    top = float(np.exp(logs.max()))
    shape, share, nearest = _nearest(fitted, total, warm, top)
    told, simple = ({fit.law: _final(fit, s, total) for fit in fits} for s in (schedule, nearest))
    return Design(
        law=fitted.law,
        total=total,
        peak=top,
        schedule=schedule,
        nearest=nearest,
        shape=shape,
        cooldown=share,
        price=simple[fitted.law][0] - told[fitted.law][0],
        finals=told,
        nearest_finals=simple,
        warnings=predict(fitted, schedule, total).warnings,
    )


def _final(fit: Fit, schedule: Schedule, total: int) -> tuple[float, float, float]:
    found = predict(fit, schedule, total, points=8)
    return (found.final, *found.interval)


def _peaks(fitted: Fit, peak: float | None, most: float | None) -> tuple[float, float]:
    """Return the lowest and highest peak allowed."""
    seen = [run.peak for run in fitted.seen]
    for name, value in (("peak", peak), ("max_peak", most)):
        if value is not None and not value > 0:
            raise SpecError(f"`{name} > 0` must hold, got {value}")
    if peak is not None:
        if most is not None:
            raise SpecError("a design takes a peak or the highest peak allowed, not both")
        return peak, peak
    if not seen and most is None:
        raise SpecError("the law says nothing of the peaks it has seen; give one with --peak")
    high = max(seen) if most is None else most
    return min(min(seen, default=high), high), high


def _descend(fitted: Fit, sketch: Sketch, low: float, high: float) -> Array:
    """Return the log rates at the knots of the best schedule that never rises."""
    count = len(sketch.knots)

    def logs_of(x: Array) -> Array:
        fallen = np.cumsum(np.concatenate([np.zeros((len(x), 1)), x[:, 1:]], axis=1), axis=1)
        return np.asarray(x[:, :1] - np.minimum(fallen, -np.log(LOWEST)))

    bounds = [(np.log(low), np.log(high)), *[(0.0, STEEPEST)] * (count - 1)]
    begins = []
    for share in (0.2, 0.5):  # of the run, decaying
        start = np.zeros(count)
        start[0] = np.log(high)
        late = np.flatnonzero(sketch.knots[1:] > sketch.total * (1 - share)) + 1
        start[late] = 3.0 / len(late)
        begins.append(start)
    found = [_minimum(fitted, sketch, logs_of, start, bounds) for start in begins]
    return np.asarray(logs_of(min(found, key=lambda one: one[1])[0][None])[0])


def _freed(fitted: Fit, sketch: Sketch, logs: Array, high: float) -> Array:
    """Return the log rates of the best schedule near *logs* that may rise again."""
    bounds = [(np.log(LOWEST * high), np.log(high))] * len(logs)
    return _minimum(fitted, sketch, lambda x: x, np.clip(logs, *bounds[0]), bounds)[0]


def _minimum(
    fitted: Fit, sketch: Sketch, logs_of: Any, start: Array, bounds: Sequence[tuple[float, float]]
) -> tuple[Array, float]:
    law, values = fitted.form, fitted.values
    moves = np.concatenate([np.zeros((1, len(start))), SLOPE * np.eye(len(start))])

    def loss_and_slope(x: Array) -> tuple[float, Array]:
        # All neighbours in one evaluation: a gradient costs little more than a value.
        losses = law.losses(values, sketch.grid(logs_of(x + moves)))
        return float(losses[0]) * SCALE, (losses[1:] - losses[0]) / SLOPE * SCALE

    found = minimize(
        loss_and_slope, start, jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": ROUNDS, "ftol": 1e-12, "gtol": 1e-7},
    )  # fmt: skip
    return np.asarray(found.x), float(found.fun) / SCALE


SCALE: Final = 100.0  # losses of a design differ by hundredths


def _table(sketch: Sketch, logs: Array) -> Schedule:
    """Return the log rates at the knots as a schedule: a warm-up and a table."""
    rates = np.exp(logs)
    top = float(f"{rates.max():.6g}")
    values = ", ".join(f"{rate / rates.max():.5g}" for rate in rates)
    places = ", ".join(f"{knot - sketch.warm:.6g}st" for knot in sketch.knots)
    body = f"table([{values}], at=[{places}])"
    rise = f"linear(0, {rates[0] / rates.max():.5g}, {sketch.warm}st) >> " if sketch.warm else ""
    return parse(f"{top:g} * ({rise}{body})")


def _nearest(fitted: Fit, total: int, warm: int, top: float) -> tuple[str, float, Schedule]:
    """Return shape, cooldown (percent) and schedule of the best warm-up, plateau and cooldown."""

    def spoken(shape: str, share: float, end: float) -> Schedule:
        body = SHAPES[shape].format(share=f"{share:g}", end=f"{end:g}")
        rise = f"linear(0, 1, {warm}st) >> " if warm else ""
        return parse(f"{top:.6g} * ({rise}hold() >> {body})")

    most = 100 * (total - warm) / total
    shares = [share for share in SHARES if share < most]
    tried = [(shape, float(share), end) for shape in SHAPES for share in shares for end in ENDS]
    best = _best(fitted, total, spoken, tried)
    for width in (0.5, 0.25, 0.1):
        shape, share, end = best
        around = [share * (1 + width * move) for move in (-0.5, -0.25, 0.0, 0.25, 0.5)]
        near = [(shape, float(f"{s:.3g}"), end) for s in around if s < most]
        best = _best(fitted, total, spoken, near)
    return best[0], best[1], spoken(*best)


def _best(
    fitted: Fit, total: int, spoken: Any, tried: Sequence[tuple[str, float, float]]
) -> tuple[str, float, float]:
    losses = final_losses(fitted, [spoken(*one).over(total) for one in tried])
    return tried[int(np.nanargmin(losses))]
