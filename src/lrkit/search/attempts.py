"""Which trials of a storage are attempts at the same point, and which may be given out.

Optuna numbers trials by the order in which they were made. A trial whose worker died is failed
there and made once more; so the *points* of a search are the trials that retry no other, counted
in the order of their numbers. That count says which point of a grid a trial is, and whether it is
within the number of trials asked for: it is the same for every worker, whenever it looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

MOST_ATTEMPTS: Final = 3
RETRIES, ORIGIN, ATTEMPT = "retries", "origin", "attempt"
REASON, STAND_IN, WORKER, SCHEDULE = "reason", "stand_in", "worker", "schedule"


class Attempts:
    """The trials of a search as read from its storage, by number."""

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        self.trials = sorted(trials, key=lambda trial: trial.number)
        self.next: dict[int, int] = {}
        for trial in self.trials:
            if RETRIES in trial.user_attrs:
                # Two workers may have retried the same one; all go by the first of these.
                self.next.setdefault(trial.user_attrs[RETRIES], trial.number)
        origins = [trial.number for trial in self.trials if RETRIES not in trial.user_attrs]
        self.indices = {number: i for i, number in enumerate(origins)}

    def index(self, trial: FrozenTrial) -> int:
        """Return which point of the search, from 0, *trial* is an attempt at."""
        return self.indices[origin_of(trial)]

    def is_double(self, trial: FrozenTrial) -> bool:
        """Return whether *trial* retries what another one retries already."""
        parent = trial.user_attrs.get(RETRIES)
        return parent is not None and self.next[parent] != trial.number

    def waiting(self, limit: float) -> list[FrozenTrial]:
        """Return the trials to give out, of the first *limit* points; attempts made anew first."""
        found = [
            trial
            for trial in self.trials
            if is_(trial, "WAITING") and self.index(trial) < limit and not self.is_double(trial)
        ]
        return sorted(found, key=lambda trial: (RETRIES not in trial.user_attrs, trial.number))

    def orphans(self) -> list[FrozenTrial]:
        """Return the trials whose worker died and that nobody has made anew yet."""
        return [
            t for t in self.trials if was_lost(t) and t.number not in self.next and not spent(t)
        ]


def is_(trial: FrozenTrial, state: str) -> bool:
    """Return whether *trial*'s state is the one that Optuna calls *state*."""
    return bool(trial.state.name == state)


def origin_of(trial: FrozenTrial) -> int:
    """Return the number of the first attempt at *trial*'s point."""
    return int(trial.user_attrs.get(ORIGIN, trial.number))


def attempt_of(trial: FrozenTrial) -> int:
    """Return which attempt *trial* is, from 1."""
    return int(trial.user_attrs.get(ATTEMPT, 1))


def was_lost(trial: FrozenTrial) -> bool:
    """Return whether *trial* failed without a reason being told: its worker died."""
    return is_(trial, "FAIL") and REASON not in trial.user_attrs


def spent(trial: FrozenTrial) -> bool:
    """Return whether *trial* was the last attempt: what kills its workers is not run for ever."""
    return attempt_of(trial) >= MOST_ATTEMPTS


def anew(module: Any, trial: FrozenTrial) -> FrozenTrial:
    """Return a trial that waits to be run, at the same point as *trial* and with its reports."""
    made: FrozenTrial = module.create_trial(
        state=module.trial.TrialState.WAITING,
        params=trial.params,
        distributions=trial.distributions,
        intermediate_values=trial.intermediate_values,
        system_attrs=trial.system_attrs,
        user_attrs={
            RETRIES: trial.number,
            ORIGIN: origin_of(trial),
            ATTEMPT: attempt_of(trial) + 1,
        },
    )
    return made
