"""Running what was decided: batches of trainings on an engine, those there already replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lrkit.errors import LoopError
from lrkit.lab.engines import Ended, Engine, Event, Training, follow
from lrkit.lab.tuning.aims import Aim, Terms
from lrkit.lab.tuning.outcomes import Outcome, Request
from lrkit.lab.tuning.plan import Batch
from lrkit.lab.tuning.trainings import outcome_of, there_already, tidy, training_of

Listener = Callable[[Event, Request], None]


@dataclass
class Conductor:
    """Runs the batches of one tuning in *folder*; the engine is made when it is first needed."""

    aim: Aim
    terms: Terms
    folder: Path
    make_engine: Callable[[Training], Engine]
    hear: Listener
    replayed: int = 0
    trained: int = 0

    def run(self, batch: Batch, *, final: bool = False) -> list[Outcome]:
        """Return the outcome of each request of *batch*, in their order.

        Raises what a training raised, when the others of the batch have ended; what is finished
        stays.
        """
        trainings = {
            request: training_of(request, self.aim, self.terms, self.folder, final=final)
            for request in batch.requests
        }
        found: dict[Request, Outcome] = {}
        for request, training in trainings.items():
            if (result := there_already(training)) is not None:
                found[request] = outcome_of(request, result)
                tidy(training)
        self.replayed += len(found)
        if left := {r: t for r, t in trainings.items() if r not in found}:
            found |= self._train(left)
        return [found[request] for request in batch.requests]

    def _train(self, left: Mapping[Request, Training]) -> dict[Request, Outcome]:
        found: dict[Request, Outcome] = {}
        errors: list[Exception] = []
        engine = self.make_engine(next(iter(left.values())))
        places = {training.folder: request for request, training in left.items()}
        for event in follow(engine, left.values()):
            request = places[event.training.folder]
            self.hear(event, request)
            if not isinstance(event, Ended):
                continue
            if event.error is not None:
                errors.append(event.error)
            elif event.result is None or event.result.status == "stopped":
                errors.append(LoopError(f"{event.training.folder} was stopped by another; go on"))
            else:
                found[request] = outcome_of(request, event.result)
                tidy(event.training)
                self.trained += 1
        if errors:
            raise errors[0]
        return found
