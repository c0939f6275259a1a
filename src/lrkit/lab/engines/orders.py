"""A training on its way through an engine whose workers may die."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lrkit.errors import DataError
from lrkit.lab.engines.contract import Training

ATTEMPTS: Final = 3


@dataclass(eq=False)
class Order:
    """A training that was taken in: its number, and how often a worker died of it.

    *evaluated* is the update of the last evaluation told; those up to *repeated* come again.
    """

    training: Training
    number: int
    deaths: int = 0
    evaluated: int = 0
    repeated: int = 0
    stopping: bool = False

    def fresh(self, done: int) -> bool:
        """Return whether the evaluation after *done* updates is news.

        It is not when a worker that died since then had told it.
        """
        self.evaluated = done
        return done > self.repeated

    def died(self, error: BaseException) -> DataError | None:
        """Count a death of its worker; return what to say when that was one too many."""
        self.deaths += 1
        self.repeated = max(self.repeated, self.evaluated)
        if self.deaths < ATTEMPTS:
            return None
        gone = DataError(
            f"a process died {ATTEMPTS} times while {self.training.folder.name} ran; it was "
            "killed or out of memory: take fewer workers"
        )
        gone.__cause__ = error
        return gone
