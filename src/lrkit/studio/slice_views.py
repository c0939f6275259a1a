"""Slices and sharpness as the page reads them, from the files that grow."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from lrkit.errors import DataError
from lrkit.landscape.edges import KIND as SHARPNESS
from lrkit.landscape.edges import sharpness_of
from lrkit.landscape.growing import FORMAT, is_growing, more_of
from lrkit.landscape.planes import KIND as SLICE
from lrkit.landscape.planes import slice_of
from lrkit.landscape.slice_scene import notes_of, title_of


class Axis(BaseModel):
    """An axis of a slice: from where to where, and what part of the movement lies along it."""

    label: str
    low: float
    high: float
    share: float | None


class Waypoint(BaseModel):
    """A checkpoint seen from the slice; `loss` is of its true weights, `inside` of their image.

    None for what is not finite, or (`measured` false) not known yet.
    """

    step: int
    at: list[float]
    off: float
    rate: float | None
    measured: bool
    loss: float | None
    inside: float | None


class Reading(BaseModel):
    """The sharpness at a checkpoint, beside the bound of the optimizer where there is one."""

    step: int
    rate: float | None
    loss: float | None
    value: float | None
    residual: float | None
    iterations: int
    bound: float | None


class Known(BaseModel):
    """A slice that is there; *growing* while it is computed."""

    file: str
    kind: str
    title: str
    share: float | None
    level: int
    wanted: int
    done: bool
    growing: bool


class Seen(BaseModel):
    """A slice as far as it is.

    `status` is "waiting" (for the command to begin), "growing", "done", "stopped" or "failed",
    with the `reason`; `job` is the command that computes it, while it does. `points` are [i, loss]
    or [i, j, loss] of those after the events known, i and j from 0 to 256; a loss of null is not
    finite. `truth` says how much of the training the slice shows, `notes` what else belongs beside
    it. Sharpness has `readings` in place of points.
    """

    file: str
    kind: Literal["", "pca", "random", "three", "line", "sharpness"] = ""
    status: str = ""
    reason: str = ""
    job: str | None = None
    done: bool = False
    known: int = 0
    title: str = ""
    truth: str = ""
    notes: list[str] = []
    share: float | None = None
    level: int = 0
    wanted: int = 0
    axes: list[Axis] = []
    way: list[Waypoint] = []
    points: list[list[float | None]] = []
    readings: list[Reading] = []
    at: list[int] = []


def seen_of(path: Path, known: int) -> Seen:
    """Return what the file at *path* has, its losses after the first *known* events.

    Raises `DataError` for a file that is no slice.
    """
    events, _ = more_of(path, 0)
    if not events:
        return Seen(file=path.name)  # its first line is being written
    kind = events[0].get("kind")
    if kind not in (SLICE, SHARPNESS) or events[0].get("format") != FORMAT:
        raise DataError(f"{path.name} is no slice of `lrkit landscape`; compute it anew")
    if known > len(events):
        known = 0  # another file stands in its place
    found = _slice(events, path, known) if kind == SLICE else _sharpness(events, path)
    found.known = len(events)
    return found


def known_of(path: Path) -> Known | None:
    """Return the slice in the file at *path* in a line; None for what is none, or not yet."""
    try:
        found = seen_of(path, 0)
    except DataError:
        return None
    if not found.kind:
        return None
    names = ("file", "kind", "title", "share", "level", "wanted", "done")
    return Known(**{name: getattr(found, name) for name in names}, growing=is_growing(path))


def _slice(events: list[dict[str, Any]], path: Path, known: int) -> Seen:
    found = slice_of(events, path)
    truth, *notes = notes_of(found)
    points = [[*event["at"], event["loss"]] for event in events[known:] if event["kind"] == "point"]
    return Seen(
        file=path.name,
        kind=found.kind,
        done=found.done,
        title=title_of(found),
        truth=truth,
        notes=notes,
        share=found.share,
        level=found.level,
        wanted=found.wanted,
        axes=[Axis(label=a.label, low=a.low, high=a.high, share=a.share) for a in found.axes],
        way=[
            Waypoint(
                step=w.step,
                at=list(w.at),
                off=w.off,
                rate=_finite(w.rate),
                measured=not math.isnan(w.inside),
                loss=_finite(w.loss),
                inside=_finite(w.inside),
            )
            for w in found.way
        ],
        points=points,
        at=_whole_numbers(events[0]),
    )


def _sharpness(events: list[dict[str, Any]], path: Path) -> Seen:
    found = sharpness_of(events, path)
    names = ("rate", "loss", "value", "residual", "bound")
    return Seen(
        file=path.name,
        kind="sharpness",
        done=found.done,
        title=f"{found.about['subject']['run']}: largest Hessian eigenvalue",
        truth=found.rule,
        notes=[found.batch()],
        level=len(found.readings),
        wanted=found.wanted,
        readings=[
            Reading(
                step=r.step,
                iterations=r.iterations,
                **{name: _finite(getattr(r, name)) for name in names},
            )
            for r in found.readings
        ],
    )


def _whole_numbers(header: dict[str, Any]) -> list[int]:
    at = header.get("identity", {}).get("at", [])
    return [step for step in at if isinstance(step, int)]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
