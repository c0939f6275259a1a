"""Runs: the list, one run's story, curves of several side by side, live; export and removal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from lrkit.records import Overview, remove_run
from lrkit.records.columns import csv_lines
from lrkit.records.listing import summary_of
from lrkit.studio.areas import CHANGES, Told
from lrkit.studio.curves import (
    DEFAULT_POINTS,
    Axis,
    Curves,
    Edge,
    Event,
    MetricNames,
    Name,
    PointCount,
    RunNames,
    Wish,
    close_up,
    curves_of,
    events_of,
)
from lrkit.studio.live import Hub, Viewer, hub_of
from lrkit.studio.places import run_folder
from lrkit.studio.shelf import Row, finite, row_of, text

router = APIRouter(prefix="/api", tags=["runs"])

Live = Annotated[Hub, Depends(hub_of)]
Status = Literal["running", "done", "stopped", "failed", "dead", "damaged"]
Sort = Literal["started", "updated", "name", "task", "status", "step", "loss", "value"]
MOST_FACTS: Final = 40
MOST_EVALUATIONS: Final = 200
ABOUT: Final = ("task", "seed", "updates", "per", "clip", "accumulate", "amp", "device", "options")


class Page(BaseModel):
    """A page of the list: the runs of it, how many match, and how many there are by status."""

    runs: list[Row]
    total: int
    statuses: dict[str, int]


class Fact(BaseModel):
    """A line of what a run was."""

    label: str
    value: str


class Story(BaseModel):
    """One run: its row of the list, what it was, its scores, its edits and what was refused."""

    row: Row
    facts: list[Fact]
    evaluations: list[dict[str, Any]]
    edits: list[Event]
    refused: list[Event]
    edits_let_go: int


class Removed(BaseModel):
    """The run that was removed."""

    removed: str


@router.get("/runs")
def runs(
    live: Live,
    search: Annotated[Name, Query(description="Words that name, task or schedule hold")] = "",
    status: Status | None = None,
    sort: Sort = "started",
    order: Literal["asc", "desc"] = "desc",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Page:
    """The runs of the folder, the newest first unless sorted otherwise."""
    every = live.shelf.rows()
    statuses: dict[str, int] = {}
    for row in every:
        statuses[row.status] = statuses.get(row.status, 0) + 1
    words = search.lower().split()
    found = [row for row in every if status in (None, row.status) and _holds(row, words)]
    # Runs without a value come last, whichever way the others stand.
    known = [row for row in found if getattr(row, sort) is not None]
    known.sort(key=lambda row: getattr(row, sort), reverse=order == "desc")
    found = known + [row for row in found if getattr(row, sort) is None]
    return Page(runs=found[offset : offset + limit], total=len(found), statuses=statuses)


@router.get("/runs/{run}")
def story(run: str, live: Live) -> Story:
    """One run: what it was, its evaluations, edits and refusals."""
    followed = live.follow(run)
    with followed.lock:
        overview = followed.look()
        events = overview.events
        evaluations = events.of_kind("evaluation")[-MOST_EVALUATIONS:]
        return Story(
            row=row_of(summary_of(overview.folder)),
            facts=list(_facts(overview)),
            evaluations=[_plain(event) for event in evaluations],
            edits=events_of(overview, ("edit",)),
            refused=events_of(overview, ("refused",)),
            edits_let_go=events.let_go.get("edit", 0),
        )


@router.get(
    "/runs/{run}/metrics.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def export(run: str, live: Live) -> StreamingResponse:
    """All metrics of a run as a CSV table, every update that counts."""
    followed = live.follow(run)
    with followed.lock:
        lines = csv_lines(followed.look())
    name = quote(f"{followed.name}.csv", safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return StreamingResponse(lines, media_type="text/csv", headers=headers)


@router.delete("/runs/{run}", dependencies=CHANGES)
def remove(run: str, told: Told) -> Removed:
    """Remove a run with all its files; one that is being written is refused."""
    remove_run(run_folder(told.root, run))
    return Removed(removed=run)


@router.get("/curves")
def curves(
    live: Live,
    run: RunNames,
    axis: Axis = "step",
    points: PointCount = DEFAULT_POINTS,
    metric: MetricNames = [],  # noqa: B006 (FastAPI copies it)
    begin: Edge = None,
    end: Edge = None,
) -> list[Curves]:
    """The curves of several runs on one axis, in at most so many points, extremes kept.

    With *begin* and *end*, places on the axis, it is the stretch between them, seen more closely.
    """
    stretch = None if begin is None or end is None else (min(begin, end), max(begin, end))
    wish = Wish(axis, points, tuple(metric), stretch)
    seen = curves_of if stretch is None else close_up
    found = []
    for name in dict.fromkeys(run):
        followed = live.follow(name)
        with followed.lock:
            found.append(seen(followed.look(), wish))
    return found


@router.get(
    "/live",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def live_stream(
    live: Live,
    run: RunNames = [],  # noqa: B006
    axis: Axis = "step",
    points: PointCount = DEFAULT_POINTS,
    metric: MetricNames = [],  # noqa: B006
    listed: bool = True,
    limit: Annotated[int | None, Query(ge=1, le=10_000)] = None,
) -> StreamingResponse:
    """The list of runs and the curves of some, as a stream of what changes.

    Events: `runs` (rows that changed, names gone; the first has all), `curves` (as `/api/curves`,
    later only what has changed) and `gone` (a run that is not there). It ends after *limit* of
    them, at once where there is nothing to tell.
    """
    viewer = Viewer(
        loop=asyncio.get_running_loop(),
        runs=tuple(dict.fromkeys(run)),
        wish=Wish(axis, points, tuple(metric)),
        listed=listed or not run,
    )
    return StreamingResponse(viewer.messages(live, limit), media_type="text/event-stream")


def _holds(row: Row, words: list[str]) -> bool:
    told = f"{row.name} {row.task} {row.schedule} {row.parent}".lower()
    return all(word in told for word in words)


def _facts(overview: Overview) -> Iterator[Fact]:
    """Yield the lines that tell what a run was."""
    header, events = overview.header, overview.events
    yield Fact(label="schedule", value=text(header.get("spec") or "not told"))
    for name in ABOUT:
        if header.get(name) not in (None, {}, ""):
            yield Fact(label=name, value=text(_words(header[name])))
    horizon = header.get("horizon")
    if isinstance(horizon, dict):
        yield Fact(label="horizon", value=text(_words(horizon)))
    if isinstance(parent := header.get("parent"), dict):
        told = f"{parent.get('run')}, left at {parent.get('step')}"
        yield Fact(label="parent", value=text(told))
    yield Fact(label="machine", value=text(header.get("host") or "not told"))
    if isinstance(versions := header.get("versions"), dict):
        yield Fact(label="versions", value=text(_words(versions)))
    for label, kind in (("resumed", "resume"), ("checkpoints", "checkpoint"), ("notes", "note")):
        if found := events.of_kind(kind):
            count = len(found) + events.let_go.get(kind, 0)
            yield Fact(label=label, value=f"{count}, the last at {text(found[-1].get('step'))}")
    if overview.lost:
        yield Fact(label="damaged", value=f"{overview.lost} lines cannot be read")


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items() if v is not None)
    return str(value)


def _plain(event: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers of an evaluation as JSON can hold them."""

    return {
        text(name): finite(value)
        for name, value in list(event.items())[:MOST_FACTS]
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
