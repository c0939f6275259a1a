"""What the cheap runs foretell: laws fitted, a schedule designed, predictions for its rivals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lrkit.errors import DataError, LrkitError, SpecError
from lrkit.lab.checking.measuring import final_loss, final_of
from lrkit.lab.checking.planning import SHAPES, WARM, Member, Planned
from lrkit.lab.result import RunResult
from lrkit.laws import LAWS, Design, Fit, LossCurve, Prediction, compare, design, fit, predict

POINTS: Final = 400
DESIGN, HAND_MADE, COSINE = "design", "hand-made", "cosine"
FEWEST_RUNS: Final = 3  # fewer, and no run can be held out to choose a law by


@dataclass(frozen=True, eq=False)
class Contender:
    """A schedule that is to be trained for long, and the loss predicted for it.

    `final` and `interval` are of the mean over the last 2 % of the updates, as it is measured.
    """

    name: str
    peak: float
    schedule: str
    about: str
    prediction: Prediction
    final: float
    interval: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return what was predicted as JSON types."""
        return {
            "name": self.name,
            "about": self.about,
            "peak": self.peak,
            "schedule": self.schedule,
            "predicted": self.final,
            "interval": list(self.interval),
            "warnings": list(self.prediction.warnings),
        }


@dataclass(frozen=True, eq=False)
class Foreseen:
    """What was known before the long runs: `fits`, the one that counts first, and `contenders`.

    `unfitted` says of each law that could not be fitted why.
    """

    fits: tuple[Fit, ...]
    unfitted: Mapping[str, str]
    designed: Design
    contenders: tuple[Contender, ...]

    @property
    def law(self) -> Fit:
        """The law that designs and predicts."""
        return self.fits[0]


def foresee(
    plan: Planned, members: Sequence[Member], runs: Sequence[RunResult], curves: Sequence[LossCurve]
) -> Foreseen:
    """Return what *curves*, of the cheap *members* that trained, foretell of long runs.

    The best hand-made schedule and the best cosine are those with the lowest final loss among
    the cheap *runs*. Raises `DataError` where too few trained, or no law can be fitted.
    """
    fits, unfitted = fitted(curves, plan.check.law)
    found = design(fits, plan.updates, warmup=round(WARM / 100 * plan.updates))
    contenders = [
        _contender(plan, fits[0], DESIGN, found.peak, str(found.schedule), "the lowest predicted")
    ]
    for name, shapes in (
        (HAND_MADE, [s for s in plan.check.shapes if s not in (COSINE, "constant")]),
        (COSINE, [COSINE]),
    ):
        best = _best(members, runs, shapes)
        text = f"{best.peak:g} * ({SHAPES[best.shape]})"
        about = f"{best.shape} at {best.peak:g}, the best of the cheap runs"
        contenders.append(_contender(plan, fits[0], name, best.peak, text, about))
    return Foreseen(tuple(fits), unfitted, found, tuple(contenders))


def fitted(curves: Sequence[LossCurve], law: str) -> tuple[list[Fit], dict[str, str]]:
    """Return the laws fitted to *curves*, the one to go by first, and why others could not be.

    Raises `DataError` for fewer than three curves, and where the law asked for, or every law,
    cannot be fitted.
    """
    if len(curves) < FEWEST_RUNS:
        raise DataError(
            f"a check needs {FEWEST_RUNS} cheap runs that trained, {len(curves)} did; choose "
            "other peaks (--peaks), or longer cheap runs (--cheap)"
        )
    unfitted: dict[str, str] = {}
    usable = []
    for name in LAWS:
        try:
            fit(curves, name, trials=False)
            usable.append(name)
        except (DataError, SpecError, np.linalg.LinAlgError) as error:
            unfitted[name] = str(error)
    if law in unfitted or not usable:
        why = unfitted[law] if law in unfitted else "; ".join(unfitted.values())
        raise DataError(f"no law to go by: {why}")
    fits = compare(curves, usable)
    if law != "auto":
        fits.sort(key=lambda one: one.law != law)
    return fits, unfitted


def _best(members: Sequence[Member], runs: Sequence[RunResult], shapes: Sequence[str]) -> Member:
    able = [
        (final_loss(run), member.peak, member)
        for member, run in zip(members, runs, strict=True)
        if member.shape in shapes and not run.failure
    ]
    if not able:
        raise DataError(
            f"a check needs a cheap run of {' or '.join(shapes)} that trained, all failed; choose "
            "lower peaks (--peaks)"
        )
    return min(able, key=lambda one: one[:2])[2]


def _contender(plan: Planned, law: Fit, name: str, peak: float, text: str, about: str) -> Contender:
    try:
        found = predict(law, text, plan.updates, points=POINTS)
    except LrkitError as error:
        raise DataError(f"the law {law.law} cannot predict {name}: {error}; name another") from None
    final = final_of(found.steps.tolist(), found.losses.tolist(), plan.updates)
    low, high = (edge / found.final * final for edge in found.interval)
    return Contender(name, peak, text, about, found, final, (low, high))
