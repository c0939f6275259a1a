"""Take-overs: the rate set by hand for a while, and how they are written into an expression.

As long as the schedule in between need not be written out often, they stand one after the other,
as they happened; else as a sum. Both give the same values, bit for bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lrkit.control.pieces import part, product, sequence, step_table
from lrkit.schedules import Schedule, constant, linear
from lrkit.schedules.combine import Sum, join

FEW = 3


@dataclass(frozen=True)
class Take:
    """From *start* on the rate follows *ramp* for *over* steps, and is *level* from there to *end*.

    *end* None: it is in force.
    """

    start: int
    level: float
    ramp: Schedule | None = None
    over: int = 0
    end: int | None = None

    def scaled(
        self, at: int, factor: float, over: int | None, level: float | None
    ) -> tuple[Take, ...]:
        """Return it ended at *at*, and what goes on from there with *factor* on it.

        *level* is the new level where rounding should not decide it.
        """
        level = self.level * factor if level is None else level
        left = self.start + self.over - at
        rest = None
        if self.ramp is not None and left > 0:
            rest = self.ramp if at == self.start else self.ramp.part(at - self.start, self.over)
        if over is None:
            ramp, left = (None, 0) if rest is None else (factor * rest, left)
        elif rest is None:
            ramp, left = linear(self.level, level, over), over
        else:
            ramp, left = rest * linear(1.0, factor, over), max(left, over)
        ended = (replace(self, end=at),) if self.start < at else ()
        return (*ended, Take(at, level, ramp, left))

    def pieces(self, end: float | None, last: bool) -> list[Schedule]:
        """Return its pieces up to *end*; of the *last* one in a run the level stays open."""
        room = None if end is None else end - self.start
        if self.ramp is not None and room is not None and room <= self.over:
            # A run that ends within the ramp cuts it off by itself.
            return [self.ramp if last or room == self.over else self.ramp.part(0, room)]
        before = [] if self.ramp is None else [self.ramp]
        if last or room is None:
            return [*before, constant(self.level)]
        return [*before, constant(self.level, room - self.over)]


def stretches_between(takes: Sequence[Take]) -> int:
    """Return how often the schedule is in force, before, between and after *takes*."""
    gaps = sum(a.end is not None and a.end < b.start for a, b in itertools.pairwise(takes))
    return gaps + (takes[0].start > 0) + (takes[-1].end is not None)


def in_pieces(
    scheduled: Schedule, takes: Sequence[Take], until: float | None, room: float | None
) -> list[Schedule]:
    """Return parts of *scheduled*, a schedule for *room* steps, and *takes*, in turn.

    They go up to *until*, or (None) to the end of the run, which is at *room* (None: nowhere).
    """
    pieces: list[Schedule] = []
    end = room if until is None else until
    at: float | None = 0
    for take in takes:
        if at is not None and take.start > at:
            pieces.append(part(scheduled, at, take.start, take.start if room is None else room))
        last = take.end is None and until is None
        pieces += take.pieces(end if take.end is None else take.end, last)
        at = take.end
    if at is not None and end is not None and at < end:
        pieces.append(part(scheduled, at, end, end if room is None else room))
    return pieces


def in_sum(
    base: Schedule,
    factors: Sequence[tuple[int, float]],
    ramps: Sequence[Schedule],
    takes: Sequence[Take],
) -> Schedule:
    """Return base * factors * ramps, at 0 during *takes*, plus what those give and 0 elsewhere."""
    free, factor, rows = True, 1.0, [(0, 1.0)]
    ends = [(t.end, 0, True) for t in takes if t.end is not None]
    starts = [(t.start, 1, False) for t in takes]
    scales = [(at, 2, value) for at, value in factors]
    for at, kind, value in sorted([*ends, *starts, *scales], key=lambda row: row[:2]):
        if kind == 2:
            factor = float(value)
        else:
            free = bool(value)
        now = factor if free else 0.0
        if rows[-1][0] == at:
            rows[-1] = (at, now)
        else:
            rows.append((at, now))
    rows = [row for i, row in enumerate(rows) if i == 0 or row[1] != rows[i - 1][1]]
    return join(Sum, product([base, step_table(rows, 1.0), *ramps]), _levels(takes))


def _levels(takes: Sequence[Take]) -> Schedule:
    """Return what *takes* give, and 0 where none is in force; its last value holds."""
    if all(take.ramp is None for take in takes):
        rows = []
        for take, after in itertools.zip_longest(takes, takes[1:]):
            rows.append((take.start, take.level))
            if take.end is not None and (after is None or after.start > take.end):
                rows.append((take.end, 0.0))
        return step_table(rows, 0.0)
    pieces: list[Schedule] = []
    at = 0
    for take in takes:
        if take.start > at:
            pieces.append(constant(0.0, take.start - at))
        # Closed pieces alone: they fit whatever room the run has, and the last value holds.
        end = take.end if take.end is not None else take.start + take.over + 1
        pieces += take.pieces(end, last=False)
        at = end
    return sequence(pieces if takes[-1].end is None else [*pieces, constant(0.0, 1)])
