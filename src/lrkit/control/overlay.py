"""What a list of edits makes of a schedule: as two step tables, and as one schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lrkit.control.edits import Adjustment, Edit, GroupKey, Scale, Set
from lrkit.errors import SpecError
from lrkit.schedules import Horizon, Schedule, table

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Overlay:
    """The adjustments in force from each of *steps* on, rising; before the first there is none."""

    steps: tuple[int, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()

    def at(self, t: float) -> Adjustment:
        """Return the adjustment in force at step *t*."""
        i = int(np.searchsorted(self.steps, t, side="right"))
        return self.adjustments[i - 1] if i else Adjustment()

    def over(self, base: Array, t: Array) -> Array:
        """Return the rates at steps *t* where the schedule alone gives *base*."""
        if not self.steps:
            return base
        i = np.searchsorted(self.steps, t, side="right")
        factors = np.array([1.0, *(a.factor for a in self.adjustments)])
        nan = float("nan")
        levels = np.array([nan, *(nan if a.level is None else a.level for a in self.adjustments)])
        level = levels[i]
        return np.where(np.isnan(level), base * factors[i], level)

    def on(self, schedule: Schedule) -> Schedule:
        """Return *schedule* with the edits in it, as one expression of the same values."""
        if not self.steps:
            return schedule
        at = [0, *self.steps] if self.steps[0] > 0 else list(self.steps)
        now = [Adjustment(), *self.adjustments] if self.steps[0] > 0 else list(self.adjustments)
        factors = [0.0 if a.level is not None else a.factor for a in now]
        result = schedule
        if any(f != 1.0 for f in factors):
            result = result * table(factors, at=at, kind="step")
        if any(a.level for a in now):
            result = result + table([a.level or 0.0 for a in now], at=at, kind="step")
        return result


def overlay(edits: Iterable[Edit], rate: Callable[[int], float]) -> Overlay:
    """Return what *edits* do, in the order of their steps; *rate(step)* is the schedule's own.

    Edits at the same step act in the order given, and the last has the last word. Which group an
    edit is for is not looked at: `share_out` does that. Raises `SpecError` for an edit whose step
    is not filled in.

    >>> from lrkit.control import Scale
    >>> overlay([Scale(0.5, step=10), Scale(0.5, step=20)], lambda t: 1.0).at(25).factor
    0.25
    """
    steps: list[int] = []
    adjustments: list[Adjustment] = []
    now = Adjustment()
    for edit in in_order(edits):
        step = _step(edit)
        now = edit.adjust(now, lambda step=step: rate(step))  # type: ignore[misc]
        if steps and steps[-1] == step:
            adjustments[-1] = now
        else:
            steps.append(step)
            adjustments.append(now)
    return Overlay(tuple(steps), tuple(adjustments))


def share_out(
    edits: Iterable[Edit],
    names: Sequence[str | None],
    rates: Sequence[Callable[[int], float]],
) -> list[list[Edit]]:
    """Return the edits of each group: those for all groups are made into one for each.

    *names* are the groups' names (None: it has none), *rates* what each group's schedule alone
    gives at a step. Setting the rate of all groups keeps the ratios between them.
    """
    shares: list[list[Edit]] = [[] for _ in names]
    for edit in in_order(edits):
        chosen = [
            i for i, name in enumerate(names) if edit.group is None or edit.group in (name, i)
        ]
        if edit.group is not None and not chosen:
            raise SpecError(f"an edit is for group {edit.group!r}, which there is not")
        if isinstance(edit, Set) and edit.group is None:
            values = _in_ratio(edit, shares, rates)
        for i in chosen:
            own: Edit = edit
            if isinstance(edit, Scale):
                own = edit.for_group(names[i], i)
            elif isinstance(edit, Set) and edit.group is None:
                own = Set(values[i], step=edit.step, author=edit.author, reason=edit.reason)
            shares[i].append(own)
    return shares


def _in_ratio(
    edit: Set, shares: Sequence[Sequence[Edit]], rates: Sequence[Callable[[int], float]]
) -> list[float]:
    step = _step(edit)
    now = [overlay(s, r).at(step).of(r(step)) for s, r in zip(shares, rates, strict=True)]
    first = next((rate for rate in now if rate > 0), 0.0)
    # At equal rates the quotient is 1 exactly, so every group gets the value to the bit.
    return [edit.value * (rate / first) if first else edit.value for rate in now]


def effective(
    schedule: Schedule,
    edits: Iterable[Edit],
    horizon: Horizon | None = None,
    *,
    group: GroupKey | None = None,
) -> Schedule:
    """Return the schedule that a run with *edits* followed, as one expression of the same values.

    value(t) = schedule(t) * factor(t) + level(t), with the two step tables that the edits leave;
    bit for bit what `Scheduler` gave a group without a rate of its own. It ends where *schedule*
    ends, so edits made after that do not show. Edits for other groups than *group* are left out
    (None: the edits for all groups). *horizon* is needed where an edit
    looks at the rate at its step: `Hold`, and `Scale` with a floor. Raises `HorizonError` where
    that cannot be found, `SpecError` for an edit without its step.

    >>> from lrkit.control import Scale
    >>> from lrkit.schedules import cosine
    >>> s = effective(cosine(), [Scale(0.5, step=50)])
    >>> s.over(100)([25, 50]).round(4).tolist()
    [0.8536, 0.25]
    """
    mine = [e for e in edits if e.group is None or e.group == group]
    place = Horizon() if horizon is None else horizon

    def rate(step: int) -> float:
        return schedule.over(place)(step)

    return overlay(mine, rate).on(schedule)


def in_order(edits: Iterable[Edit]) -> list[Edit]:
    """Return *edits* by step, those of one step in the order given."""
    return sorted(edits, key=_step)


def _step(edit: Edit) -> int:
    if edit.step is None:
        raise SpecError(f"an edit needs its step here, got {edit!r}; use edit.stamped(step)")
    return edit.step
