"""Simulated annealing as a sampler of Optuna's: a walk that forgives less and less."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lrkit.search.parameters import Parameter, Value

FIRST_WIDTH: Final = 0.3
LAST_WIDTH: Final = 0.03
COOLING: Final = 0.01
STARTS: Final = 8
ENDLESS: Final = 100


@dataclass(frozen=True)
class Place:
    """Where the walk is: the values that it stands on (None: nowhere yet) and their score.

    *moves* is how many scores it has heard; *temperature* and *width* are those of the next move.
    """

    values: Mapping[str, Value] | None
    score: float
    moves: int
    temperature: float
    width: float


class AnnealingSampler(BaseSampler):
    """A walk over *parameters* that takes every better point, and a worse one the less the later.

    With n trials in all, after k scores, D the scores' standard deviation over the first m
    points, which are drawn evenly (m = 8, or n / 4 where that is less):

    - temperature: T_k = D * 0.01 ** (k / n), from D down to a hundredth of it
    - width: w_k = 0.3 * 0.1 ** (k / n) of a range, in the logarithm on a log axis
    - a neighbour: every number moves by a normal step of deviation w_k, mirrored at its ends; a
      whole number or a step is rounded; a choice is drawn anew with probability w_k
    - a point worse by d than where the walk stands is taken with probability exp(-d / T_k)

    The walk begins at the best of the first m. It is folded from the trials that are done, in the
    order they ended, so several workers share one, and one that continues goes on with it; a
    score that comes late is judged against where the walk is then. Failed and pruned trials are
    not taken. Without a number of trials it cools over 100. A range that the present point lacks,
    being inside another member, is drawn evenly.

    Source: Kirkpatrick, Gelatt and Vecchi, Optimization by Simulated Annealing, Science 220, 1983.
    """

    def __init__(
        self, parameters: Sequence[Parameter], *, trials: int | None = None, seed: int = 0
    ) -> None:
        self.parameters = {parameter.name: parameter for parameter in parameters}
        self.trials = trials or ENDLESS
        self.starts = max(1, min(STARTS, self.trials // 4))
        self.seed = seed
        self._place: tuple[int, Place] | None = None
        self._draws: tuple[int, np.random.Generator] | None = None

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return nothing: every range is asked by itself, around the same place."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing, see above."""
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # fmt: skip
        """Return a value near the one where the walk stands."""
        if self._place is None or self._place[0] != trial.number:
            self._place = trial.number, self.place(study)
            self._draws = trial.number, np.random.default_rng([self.seed, trial.number])
        place, draws = self._place[1], self._draws[1]  # type: ignore[index]
        parameter = self.parameters[param_name]
        if place.values is None or param_name not in place.values:
            return drawn(parameter, draws)
        return neighbour(parameter, place.values[param_name], place.width, draws)

    def place(self, study: Study) -> Place:
        """Return where the walk stands after the trials of *study* that are done."""
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        done.sort(key=lambda trial: (trial.datetime_complete, trial.number))
        sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        scores = [sign * float(trial.value or 0.0) for trial in done]
        return self.walk([trial.params for trial in done], scores, [t.number for t in done])

    def walk(
        self, points: Sequence[Mapping[str, Value]], scores: Sequence[float],
        numbers: Sequence[int],
    ) -> Place:  # fmt: skip
        """Return where the walk stands after these *points*, the lower *scores* the better.

        *numbers* are the trials', which decide the draws of chance.
        """
        values, best, spread = None, math.inf, 0.0
        for k, (point, score) in enumerate(zip(points, scores, strict=True)):
            if k < self.starts:
                taken = score < best
            else:
                chance = np.random.default_rng([self.seed, 1, numbers[k]]).random()
                taken = accepted(score - best, self._temperature(spread, k), chance)
            if taken:
                values, best = point, score
            if k + 1 == self.starts:
                spread = float(np.std(scores[: self.starts]))
        k = len(scores)
        if k < self.starts:
            values = None
        cooled = min(k / self.trials, 1.0)
        width = FIRST_WIDTH * (LAST_WIDTH / FIRST_WIDTH) ** cooled
        return Place(values, best, k, self._temperature(spread, k), width)

    def _temperature(self, spread: float, k: int) -> float:
        return spread * float(COOLING ** min(k / self.trials, 1.0))


def accepted(worse: float, temperature: float, chance: float) -> bool:
    """Return whether a point *worse* by so much is taken; *chance* is an even draw from [0, 1)."""
    if worse <= 0:
        return True
    return temperature > 0 and chance < math.exp(-worse / temperature)


def drawn(parameter: Parameter, draws: np.random.Generator) -> Value:
    """Return a value of *parameter*, drawn evenly."""
    if parameter.kind == "choice":
        return parameter.members[int(draws.integers(len(parameter.members)))]
    return _at(parameter, draws.random())


def neighbour(
    parameter: Parameter, value: Value, width: float, draws: np.random.Generator
) -> Value:
    """Return a value of *parameter* near *value*; *width* is the step's deviation, see above."""
    if parameter.kind == "choice":
        return drawn(parameter, draws) if draws.random() < width else value
    share = parameter.share(float(value or 0.0)) + draws.normal(0.0, width)
    share = abs(share) % 2.0  # mirrored at both ends
    return _at(parameter, 2.0 - share if share > 1.0 else share)


def _at(parameter: Parameter, share: float) -> Value:
    number = parameter.at_share(share)
    return parameter.snap(number) if parameter.count is not None else number
