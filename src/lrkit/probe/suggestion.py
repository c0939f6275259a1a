"""Which rates a range test suggests, how sure that is, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from lrkit.probe.curve import RangeCurve
from lrkit.probe.landmarks import Landmarks, landmarks
from lrkit.probe.rules import RULES
from lrkit.probe.smoothing import Readings, Smooth, readings, smooth
from lrkit.schedules import Schedule
from lrkit.schedules.ranged import HALF, from_range

Array = NDArray[np.float64]
Confidence = Literal["high", "medium", "low", "none"]

FEWEST: Final = 8  # finite losses, below which nothing is read off a curve
RISEN: Final = 0.1  # of the whole fall: what counts as rising again
SURE: Final = 0.9  # the share of the curves drawn that must do so
ALIKE: Final = 1e-12
FEW_BEFORE: Final = 4
EDGE: Final = 0.04  # of the axis: what lies so close to its left end is not seen to begin
CLEAR: Final = 4.0  # how many of its standard deviations a fall must measure
DEEP: Final = 8.0  # times the noise: a fall that needs half as many
COVER: Final = (0.05, 0.95)  # the interval's quantiles
RULE_POINTS: Final = 100  # the length of the curve that other people's rules were made for


@dataclass(frozen=True)
class Estimate:
    """A rate, with the interval it lies in with a probability of about 90 %."""

    value: float
    low: float
    high: float

    @property
    def factor(self) -> float:
        """high / low: 1 is exact."""
        return self.high / self.low

    def __str__(self) -> str:
        return f"{self.value:.2g} ({self.low:.2g} to {self.high:.2g})"


@dataclass(frozen=True)
class Suggestion:
    """What a range test suggests; None where it cannot say, and `reason` says why.

    - `base`: where a tenth of the whole fall is done: the lower rate of a cyclic schedule.
    - `steepest`: where the loss falls fastest on the log axis.
    - `maximum`: where the fall ends: the upper rate of a cyclic or one-cycle schedule.
    - `peak`: for schedules that warm up and decay.
    - `confidence`: "high", "medium", "low" or "none"; `reason` is a sentence or two.
    - `rules`: what other people's rules say about the same smoothed curve, by name; see
      `lrkit.probe.rules`.
    - `smooth_rates`, `smooth_losses`: the smoothed curve, for pictures.
    """

    base: Estimate | None
    peak: Estimate | None
    maximum: Estimate | None
    steepest: Estimate | None
    confidence: Confidence
    reason: str
    rules: Mapping[str, float | None] = field(default_factory=dict)
    smooth_rates: tuple[float, ...] = ()
    smooth_losses: tuple[float, ...] = ()

    def schedules(self) -> dict[str, Schedule]:
        """Return schedules to paste, by name; rates are rounded to two digits.

        "decay" and "linear" need the peak, "one-cycle" the maximum, "cyclic" base and maximum;
        one whose rates are not known is left out.
        """
        base, maximum, peak = map(_value, (self.base, self.maximum, self.peak))
        return from_range(base, maximum, peak=peak)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON types, the schedules as text."""
        texts = {name: str(schedule) for name, schedule in self.schedules().items()}
        return asdict(self) | {"schedules": texts}

    def __str__(self) -> str:
        rates = (f"{n} {getattr(self, n) or '-'}" for n in ("base", "steepest", "peak", "maximum"))
        return f"{', '.join(rates)}; confidence {self.confidence}: {self.reason}"


def suggest(curve: RangeCurve) -> Suggestion:
    """Return the rates that *curve* suggests, with intervals, a confidence and the reason.

    The losses are smoothed on the log axis (see `lrkit.probe.smoothing`), 120 curves that fit them
    equally well are drawn with a fixed seed, the repeats resampled in each, and the landmarks read
    off every one: the estimate is their trimmed mean, the interval holds 90 % of them. Pure and
    deterministic; scaling or shifting the losses, or another unit of the rate, changes nothing.

    Where the losses do not fall, do not rise again or are too few, what cannot be known is None.

    >>> import numpy as np
    >>> rates = np.geomspace(1e-5, 10, 100)
    >>> losses = 2.3 - 2 / (1 + (0.01 / rates) ** 1.5) + rates**2
    >>> found = suggest(RangeCurve(rates, losses))
    >>> found.confidence, round(found.steepest.value, 3)
    ('high', 0.01)
    """
    read = readings(curve.rates, curve.losses)
    if read is None or len(read.log) < FEWEST:
        return _nothing(_too_few(curve, read))
    curves = smooth(read)
    marks = landmarks(curves.log, curves.draws)
    rules = _rules(curves)
    shown = (tuple(np.exp(curves.log).tolist()), tuple(curves.mean.tolist()))
    problem = _no_fall(curves, marks)
    if problem:
        return _nothing(problem, rules, shown)
    return _read(read, curves, marks, rules, shown)


def _read(
    read: Readings,
    curves: Smooth,
    marks: Landmarks,
    rules: Mapping[str, float | None],
    shown: tuple[tuple[float, ...], tuple[float, ...]],
) -> Suggestion:
    reasons = []
    base: Estimate | None = _estimate(marks.base)
    steepest = _estimate(marks.steepest)
    before = int(np.sum(read.log < np.median(marks.base)))
    if np.median(marks.base) < curves.log[0] + EDGE * np.ptp(curves.log):
        base = None
        reasons.append("it falls from the first rate on, so the base lies lower: start lower")
    elif before < FEW_BEFORE:
        reasons.append(f"only {before} rates lie below the base, so it is vague: start lower")
    ends = _ends(read, curves, marks)
    maximum = _estimate(marks.lowest) if ends else None
    peak = _estimate(_peak(marks)) if ends else None
    if not ends:
        reasons.append("the loss never rises again, so where the fall ends is unknown: go higher")
    confidence = _confidence(curves, marks, [e for e in (steepest, peak, maximum) if e])
    if not ends:
        confidence = "low"
    elif confidence == "high" and (base is None or before < FEW_BEFORE):
        confidence = "medium"
    return Suggestion(
        base, peak, maximum, steepest, confidence, _sentence(curves, marks, reasons), rules, *shown
    )


def _too_few(curve: RangeCurve, read: Readings | None) -> str:
    """Return why there is nothing to smooth."""
    count = int(np.isfinite(curve.losses).any(axis=0).sum())
    if count >= FEWEST:
        return "the loss only rises: every rate of the test is too high; start lower"
    at_once = bool(np.isinf(curve.losses).any()) or (read is not None and read.lost)
    remedy = "it diverges at once: start lower" if at_once else "test more steps"
    return f"{FEWEST} finite losses are the fewest that can be read, there are {count}; {remedy}"


def _estimate(logs: Array) -> Estimate:
    """Return the mean of the draws without the tenth at either end, and their interval.

    On the test curves the mean lies nearer to the truth than the median where the landmark is
    vague (a slope that is straight, a floor that is flat); the ends are left out for the few draws
    that have found another one.
    """
    low, begin, end, high = np.quantile(logs, (COVER[0], 0.1, 0.9, COVER[1]))
    middle = logs[(logs >= begin) & (logs <= end)].mean()
    middle = min(max(middle, low), high)
    return Estimate(float(np.exp(middle)), float(np.exp(low)), float(np.exp(high)))


def _peak(marks: Landmarks) -> Array:
    """Return the ln peak of each curve: half the rate where its fall ends.

    Which rate of a range test a decaying schedule should peak at is a choice. The variants, with
    how many of ten small task and optimizer pairs they bring within 2 % of the best of nine rates
    (of the five chosen by, of the five held out; see `bench/range_test_tasks.py`):

    1. The steepest point (2, 3): fastai's steep, Lightning, ignite, pytorch-lr-finder. Too low: it
       is where the loss falls most in a few updates, and a training has many.
    2. A tenth of the lowest loss (1, 2): fastai's minimum. Too low, too.
    3. The middle of steepest point and maximum on the log axis (3, 5). Too low by far for plain
       SGD with batch normalisation.
    4. The maximum itself (4, 2). Lost where divergence follows closely: the ramp passes a rate in
       a few updates, and with momentum the loss answers late.
    5. A third (4, 4), a half (4, 4) and 0.7 (4, 4) of the maximum. Ours is the half.

    What no factor brings in: SGD on poly-tanh wants 1.5 times the maximum, Adam there a quarter.
    """
    return np.asarray(marks.lowest - np.log(HALF))


def _no_fall(curves: Smooth, marks: Landmarks) -> str | None:
    """Return why there is nothing to suggest, or None when the loss does fall."""
    if curves.noise <= ALIKE * np.abs(curves.mean).max() and np.ptp(curves.mean) <= curves.noise:
        return "the losses are all alike: nothing is learnt; go higher"
    fall, spread = float(np.median(marks.fall)), float(np.std(marks.fall))
    early = np.mean(marks.lowest < curves.log[0] + EDGE * np.ptp(curves.log)) > 0.5
    if not early and (
        fall > max(CLEAR * spread, 1.5 * curves.noise) or _deep(curves, fall, spread)
    ):
        return None
    rise = np.median(curves.draws[:, -1] - curves.draws[:, 0])
    if early or rise > max(CLEAR * spread, 1.5 * curves.noise):
        return "the loss only rises: every rate of the test is too high; start lower"
    return (
        f"no fall can be told from the noise ({curves.noise:.2g} from one loss to the next); "
        "go higher, or average over more repeats"
    )


def _deep(curves: Smooth, fall: float, spread: float) -> bool:
    """Return whether the fall is deep beside the noise of the start, though not well known.

    So it is where the repeats fall at different rates and rise at once, each into its own valley.
    """
    return fall > DEEP * curves.noise and fall > 0.5 * CLEAR * spread


def _ends(read: Readings, curves: Smooth, marks: Landmarks) -> bool:
    """Return whether the fall is seen to end: the loss rises again, or is lost."""
    if read.lost or read.rose:
        return True
    return bool(np.mean(marks.rise > RISEN * marks.fall) > SURE)


def _confidence(curves: Smooth, marks: Landmarks, found: list[Estimate]) -> Confidence:
    widest = max(estimate.factor for estimate in found)
    clear = float(np.median(marks.fall)) / max(curves.noise, 1e-300)
    if np.median(marks.fall) < CLEAR * np.std(marks.fall):
        return "low"
    if widest <= 3 and clear > 5:
        return "high"
    return "medium" if widest <= 10 and clear > 2.5 else "low"


def _sentence(curves: Smooth, marks: Landmarks, reasons: list[str]) -> str:
    clear = float(np.median(marks.fall)) / max(curves.noise, 1e-300)
    times = f"{clear:.0f}" if clear < 1000 else "more than 1000"
    return "; ".join([f"the loss falls by {times} times its noise", *reasons])


def _rules(curves: Smooth) -> dict[str, float | None]:
    log = np.linspace(curves.log[0], curves.log[-1], RULE_POINTS)
    losses = np.interp(log, curves.log, curves.mean)
    return {name: rule(np.exp(log), losses) for name, rule in RULES.items()}


def _nothing(
    reason: str,
    rules: Mapping[str, float | None] | None = None,
    shown: tuple[tuple[float, ...], tuple[float, ...]] = ((), ()),
) -> Suggestion:
    return Suggestion(None, None, None, None, "none", reason, rules or {}, *shown)


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.value
