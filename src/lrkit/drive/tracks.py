"""Tracks: the values of one hyper-parameter of one group, edits and all, by the step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lrkit.control import Edit, Extend, course
from lrkit.control.sharing import Folded, folded
from lrkit.drive.driven import Array, Driven
from lrkit.drive.rules import RATE, Rule
from lrkit.errors import SpecError
from lrkit.schedules import Curve


@dataclass(frozen=True)
class Track:
    """value(t) = own * driven(t), or course(t) once edited; *own* is 1 for absolute values."""

    index: int
    hyper: str
    driven: Driven
    own: float = 1.0
    course: Curve | None = None

    @property
    def source(self) -> tuple[Driven, float, Curve | None]:
        """What decides its values: tracks of one source have equal values."""
        return self.driven, self.own, self.course

    @property
    def declared(self) -> Curve:
        """What it follows before any edit, as one schedule."""
        curve = self.driven.followed
        return curve if self.own == 1 else Curve(self.own * curve.schedule, curve.horizon)

    def before(self, stretches: Sequence[Edit]) -> Curve:
        """Return what it follows before any edit, *stretches* among those."""
        origin = self.driven.origin
        if not stretches or origin is None:
            return self.declared
        return origin if self.own == 1 else Curve(self.own * origin.schedule, origin.horizon)

    @property
    def followed(self) -> Curve:
        """What it follows, as one schedule."""
        return self.declared if self.course is None else self.course

    @property
    def end(self) -> float:
        """The step after which it has nothing to say; infinite where it always has."""
        if self.course is None or self.course.horizon.total is None:
            return self.driven.end
        return self.course.total

    def at(self, t: float) -> float:
        """Return the value at step *t*, bit for bit that of `values`."""
        return float(self.values(np.array([t], dtype=np.float64))[0])

    def values(self, t: Array) -> Array:
        """Return the values at steps *t*; raises `SpecError` for one that is no rate."""
        with np.errstate(over="ignore", invalid="ignore"):  # found below, with the step
            values = self.own * self.driven.values(t) if self.course is None else self.course(t)
        fine = (values >= 0.0) & (values < np.inf)
        if not fine.all():
            at = int(np.argmin(fine))
            raise SpecError(
                f"`{self.hyper}` must be finite and >= 0, got {values[at]:g} at step {t[at]:g} "
                f"from `{self.driven.curve.schedule}`; clip(floor=0) it, or mend the formula"
            )
        return values


def make_tracks(
    rules: Sequence[Rule],
    names: Sequence[str | None],
    owns: Sequence[float],
    edits: Sequence[Edit] = (),
) -> list[Track]:
    """Return the tracks of all groups, given their names and own rates, edits included."""
    return edited_tracks(declared_tracks(rules, names, owns), names, edits, None)[0]


def declared_tracks(
    rules: Sequence[Rule], names: Sequence[str | None], owns: Sequence[float]
) -> list[Track]:
    """Return the tracks of all groups before any edit."""
    tracks = []
    for rule in rules:
        for index, name in enumerate(names):
            driven = rule.for_group(name, index)
            if driven is not None:
                own = owns[index] if rule.relative else 1.0
                tracks.append(Track(index, rule.hyper, driven, own))
    return tracks


def edited_tracks(
    tracks: Sequence[Track],
    names: Sequence[str | None],
    edits: Sequence[Edit],
    before: Folded | None,
) -> tuple[list[Track], Folded | None]:
    """Return the tracks with *edits*, and what those made of the rates, for the next *before*.

    A controller may make thousands of edits: each must not cost what all before it have cost.
    """
    if not edits:
        return list(tracks), None
    edits, done = in_time(tracks, edits)
    now = _fold(tracks, names, edits, done, before)
    found = now.courses()
    ends = [edit for edit in edits if isinstance(edit, Extend)]
    result = []
    for track in tracks:
        if track.hyper == RATE:
            edited = found[track.index]
        else:  # what is driven beside the rate goes on the same clock
            mine = ends if track.driven.origin else [e for e in ends if e not in done]
            edited = course(track.before(done), mine) if mine else None
        changed = edited is not None and edited != track.declared
        result.append(replace(track, course=edited) if changed else track)
    # Edits that wait for a later step are not in the order in which they were given.
    return result, now if now.goes_on_to(edits) else None


def in_time(
    tracks: Sequence[Track], edits: Sequence[Edit]
) -> tuple[Sequence[Edit], Sequence[Edit]]:
    """Return *edits* with the stretches of resumes among them, and these by themselves.

    A stretch acts on what the edits before it have left. Where groups were stretched differently
    no edit for all of them says so, and each keeps its own.
    """
    stretches = {track.driven.extensions for track in tracks if track.hyper == RATE}
    done = stretches.pop() if len(stretches) == 1 else ()
    return (sorted([*done, *edits], key=lambda e: e.step or 0) if done else edits), done


def _fold(
    tracks: Sequence[Track],
    names: Sequence[str | None],
    edits: Sequence[Edit],
    done: Sequence[Edit],
    before: Folded | None,
) -> Folded:
    rates = {track.index: track for track in tracks if track.hyper == RATE}
    everyone = range(len(names))
    start = folded(
        names,
        [rates[i].before(done) if i in rates else None for i in everyone],
        [rates[i].own if i in rates else 1.0 for i in everyone],
    )
    if before is not None and before.goes_on_to(edits):
        bare = replace(before, folds=start.folds, shares=start.shares, edits=())
        if bare == start:
            return before.taking(edits[len(before.edits) :])
    return start.taking(edits)


def end_of(tracks: Sequence[Track]) -> float:
    """Return the step after which the rates of *tracks* have nothing to say."""
    rates = {t.source: t for t in tracks if t.hyper == RATE} or {t.source: t for t in tracks}
    return max((track.end for track in rates.values()), default=math.inf)
