"""The parts of the API, each a module of this room with a `router`; and what they may ask for."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, Request

from lrkit.studio.errors import ReadOnlyError
from lrkit.studio.jobs import Jobs
from lrkit.studio.settings import Settings

AREAS: Final = ("about", "trainings", "design", "steer", "find", "runs", "landscape", "slices")
"""The modules whose `router` is served, in the order of the OpenAPI description."""


def settings_of(request: Request) -> Settings:
    """Return what this studio was told."""
    found: Settings = request.app.state.settings
    return found


def jobs_of(request: Request) -> Jobs:
    """Return the commands that this studio has spawned."""
    found: Jobs = request.app.state.jobs
    return found


def may_change(request: Request) -> None:
    """Raise `ReadOnlyError` in a studio that only shows; every route that changes depends on it."""
    if settings_of(request).read_only:
        raise ReadOnlyError("this studio only shows; start it without --read-only to change runs")


Told = Annotated[Settings, Depends(settings_of)]
Spawned = Annotated[Jobs, Depends(jobs_of)]
CHANGES: Final[list[Any]] = [Depends(may_change)]
