"""A logged run as a value: its losses, and the rate of every update until the last of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrkit.errors import DataError
from lrkit.schedules import Schedule, parse

Array = NDArray[np.float64]
Index = NDArray[np.int64]

LONGEST: Final = 1 << 26  # updates: half a gigabyte of rates
LATE: Final = 0.2  # of the last step: a log that begins later began at a branch, not at a warm-up
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
) -> LossCurve:
    """Return the curve of a run, cleaned, with the rate of every update.

    The rates come from *schedule* over *total* updates where it is given; else from *rates*, one
    logged beside each loss, joined by lines. Before the first logged row the rate is taken to
    have risen linearly from 0 where the first rate is the highest or still rises, which `notes`
    says. Rows whose step, loss or rate is not finite are left out, of rows with the same step the
    last one counts; both are noted.

    Raises `DataError` for columns of different lengths, fewer than two good rows, losses that are
    not above 0, negative steps or rates, and for rows after the end of the schedule.
    """
    step, loss, given, notes = _clean(name, *_columns(name, steps, losses, rates))
    if schedule is not None:
        text = str(schedule)
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
        row = curve.values(0, int(step[-1]) + 1)
    else:
        text, length = "", int(total) if total is not None else int(step[-1]) + 1
        row = _interpolated(step, given, notes)
    if row.max() <= 0:
        raise DataError(f"{name}: some rate must be above 0, all are 0; nothing was trained")
    for column in (step, loss, row):
        column.setflags(write=False)
    return LossCurve(name, step, loss, row, text, max(length, len(row)), tuple(notes))


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
        notes.append(f"{int((~good).sum())} rows that are not finite were left out")
    step, loss, rate = step[good], loss[good], rate[good]
    whole = np.round(step).astype(np.int64)
    order = np.argsort(whole, kind="stable")
    whole, loss, rate = whole[order], loss[order], rate[order]
    keep = np.append(whole[1:] != whole[:-1], True)[: len(whole)]
    if not keep.all():
        notes.append(f"{int((~keep).sum())} rows repeat a step; the last of each counts")
    whole, loss, rate = whole[keep], loss[keep], rate[keep]
    if len(whole) < 2:
        raise DataError(f"{name}: a curve needs two rows or more, {len(whole)} are good")
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


def _interpolated(step: Index, rate: Array, notes: list[str]) -> Array:
    """Return the rate of every update, joined by lines between the rows, and say what it assumes.

    A step of the staircase kind (the same rate, then another, then the same) is kept sharp: it is
    put at the later row, because a line across would be a cooldown that never was.
    """
    at, value = step.astype(np.float64), rate
    flat_before = np.concatenate([[True], np.diff(rate) == 0])
    flat_after = np.concatenate([np.diff(rate) == 0, [True]])
    jump = np.flatnonzero((np.diff(rate) != 0) & flat_before[:-1] & flat_after[1:])
    at = np.insert(at, jump + 1, at[jump + 1] - 1)
    value = np.insert(value, jump + 1, rate[jump])
    row = np.interp(np.arange(int(step[-1]) + 1), at, value)
    first = int(step[0])
    notes.append("the rates were read off the log, joined by lines")
    if jump.size:
        notes.append(f"{jump.size} jumps of the rate are put at the first row that shows them")
    if first > 0:
        rise = first if first <= LATE * step[-1] else max(int(SHORT * step[-1]), 1)
        row[:first] = rate[0]
        row[:rise] = rate[0] * (np.arange(rise) + 1) / (rise + 1)
        notes.append(
            f"before the first row, at step {first}, the rate is taken to have risen linearly "
            f"from 0 over {rise} updates"
            + (" and held" if rise < first else "")
            + "; give the schedule where that is wrong"
        )
    return row
