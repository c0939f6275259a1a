"""The storage side of a search: trials are taken, held while they run, and put down again."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from lrkit.errors import DataError, LoopError
from lrkit.search import attempts as kept
from lrkit.search import storage as keeping
from lrkit.search.attempts import Attempts, is_
from lrkit.search.beating import Heart
from lrkit.search.optional import optuna
from lrkit.search.samplers import Turn, pruner_of, sampler_of, suggested
from lrkit.search.settings import Settings
from lrkit.search.space import Point
from lrkit.search.studies import begun

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as OptunaTrial

_T = TypeVar("_T")


@dataclass
class Held:
    """A trial of this worker: Optuna's *handle*, its point, and the *steps* it has reported."""

    handle: OptunaTrial
    point: Point
    origin: int
    attempt: int
    steps: set[int] = field(default_factory=set)

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.handle.number

    @property
    def id(self) -> int:
        """The storage's own number of it, over all searches."""
        return self.handle._trial_id


@dataclass(frozen=True)
class Taken:
    """A trial that is this worker's, and which point of the search it is for, from 0."""

    trial: FrozenTrial
    index: int


class Desk:
    """Gives trials out of the storage in *place* to one worker, and writes what becomes of them.

    *limit* is how many points there are, *grid* their values where they are known beforehand.
    """

    def __init__(self, place: keeping.Place, name: str, settings: Settings, worker: str,
                 heartbeat: float, grace: float, patience: float) -> None:  # fmt: skip
        self.settings, self.worker = settings, worker
        self.place, self._patience = place, patience
        self._heard = 2 * heartbeat
        # A database may have been away, for everybody, until just now; a file was not.
        self._missed = -math.inf if place.folder else time.monotonic()
        self.grid = settings.points()
        limits = [settings.trials, None if self.grid is None else len(self.grid)]
        self.limit = min((limit for limit in limits if limit is not None), default=None)
        self._rdb = keeping.connect(place, heartbeat, grace)
        self._storage = optuna().storages.get_storage(self._rdb)
        try:
            self._study = self.patiently(
                lambda: begun(self._storage, place, name, settings), "nothing was begun"
            )
        except BaseException:
            self._let_go()
            raise
        self._study.pruner = pruner_of(settings.pruner, settings.steps)
        self._heart = Heart(self._rdb, heartbeat)

    def patiently(self, work: Callable[[], _T], safe: str) -> _T:
        """Return what *work* returns; see `storage.patiently`."""

        def noting() -> _T:
            try:
                return work()
            except keeping.lost():
                self._missed = time.monotonic()
                raise

        return keeping.patiently(noting, self._patience, self.place, safe)

    def attempts(self) -> Attempts:
        """Return all trials as they are now."""
        return Attempts(self._study.get_trials(deepcopy=False))

    def take(self) -> Taken | None:
        """Return a trial that is this worker's from now on; None where all are given out.

        A trial is made waiting, gets its first heartbeat, and only then runs: whoever dies in
        between leaves one that waits, or one whose silence will be noticed, and none is lost.
        """
        limit = float("inf") if self.limit is None else self.limit
        module = optuna()
        attempts = self._with_orphans()
        while True:
            for trial in attempts.waiting(limit):
                self._rdb.record_heartbeat(trial._trial_id)
                if self._is_taken(trial, module.trial.TrialState.RUNNING):
                    self._heart.hold(trial._trial_id)
                    return Taken(trial, attempts.index(trial))
            if len(attempts.indices) >= limit:
                return None
            # Two workers may make one each for the last place: the count tells which is beyond
            # it, for both alike, and that one waits for a search that is asked for more.
            self._study.add_trial(module.create_trial(state=module.trial.TrialState.WAITING))
            attempts = self.attempts()

    def begin(self, taken: Taken) -> Held:
        """Return what was *taken*, with a point that the sampler chose."""
        trial = taken.trial
        settings = self.settings
        turn = Turn(taken.index, self.limit, settings.seed)
        self._study.sampler = sampler_of(settings.sampler, settings.space, turn, self.grid)
        handle = optuna().trial.Trial(self._study, trial._trial_id)
        point = settings.space.point(lambda parameter: suggested(handle, parameter))
        handle.set_user_attr(kept.WORKER, self.worker)
        handle.set_user_attr(kept.SCHEDULE, point.text)
        steps = set(trial.intermediate_values)
        return Held(handle, point, kept.origin_of(trial), kept.attempt_of(trial), steps)

    def drop(self, taken: Taken) -> None:
        """Say no more that what was *taken* runs: another worker takes it over."""
        self._heart.drop(taken.trial._trial_id)

    def put_back(self, held: Held) -> None:
        """Let *held* wait to be given out again, with the same point."""
        self._heart.drop(held.id)
        waiting = optuna().trial.TrialState.WAITING
        self.write(held, lambda: self._storage.set_trial_state_values(held.id, waiting))

    def end(self, held: Held, state: str, score: float | None, reason: str) -> None:
        """Write that *held* is over, in what Optuna calls *state*."""
        told = optuna().trial.TrialState[state]
        tries = 0

        def write() -> None:
            nonlocal tries
            tries += 1
            # After an outage nobody knows whether the first try arrived: then it is there.
            if tries > 1 and self._is_told(held, state):
                return
            if reason:
                held.handle.set_user_attr(kept.REASON, reason)
                if state == "COMPLETE":
                    held.handle.set_user_attr(kept.STAND_IN, True)
            self._study.tell(held.handle, score, told)

        self.write(held, write)
        self._heart.drop(held.id)

    def write(self, held: Held, work: Callable[[], Any]) -> None:
        """Do *work* on *held*; `LoopError` where it was taken over meanwhile."""
        over = optuna().exceptions.UpdateFinishedTrialError

        def checked() -> None:
            try:
                work()
            except (over, ValueError) as error:
                if is_(self._storage.get_trial(held.id), "RUNNING"):
                    raise
                raise self._gone(held) from error

        safe = f"what was told is kept, and trial {held.number} is given out again"
        self.patiently(checked, safe)

    def worst(self) -> float | None:
        """Return the worst score that was told so far; None where there is none."""
        scores = [
            trial.value
            for trial in self.attempts().trials
            if is_(trial, "COMPLETE") and kept.STAND_IN not in trial.user_attrs
        ]
        worst = min if self.settings.direction == "maximize" else max
        return worst((score for score in scores if score is not None), default=None)

    def close(self, held: list[Held]) -> None:
        """Give back what is *held*, and let go of the storage, which is not waited for."""
        self._patience = 0.0
        for one in held:
            # Of what cannot be given back, the heart is not heard any more, and others run it.
            with contextlib.suppress(DataError, LoopError):
                self.put_back(one)
        self._heart.close()
        self._let_go()

    def _let_go(self) -> None:
        self._rdb.remove_session()
        self._rdb.engine.dispose()

    def _with_orphans(self) -> Attempts:
        """Return all trials, those of workers that have died waiting to be run again.

        After an outage every worker is given the time to be heard again.
        """
        if time.monotonic() - max(self._missed, self._heart.missed) > self._heard:
            optuna().storages.fail_stale_trials(self._study)
        attempts = self.attempts()
        if orphans := attempts.orphans():
            self._study.add_trials([kept.anew(optuna(), trial) for trial in orphans])
            attempts = self.attempts()
        return attempts

    def _is_taken(self, trial: FrozenTrial, running: Any) -> bool:
        """Return whether *trial* is ours now: False where another worker was faster."""
        try:
            return bool(self._storage.set_trial_state_values(trial._trial_id, running))
        except optuna().exceptions.UpdateFinishedTrialError:
            return False

    def _is_told(self, held: Held, state: str) -> bool:
        now = self._storage.get_trial(held.id)
        return is_(now, state) and now.user_attrs.get(kept.WORKER) == self.worker

    def _gone(self, held: Held) -> LoopError:
        """Return the error for *held*, which is not running any more."""
        self._heart.drop(held.id)
        attempts = self.attempts()
        follower = attempts.next.get(held.number)
        if follower is not None or kept.was_lost(self._storage.get_trial(held.id)):
            whose = "" if follower is None else f" as trial {follower}"
            return LoopError(
                f"trial {held.number} was taken over{whose}: this worker was not heard for longer "
                "than the grace; stop it here, its score is told there"
            )
        return LoopError(f"trial {held.number} is over already; a trial is told once")
