"""Stands in for what the scheduler is about to have: its total and the commands given to it."""

from __future__ import annotations

from typing import Any


class Checkpoint: ...


class Rollback: ...


class Stop: ...


def total(scheduler: Any) -> float:
    """Return where the scheduler ends."""
    return float(getattr(scheduler, "total", scheduler._plan.total))


def controllers(scheduler: Any) -> Any:
    """Return its controllers."""
    return scheduler._panel.controllers


def take_command(scheduler: Any) -> Any:
    """Return the next command for the loop."""
    take = getattr(scheduler, "take_command", None)
    return None if take is None else take()
