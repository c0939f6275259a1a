"""What a training shows of itself at the end of a stage, and what may be answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lrkit.control import Edit


@dataclass(frozen=True, eq=False)
class Stage:
    """A training at the end of a stage; `train(ask=)` is shown it.

    *step* updates are done in *epoch* epochs (the last may be a part of one) of *steps_per_epoch*
    updates; *total* is the end in the scheduler's own unit (*per*: "step" or "epoch"), which is
    where an edit made now takes effect. *rates*, *losses* and *evaluations* are those so far, as
    in `RunResult`, and *rate* is the one that the next update would have.
    """

    step: int
    epoch: int
    total: float
    per: str
    steps_per_epoch: int
    rate: float
    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    evaluations: tuple[Mapping[str, Any], ...]
    score_name: str
    higher_is_better: bool

    @property
    def over(self) -> bool:
        """Whether the training has come to its end, and not only to that of a stage."""
        updates = self.total * (self.steps_per_epoch if self.per == "epoch" else 1)
        return self.step >= updates


Ask: TypeAlias = Callable[[Stage], Sequence[Edit] | None]
"""Answers a stage with edits; None or none leave all as planned. At the end of the training it goes
on if there is an `Extend` among them."""
