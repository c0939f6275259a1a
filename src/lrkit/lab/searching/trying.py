"""One trial under way: its trainings, one for each seed, and what they have come to so far."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrkit.lab.engines import Training
from lrkit.lab.result import RunResult
from lrkit.lab.searching.preparing import Prepared
from lrkit.records import replay
from lrkit.records.writer import JOURNAL
from lrkit.search import Asked

RUNS = "runs"
CHECKPOINTS = "checkpoints"


class Attempt:
    """A trial as it is asked for: the trainings it takes, and their scores epoch by epoch."""

    def __init__(self, asked: Asked, prepared: Prepared, folder: Path) -> None:
        self.asked = asked
        self.trainings = trainings_of(asked, prepared, folder)
        self.left = {training.folder for training in self.trainings}
        self.results: dict[int, RunResult] = {}
        self.updates = prepared.updates * len(self.trainings)
        self.over = False  # it has been told; its trainings are coming to their end
        self.kept = False  # it was given back: another worker goes on from its checkpoints
        self._done = dict.fromkeys(self.left, 0)
        self._scores: dict[int, dict[int, float]] = {t.seed: {} for t in self.trainings}
        self._reported = 0
        self._score = prepared.score_name
        self._epochs = prepared.epochs

    @property
    def done(self) -> int:
        """How many updates its trainings have made."""
        return sum(self._done.values())

    def moved(self, training: Training, done: int) -> None:
        """Note how far *training* is."""
        self._done[training.folder] = done

    def evaluated(self, training: Training, epoch: int, scores: Mapping[str, Any]) -> None:
        """Note what *training* came to in *epoch*, which counts from 1."""
        self._scores[training.seed][epoch] = float(scores[self._score])

    def news(self) -> list[tuple[int, float]]:
        """Return (epoch, mean score) of the epochs that all seeds have ended since the last call.

        The last epoch is not among them: what a trial comes to is told, not reported.
        """
        ended = min(max(scores, default=0) for scores in self._scores.values())
        found = []
        for epoch in range(self._reported + 1, min(ended, self._epochs - 1) + 1):
            scores = [own[epoch] for own in self._scores.values() if epoch in own]
            if len(scores) == len(self._scores):
                found.append((epoch, sum(scores) / len(scores)))
        self._reported = max(self._reported, ended)
        return found

    def remember(self) -> None:
        """Take in what its runs came to before: they go on where a dead worker left them."""
        for training in self.trainings:
            if (training.folder / JOURNAL).exists():
                for event in replay(training.folder).evaluations:
                    if self._score in event:
                        self.evaluated(training, int(event["epoch"]), event)

    def ended(self, training: Training, result: RunResult) -> None:
        """Note what *training* came to."""
        self.results[training.seed] = result
        self._done[training.folder] = len(result.losses)

    @property
    def score(self) -> float:
        """The mean of the last scores of all seeds."""
        scores = [result.score for result in self.results.values()]
        return sum(scores) / len(scores)

    def tidy(self) -> None:
        """Remove the checkpoints: they are for the case that a trial is cut short."""
        for training in self.trainings:
            shutil.rmtree(training.folder / CHECKPOINTS, ignore_errors=True)


def trainings_of(asked: Asked, prepared: Prepared, folder: Path) -> list[Training]:
    """Return the trainings of the trial *asked*, one for each seed.

    Their folders have the number of its first attempt, so that another worker goes on with them.
    """
    order = prepared.order
    return [
        Training(
            task=order.task,
            spec=asked.point.spec,
            folder=folder / RUNS / f"trial-{asked.origin:04d}-s{seed}",
            total=order.total,
            seed=seed,
            options=prepared.options(asked.point),
            device=prepared.device,
            per=order.per,
            clip=order.clip,
            accumulate=order.accumulate,
            amp=order.amp,
            header={
                "search": order.identity,
                "trial": asked.origin,
                "values": dict(asked.point.values),
            },
        )
        for seed in order.seeds
    ]
