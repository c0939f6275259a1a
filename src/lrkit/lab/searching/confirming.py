"""The winner and the runner-up, trained again with fresh seeds on all of the training data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lrkit.control import steered
from lrkit.lab.engines import Ended, Engine, Training
from lrkit.lab.result import RunResult
from lrkit.lab.searching.display import Display
from lrkit.lab.searching.outcome import Confirmed
from lrkit.lab.searching.preparing import HOLDOUT, Prepared
from lrkit.lab.searching.trying import RUNS
from lrkit.records import replay
from lrkit.records.writer import JOURNAL
from lrkit.search import Trial

LOOK: Final = 0.2


def confirmations(
    finalists: Sequence[Trial], prepared: Prepared, folder: Path, seeds: int
) -> dict[int, list[Training]]:
    """Return by the finalist's number its trainings: *seeds* of them that no trial has used.

    Nothing is kept for choosing: they train on all of the training data, and are scored on the
    task's test data.
    """
    order = prepared.order
    first = max(order.seeds) + 1
    unseen = {} if order.holdout is None else {HOLDOUT: 0.0}
    return {
        trial.number: [
            Training(
                task=order.task,
                spec=steered(trial.text),
                folder=folder / RUNS / f"confirm-{trial.origin:04d}-s{seed}",
                total=order.total,
                seed=seed,
                options={**trial.options, **unseen},
                device=prepared.device,
                per=order.per,
                clip=order.clip,
                accumulate=order.accumulate,
                amp=order.amp,
                header={"search": order.identity, "confirms": trial.origin},
            )
            for seed in range(first, first + seeds)
        ]
        for trial in finalists
    }


def made_already(trainings: Sequence[Training]) -> bool:
    """Return whether all of *trainings* have come to their end in their folders."""
    return all(
        (training.folder / JOURNAL).exists()
        and RunResult.of(replay(training.folder)).status in ("done", "failed")
        for training in trainings
    )


def confirm(
    finalists: Sequence[Trial],
    wanted: dict[int, list[Training]],
    engine: Engine | None,
    display: Display,
) -> tuple[Confirmed, ...]:
    """Make the trainings *wanted*, or read those that are made; all of them need no *engine*.

    Raises the error of one that its task, the disk or a dead worker ended.
    """
    runs: dict[Path, RunResult] = {}
    every = [training for trainings in wanted.values() for training in trainings]
    if engine is None:
        runs = {t.folder: RunResult.of(replay(t.folder)) for t in every}
    else:
        display.say(f"confirming: {len(every)} trainings with fresh seeds")
        for training in every:
            engine.submit(training)
        while len(runs) < len(every):
            for event in engine.poll(LOOK):
                if isinstance(event, Ended):
                    runs[event.training.folder] = _result(event, display)
    return tuple(
        Confirmed(trial, tuple(runs[training.folder] for training in wanted[trial.number]))
        for trial in finalists
    )


def _result(event: Ended, display: Display) -> RunResult:
    if event.error is not None:
        raise event.error
    training = event.training
    result = event.result or RunResult.of(replay(training.folder))
    words = result.failure or f"{result.score_name} {result.score:.4g}"
    origin = training.header["confirms"]
    display.say(f"confirming trial {origin}, seed {training.seed}: {words}")
    return result
