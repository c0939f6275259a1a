"""What is asked of a training and what it came to, and how good that is on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lrkit.lab.tuning.candidates import Candidate

Array = NDArray[np.float64]

CAP: Final = 1.5
"""How much worse than the best of its horizon a run can be, as the logarithm of a ratio."""
RESOLUTION: Final = 0.002  # an error this small counts as none: one image of 500
USUAL_SPREAD: Final = 0.5
FINEST: Final = 0.2  # of the usual spread: what is finer is noise
DISCORD: Final = 0.12  # between the ranks by loss and by share, as a deviation of a logarithm
COMMON: Final = 0.7  # sqrt(1/2): what two trainings scored on the same samples do not share
TINY: Final = 1e-8
TIE: Final = 0.01  # what a factor e of the training loss weighs where scores are alike


@dataclass(frozen=True)
class Request:
    """One training to be made: *candidate* over *updates* updates with *seed*, in *stage*."""

    candidate: Candidate
    updates: int
    seed: int
    stage: str


@dataclass(frozen=True)
class Outcome:
    """What the training of *request* came to.

    *score* is its last one, NaN where it diverged; *loss* is that on the same samples where the
    task tells one beside its score; *train_loss* the mean over the last epoch.
    *cost* are the updates that were made, in *seconds*; *failure* says why it does not count, ""
    if it does.
    """

    request: Request
    score: float
    loss: float
    train_loss: float
    cost: int
    failure: str
    seconds: float = math.nan
    folder: str = ""

    @property
    def finite(self) -> bool:
        """Whether there is a score."""
        return math.isfinite(self.score)


@dataclass(frozen=True)
class Scale:
    """From scores to badness, lower is better, and back.

    badness = ln(score) for a score of which less is better and all are above 0;
    ln(1 - score + 0.002) for one of which more is better, from 0 to 1; else -+ score / *unit*,
    with the spread of all scores as the unit. So a difference is a relative one of the error.
    """

    kind: str
    unit: float = 1.0

    @classmethod
    def of(cls, scores: Sequence[float], higher_is_better: bool) -> Scale:
        """Return the scale that fits *scores*; those that are not finite do not count."""
        good = np.array([s for s in scores if math.isfinite(s)])
        if higher_is_better and good.size and good.min() >= 0 and good.max() <= 1:
            return cls("share")
        if not higher_is_better and good.size and good.min() > 0:
            return cls("ratio")
        spread = float(np.ptp(good)) if good.size > 1 else 0.0
        unit = spread or max(float(np.abs(good).max(initial=0.0)), 1.0)
        return cls("more" if higher_is_better else "less", unit)

    def badness(self, score: float) -> float:
        """Return the badness of *score*."""
        if self.kind == "share":
            return math.log(1.0 - score + RESOLUTION)
        if self.kind == "ratio":
            return math.log(score)
        return (score if self.kind == "less" else -score) / self.unit

    def score(self, badness: float) -> float:
        """Return the score of *badness*."""
        if self.kind == "share":
            return min(max(1.0 + RESOLUTION - math.exp(badness), 0.0), 1.0)
        if self.kind == "ratio":
            return math.exp(badness)
        return (badness if self.kind == "less" else -badness) * self.unit


def badness_of(outcomes: Sequence[Outcome], scale: Scale) -> Array:
    """Return the badness of each outcome, at most `CAP` above the best of its horizon and shorter.

    What diverged is at the cap. A share that few samples were counted for is helped by the loss
    over the same samples, which is told more finely: see `loss_weight`. The training loss decides
    between what is alike then.
    """
    weight = loss_weight(outcomes, scale)
    raw = np.array([_raw(outcome, scale, weight) for outcome in outcomes])
    lengths = np.array([outcome.request.updates for outcome in outcomes])
    raw = raw / _unit(raw, lengths)
    found = raw.copy()
    for length in np.unique(lengths):
        here = lengths == length
        known = raw[lengths <= length]
        finite = known[np.isfinite(known)]
        best = float(finite.min()) if finite.size else 0.0
        found[here] = np.minimum(raw[here], best + CAP)
    return found


def _unit(raw: Array, lengths: NDArray[np.int64]) -> float:
    """Return by what the badness is divided, so that its spread says something: 1 as a rule.

    A score with a part that no training can take away, as the loss of a language model has, moves
    by a few percent where another halves.
    """
    spreads = [
        float(np.quantile(some, 0.75) - some.min())
        for length in np.unique(lengths)
        if (some := raw[(lengths == length) & np.isfinite(raw)]).size > 2
    ]
    return min(max(max(spreads, default=1.0) / USUAL_SPREAD, FINEST), 1.0)


def loss_weight(outcomes: Sequence[Outcome], scale: Scale) -> float:
    """Return how much the held-out loss counts beside the score, from 0 to 1.

    A share of n samples with the error q is known up to 1 / sqrt(n q) as a ratio, half of which
    two trainings have in common. The loss ranks trainings a little otherwise than the share does.
    The weight is that of the two variances. n is read off the scores: they are multiples of 1/n.
    """
    if scale.kind != "share" or not any(o.finite and math.isfinite(o.loss) for o in outcomes):
        return 0.0
    grain = grain_of(outcomes)
    return grain**2 / (grain**2 + DISCORD**2)


def grain_of(outcomes: Sequence[Outcome]) -> float:
    """Return the deviation of ln(error) that comes from how few samples were counted."""
    scores = np.unique([round(o.score, 9) for o in outcomes if o.finite])
    if scores.size < 2:
        return 0.0
    gap = float(np.diff(scores).min())
    return COMMON / math.sqrt(max((1.0 - float(scores.max())) / gap, 1.0))


def _raw(outcome: Outcome, scale: Scale, weight: float) -> float:
    if not outcome.finite:
        return math.inf
    found = scale.badness(outcome.score)
    if weight and math.isfinite(outcome.loss):
        found = (1 - weight) * found + weight * math.log(max(outcome.loss, TINY))
    if math.isfinite(outcome.train_loss) and outcome.train_loss > 0:
        found += TIE * math.log(max(outcome.train_loss, TINY))
    return found
