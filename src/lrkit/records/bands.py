"""What is drawn of a metric: for each part of the steps its mean, lowest and highest value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrkit.records.buckets import Buckets
from lrkit.records.cells import Cells, Floats, Ints, halved


class Knots(NamedTuple):
    """Points of an axis against the step, rising; between them it is straight.

    Without points it is straight everywhere, *per* steps a unit.
    """

    steps: Floats
    values: Floats
    per: float = 0.0

    @classmethod
    def straight(cls, per: float) -> Knots:
        """Return the axis on which a unit has *per* steps."""
        return cls(np.empty(0), np.empty(0), per)

    def at(self, places: Floats) -> Floats:
        """Return the axis at steps *places*; before the first knot and after the last it holds.

        >>> Knots(np.array([0.0, 10.0]), np.array([0.0, 1.0])).at(np.array([5.0, 20.0])).tolist()
        [0.5, 1.0]
        """
        return places / self.per if self.per else _between(places, self.steps, self.values)

    def back(self, values: Floats) -> Floats:
        """Return the steps at which the axis has *values*.

        >>> Knots.straight(100).back(np.array([0.5])).tolist()
        [50.0]
        """
        return values * self.per if self.per else _between(values, self.values, self.steps)


def _between(x: Floats, known: Floats, values: Floats) -> Floats:
    if not len(known):
        return np.full(len(x), np.nan)
    found: Floats = np.interp(x, known, values)
    return found


class Mark(NamedTuple):
    """A moment of an overview: what has changed since is told by it."""

    life: int
    generation: int
    change: int
    width: int


@dataclass(frozen=True, eq=False)
class Band:
    """A metric, or what has changed of it, a number for each part in which it was recorded.

    `places` are mean steps; `low`, `high` and `mean` are of the finite values (NaN where there is
    none), `first` and `last` of all; `count` values were recorded there, `nans` and `infs` of
    them not finite. The parts take the place of those from number `keep` on, and `mark` is what
    to ask by for what comes after; a part is `mark.width` steps wide.
    """

    name: str
    mark: Mark
    keep: int
    places: Floats
    low: Floats
    high: Floats
    mean: Floats
    first: Floats
    last: Floats
    count: Ints
    nans: Ints
    infs: Ints

    def where(self, keep: NDArray[np.bool_]) -> Band:
        """Return the parts at which *keep* holds, as a band of its own."""
        kept: dict[str, Any] = {
            name: value[keep] for name, value in vars(self).items() if isinstance(value, np.ndarray)
        }
        return replace(self, keep=0, **kept)


def band_of(buckets: Buckets, name: str, points: int, since: Mark | None, life: int) -> Band:
    """Return metric *name* of *buckets* in at most *points* parts, from the first changed on.

    It is the whole where *since* is None, or the parts are others since then.
    """
    cells, origin = buckets.metrics[name][: buckets.used], buckets.origin
    mark = mark_of(buckets, points, life)
    changed = np.flatnonzero(buckets.stamps[: buckets.used] > (since.change if since else -1))
    first = int(changed[0]) if len(changed) else len(cells)
    for _ in range(mark.width.bit_length() - buckets.width.bit_length()):
        cells, first = halved(cells, bool(origin & 1)), (first + (origin & 1)) // 2
        origin >>= 1
    if since is None or since._replace(change=mark.change) != mark:
        first = 0
    here = np.flatnonzero(cells["count"])
    keep = int(np.searchsorted(here, first))
    return _band(name, mark, keep, cells[here[keep:]])


def mark_of(buckets: Buckets, points: int, life: int) -> Mark:
    """Return the mark that a band of at most *points* parts would have."""
    used, origin, width = buckets.used, buckets.origin, buckets.width
    while used > max(points, 1):
        used = (used + (origin & 1) + 1) // 2
        origin, width = origin >> 1, width << 1
    return Mark(life, buckets.generation, buckets.change, width)


def _band(name: str, mark: Mark, keep: int, cells: Cells) -> Band:
    finite = cells["count"] > cells["nans"] + cells["infs"]
    low, high, mean = (np.where(finite, cells[of], np.nan) for of in ("low", "high", "mean"))
    return Band(
        name=name,
        mark=mark,
        keep=keep,
        places=cells["place"].copy(),
        low=low,
        high=high,
        mean=mean,
        first=cells["first"].copy(),
        last=cells["last"].copy(),
        count=cells["count"].copy(),
        nans=cells["nans"].copy(),
        infs=cells["infs"].copy(),
    )


def time_knots(buckets: Buckets) -> Knots:
    """Return the seconds of training against the step."""
    cells = _filled(buckets.clock[: buckets.used])
    return Knots(_ends(cells["begin"], cells["end"]), _ends(cells["first"], cells["last"]))


def area_knots(buckets: Buckets) -> Knots:
    """Return the sum of the rates of all updates before a step, against the step.

    Each rate counts until the next one that was recorded.
    """
    cells = _filled(buckets.metrics["lr"][: buckets.used])
    if not len(cells):
        return Knots(np.empty(0), np.empty(0))
    begins = cells["begin"].astype(np.float64)
    edges = np.concatenate((begins, [float(cells["end"][-1]) + 1.0]))
    with np.errstate(over="ignore", invalid="ignore"):  # rates that no optimizer survives
        areas = np.concatenate(([0.0], np.cumsum(cells["mean"] * np.diff(edges))))
    return Knots(edges, areas)


def _filled(cells: Cells) -> Cells:
    some: Cells = cells[cells["count"] > 0]
    return some


def _ends(begin: NDArray[np.generic], end: NDArray[np.generic]) -> Floats:
    return np.stack((begin, end), axis=1).ravel().astype(np.float64)
