"""A logged run as a value: its losses, and the rate of every update until the last of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrkit.errors import DataError
from lrkit.schedules import Schedule, parse

Array = NDArray[np.float64]
Index = NDArray[np.int64]

LONGEST: Final = 1 << 26  # updates: half a gigabyte of rates
LATE: Final = 0.2  # of the last step: a log that begins later began at a branch, not at a warm-up
BLOCKS: Final = 1000  # points of a run in a fit; one batch says little, and more cost time
BEND: Final = 0.05  # of the points before a block: its most, so that the loss bends little within
SHORT: Final = 0.01  # of the last step: the warm-up such a log is taken to have had


@dataclass(frozen=True, eq=False)
class LossCurve:
    """The losses of one run, and the rates that led to them.

    - `steps`, (n,): the update at which each loss was logged, rising, from 0. A loss logged at
      step t belongs to the rates of updates 0, ..., t (the convention of the published tables).
    - `losses`, (n,): finite and above 0.
    - `rates`, (m,): the rate of every update from 0 to the last step, m = steps[-1] + 1.
    - `schedule`: the text the rates come from; "" where they were read off the log.
    - `total`: the length of the whole training in updates.
    - `notes`: what was dropped or assumed, for the reader.

    >>> curve = loss_curve("a", [10, 20], [3.0, 2.5], schedule="0.1 * linear()", total=40)
    >>> len(curve.rates), curve.peak, curve.final_rate
    (21, 0.1, 0.05)
    """

    name: str
    steps: Index
    losses: Array
    rates: Array
    schedule: str = ""
    total: int = 0
    notes: tuple[str, ...] = ()

    @property
    def updates(self) -> Index:
        """How many updates each loss has seen."""
        return self.steps + 1

    @property
    def peak(self) -> float:
        """The highest rate."""
        return float(self.rates.max())

    @property
    def final_rate(self) -> float:
        """The rate of the last update that a loss has seen."""
        return float(self.rates[-1])

    @property
    def final_loss(self) -> float:
        """The mean of the last losses, those of the last 2 % of the steps: less noise than one."""
        return float(self.losses[self.tail].mean())

    @property
    def tail(self) -> NDArray[np.bool_]:
        """Which points make the final loss."""
        return np.asarray(self.steps >= 0.98 * self.steps[-1])

    @property
    def decays(self) -> bool:
        """Whether the rate falls by more than 5 % of its peak before the last logged point."""
        top = int(self.rates.argmax())
        return bool(self.rates[top:].min() < 0.95 * self.peak)


def loss_curve(
    name: str,
    steps: ArrayLike,
    losses: ArrayLike,
    *,
    schedule: str | Schedule | None = None,
    total: float | None = None,
    rates: ArrayLike | None = None,
    rate_steps: ArrayLike | None = None,
) -> LossCurve:
    """Return the curve of a run, cleaned, with the rate of every update.

    The rates come from *schedule* over *total* updates where it is given; else from *rates*, one
    logged beside each loss, joined by lines. Before the first logged row the rate is taken to
    have risen linearly from 0 where the first rate is the highest or still rises, which `notes`
    says. Rows whose step, loss or rate is not finite are left out, of rows with the same step the
    last one counts; both are noted.

    Rates logged at other steps than the losses come with *rate_steps*. Rows before the first rate
    above 0, where nothing was trained yet, are left out, too.

    Raises `DataError` for columns of different lengths, fewer than two good rows, losses that are
    not above 0, negative steps or rates, and for rows after the end of the schedule.
    """
    beside = rates if rate_steps is None else None
    step, loss, given, notes = _clean(name, *_columns(name, steps, losses, beside))
    if schedule is not None:
        text = str(schedule)
        row, length = _scheduled(name, step, schedule, total, notes)
    else:
        text, length = "", int(total) if total is not None else int(step[-1]) + 1
        if rate_steps is None:
            row = _interpolated(step, given, int(step[-1]), notes)
        else:
            at, values = _rate_rows(name, rate_steps, rates)
            row = _interpolated(at, values, int(step[-1]), notes)
    if row.max() <= 0:
        raise DataError(f"{name}: some rate must be above 0, all are 0; nothing was trained")
    trained = np.cumsum(row)[step] > 0
    if not trained.all():
        notes.append(f"{int((~trained).sum())} rows before the first rate above 0 were left out")
        step, loss = step[trained], loss[trained]
    if len(step) < 2:
        raise DataError(f"{name}: a curve needs two rows or more after the first rate above 0")
    for column in (step, loss, row):
        column.setflags(write=False)
    return LossCurve(name, step, loss, row, text, max(length, len(row)), tuple(notes))


def _scheduled(
    name: str, step: Index, schedule: str | Schedule, total: float | None, notes: list[str]
) -> tuple[Array, int]:
    """Return the rate of every update up to the last of *step*, and how long the schedule is."""
    value = parse(schedule) if isinstance(schedule, str) else schedule
    curve = value.over(total) if total is not None else value.over(int(step[-1]) + 1)
    length = curve.steps
    if step[-1] >= length:
        if step[-1] > length:
            raise DataError(
                f"{name}: rows must lie within the {length} updates of its schedule, the last "
                f"is at step {step[-1]}; give the total it was trained for"
            )
        notes.append(f"the row at step {step[-1]}, after the last update, counts as its loss")
        step[-1] = length - 1
    return curve.values(0, int(step[-1]) + 1), length


def _rate_rows(name: str, steps: ArrayLike, rates: ArrayLike | None) -> tuple[Index, Array]:
    """Return where rates were logged, and these, without rows that are not finite."""
    step = np.array(steps, dtype=np.float64).reshape(-1)
    rate = np.array([] if rates is None else rates, dtype=np.float64).reshape(-1)
    if len(step) != len(rate):
        raise DataError(
            f"{name}: rates need one step each, got {len(rate)} rates and {len(step)} steps"
        )
    good = np.isfinite(step) & np.isfinite(rate) & (step >= 0) & (step < LONGEST)
    whole, last = np.unique(np.round(step[good]).astype(np.int64)[::-1], return_index=True)
    if not len(whole):
        raise DataError(f"{name}: no row has a rate; give the schedule, or another column")
    value = rate[good][::-1][last]
    if value.min() < 0:
        raise DataError(f"{name}: rates must be at least 0, got {value.min():g}")
    return whole, value


def in_blocks(curve: LossCurve, most: int = BLOCKS) -> LossCurve:
    """Return *curve* with neighbouring losses averaged, so that about *most* points are left.

    Blocks are short at the start, where the loss bends; the rates stay those of every update. A
    curve with no more than *most* points is returned as it is.
    """
    points = len(curve.steps)
    if points <= most:
        return curve
    edges = [0]
    while (begin := edges[-1]) < points:
        edges.append(begin + max(1, min(-(-points // most), int(BEND * begin))))
    starts = np.array(edges[:-1])
    count = np.diff(np.append(starts, points))
    steps = np.round(np.add.reduceat(curve.steps, starts) / count).astype(np.int64)
    return replace(curve, steps=steps, losses=np.add.reduceat(curve.losses, starts) / count)


def _columns(
    name: str, steps: ArrayLike, losses: ArrayLike, rates: ArrayLike | None
) -> tuple[Array, Array, Array]:
    step = np.array(steps, dtype=np.float64).reshape(-1)
    loss = np.array(losses, dtype=np.float64).reshape(-1)
    given = np.ones_like(step) if rates is None else np.array(rates, dtype=np.float64).reshape(-1)
    if not len(step) == len(loss) == len(given):
        raise DataError(
            f"{name}: steps, losses and rates must be of one length, got {len(step)}, {len(loss)} "
            f"and {len(given)}"
        )
    return step, loss, given


def _clean(
    name: str, step: Array, loss: Array, rate: Array
) -> tuple[Index, Array, Array, list[str]]:
    notes = []
    good = np.isfinite(step) & np.isfinite(loss) & np.isfinite(rate)
    if not good.all():
        notes.append(f"{int((~good).sum())} rows without a finite step, loss or rate were left out")
    step, loss, rate = step[good], loss[good], rate[good]
    whole = np.round(step).astype(np.int64)
    order = np.argsort(whole, kind="stable")
    whole, loss, rate = whole[order], loss[order], rate[order]
    keep = np.append(whole[1:] != whole[:-1], True)[: len(whole)]
    if not keep.all():
        notes.append(f"{int((~keep).sum())} rows repeat a step; the last of each counts")
    whole, loss, rate = whole[keep], loss[keep], rate[keep]
    if len(whole) < 2:
        raise DataError(f"{name}: a curve needs two good rows or more, got {len(whole)}")
    if whole[0] < 0 or whole[-1] >= LONGEST:
        raise DataError(
            f"{name}: steps must lie from 0 to {LONGEST}, got {whole[0]} to {whole[-1]}"
        )
    if loss.min() <= 0:
        raise DataError(
            f"{name}: losses must be above 0 (the laws work on their logarithm), got "
            f"{loss.min():g}; choose another column"
        )
    if rate.min() < 0:
        raise DataError(f"{name}: rates must be at least 0, got {rate.min():g}")
    return whole, loss, rate, notes


def _interpolated(step: Index, rate: Array, last: int, notes: list[str]) -> Array:
    """Return the rate of every update to the *last*, joined by lines between the rows.

    What it assumes goes to *notes*; where every update was logged that is nothing.

    A step of the staircase kind (the same rate, then another, then the same) is kept sharp: it is
    put at the later row, because a line across would be a cooldown that never was.
    """
    at, value = step.astype(np.float64), rate
    flat_before = np.concatenate([[True], np.diff(rate) == 0])
    flat_after = np.concatenate([np.diff(rate) == 0, [True]])
    jump = np.flatnonzero((np.diff(rate) != 0) & flat_before[:-1] & flat_after[1:])
    at = np.insert(at, jump + 1, at[jump + 1] - 1)
    value = np.insert(value, jump + 1, rate[jump])
    row = np.interp(np.arange(last + 1), at, value)
    first = min(int(step[0]), last + 1)
    if len(step) == step[-1] + 1 and step[-1] >= last:
        return row
    notes.append("the rates were read off the log, joined by lines")
    if jump.size:
        notes.append(f"{jump.size} jumps of the rate are put at the first row that shows them")
    if first > 0:
        rise = first if first <= LATE * last else max(int(SHORT * last), 1)
        row[:first] = rate[0]
        row[:rise] = rate[0] * (np.arange(rise) + 1) / (rise + 1)
        notes.append(
            f"before the first row, at step {first}, the rate is taken to have risen linearly "
            f"from 0 over {rise} updates"
            + (" and held" if rise < first else "")
            + "; give the schedule where that is wrong"
        )
    return row
