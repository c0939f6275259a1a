"""lrkit's side of a row: the text goes through the parser, and nothing else is done to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lrkit.control import Edit, Observation, effective, greedy, plateau
from lrkit.schedules import Schedule, parse
from tests.parity.row import Row


def schedule(row: Row) -> Schedule:
    """Return the row's schedule, with the edits of the controller that steers it, if there is one.

    Every run ends as a schedule: what the controller did is one, too.
    """
    written = parse(row.ours)
    if not row.metrics:
        return written
    controller = eval(row.steered_by, {"greedy": greedy, "plateau": plateau})
    state, edits = controller.init(), list[Edit]()
    steered, horizon = written, written.over(row.total).horizon
    for step, seen in enumerate(row.metrics, start=1):
        rates = (steered.over(horizon)(step),)
        state, edit = controller.update(state, Observation(step, {"loss": seen}, rates))
        if edit is not None:
            edits.append(edit)
            steered = effective(written, edits, horizon)
    return steered


def values(row: Row) -> NDArray[np.float64]:
    """Return lrkit's rates for every step of the row."""
    return schedule(row).over(row.total)(np.arange(row.steps, dtype=float))
