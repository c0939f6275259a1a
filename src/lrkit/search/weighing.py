"""How much each range of a space matters, by Optuna's importances."""

from __future__ import annotations

from typing import Any

from lrkit.search.optional import need, optuna, quiet
from lrkit.search.parameters import Parameter
from lrkit.search.results import FEWEST, Importance, Method, Results, Trial
from lrkit.search.samplers import distribution


def weigh(results: Results, method: Method, seed: int) -> tuple[Importance, ...]:
    """Return the importance of each range of *results*; see `Results.importance`."""
    if method == "fanova":
        need("sklearn", "the importance by fanova")
    parameters = results.space.parameters
    trials = [trial for trial in results.trials if trial.told is not None]
    always = [parameter for parameter in parameters if not parameter.condition]
    if (silence := _silence(trials, len(always))) or not always:
        return tuple(Importance(p.name, None, len(trials), silence) for p in parameters)
    found = _shares(results, trials, always, method, seed)
    made = [Importance(p.name, found[p.name], len(trials)) for p in always]
    for parameter in parameters:
        if parameter.condition:
            made.append(_inside(results, trials, [*always, parameter], method, seed))
    return tuple(sorted(made, key=lambda one: -1.0 if one.share is None else one.share)[::-1])


def _inside(
    results: Results, trials: list[Trial], parameters: list[Parameter], method: Method, seed: int
) -> Importance:
    """Return the importance of the last of *parameters*, over the trials that asked it."""
    parameter = parameters[-1]
    asked = [trial for trial in trials if parameter.name in trial.values]
    if silence := _silence(asked, len(parameters)):
        return Importance(parameter.name, None, len(asked), silence)
    share = _shares(results, asked, parameters, method, seed)[parameter.name]
    return Importance(parameter.name, share, len(asked), f"where {parameter.condition}")


def _silence(trials: list[Trial], ranges: int) -> str:
    """Return why nothing can be said of *trials*; empty where something can."""
    needed = max(FEWEST, 2 * ranges)
    if len(trials) < needed:
        return f"{needed} trials with a score are needed, there are {len(trials)}"
    if len({trial.told for trial in trials}) == 1:
        return "all scores are the same"
    return ""


def _shares(
    results: Results, trials: list[Trial], parameters: list[Parameter], method: Method, seed: int
) -> dict[str, float]:
    module = optuna()
    with quiet():
        study = module.create_study(direction=results.direction)
        kinds = {parameter.name: distribution(parameter) for parameter in parameters}
        study.add_trials([_frozen(module, trial, kinds) for trial in trials])
        if method == "fanova":
            evaluator = module.importance.FanovaImportanceEvaluator(seed=seed)
        else:
            evaluator = module.importance.PedAnovaImportanceEvaluator()
        shares = module.importance.get_param_importances(
            study, evaluator=evaluator, params=list(kinds)
        )
    return {name: float(share) for name, share in shares.items()}


def _frozen(module: Any, trial: Trial, kinds: dict[str, Any]) -> Any:
    return module.create_trial(
        params={name: trial.values[name] for name in kinds}, distributions=kinds, value=trial.told
    )
