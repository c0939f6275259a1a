"""Runs cut into cells, so that a law costs points times rate changes and not points times steps.

A law sums over all updates before a logged point. Most updates change the rate by nothing or by
little, so the updates of a run are merged into cells: their edges are the logged points where the
rate varies, every jump, and a geometric raster of steps. What a law needs of a cell (sum and mean
of its rates, its change and where that stands) is exact; only the order inside a cell is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lrkit.laws.curves import LossCurve

Array = NDArray[np.float64]
Index = NDArray[np.int64]

RATIO: Final = 1.07  # of neighbouring edges of the raster, in steps
MOST: Final = 640  # edges of a run at logged points; more are thinned, a million steps need no more
SPARSE: Final = 1.3  # the same where no logged point is near
EARLY: Final = 4  # by how much a step must come before the first logged point to be far from it
FALL: Final = 0.04  # of the logarithm of the rate: the most a cell should fall by
LOW: Final = 1e-3  # of the peak: below it the rate's logarithm does not count
JUMP: Final = 0.02  # of the peak: a change within one update that gets an edge of its own


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of all runs in one row, and the pairs (point, cell before it) in another.

    Of points: `sums` is the sum of rates until then, `updates` their number, `rates` the last
    one, `run` the index of the run. Of cells: `mean` and `length` in updates, `begin` and `end`
    as sums, `step` the first update, `change` the sum of the rate's changes, with their weighted
    `place` (as a sum), `place_step` (as a number of updates) and `after` (the rate after them).
    `row` and `column` list all pairs; `change_row` and `change_column` those with a change.
    """

    sums: Array
    updates: Array
    rates: Array
    run: Index
    peaks: Array
    mean: Array
    length: Array
    begin: Array
    end: Array
    step: Array
    change: Array
    place: Array
    place_step: Array
    after: Array
    owner: Index
    first: Index
    last: Index
    row: Index
    column: Index
    change_row: Index
    change_column: Index
    _clocks: dict[float, tuple[Array, Array, Array]] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len(self.peaks)

    def total(self, values: Array, rows: Index) -> Array:
        """Return the sum of *values* (one a pair) for each point."""
        return np.bincount(rows, values, minlength=len(self.sums)).astype(np.float64)

    def clock(self, power: float) -> tuple[Array, Array, Array]:
        """Return sum(rate^power) until each cell's begin, each cell's end, and each point."""
        if power == 1:
            return self.begin, self.end, self.sums
        if power not in self._clocks:
            gone = np.concatenate([[0.0], np.cumsum(self.length * self.mean**power)])
            zero = gone[self.first][self.owner]
            begin, end = gone[:-1] - zero, gone[1:] - zero
            inside = (self.updates - self.step[self.last]) / self.length[self.last]
            at = begin[self.last] + inside * (end - begin)[self.last]
            self._clocks.clear()  # one is asked for again and again, then another for good
            self._clocks[power] = (begin, end, at)
        return self._clocks[power]


def grid_of(curves: Sequence[LossCurve], detail: int = 1) -> Grid:
    """Return the cells and pairs of *curves*; *detail* cells between neighbouring points."""
    parts = [_cells(curve, detail) for curve in curves]
    widths = [len(part["mean"]) for part in parts]
    offsets = np.concatenate([[0], np.cumsum(widths)])
    heights = [len(part["sums"]) for part in parts]
    tops = np.concatenate([[0], np.cumsum(heights)])
    joined: dict[str, Any] = {
        name: np.concatenate([part[name] for part in parts]) for name in _FLAT
    }
    before = np.concatenate([part["before"] for part in parts])
    run = np.repeat(np.arange(len(parts)), heights)
    row = np.repeat(np.arange(tops[-1]), before)
    within = np.arange(len(row)) - np.repeat(np.cumsum(before) - before, before)
    column = within + offsets[run[row]]
    changed = joined["change"][column] != 0
    return Grid(
        **joined,
        run=run,
        peaks=np.array([curve.peak for curve in curves]),
        owner=np.repeat(np.arange(len(parts)), widths),
        first=offsets[:-1],
        last=offsets[run] + before - 1,
        row=row,
        column=column,
        change_row=row[changed],
        change_column=column[changed],
    )


_FLAT: Final = (
    "sums", "updates", "rates", "mean", "length", "begin", "end", "step",
    "change", "place", "place_step", "after",
)  # fmt: skip


def _cells(curve: LossCurve, detail: int) -> dict[str, Array]:
    """Return the columns of one run; `before` is the number of cells that begin before a point."""
    rates = curve.rates
    updates = curve.updates
    steps = np.diff(rates, prepend=0.0)
    edges = _edges(rates, updates, detail)
    start, width = edges[:-1], np.diff(edges)
    gone = np.concatenate([[0.0], np.cumsum(rates)])
    size = np.abs(steps)
    weight = np.add.reduceat(size, start)
    some = weight > 0
    safe = np.where(some, weight, 1.0)

    def centre(values: Array) -> Array:
        return np.where(some, np.add.reduceat(size * values, start) / safe, values[start])

    return {
        "sums": gone[updates],
        "updates": updates.astype(np.float64),
        "rates": rates[np.maximum(updates - 1, 0)],
        "mean": np.diff(gone[edges]) / width,
        "length": width.astype(np.float64),
        "begin": gone[start],
        "end": gone[edges[1:]],
        "step": start.astype(np.float64),
        "change": np.add.reduceat(steps, start),
        "place": centre(gone[:-1]),
        "place_step": centre(np.arange(len(rates), dtype=np.float64)),
        "after": centre(rates),
        "before": np.searchsorted(edges, updates, side="left").astype(np.int64),
    }


def _edges(rates: Array, updates: Index, detail: int) -> Index:
    """Return where cells begin and end, in updates, from 0 to the end of *rates*."""
    end = len(rates)
    moves = np.abs(np.diff(rates))
    # A point is an edge when the rate varies on either side of it.
    points = np.unique(np.concatenate([[0], updates, [end]]))
    if detail > 1:
        shares = np.arange(detail) / detail
        parts = points[:-1, None] + np.diff(points)[:, None] * shares
        points = np.unique(np.append(np.round(parts), end).astype(np.int64))
    varies = np.concatenate([[0], np.cumsum(moves > 0)])
    between = np.diff(varies[np.minimum(points, end - 1)]) > 0
    near = np.concatenate([between[:1], between[:-1] | between[1:], between[-1:]])
    jumps = np.flatnonzero(moves > JUMP * rates.max()) + 1
    # Where the rate falls fast between two points, what a drop pays depends on which rate it met.
    floors = np.floor(np.log(np.maximum(rates, LOW * rates.max())) / (FALL / detail))
    levels = np.flatnonzero(np.diff(floors) < 0) + 1
    most = MOST * detail
    kept = [_thinned(places, most) for places in (points[near], jumps, levels)]
    edges = np.unique(np.concatenate([*kept, [0, end]]))
    return np.union1d(edges, _raster(edges, end, int(updates[0]), detail))


def _thinned(places: Index, most: int) -> Index:
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).astype(np.int64)]


def _raster(edges: Index, end: int, first: int, detail: int) -> Index:
    """Return geometric steps that fill the gaps between *edges* wider than their own.

    They are sparse long before the *first* point, where no point tells one cell from the next.
    """
    ratio = RATIO ** (1 / detail)
    near = max(first / EARLY, 1.0)
    sparse = _powers(SPARSE ** (1 / detail), 1.0, near)
    raster = np.unique(np.concatenate([sparse, _powers(ratio, near, end)]).astype(np.int64))
    raster = raster[raster < end]
    right = np.searchsorted(edges, raster, side="left")
    wide = edges[right] > ratio * np.maximum(edges[right - 1], 1)
    return np.asarray(raster[wide])


def _powers(ratio: float, low: float, high: float) -> Array:
    """Return low, low ratio, low ratio^2, ... below *high*, as whole numbers."""
    count = max(int(np.log(high / low) / np.log(ratio)), 0) + 1
    return np.asarray(np.round(low * ratio ** np.arange(count)))
