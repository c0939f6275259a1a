"""The edits that are for the training and leave the rate alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lrkit.control.edits import Edit, kind_of_edit, number

if TYPE_CHECKING:
    from lrkit.control.fold import Fold


@dataclass(frozen=True)
class Command(Edit):
    """An edit that asks the training for something: no rate changes by it."""

    run_wide = True

    def on(self, fold: Fold, step: int) -> Fold:
        return fold


@kind_of_edit
@dataclass(frozen=True)
class Stop(Command):
    """End the training at this step boundary."""

    word = "stop"


@kind_of_edit
@dataclass(frozen=True)
class Checkpoint(Command):
    """Write a checkpoint at this step boundary."""

    word = "checkpoint"


@kind_of_edit
@dataclass(frozen=True)
class Rollback(Command):
    """Go back to the last checkpoint, and scale the rate by *factor* from there on.

    Who goes back makes the `Scale`, at the step of the checkpoint: only there is it known.
    """

    word = "rollback"

    factor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "factor", number(self.factor, "factor"))
