"""Many candidate schedules at once, as rates at knots: what a design evaluates thousands of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lrkit.errors import SpecError
from lrkit.laws.grid import Array, Grid

CELLS: Final = 360
RISE: Final = 16  # cells of the warm-up


@dataclass(frozen=True, eq=False)
class Sketch:
    """Knots after a warm-up: *total* updates, of which *warm* rise linearly to the first knot.

    The knots lie closer to each other towards the end, where a decay is decided; between them the
    logarithm of the rate is a line.
    """

    total: int
    warm: int
    knots: Array
    edges: Array

    @classmethod
    def of(cls, total: int, warm: int, count: int) -> Sketch:
        """Return the sketch with *count* knots; raise `SpecError` where there is no room."""
        if not 0 <= warm < total or total - warm < 2 * count:
            raise SpecError(
                f"a design needs a warm-up of at least 0 and {2 * count} updates after it, got "
                f"warm-up {warm} of {total} updates; give a longer --total"
            )
        room = total - warm
        knots = warm + room * (1 - (1 - np.linspace(0, 1, count)) ** 1.6)
        shares = 1 - (1 - np.linspace(0, 1, CELLS + 1)) ** 2.0
        edges = warm + room * shares
        return cls(total, warm, knots, edges)

    def rates(self, logs: Array) -> Array:
        """Return the rates at the edges of the cells, (candidates, cells + 1), of log rates."""
        place = np.clip(np.searchsorted(self.knots, self.edges) - 1, 0, len(self.knots) - 2)
        inside = (self.edges - self.knots[place]) / np.diff(self.knots)[place]
        mixed = logs[:, place] * (1 - inside) + logs[:, place + 1] * inside
        return np.asarray(np.exp(mixed))

    def grid(self, logs: Array) -> Grid:
        """Return the grid of candidates with the log rates *logs*, (candidates, knots).

        Each candidate is a run with one point, its end.
        """
        rates = self.rates(np.atleast_2d(logs))
        runs = len(rates)
        edges = self.edges
        if self.warm:
            rise = np.linspace(0, self.warm, RISE + 1)[:-1]
            edges = np.concatenate([rise, edges])
            rates = np.concatenate([rates[:, :1] * rise / self.warm, rates], axis=1)
        length = np.diff(edges)
        mean = 0.5 * (rates[:, 1:] + rates[:, :-1])
        change = np.diff(rates, axis=1)
        change[:, 0] += rates[:, 0]
        sums = np.cumsum(mean * length, axis=1)
        begin = sums - mean * length
        cells = len(length)
        owner = np.repeat(np.arange(runs), cells)
        flat = np.arange(runs * cells)
        changed = change.reshape(-1) != 0
        return Grid(
            sums=sums[:, -1],
            updates=np.full(runs, float(self.total)),
            rates=rates[:, -1],
            run=np.arange(runs),
            peaks=rates.max(axis=1),
            mean=mean.reshape(-1),
            length=np.tile(length, runs),
            begin=begin.reshape(-1),
            end=sums.reshape(-1),
            step=np.tile(edges[:-1], runs),
            change=change.reshape(-1),
            place=(begin + 0.5 * mean * length).reshape(-1),
            place_step=np.tile(edges[:-1] + 0.5 * length, runs),
            after=mean.reshape(-1),
            owner=owner,
            first=np.arange(runs) * cells,
            last=np.arange(1, runs + 1) * cells - 1,
            row=owner,
            column=flat,
            change_row=owner[changed],
            change_column=flat[changed],
        )
