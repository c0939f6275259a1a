"""Cells: what is kept of many values of a metric, an array of records, one a stretch of steps.

Two cells make one without loss of what they tell: the lowest and highest value, the first and the
last, how many there were, and their mean. So a run of any length fits a fixed number of them.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: `count` values were recorded, `nans` and `infs` of them not finite; `low`, `high` and `mean` are
#: of the finite ones (infinity, -infinity and 0 where there is none), `first` and `last` of all;
#: `begin` and `end` are the steps of the first and the last, `place` is the mean step.
CELL: Final = np.dtype(
    [
        ("count", np.int64),
        ("nans", np.int64),
        ("infs", np.int64),
        ("begin", np.int64),
        ("end", np.int64),
        ("place", np.float64),
        ("first", np.float64),
        ("last", np.float64),
        ("low", np.float64),
        ("high", np.float64),
        ("mean", np.float64),
    ]
)

Cells: TypeAlias = NDArray[Any]
Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]


def empty(count: int) -> Cells:
    """Return *count* cells with nothing in them."""
    cells: Cells = np.zeros(count, CELL)
    cells["low"], cells["high"] = np.inf, -np.inf
    return cells


def gathered(slots: Ints, steps: Ints, values: Floats) -> tuple[Ints, Cells]:
    """Return the slots that occur, rising, and a cell of the values in each.

    *slots*, *steps* and *values* are of one length, in the order written.

    >>> slots, cells = gathered(
    ...     np.array([0, 0, 1]), np.array([0, 1, 2]), np.array([3.0, float("nan"), 5.0])
    ... )
    >>> slots.tolist(), cells["count"].tolist(), cells["nans"].tolist(), cells["mean"].tolist()
    ([0, 1], [2, 1], [1, 0], [3.0, 5.0])
    """
    if len(slots) > 1 and (slots[1:] < slots[:-1]).any():
        order = np.argsort(slots, kind="stable")
        slots, steps, values = slots[order], steps[order], values[order]
    starts = np.flatnonzero(np.concatenate(([True], slots[1:] != slots[:-1])))
    ends = np.concatenate((starts[1:], [len(slots)]))
    cells = empty(len(starts))
    cells["count"] = counts = ends - starts
    cells["begin"], cells["end"] = steps[starts], steps[ends - 1]
    cells["first"], cells["last"] = values[starts], values[ends - 1]
    cells["place"] = _means(steps.astype(np.float64), starts, counts)
    if np.isfinite(values).all():
        cells["low"] = np.minimum.reduceat(values, starts)
        cells["high"] = np.maximum.reduceat(values, starts)
        cells["mean"] = _means(values, starts, counts)
    else:
        _gather_some(cells, values, starts)
    return slots[starts], cells


def combined(before: Cells, after: Cells) -> Cells:
    """Return the cells that hold what *before* and *after* hold, place by place.

    >>> one = gathered(np.array([0]), np.array([0]), np.array([1.0]))[1]
    >>> two = gathered(np.array([0]), np.array([1]), np.array([3.0]))[1]
    >>> combined(one, two)["mean"].tolist(), combined(one, empty(1))["last"].tolist()
    ([2.0], [1.0])
    """
    out = np.empty_like(before)
    for name in ("count", "nans", "infs"):
        out[name] = before[name] + after[name]
    none, no_more = before["count"] == 0, after["count"] == 0
    for name in ("first", "begin"):
        out[name] = np.where(none, after[name], before[name])
    for name in ("last", "end"):
        out[name] = np.where(no_more, before[name], after[name])
    out["low"] = np.minimum(before["low"], after["low"])
    out["high"] = np.maximum(before["high"], after["high"])
    out["place"] = _mixed(before["place"], before["count"], after["place"], after["count"])
    out["mean"] = _mixed(before["mean"], _finite(before), after["mean"], _finite(after))
    return out


def halved(cells: Cells, odd: bool) -> Cells:
    """Return *cells* two by two; *odd* says that the first stands alone, its partner before it."""
    if odd:
        cells = np.concatenate((empty(1), cells))
    if len(cells) % 2:
        cells = np.concatenate((cells, empty(1)))
    return combined(cells[::2], cells[1::2])


def _gather_some(cells: Cells, values: Floats, starts: Ints) -> None:
    """Fill in *cells* what is told of the finite *values* alone."""
    finite, nan = np.isfinite(values), np.isnan(values)
    cells["nans"] = np.add.reduceat(nan, starts, dtype=np.int64)
    cells["infs"] = np.add.reduceat(~finite & ~nan, starts, dtype=np.int64)
    cells["low"] = np.minimum.reduceat(np.where(finite, values, np.inf), starts)
    cells["high"] = np.maximum.reduceat(np.where(finite, values, -np.inf), starts)
    cells["mean"] = _means(np.where(finite, values, 0.0), starts, np.maximum(_finite(cells), 1))


def _finite(cells: Cells) -> Ints:
    count: Ints = cells["count"] - cells["nans"] - cells["infs"]
    return count


def _means(values: Floats, starts: Ints, counts: Ints) -> Floats:
    # Divided before they are added: the sum of numbers near the largest would be none.
    sizes = np.diff(np.concatenate((starts, [len(values)])))
    return np.add.reduceat(values / np.repeat(counts, sizes), starts)


def _mixed(a: Floats, a_count: Ints, b: Floats, b_count: Ints) -> Floats:
    share = b_count / np.maximum(a_count + b_count, 1)
    mixed: Floats = a * (1.0 - share) + b * share
    return mixed
