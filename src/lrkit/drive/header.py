"""How a run was declared, for the first line of its journal."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from lrkit.control import Edit, Extend, Replace
from lrkit.drive.rules import RATE, Plan
from lrkit.drive.tracks import Track
from lrkit.drive.writer import Writer
from lrkit.errors import SpecError
from lrkit.schedules import Curve, Schedule

LONG = 1_000_000_000
"""Steps of a schedule without an end, where it must be given one."""


def header_of(plan: Plan, writer: Writer) -> dict[str, Any]:
    """Return the header of a run of *plan* on the groups of *writer*.

    A schedule that cannot be saved (made of a nameless function) is left out.
    """
    tracks = {track.index: track for track in writer.tracks if track.hyper == RATE}
    header: dict[str, Any] = {"per": plan.unit}
    if tracks:
        first = tracks[min(tracks)]
        header |= _declared(first.driven.followed)
        if len(writer.groups) > 1 or first.own != 1.0:
            names = writer.names
            header["groups"] = [_group(names[i], tracks.get(i), first) for i in range(writer.count)]
    header["controllers"] = [controller.to_dict() for controller in plan.controllers]
    return header


def _group(name: str | None, track: Track | None, first: Track) -> dict[str, Any]:
    """Return a group's own rate and schedule; None for one whose rate is not driven."""
    if track is None:
        return {"name": name, "own": None, "schedule": None}
    curve = track.driven.followed
    group = {"name": name, "own": track.own, "schedule": _saved(curve.schedule)}
    if curve.horizon != first.driven.followed.horizon:
        group["horizon"] = dataclasses.asdict(curve.horizon)
    return group


def _declared(curve: Curve) -> dict[str, Any]:
    saved = _saved(curve.schedule)
    return {
        "spec": None if saved is None else str(curve.schedule),
        "schedule": saved,
        "horizon": dataclasses.asdict(curve.horizon),
    }


def _saved(schedule: Schedule) -> dict[str, Any] | None:
    try:
        return schedule.to_dict()
    except SpecError:  # said when the scheduler was built
        return None


def redeclared(writer: Writer, policy: str, header: Mapping[str, Any]) -> list[Edit]:
    """Return the edits that say in a journal what a resume has put in the place of the old plan.

    The journal's *header* keeps what was declared first. With them the course that its journal
    tells is that of the rates.
    """
    at, said = writer.position, f"resume={policy!r}"
    rates = [track for track in writer.tracks if track.hyper == RATE]
    total = max((track.driven.total for track in rates), default=math.inf)
    edits: list[Edit] = []
    if at < total < math.inf:
        how = "stretch" if policy == "stretch" else "keep"
        edits.append(Extend(total, how=how, step=at, author="resume", reason=said))
    if policy == "stretch":
        return edits
    groups = header.get("groups")
    for track in rates:
        whole = track.driven.curve
        stop = whole.total if at < whole.total < math.inf else at + LONG
        rest = whole.schedule.part(at, stop, of=whole.horizon.total)
        before = float(groups[track.index]["own"]) if groups else 1.0
        if track.own != before:  # which the course multiplies by
            rest = (track.own / before) * rest
        group = track.index if groups else None
        edits.append(Replace(rest, step=at, group=group, author="resume", reason=said))
        if group is None:
            break
    return edits
