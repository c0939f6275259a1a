"""Metrics in a fixed number of buckets of steps, whatever the length of the run.

A bucket is 2^k steps wide, the same for all metrics. When the steps no longer fit, neighbours
become one and the width doubles; so a run of S steps has between CAPACITY / 2 and CAPACITY
buckets, and one step a bucket while there are no more than CAPACITY.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lrkit.records.blocks import Rows
from lrkit.records.cells import Cells, combined, empty, gathered, halved

CAPACITY: Final = 2048
MOST: Final = 256
"""Metrics kept; a program that writes more names is told what was left out."""
NOWHERE: Final = np.iinfo(np.int64).max


class Buckets:
    """Cells of each metric, and of the time, by bucket.

    `metrics` has a row of `capacity` cells for each name, `clock` one for the time; slot i holds
    the steps [(origin + i) * width, (origin + i + 1) * width), `used` slots are in use.
    `stamps` has for each slot the number of the last change, `generation` grows when slots
    change their meaning or lose what they had. `left_out` counts values of names beyond MOST.

    >>> buckets = Buckets()
    >>> rows = Rows(np.arange(5000), np.arange(5000.0), {"loss": (np.ones(5000), None)})
    >>> buckets.add(rows, offset=0)
    >>> buckets.width, buckets.used, int(buckets.metrics["loss"]["count"].sum())
    (4, 1250, 5000)
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity: Final = capacity
        self.shift = 0
        self.origin = 0
        self.used = 0
        self.clock = empty(self.capacity)
        self.metrics: dict[str, Cells] = {}
        self.stamps = np.zeros(self.capacity, np.int64)
        #: The first byte of the journal at which something of the bucket may stand.
        self.places = np.full(self.capacity, NOWHERE)
        self.generation = 0
        self.change = 0
        self.left_out = 0

    @property
    def width(self) -> int:
        """The steps in a bucket."""
        return 1 << self.shift

    def add(self, rows: Rows, offset: int, clock: bool = True) -> None:
        """Take in *rows*, which stand at byte *offset* of the journal or after it.

        Their times are kept where they tell the *clock* of the run.
        """
        steps = rows.steps
        if not len(steps):
            return
        self.change += 1
        self._make_room(int(steps.min()), int(steps.max()))
        slots = (steps >> self.shift) - self.origin
        touched = np.unique(slots)
        self.used = max(self.used, int(touched[-1]) + 1)
        self.stamps[touched] = self.change
        self.places[touched] = np.minimum(self.places[touched], offset)
        if clock:
            _add(self.clock, slots, steps, rows.times)
        for name, (column, here) in rows.values.items():
            if (cells := self.metrics.get(name)) is None:
                if len(self.metrics) >= MOST:
                    self.left_out += len(column) if here is None else int(here.sum())
                    continue
                cells = self.metrics[name] = empty(self.capacity)
            if here is None:
                _add(cells, slots, steps, column)
            else:
                _add(cells, slots[here], steps[here], column[here])

    @property
    def last_step(self) -> int | None:
        """The largest step there is, None where there is none."""
        ends = self.clock["end"][: self.used][self.clock["count"][: self.used] > 0]
        return int(ends.max()) if len(ends) else None

    def slot_of(self, step: int) -> int:
        """Return the slot that holds *step*; it may be less than 0 or more than there are."""
        return (step >> self.shift) - self.origin

    def begin_of(self, slot: int) -> int:
        """Return the first step of *slot*."""
        return (self.origin + slot) << self.shift

    def clear(self, slot: int) -> int:
        """Empty *slot* and all after it; return the first byte at which they may have stood."""
        slot = max(slot, 0)
        place = int(self.places[slot:].min(initial=NOWHERE))
        if slot < self.used:
            self.generation += 1
            self.change += 1
            for cells in self._all():
                cells[slot:] = empty(self.capacity - slot)
            self.places[slot:] = NOWHERE
            self.used = slot
        return place

    def _all(self) -> Iterable[Cells]:
        return (self.clock, *self.metrics.values())

    def _make_room(self, first: int, last: int) -> None:
        """Make the buckets wide enough for steps *first* to *last* besides what they have."""
        if not self.used:
            self.shift = 0
            while (last >> self.shift) - (first >> self.shift) >= self.capacity:
                self.shift += 1
            self.origin = first >> self.shift
            return
        first, last = min(first, self.begin_of(0)), max(last, self.begin_of(self.used - 1))
        while (last >> self.shift) - (first >> self.shift) >= self.capacity:
            self._double()
        if (first >> self.shift) < self.origin:
            self._move(self.origin - (first >> self.shift))

    def _double(self) -> None:
        odd = bool(self.origin & 1)
        for cells in self._all():
            half = halved(cells[: self.used], odd)
            cells[: len(half)] = half
            cells[len(half) :] = empty(self.capacity - len(half))
        count = int(odd) + self.used
        paired = np.full(count + count % 2, NOWHERE)
        paired[int(odd) : count] = self.places[: self.used]
        paired = paired.reshape(-1, 2).min(axis=1)
        self.places[:] = NOWHERE
        self.places[: len(paired)] = paired
        self.shift += 1
        self.origin >>= 1
        self.used = len(paired)
        self.generation += 1

    def _move(self, by: int) -> None:
        """Make *by* slots free before the first."""
        keep = self.capacity - by
        for cells in self._all():
            cells[by:] = cells[:keep].copy()
            cells[:by] = empty(by)
        self.places[by:] = self.places[:keep].copy()
        self.places[:by] = NOWHERE
        self.origin -= by
        self.used += by
        self.generation += 1


def _add(
    cells: Cells, slots: NDArray[np.int64], steps: NDArray[np.int64], values: NDArray[np.float64]
) -> None:
    if len(slots):
        touched, fresh = gathered(slots, steps, values)
        cells[touched] = combined(cells[touched], fresh)
