"""The curves of a run as the page draws them: few points, minima and maxima kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

import numpy as np
from fastapi import Query
from numpy.typing import NDArray
from pydantic import BaseModel, StringConstraints

from lrkit.errors import SpecError
from lrkit.records import Band, Mark, Overview, words_of
from lrkit.records.bands import band_of, mark_of
from lrkit.records.progress import clock_unit, epoch_steps
from lrkit.records.window import window
from lrkit.studio.shelf import finite, text

MOST_RUNS: Final = 24
"""Runs that are drawn beside each other."""
MOST_NAMES: Final = 24
"""Metrics of a run that are drawn, and as many scores."""
MOST_MARKS: Final = 300
DEFAULT_POINTS: Final = 600
FURTHEST: Final = float(1 << 62)
"""Steps beyond which no stretch is looked for."""
ROUNDING: Final = 1e-6
"""What a place on an axis may be off, in steps: 32.3 epochs of 100 are 3229.9999999999995."""
MARKED: Final = ("edit", "diverged", "resume")
"""Kinds of events that are marked on a curve."""

Name = Annotated[str, StringConstraints(max_length=400)]
Axis = Literal["step", "epoch", "time", "area"]
RunNames = Annotated[list[Name], Query(max_length=MOST_RUNS)]
MetricNames = Annotated[list[Name], Query(max_length=MOST_NAMES)]
Edge = Annotated[float | None, Query(allow_inf_nan=False, ge=-1e18, le=1e18)]
PointCount = Annotated[int, Query(ge=10, le=2048)]


class Line(BaseModel):
    """A metric, or an evaluation's score, part by part; None where no value was finite.

    Its parts take the place of those from number `keep` on. `bad` counts by part the values that
    were not finite (None: all were); `last` is the last value that was recorded.
    """

    name: str
    score: bool
    keep: int
    x: list[float | None]
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]
    bad: list[int] | None
    last: float | None


class Event(BaseModel):
    """Something on the curve: an edit, a divergence, or a resume; `x` is on the axis."""

    kind: str
    x: float | None
    step: int
    words: str
    author: str
    reason: str
    source: str
    time: float


class Curves(BaseModel):
    """A run's curves: all, or what has changed (`lines` by their `keep`; `events` None: as before).

    `share` is the part of the journal that has been read so far: below 1 the live stream shows a
    first sight, in which extremes may be missing, and no `status` yet. `width` is the updates in
    a point, `names` and `scores` all there is to draw, `lost` the lines that could not be read,
    `left_out` the values of metrics beyond 256. `problem` says why the run is not on this axis.
    """

    run: str
    status: str
    reason: str
    problem: str
    share: float
    width: int
    steps: int
    updates: int | None
    epoch_steps: float | None
    updated: float
    lost: int
    left_out: int
    score: str
    names: list[str]
    scores: list[str]
    lines: list[Line]
    events: list[Event] | None


class Wish(NamedTuple):
    """What is to be drawn of a run: its axis, how many points, and which metrics (none: all).

    *stretch* is a part of the axis to be seen more closely, None for all of it.
    """

    axis: str
    points: int
    names: tuple[str, ...] = ()
    stretch: tuple[float, float] | None = None


class Moment(NamedTuple):
    """What a viewer knows of a run, so that only what came after it is told."""

    metrics: Mark
    scores: Mark
    events: int
    status: str
    share: float
    updated: float


def moment_of(overview: Overview, wish: Wish) -> Moment:
    """Return the moment that *overview* shows."""
    return Moment(
        overview.mark(wish.points),
        overview.mark(wish.points, score=True),
        overview.events.changes,
        overview.status,
        overview.share,
        overview.updated,
    )


def curves_of(overview: Overview, wish: Wish, since: Moment | None = None) -> Curves:
    """Return the curves of *overview*, or what has changed *since*."""
    told = _about(overview)
    try:
        axis = overview.axis(wish.axis)
    except SpecError as error:
        return told.model_copy(update={"problem": str(error)})
    if since is not None and since.metrics.life != overview.life:
        since = None
    lines = []
    for score, all_names in ((False, told.names), (True, told.scores)):
        known = None if since is None else since.scores if score else since.metrics
        if known == overview.mark(wish.points, score=score):
            continue
        for name in _wanted(all_names, wish.names):
            band = overview.band(name, wish.points, known, score=score)
            lines.append(_line(band, axis(band.places), score))
    update: dict[str, Any] = {"lines": lines, "width": overview.mark(wish.points).width}
    if since is None or since.events != overview.events.changes:
        update["events"] = events_of(overview, MARKED, axis)
    return told.model_copy(update=update)


def close_up(overview: Overview, wish: Wish) -> Curves:
    """Return the curves of the stretch of *overview* that *wish* names, from its journal."""
    told = _about(overview)
    try:
        axis = overview.axis(wish.axis)
        steps = overview.steps_at(wish.axis, np.array(wish.stretch or (-np.inf, np.inf)))
    except SpecError as error:
        return told.model_copy(update={"problem": str(error)})
    first, last = np.clip(np.nan_to_num(steps), -FURTHEST, FURTHEST)
    begin, end = math.floor(first + ROUNDING), math.ceil(last - ROUNDING)
    close = window(overview, begin, max(end, begin))
    bands = [
        band_of(close, name, wish.points, None, 0)
        for name in _wanted(told.names, wish.names)
        if name in close.metrics
    ]
    lines = [_line(band, axis(band.places), False) for band in bands]
    for name in _wanted(told.scores, wish.names):
        band = overview.band(name, score=True)
        here = (band.places >= begin) & (band.places <= end)
        lines.append(_line(band.where(here), axis(band.places[here]), True))
    width = mark_of(close, wish.points, 0).width
    return told.model_copy(update={"lines": lines, "width": width})


def _about(overview: Overview) -> Curves:
    header, steps = overview.header, overview.metrics.last_step
    updates, score = header.get("updates"), header.get("score")
    return Curves(
        run=text(overview.folder.name),
        status=overview.status,
        reason=text(overview.reason),
        problem="",
        share=overview.share,
        width=1,
        steps=0 if steps is None else steps + 1,
        updates=updates if isinstance(updates, int) else None,
        epoch_steps=epoch_steps(header),
        updated=overview.updated,
        lost=overview.lost,
        left_out=overview.metrics.left_out,
        score=score if isinstance(score, str) else "",
        names=list(overview.metrics.metrics),
        scores=list(overview.scores.metrics),
        lines=[],
        events=None,
    )


def _wanted(names: Sequence[str], chosen: Sequence[str]) -> list[str]:
    """Return which of *names* are drawn: those *chosen*; without a choice the rates come first."""
    if chosen:
        return [name for name in names if name in chosen]
    first = sorted(names, key=lambda name: (name != "lr", name != "loss", name[:3] != "lr/"))
    return first[:MOST_NAMES]


def _line(band: Band, x: NDArray[np.float64], score: bool) -> Line:
    bad = band.nans + band.infs
    return Line(
        name=band.name,
        score=score,
        keep=band.keep,
        x=_numbers(x, 10),
        mean=_numbers(band.mean, 7),
        low=_numbers(band.low, 7),
        high=_numbers(band.high, 7),
        bad=bad.tolist() if bad.any() else None,
        last=finite(float(band.last[-1])) if len(band.last) else None,
    )


def _numbers(values: NDArray[np.float64], digits: int) -> list[float | None]:
    """Return *values* in so many digits, which are shorter to send, and None for no number."""
    finite_ones = np.isfinite(values).tolist()
    rounded = [float(f"{value:.{digits}g}") for value in values.tolist()]
    return [v if fine else None for v, fine in zip(rounded, finite_ones, strict=True)]


def events_of(
    overview: Overview,
    kinds: Sequence[str],
    axis: Callable[[NDArray[np.float64]], NDArray[np.float64]] = lambda places: places,
) -> list[Event]:
    """Return the newest events of *kinds* that have a step, in the order written."""
    unit = clock_unit(overview.header)
    found = [
        event
        for event in overview.events.all()
        if event["kind"] in kinds and type(event.get("step")) is int
    ][-MOST_MARKS:]
    # An edit's step is of the schedule's clock, which may count epochs.
    steps = [e["step"] * (unit if e["kind"] in ("edit", "refused") else 1.0) for e in found]
    places = _numbers(axis(np.array(steps, dtype=np.float64)), 10)
    return [_event(event, x) for event, x in zip(found, places, strict=True)]


def _event(event: dict[str, Any], x: float | None) -> Event:
    asked = event.get("fields")
    who = asked if event["kind"] == "refused" and isinstance(asked, dict) else event
    return Event(
        kind=event["kind"],
        x=x,
        step=event["step"],
        words=text(WORDS[event["kind"]](who))[:300],
        author=text(who.get("author") or "")[:100],
        reason=text(event.get("reason") or "")[:500],
        source=text(event.get("source") or ""),
        time=finite(event.get("time")) or 0.0,
    )


def _diverged(event: dict[str, Any]) -> str:
    return f"diverged: {event.get('what')} is {event.get('value')}"


def _went_on(event: dict[str, Any]) -> str:
    return "went on from here" if "pid" in event else "went back to here"


WORDS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "edit": words_of,
    "refused": words_of,
    "diverged": _diverged,
    "resume": _went_on,
}
