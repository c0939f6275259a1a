"""Results out of a storage: Optuna's trials as ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lrkit.search import attempts as kept
from lrkit.search.attempts import Attempts, is_
from lrkit.search.results import Results, State, Trial
from lrkit.search.settings import Settings
from lrkit.search.space import Point

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def results_of(settings: Settings, trials: Sequence[FrozenTrial]) -> Results:
    """Return the results of *trials*; those made in advance and not begun are left out."""
    attempts = Attempts(trials)
    shown = [
        _trial(settings, attempts, trial)
        for trial in attempts.trials
        if not attempts.is_double(trial) and (trial.params or not is_(trial, "WAITING"))
    ]
    return Results(settings.space, settings.direction, tuple(shown))


def _trial(settings: Settings, attempts: Attempts, trial: FrozenTrial) -> Trial:
    state, reason = _state(attempts, trial)
    point = _point(settings, trial)
    steps = tuple(sorted(trial.intermediate_values.items()))
    score = trial.value if state in ("done", "pruned") else None
    if score is None and state in ("running", "pruned") and steps:
        score = steps[-1][1]
    return Trial(
        number=trial.number,
        origin=kept.origin_of(trial),
        state=state,
        score=score,
        values=point.values if point else {},
        text=point.text if point else "",
        options=point.options if point else {},
        reason=reason,
        steps=steps,
        worker=trial.user_attrs.get(kept.WORKER, ""),
        started=_seconds(trial.datetime_start),
        ended=_seconds(trial.datetime_complete),
        told=trial.value if is_(trial, "COMPLETE") else None,
    )


def _state(attempts: Attempts, trial: FrozenTrial) -> tuple[State, str]:
    """Return the state of *trial*, and for one that failed the reason."""
    if kept.was_lost(trial):
        if trial.number in attempts.next or not kept.spent(trial):
            return "taken over", "its worker died"
        return "failed", f"its worker died in each of {kept.MOST_ATTEMPTS} attempts"
    if is_(trial, "FAIL") or kept.STAND_IN in trial.user_attrs:
        return "failed", str(trial.user_attrs.get(kept.REASON, ""))
    states: dict[str, State] = {
        "WAITING": "waiting", "RUNNING": "running", "COMPLETE": "done", "PRUNED": "pruned",
    }  # fmt: skip
    return states[trial.state.name], ""


def _point(settings: Settings, trial: FrozenTrial) -> Point | None:
    """Return the point of *trial*; None where its worker has not been given all values yet."""
    known = {parameter.name: parameter for parameter in settings.space.parameters}
    values = {name: known[name].snap(value) for name, value in trial.params.items()}
    if settings.space.is_complete(values):
        return settings.space.at(values)
    return None


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
