"""What a tuning came to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from lrkit.lab.statistics import Summary
from lrkit.lab.tuning.aims import Aim, Terms
from lrkit.lab.tuning.belief import MISFIT, NOISE
from lrkit.lab.tuning.outcomes import Outcome
from lrkit.lab.tuning.plan import Finding
from lrkit.lab.tuning.ranging import Ranged

NINETY_FIVE: Final = 1.96
USUAL: Final = 4


@dataclass(frozen=True)
class Expected:
    """The score to expect of one more training: *score*, in an interval from *low* to *high*.

    95 of 100 should lie there. *basis* says what it rests on.
    """

    score: float
    low: float
    high: float
    basis: str


@dataclass(frozen=True, eq=False)
class Tuned:
    """The tuned schedule, what to expect of it, what it cost, and the story of how it was found.

    - *schedule* is its text, *runner_up* that of the next best that was trained in full, if any.
    - *spent* is the cost in full runs, the range test included, *seconds* the time of this call.
    - *law* says what a loss-curve law makes of the trainings; it has no vote.
    - *tests* are the scores on the test data of trainings on all of the training data, by seed.
    """

    aim: Aim
    terms: Terms
    ranged: Ranged
    finding: Finding
    seconds: float
    replayed: int
    engine: str
    tests: tuple[Outcome, ...] = ()
    folder: Path | None = None
    law: str = ""

    @property
    def schedule(self) -> str:
        """The tuned schedule as text."""
        return self.finding.winner.text

    @property
    def runner_up(self) -> str | None:
        """The next best schedule that was trained in full."""
        return None if self.finding.runner_up is None else self.finding.runner_up.text

    @property
    def spent(self) -> float:
        """What it cost, in full runs."""
        updates = self.ranged.cost + sum(o.cost for o in self.finding.outcomes)
        return updates / self.terms.updates

    def full(self, text: str | None = None) -> list[Outcome]:
        """Return the full trainings of the schedule *text*, None: of the tuned one."""
        wanted = text or self.schedule
        return [
            o
            for o in self.finding.outcomes
            if o.request.updates == self.terms.updates and o.request.candidate.text == wanted
        ]

    @property
    def expected(self) -> Expected:
        """What score to expect of one more training with the tuned schedule."""
        return expected(self)

    @property
    def test(self) -> Summary:
        """The scores on the test data, of trainings with the tuned schedule on all data."""
        return Summary.of([o.score for o in self.tests if o.finite])

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON types."""
        hope = self.expected
        return {
            "format": 1,
            "task": self.aim.task,
            "options": dict(self.aim.options),
            "schedule": self.schedule,
            "runner_up": self.runner_up,
            "score": self.terms.score_name,
            "higher_is_better": self.terms.higher_is_better,
            "expected": {"score": hope.score, "low": hope.low, "high": hope.high},
            "basis": hope.basis,
            "confirmed": {str(o.request.seed): o.score for o in self.full()},
            "tested": {str(o.request.seed): o.score for o in self.tests},
            "budget": self.aim.budget,
            "spent": self.spent,
            "updates": self.terms.updates,
            "trainings": len(self.finding.outcomes),
            "replayed": self.replayed,
            "seconds": self.seconds,
            "engine": self.engine,
            "reasons": list(self.finding.reasons),
            "law": self.law,
            "folder": None if self.folder is None else str(self.folder),
        }


def expected(tuned: Tuned) -> Expected:
    """Return the interval for the score of one more training, not for the mean of many."""
    scores = [o.score for o in tuned.full() if o.finite]
    scale = tuned.finding.scale
    if scores:
        bad = [[scale.badness(score) for score in row] for row in _replicates(tuned)]
        squares = sum(float(np.sum((np.array(row) - np.mean(row)) ** 2)) for row in bad)
        freedom = sum(len(row) - 1 for row in bad)
        # What is usual counts as so many trainings, until there are more of one's own.
        variance = (USUAL * NOISE**2 + squares) / (USUAL + freedom)
        mean = float(np.mean([scale.badness(score) for score in scores]))
        reach = _student(USUAL + freedom) / NINETY_FIVE
        deviation = reach * math.sqrt(variance * (1 + 1 / len(scores)))
        told = f"the spread of {freedom + len(bad)} full trainings" if freedom else "a usual spread"
        basis = f"{len(scores)} full training{'s' * (len(scores) > 1)}, {told}"
    else:
        longest = max(o.request.updates for o in tuned.finding.outcomes if o.finite)
        best = [o.score for o in tuned.finding.outcomes if o.request.updates == longest]
        best = [s for s in best if math.isfinite(s)]
        mean = min(scale.badness(s) for s in best)
        ratio = tuned.terms.updates / longest
        deviation = NOISE * ratio**MISFIT + 0.3 * math.log(ratio)
        basis = (
            f"no full training: the best of those of {longest:,} updates; a longer one should "
            "not be worse"
        )
    ends = sorted(scale.score(mean + z * NINETY_FIVE * deviation) for z in (-1, 1))
    return Expected(scale.score(mean), *_within(tuned, ends[0], ends[1]), basis)


def _replicates(tuned: Tuned) -> list[list[float]]:
    """Return the scores of each schedule that was trained in full with several seeds."""
    rows: dict[str, list[float]] = {}
    for o in tuned.finding.outcomes:
        if o.request.updates == tuned.terms.updates and o.finite and not o.failure:
            rows.setdefault(o.request.candidate.text, []).append(o.score)
    return [row for row in rows.values() if len(row) > 1]


def _student(freedom: int) -> float:
    from scipy import stats

    return float(stats.t.ppf(0.975, freedom))


def _within(tuned: Tuned, low: float, high: float) -> tuple[float, float]:
    """Return the interval where the score has an end of its own."""
    if tuned.finding.scale.kind == "share":
        return max(low, 0.0), min(high, 1.0)
    return (max(low, 0.0), high) if tuned.finding.scale.kind == "ratio" else (low, high)


def paired(tuned: Tuned) -> Mapping[int, tuple[float, float]]:
    """Return the scores of winner and runner-up for each seed that both were trained with."""
    ours = {o.request.seed: o.score for o in tuned.full()}
    theirs = {o.request.seed: o.score for o in tuned.full(tuned.runner_up)}
    return {seed: (ours[seed], theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())}
