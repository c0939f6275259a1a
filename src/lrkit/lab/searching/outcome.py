"""What a search came to, as values: its trials, and how the best of them was confirmed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lrkit.control import steered
from lrkit.errors import LrkitError
from lrkit.lab.result import OverSeeds, RunResult
from lrkit.lab.searching.preparing import Prepared
from lrkit.lab.statistics import Paired, Summary
from lrkit.schedules import Curve
from lrkit.search import Importance, Results, Trial


@dataclass(frozen=True, eq=False)
class Confirmed(OverSeeds):
    """A trial trained again with fresh seeds, and scored on data that nothing was chosen on."""

    trial: Trial
    runs: tuple[RunResult, ...]

    @property
    def summary(self) -> Summary:
        """Mean and spread of the scores of the seeds that trained."""
        return Summary.of(list(self.scores.values()))


@dataclass(frozen=True, eq=False)
class Outcome:
    """All that a search has found so far.

    - *results* are its trials.
    - *confirmed* has the best trial first, then the runner-up; *note* says why it has none.
    """

    prepared: Prepared
    results: Results
    confirmed: tuple[Confirmed, ...] = ()
    note: str = ""

    @cached_property
    def importance(self) -> tuple[Importance, ...]:
        """Each parameter's share in the differences of the scores; it takes some seconds."""
        return self.results.importance()

    @property
    def score_name(self) -> str:
        """What the task calls its score."""
        return self.prepared.score_name

    @property
    def higher_is_better(self) -> bool:
        """Whether the best score is the highest."""
        return self.prepared.higher_is_better

    @property
    def trials(self) -> list[Trial]:
        """The trials, each once: of one that was taken over the last attempt."""
        return [trial for trial in self.results.trials if trial.state != "taken over"]

    def of(self, *states: str) -> list[Trial]:
        """Return the trials in one of *states*, in the order in which they were begun."""
        return [trial for trial in self.trials if trial.state in states]

    @property
    def ended(self) -> int:
        """How many trials are over, whatever they came to."""
        return len(self.of("done", "pruned", "failed"))

    @property
    def ranked(self) -> list[Trial]:
        """The trials that are done, the best first; of equal ones the earlier."""
        sign = -1.0 if self.higher_is_better else 1.0
        done = [trial for trial in self.of("done") if not math.isnan(score_of(trial))]
        return sorted(done, key=lambda trial: (sign * score_of(trial), trial.number))

    @property
    def history(self) -> list[tuple[int, float]]:
        """(number, the best score up to it) of every trial that is done, by number."""
        better = max if self.higher_is_better else min
        found: list[tuple[int, float]] = []
        for trial in sorted(self.ranked, key=lambda trial: trial.number):
            score = score_of(trial)
            found.append((trial.number, better(found[-1][1], score) if found else score))
        return found

    @property
    def finalists(self) -> list[Trial]:
        """The best trial, and the next best that is another point."""
        ranked = self.ranked
        others = [one for one in ranked[1:] if not same_point(one, ranked[0])]
        return ranked[:1] + others[:1]

    def paired(self) -> Paired | None:
        """Return what the best gained on the runner-up, seed by seed; None without both."""
        if len(self.confirmed) < 2:
            return None
        return Paired.of(self.confirmed[0].scores, self.confirmed[1].scores)

    def curve(self, trial: Trial) -> Curve | None:
        """Return the schedule of *trial* on the task's horizon; None where it does not fit."""
        try:
            return steered(trial.text).schedule.over(self.prepared.horizon)
        except LrkitError:  # that is why the trial failed, and its reason says so
            return None


def score_of(trial: Trial) -> float:
    """Return the score of *trial*, NaN where it has none."""
    return math.nan if trial.score is None else trial.score


def same_point(one: Trial, other: Trial) -> bool:
    """Return whether two trials trained under the same schedule with the same options."""
    return one.text == other.text and dict(one.options) == dict(other.options)


def searched_options(trial: Trial, prepared: Prepared) -> Mapping[str, Any]:
    """Return those options of *trial* that the search chose."""
    names = {parameter.name for parameter in prepared.space.parameters}
    return {name: value for name, value in trial.options.items() if name in names}
