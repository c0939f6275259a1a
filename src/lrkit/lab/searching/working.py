"""The work on a search: trials are asked for, trained on an engine, and told of as they end."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Final

from lrkit.errors import DataError, LoopError, LrkitError
from lrkit.lab.engines import Ended, Engine, Evaluated, Stepped, Training
from lrkit.lab.searching.display import Display
from lrkit.lab.searching.preparing import Prepared
from lrkit.lab.searching.trying import RUNS, Attempt
from lrkit.records import write_file
from lrkit.records.lock import is_locked
from lrkit.search import Search

FIRST: Final = 5
"""When that many trials of a worker fail and none before them was done, it gives up."""
ASK_AGAIN: Final = 1.0  # seconds until a search that had nothing to give out is asked again
LOOK: Final = 0.2  # seconds between two looks at the trainings
COUNT: Final = 1.0  # seconds between two looks at what the others have done
WRITABLE: Final = ".writable"


class Worker:
    """Keeps an engine busy with the trials of a search until there are none, or time is over.

    What is under way when time is over goes back to the search with checkpoints, and the next
    worker goes on from there; after an error or Ctrl-C engine and search see to that as they close.
    """

    def __init__(
        self,
        search: Search,
        engine: Engine,
        prepared: Prepared,
        folder: Path,
        display: Display,
        until: float,
    ) -> None:
        self._search = search
        self._engine = engine
        self._prepared = prepared
        self._folder = folder
        self._display = display
        self._until = until
        self._attempts: dict[Path, Attempt] = {}
        self._not_before = 0.0
        self._counted = 0.0
        self._failed = 0
        self._done = search.results().best is not None
        self._leaving = False

    def run(self) -> bool:
        """Work until every trial is over; return whether that is so, or time was over before.

        Raises `LoopError` when the first trials all fail, `DataError` when storage or disk fails
        for longer than is waited for, and `KeyboardInterrupt`.
        """
        complete = self._work()
        self._give_back()
        return complete

    def _work(self) -> bool:
        while time.monotonic() < self._until:
            self._fill()
            self._look()
            now = time.monotonic()
            if now < self._counted and self._attempts:
                continue
            self._counted = now + COUNT
            count = self._search.progress()
            self._display.best(self._search.results().best)
            self._display.counted(count, self._prepared.order.trials)
            if not self._attempts and not count.left:
                if not count.elsewhere:
                    return True
                self._display.say(f"waiting for {count.elsewhere} of the trials, which others run")
                time.sleep(ASK_AGAIN)
        return False

    def _fill(self) -> None:
        while len(self._attempts) < self._engine.slots and time.monotonic() >= self._not_before:
            asked = self._search.ask()
            if asked is None:
                self._not_before = time.monotonic() + ASK_AGAIN
                return
            attempt = Attempt(asked, self._prepared, self._folder)
            if any(is_locked(t.folder) for t in attempt.trainings if t.folder.exists()):
                # Its worker was silent, and writes again: the trial is left to it.
                self._search.give_back(asked)
                self._not_before = time.monotonic() + ASK_AGAIN
                return
            self._begin(attempt)

    def _begin(self, attempt: Attempt) -> None:
        if attempt.asked.attempt > 1:
            attempt.remember()
        self._display.begun(attempt.asked, attempt.updates)
        refused: list[Training] = []
        for training in attempt.trainings:
            self._attempts[training.folder] = attempt
            try:
                if not attempt.over:
                    self._engine.submit(training)
                    continue
            except LrkitError as error:
                self._fail(attempt, str(error), error)
            refused.append(training)
        for training in refused:
            self._leave(attempt, training)

    def _look(self) -> None:
        for event in self._engine.poll(LOOK):
            attempt = self._attempts.get(event.training.folder)
            if attempt is None:
                continue
            if isinstance(event, Stepped):
                attempt.moved(event.training, event.done)
            elif isinstance(event, Evaluated):
                attempt.moved(event.training, event.done)
                attempt.evaluated(event.training, event.epoch, event.scores)
                self._report(attempt)
            else:
                self._ended(attempt, event)
            if not attempt.over:
                self._display.moved(attempt.asked, attempt.done, "")

    def _report(self, attempt: Attempt) -> None:
        news = [] if attempt.over else attempt.news()
        if not news:
            return
        epoch, score = news[-1]
        try:
            for one in news:
                self._search.report(attempt.asked, *one)
            prune = self._search.should_prune(attempt.asked)
        except LoopError as error:  # this worker was silent for too long
            attempt.over = True
            self._display.over(attempt.asked, f"not counted: {error}")
            self._stop(attempt)
            return
        if prune:
            if self._tell(attempt, pruned=True):
                words = f"pruned after {epoch} of {self._prepared.epochs} epochs at {score:.4g},"
                self._display.over(attempt.asked, words)
            self._stop(attempt)

    def _ended(self, attempt: Attempt, event: Ended) -> None:
        training, result = event.training, event.result
        self._leave(attempt, training)
        if attempt.over:
            return
        if event.error is not None:
            self._fail(attempt, str(event.error), event.error)
        elif self._leaving and (result is None or result.status == "stopped"):
            attempt.over = attempt.kept = True
            self._search.give_back(attempt.asked)
        elif result is None or result.status == "stopped":
            self._fail(attempt, "it was stopped by hand" if result is None else result.reason)
        elif result.status == "failed":
            self._fail(attempt, result.failure, diverged=True)
        else:
            attempt.ended(training, result)
            if not attempt.left:
                self._finish(attempt)

    def _finish(self, attempt: Attempt) -> None:
        if self._tell(attempt, attempt.score):
            self._done = True
            name = self._prepared.score_name
            self._display.over(attempt.asked, f"{name} {attempt.score:.4g}", attempt.score)
            attempt.tidy()

    def _fail(
        self,
        attempt: Attempt,
        reason: str,
        error: LrkitError | None = None,
        diverged: bool = False,
    ) -> None:
        """Tell that a trial failed; a disk that takes nothing more is no fault of the trial's."""
        if isinstance(error, DataError):
            write_file(self._folder / RUNS / WRITABLE, "")  # raises what is wrong with the disk
        # Of a divergence the sampler learns to keep away, of another failure it learns nothing.
        if self._tell(attempt, math.nan if diverged else None, failed=reason):
            self._display.over(attempt.asked, f"failed: {reason}")
            self._failed += 1
        self._stop(attempt)
        if not self._done and self._failed >= FIRST:
            raise LoopError(
                f"of the first trials some must train, all {self._failed} failed, the last one: "
                f"{reason}; mend the task or the space and search with another --out"
            )

    def _tell(
        self,
        attempt: Attempt,
        score: float | None = None,
        *,
        pruned: bool = False,
        failed: str = "",
    ) -> bool:
        """Tell what a trial came to; return whether it is still this worker's to tell."""
        attempt.over = True
        try:
            self._search.tell(attempt.asked, score, pruned=pruned, failed=failed)
        except LoopError as error:
            self._display.over(attempt.asked, f"not counted: {error}")
            return False
        return True

    def _stop(self, attempt: Attempt) -> None:
        for training in attempt.trainings:
            if training.folder in attempt.left:
                self._engine.stop(training)

    def _leave(self, attempt: Attempt, training: Training) -> None:
        attempt.left.discard(training.folder)
        self._attempts.pop(training.folder, None)
        if attempt.over and not attempt.left and not attempt.kept:
            attempt.tidy()

    def _give_back(self) -> None:
        """Stop what is under way between two updates; what is not over then goes back."""
        self._leaving = True
        for attempt in list(self._attempts.values()):
            self._stop(attempt)
        while self._attempts:
            self._look()
