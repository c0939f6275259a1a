"""Samplers and pruners by name: Optuna's, and our annealing, one fresh for each trial.

A sampler is made for every trial, its chance drawn from the search's seed and the trial's place in
the search. So workers do not draw the same points, and a search that goes on does not draw its
first ones again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lrkit.errors import SpecError
from lrkit.schedules import nearest
from lrkit.search import walking
from lrkit.search.optional import need, optuna, quiet
from lrkit.search.parameters import Parameter, Value
from lrkit.search.space import Space, grid_levels

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

SAMPLERS: Final = {
    "grid": "every combination of evenly spread values, in an order drawn once",
    "random": "every value drawn evenly",
    "quasi-random": "a scrambled Sobol sequence, which leaves fewer gaps than chance",
    "tpe": "tree-structured Parzen estimator (Bergstra et al., 2011), the algorithm of Hyperopt",
    "gp": "Gaussian process with expected improvement",
    "cmaes": "covariance matrix adaptation (Hansen and Ostermeier, 2001), for ranges of numbers",
    "genetic": "the genetic algorithm NSGA-II (Deb et al., 2002)",
    "annealing": "simulated annealing (Kirkpatrick et al., 1983)",
}
PRUNERS: Final = {
    "none": "every trial runs to its end",
    "median": "stops what is worse than the median of the others at its step",
    "halving": "asynchronous successive halving: the best third goes on (Li et al., 2018)",
    "hyperband": "successive halving with several first steps (Li et al., 2017)",
}
_NEEDS: Final = {
    "quasi-random": ("scipy",), "gp": ("scipy", "torch"), "cmaes": ("cmaes",),
}  # fmt: skip
REDUCTION: Final = 3
MOST_POINTS: Final = 100_000


@dataclass(frozen=True)
class Turn:
    """A trial's place in its search: the *index* of its point, *trials* in all (None: no end)."""

    index: int
    trials: int | None
    seed: int

    @property
    def chance(self) -> int:
        """The seed of this trial alone."""
        return int(np.random.SeedSequence([self.seed, self.index]).generate_state(1)[0])


def check_names(sampler: str, pruner: str, steps: int | None) -> None:
    """Raise `SpecError` for a sampler or pruner that is not known, or what it needs is missing."""
    for what, name, known in (("sampler", sampler, SAMPLERS), ("pruner", pruner, PRUNERS)):
        if name not in known:
            hint = nearest(str(name), list(known)) or f"; write one of {', '.join(known)}"
            raise SpecError(f"unknown {what} {name!r}{hint}")
    for package in _NEEDS.get(sampler, ()):
        need(package, f"the sampler {sampler}")
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise SpecError(f"`steps` must be a whole number >= 1, got {steps!r}")
    if pruner in ("halving", "hyperband") and steps is None:
        raise SpecError(f"the pruner {pruner} needs `steps`, how often a full trial reports")


def grid_points(space: Space, n: Any, seed: int) -> list[dict[str, Value]]:
    """Return the values of the grid's points, in an order drawn from *seed*.

    In that order a part of the grid is spread over all of it.
    """
    levels = grid_levels(space, n)
    if (count := space.count(levels)) > MOST_POINTS:
        raise SpecError(
            f"a grid may have {MOST_POINTS} points, this one has {count}; give its ranges fewer "
            "values, or take the sampler quasi-random"
        )
    found = list(walking.enumerate_points(space.values, levels))
    order = np.random.default_rng(seed).permutation(count)
    return [found[i] for i in order]


def sampler_of(
    name: str, space: Space, turn: Turn, grid: list[dict[str, Value]] | None
) -> BaseSampler:
    """Return the sampler called *name* for the trial at *turn* of a search over *space*."""
    samplers = optuna().samplers
    make: dict[str, Callable[[], Any]] = {
        "random": lambda: samplers.RandomSampler(seed=turn.chance),
        "tpe": lambda: samplers.TPESampler(seed=turn.chance, constant_liar=True),
        "gp": lambda: samplers.GPSampler(seed=turn.chance, warn_independent_sampling=False),
        "cmaes": lambda: samplers.CmaEsSampler(seed=turn.chance, warn_independent_sampling=False),
        "genetic": lambda: samplers.NSGAIISampler(
            seed=turn.chance, population_size=_population(turn.trials)
        ),
    }
    with quiet():
        if name in make:
            made: BaseSampler = make[name]()
            return made
        if name == "annealing":
            from lrkit.search.annealing import AnnealingSampler

            return AnnealingSampler(space.parameters, trials=turn.trials, seed=turn.seed)
        from lrkit.search.listed import Listed, QuasiRandom

        if name == "grid":
            return Listed((grid or [])[turn.index])
        return QuasiRandom(space.parameters, turn)


def pruner_of(name: str, steps: int | None) -> BasePruner:
    """Return the pruner called *name* for trials that report *steps* times."""
    pruners, last = optuna().pruners, steps or 1
    first = max(1, round(last / REDUCTION**3))
    make: dict[str, Callable[[], Any]] = {
        "none": pruners.NopPruner,
        "median": lambda: pruners.MedianPruner(n_warmup_steps=last // 5),
        "halving": lambda: pruners.SuccessiveHalvingPruner(first, REDUCTION),
        "hyperband": lambda: pruners.HyperbandPruner(first, max(last, first), REDUCTION),
    }
    with quiet():
        made: BasePruner = make[name]()
        return made


def distribution(parameter: Parameter) -> BaseDistribution:
    """Return *parameter* as Optuna knows it."""
    kinds = optuna().distributions
    made: BaseDistribution
    if parameter.kind == "choice":
        made = kinds.CategoricalDistribution(parameter.members)
    elif parameter.kind == "int":
        step = int(parameter.step or 1)
        made = kinds.IntDistribution(int(parameter.low), int(parameter.high), step=step)
    else:
        made = kinds.FloatDistribution(
            parameter.low, parameter.high, log=parameter.kind == "log", step=parameter.step
        )
    return made


def suggested(trial: Trial, parameter: Parameter) -> Value:
    """Return the value that *trial*'s sampler suggests for *parameter*."""
    if parameter.kind == "choice":
        chosen: Value = trial.suggest_categorical(parameter.name, parameter.members)
        return chosen
    if parameter.kind == "int":
        step = int(parameter.step or 1)
        return trial.suggest_int(parameter.name, int(parameter.low), int(parameter.high), step=step)
    number = trial.suggest_float(
        parameter.name, parameter.low, parameter.high, log=parameter.kind == "log",
        step=parameter.step,
    )  # fmt: skip
    return parameter.snap(number)


def _population(trials: int | None) -> int:
    """Return the size of a generation: 50, or so that a short search has five of them."""
    return 50 if trials is None else min(50, max(6, trials // 5))
