"""Schedules that come from outside, read without running anybody's code."""

from __future__ import annotations

from typing import Final

from lrkit.control import Steered, steered
from lrkit.errors import SpecError
from lrkit.schedules import Curve, Horizon, Schedule
from lrkit.schedules.tables import FromFunction, Multiplicative

MAX_TEXT: Final = 20_000
MAX_STEPS: Final = 20_000_000
"""The longest training that is looked at; the facts of one take about a second."""
MAX_NODES: Final = 3_000


def read(text: str) -> Steered:
    """Return the schedule that *text* spells, with its controllers.

    A schedule that names a function by path is refused: placing it would import the module.
    Raises `SpecError` for that, for texts that are too long or too large, and as `steered` does.
    """
    if len(text) > MAX_TEXT:
        raise SpecError(f"a text may have {MAX_TEXT:,} characters here, got {len(text):,}")
    found = steered(text)
    _look_at(found.schedule, text)
    return found


def place(schedule: Schedule, horizon: Horizon) -> Curve:
    """Return *schedule* on *horizon*; refuse one that is too long to be looked at."""
    curve = Curve(schedule, horizon)
    if curve.total > MAX_STEPS:  # an endless one as well
        raise SpecError(
            f"a schedule of up to {MAX_STEPS:,} steps is drawn here, got {curve.total:,.10g}; "
            "give it a shorter total, or look at it with `lrkit show`"
        )
    return curve


def _look_at(schedule: Schedule, text: str) -> None:
    waiting, seen = [schedule], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        if seen > MAX_NODES:
            raise SpecError(f"a schedule may have {MAX_NODES:,} parts here; simplify it")
        if isinstance(node, FromFunction | Multiplicative):
            raise SpecError(
                f"{node.name}() names a function of a module, and the studio imports none; "
                "draw it with `lrkit show`, or use a table()",
                text,
                max(text.find(node.name), 0),
            )
        waiting.extend(node.children)
