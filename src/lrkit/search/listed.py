"""Samplers whose points do not depend on scores: a grid's, and a quasi-random sequence's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, QMCSampler, RandomSampler
from optuna.trial import FrozenTrial

from lrkit.search.parameters import Parameter, Value
from lrkit.search.samplers import Turn, distribution


class Listed(BaseSampler):
    """Gives the values of one point."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values = values

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return nothing: the point is known."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing: the point is known."""
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # fmt: skip
        """Return the point's value."""
        return self.values[param_name]


class QuasiRandom(QMCSampler):
    """Optuna's scrambled Sobol sequence over all *parameters*, conditional ones among them.

    Optuna takes the ranges of the first trial for the space, and counts the sequence in the
    storage, where two workers may read the same number; here both are known beforehand.
    """

    def __init__(self, parameters: Sequence[Parameter], turn: Turn) -> None:
        super().__init__(
            qmc_type="sobol", scramble=True, seed=turn.seed, warn_independent_sampling=False,
            warn_asynchronous_seeding=False, independent_sampler=RandomSampler(seed=turn.chance),
        )  # fmt: skip
        self.space = {parameter.name: distribution(parameter) for parameter in parameters}
        self.index = turn.index

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the whole space: what is not asked for is not used."""
        return self.space

    def _find_sample_id(self, study: Study, search_space: dict[str, BaseDistribution]) -> int:
        return self.index
