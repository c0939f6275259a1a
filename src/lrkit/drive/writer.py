"""The writer: keeps the table of values, and puts them where the optimizer reads them."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from typing import Any, Literal

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from lrkit.control import Command, Edit, Stop
from lrkit.control.sharing import Folded
from lrkit.drive.lanes import Column, Lane, NumberLane, make_lanes, own_tensors, rate_in
from lrkit.drive.rules import RATE, ParamGroup, Rule, check_rules, name_of
from lrkit.drive.tracks import Track, declared_tracks, edited_tracks, end_of

BLOCK = 65_536
"""Values in the table at most, all columns together: about 2 MB of Python floats."""
FIRST = 256
"""Rows of the first block after a change: an edit must not cost a whole table."""

AHEAD = 100_000
"""Rates that are looked at when a letter comes, which must never stop a training later on."""
FAR = 10_000_000


class Writer:
    """The table and the place in it.

    The slots up to `fresh` are what `Scheduler.step` works with, so that a step costs an index
    and an assignment: `stop` is 0 unless one column of plain numbers drives the rate of every
    group and nothing else is driven, and then the row at which more than that is to be done.
    """

    __slots__ = (
        "asked", "columns", "count", "edits", "end", "fast", "folded", "found_inf", "fresh",
        "groups", "index", "lanes", "limit", "optimizer", "owns", "rows", "rules", "start", "stop",
        "stops", "tensors", "tracks", "values", "watched", "written",
    )  # fmt: skip

    def __init__(self, optimizer: Any, rules: Sequence[Rule]) -> None:
        self.optimizer: Optimizer = optimizer
        self.rules = tuple(rules)
        self.edits: tuple[Edit, ...] = ()
        self.owns: list[float] = []
        self.tensors: list[Tensor] = []
        self.tracks: list[Track] = []
        self.lanes: list[Lane] = []
        self.columns: list[Column] = []
        self.groups: list[ParamGroup] = []
        self.values: list[float] = []
        self.written: float | None = None
        self.found_inf: Tensor | None = None
        self.fresh = self.fast = False
        #: Whether there is more to do in every step: a run is kept.
        self.watched = False
        #: Where the run ends, edits included.
        self.end = math.inf
        self.folded: Folded | None = None
        #: Commands that nobody has taken, and what asks the training to stop.
        self.asked: list[Edit] = []
        self.stops: list[Edit] = []
        self.start = self.index = self.count = self.stop = self.limit = self.rows = 0

    @property
    def position(self) -> int:
        """The step whose values are written."""
        return self.start + self.index

    @property
    def names(self) -> list[str | None]:
        """The names of the groups as the optimizer has them now."""
        return [name_of(group) for group in self.optimizer.param_groups]

    @property
    def stale(self) -> bool:
        """Whether the optimizer's groups are no longer those that are written to."""
        groups = self.optimizer.param_groups
        return groups is not self.groups or len(groups) != self.count

    @property
    def stop_asked(self) -> str | None:
        """Why the training is asked to stop at this position, or None."""
        for edit in self.stops:
            if (edit.step or 0) <= self.position:
                by = f"stopped by {edit.author or 'hand'}"
                return f"{by}: {edit.reason}" if edit.reason else by
        return None

    @property
    def finished(self) -> bool:
        """Whether the training is to end at this position."""
        return self.position >= self.end or self.stop_asked is not None

    def ending(self) -> tuple[Literal["done", "stopped"], str]:
        """Return how a run that ends at this position has ended, and why."""
        if self.position >= self.end or math.isinf(self.end):
            return "done", ""
        return "stopped", self.stop_asked or f"ended at step {self.position} of {self.end:.10g}"

    def take_edits(self, edits: Sequence[Edit], position: int) -> None:
        """Take *edits* as those of the run, at *position*: commands up to there were obeyed."""
        self.edits = tuple(edits)
        self.asked = [e for e in edits if isinstance(e, Command) and (e.step or 0) > position]
        self.stops = [e for e in self.asked if isinstance(e, Stop)]

    def command(self, command: Command) -> None:
        """Take *command* for the loop, which no rate heeds."""
        self.edits = (*self.edits, command)
        self.asked.append(command)
        if isinstance(command, Stop):
            self.stops.append(command)

    def forget(self, obeyed: Container[str | Edit]) -> None:
        """Drop the commands that were *obeyed*: by their letter, or as they are without one."""
        kept = lambda e: not (isinstance(e, Command) and (e.letter or e) in obeyed)  # noqa: E731
        self.edits = tuple(filter(kept, self.edits))
        self.asked = [*filter(kept, self.asked)]
        self.stops = [*filter(kept, self.stops)]

    def adopt(self) -> range:
        """Take the optimizer's groups as they are now; return the indices of those added."""
        groups: list[ParamGroup] = self.optimizer.param_groups
        added = range(len(self.owns), len(groups))
        check_rules(self.rules, groups)
        self.owns.extend(rate_in(groups[i]) for i in added)
        self.groups, self.count = groups, len(groups)
        self.revise()
        return added

    def revise(self) -> None:
        """Make tracks and lanes anew: the rules, the edits or the groups have changed."""
        groups = self.groups
        self.tracks, self.folded = edited_tracks(
            declared_tracks(self.rules, self.names, self.owns), self.names, self.edits, self.folded
        )
        self.end = end_of(self.tracks)
        places = [(track.index, track.hyper) for track in self.tracks]
        self.tensors = own_tensors(groups, places, self.tensors)
        self.lanes, self.columns = make_lanes(self.tracks, groups)
        self.fast = self._one_column()
        self.rows = 0
        self._forget()

    def go(self, position: int) -> None:
        """Write the values of step *position*, tabulating the block it is in where needed."""
        row = position - self.start
        if not (self.rows and 0 <= row < len(self.columns[0].values)):
            self._tabulate(position)
            row = 0
        for lane in self.lanes:
            lane.write(row)
        self.index = row
        alone = self.lanes[0]
        if self.fast:
            self.written = alone.written if isinstance(alone, NumberLane) else None

    def allow(self, steps: float) -> None:
        """Let `Scheduler.step` go on by itself for at most *steps* more steps."""
        rows = len(self.columns[0].values) if self.columns else 0
        self.limit = int(min(rows, self.index + steps + 1))
        self.stop = self.limit if self.fast and not self.watched else 0

    def changed(self) -> int | None:
        """Return the index of a group whose value is not the one last written, or None."""
        if self.stop and isinstance(self.lanes[0], NumberLane):
            self.lanes[0].written = self.written  # the steps went past the lane
        for lane in self.lanes:
            if (index := lane.changed()) is not None:
                return index
        return None

    def rate(self, index: int) -> Track | None:
        """Return the track of a group's rate, or None where nothing drives it."""
        return next((t for t in self.tracks if t.hyper == RATE and t.index == index), None)

    def look_ahead(self, position: int) -> None:
        """Raise `SpecError` where a rate is none in the steps to come: all, or AHEAD among them."""
        last = min(self.end, position + FAR)
        count = int(max(1, min(last - position + 1, AHEAD)))
        steps = np.unique(np.linspace(position, max(last, position), count).round())
        for track in {track.source: track for track in self.tracks}.values():
            track.values(steps)

    def halt(self) -> None:
        """Never write again."""
        self.stop = self.limit = 0

    def _tabulate(self, position: int) -> None:
        most = max(1, BLOCK // len(self.columns))
        self.rows = min(most, self.rows * 4 if self.rows else FIRST)
        self.values = []  # let the old block go before the new one comes
        for column in self.columns:
            column.values = []
        for column in self.columns:
            column.fill(position, position + self.rows)
        self.start = position
        if self.fast:
            self.values = self.columns[0].values

    def _one_column(self) -> bool:
        """Return whether plain numbers of one column are the rate of every group, and all."""
        if len(self.lanes) != 1:
            return False
        lane = self.lanes[0]
        return (
            isinstance(lane, NumberLane)
            and lane.key == RATE
            and lane.factors is None
            and len(lane.groups) == self.count
        )

    def _forget(self) -> None:
        self.stop = self.limit = 0
        self.values, self.written = [], None
