"""What a fitted law says about a schedule that nobody has run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from lrkit.errors import SpecError
from lrkit.laws.curves import LossCurve
from lrkit.laws.fitted import Fit
from lrkit.laws.grid import Array, Index, grid_of
from lrkit.laws.intervals import half_widths
from lrkit.laws.limits import beyond
from lrkit.schedules import Curve, Schedule, parse

POINTS: Final = 100


@dataclass(frozen=True, eq=False)
class Prediction:
    """The predicted losses of one schedule.

    `steps`, (n,): updates, the last one is the end of the training. `losses`, `low` and `high`,
    (n,): the curve and its 90 % interval. `warnings`: where it goes beyond what the fit has seen.
    """

    schedule: str
    law: str
    steps: Index
    losses: Array
    low: Array
    high: Array
    warnings: tuple[str, ...]

    @property
    def final(self) -> float:
        """The predicted loss at the end."""
        return float(self.losses[-1])

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % interval of the final loss."""
        return float(self.low[-1]), float(self.high[-1])

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON types."""
        return {
            "schedule": self.schedule,
            "law": self.law,
            "final": self.final,
            "interval": list(self.interval),
            "steps": self.steps.tolist(),
            "losses": self.losses.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "warnings": list(self.warnings),
        }


def asked(
    schedule: str | Schedule | Curve, total: float | str | None = None, points: int = POINTS
) -> LossCurve:
    """Return *schedule* over *total* updates as a curve without losses, at *points* steps.

    Raises `SpecError` for a schedule without an end and for fewer than two updates.
    """
    if isinstance(schedule, Curve):
        placed = schedule
    else:
        value = parse(schedule) if isinstance(schedule, str) else schedule
        placed = value.over(total)
    rates = placed.values()
    if len(rates) < 2:
        raise SpecError(f"a prediction needs two updates or more, got {len(rates)}; give --total")
    if rates.max() <= 0:
        raise SpecError(f"some rate must be above 0, `{placed.schedule}` has none")
    begin = min(max(int(rates.argmax()), len(rates) // 200), len(rates) - 2)
    steps = np.unique(np.linspace(begin, len(rates) - 1, points).astype(np.int64))
    return LossCurve(
        str(placed.schedule), steps, np.ones(len(steps)), rates, str(placed.schedule), len(rates)
    )


def predict(
    fitted: Fit,
    schedule: str | Schedule | Curve,
    total: float | str | None = None,
    points: int = POINTS,
) -> Prediction:
    """Return the loss curve that *fitted* predicts for *schedule* over *total* updates.

    The curve has *points* points from the end of the warm-up on, and 90 % intervals: of the law's
    parameters by a bootstrap over runs, and of the run's own offset, calibrated on runs that were
    held out of the fit. Errors as in `asked`.
    """
    curve = asked(schedule, total, points)
    grid = grid_of([curve])
    losses = fitted.form.losses(fitted.values, grid)
    if not (np.isfinite(losses).all() and losses.min() > 0):
        raise SpecError(
            f"the law {fitted.law} gives no finite loss for `{curve.schedule}`; it is too far "
            "from the runs it was fitted on"
        )
    half = half_widths(fitted, curve, grid)
    half = np.minimum(half, 50.0)  # of a logarithm: already says that nothing is known
    return Prediction(
        curve.schedule,
        fitted.law,
        curve.steps,
        losses,
        losses * np.exp(-half),
        losses * np.exp(half),
        tuple(beyond(fitted, curve)),
    )


def final_losses(fitted: Fit, schedules: Sequence[Curve]) -> Array:
    """Return the final loss predicted for each of *schedules*, without intervals: for searches."""
    found = []
    for schedule in schedules:
        curve = asked(schedule)
        last = replace(curve, steps=curve.steps[-1:], losses=curve.losses[-1:])
        found.append(fitted.form.losses(fitted.values, grid_of([last], 2))[-1])
    return np.array(found)
