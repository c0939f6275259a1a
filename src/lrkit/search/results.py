"""What a search has found, as values: trials, the best so far, what matters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from lrkit.errors import SpecError
from lrkit.search.parameters import Value
from lrkit.search.space import Space

State = Literal["waiting", "running", "done", "pruned", "failed", "taken over"]
Direction = Literal["maximize", "minimize"]
Method = Literal["fanova", "ped-anova"]
METHODS: Final[tuple[str, ...]] = get_args(Method)
FEWEST: Final = 8


@dataclass(frozen=True)
class Trial:
    """A trial of a search.

    - *number* is its own, *origin* that of the first attempt at its point: "taken over" is an
      attempt whose worker died, and a later trial with the same origin is the next attempt.
    - *score* is what was told of one that is done, or last reported of one that was pruned or
      runs; *told* what the sampler learns from, which for one that diverged stands in for it.
    - *text* and *options* are what is trained, *values* those of the ranges; empty while unknown.
    - *reason* says why one failed; *steps* are (step, score) as reported.
    - *started* and *ended* are seconds since 1970 by the clock of its worker.
    """

    number: int
    origin: int
    state: State
    score: float | None
    values: Mapping[str, Value]
    text: str
    options: Mapping[str, Any]
    reason: str = ""
    steps: tuple[tuple[int, float], ...] = ()
    worker: str = ""
    started: float | None = None
    ended: float | None = None
    told: float | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took; None where it is not over."""
        if self.started is None or self.ended is None:
            return None
        return self.ended - self.started


@dataclass(frozen=True)
class Importance:
    """How much of the scores' differences a range explains: *share*, 0 to 1, over *trials*.

    None where it cannot be said; *note* says why, or in what part of the space it was measured.
    """

    name: str
    share: float | None
    trials: int
    note: str = ""


@dataclass(frozen=True)
class Results:
    """The trials of a search over *space* by number, and which way is better."""

    space: Space
    direction: Direction
    trials: tuple[Trial, ...]

    @property
    def done(self) -> tuple[Trial, ...]:
        """The trials that ran to their end with a score, in the order in which they ended."""
        done = [trial for trial in self.trials if trial.state == "done"]
        return tuple(sorted(done, key=lambda trial: (trial.ended or 0.0, trial.number)))

    @property
    def best(self) -> Trial | None:
        """The trial with the best score of those done, the earlier where they are equal."""
        sign = 1.0 if self.direction == "minimize" else -1.0
        scores = [(sign * trial.score, trial) for trial in self.done if trial.score is not None]
        return min(scores, key=lambda pair: pair[0])[1] if scores else None

    @property
    def history(self) -> tuple[tuple[int, float], ...]:
        """The best score after each trial that was done: (its number, the best so far)."""
        better = min if self.direction == "minimize" else max
        history: list[tuple[int, float]] = []
        for trial in self.done:
            if trial.score is not None:
                best = better(trial.score, history[-1][1]) if history else trial.score
                history.append((trial.number, best))
        return tuple(history)

    def importance(self, method: Method = "fanova", seed: int = 0) -> tuple[Importance, ...]:
        """Return how much each range matters, the most important first.

        *method* is "fanova", the share of the variance of a random forest fitted to the scores
        (Hutter et al., ICML 2014), or "ped-anova", how much the best tenth differs from the rest
        (Watanabe et al., arXiv 2304.10255). The shares of the ranges that are always asked add up
        to 1; one inside a member is measured beside them over the trials that asked it. Diverged
        trials count with the score that stands in. With fewer than 8 trials, or 2 for each range,
        nothing is said.
        """
        if method not in METHODS:
            raise SpecError(f"`method` must be one of {', '.join(METHODS)}, got {method!r}")
        from lrkit.search.weighing import weigh

        return weigh(self, method, seed)


def finite(score: float | None) -> bool:
    """Return whether *score* is one that can be compared."""
    return score is not None and math.isfinite(score)
