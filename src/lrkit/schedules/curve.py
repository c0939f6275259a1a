"""A schedule on a horizon: what the rate will be at every step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike

from lrkit.errors import LrkitError, SpecError
from lrkit.schedules.spans import Horizon
from lrkit.schedules.tree import Array, Piece, Schedule

if TYPE_CHECKING:
    from lrkit.schedules.facts import Facts


CHUNK = 1 << 15


@dataclass(frozen=True)
class Curve:
    """A schedule placed on a horizon; `schedule.over(...)` makes one.

    `curve(t)` is the rate that update t uses, counted from 0. It is defined for every real
    t >= 0, in any order; after the end the last value holds.

    >>> from lrkit import linear
    >>> c = linear(1, 0).over(4)
    >>> c(1), c.values().tolist(), c(100)
    (0.75, [1.0, 0.75, 0.5, 0.25], 0.0)
    """

    schedule: Schedule
    horizon: Horizon
    _piece: Piece = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        room = math.inf if self.horizon.total is None else self.horizon.total
        object.__setattr__(self, "_piece", self.schedule.fit(self.horizon, room))

    def __reduce__(self) -> tuple[type[Curve], tuple[Schedule, Horizon]]:
        return type(self), (self.schedule, self.horizon)

    @property
    def total(self) -> float:
        """The length of the training in steps: the horizon's, else the schedule's own."""
        return self._piece.length if self.horizon.total is None else self.horizon.total

    @property
    def end(self) -> float:
        """Where the schedule itself ends, in steps; it holds from there to `total`."""
        return self._piece.length

    @property
    def steps(self) -> int:
        """The number of updates within the total: a last part of a step counts as one."""
        if math.isinf(self.total):
            raise SpecError(f"`{self.schedule}` has no end; pass total to over()")
        return math.ceil(self.total)

    @property
    def joints(self) -> tuple[float, ...]:
        """Where one piece ends and the next begins, in steps; they may fall between updates."""
        return tuple(j for j in self._piece.joints if j < self.total)

    @overload
    def __call__(self, t: float) -> float: ...
    @overload
    def __call__(self, t: ArrayLike) -> Array: ...
    def __call__(self, t: ArrayLike) -> float | Array:
        """Return the rate at step *t*, a number or an array; the two agree bit for bit."""
        steps = np.asarray(t, dtype=np.float64)
        row = np.ascontiguousarray(steps).reshape(-1)
        # min and max carry a NaN along, and no NaN is >= 0 or < inf.
        if row.size and not (row.min() >= 0 and row.max() < np.inf):
            bad = row[~((row >= 0) & (row < np.inf))][0]
            raise SpecError(f"`step >= 0` must hold, got {bad:g}; step 0 is the first update")
        values = self._in_chunks(row.size, lambda a, b: row[a:b])
        return float(values[0]) if steps.ndim == 0 else values.reshape(steps.shape)

    def values(self, start: int = 0, stop: int | None = None) -> Array:
        """Return the rates of updates start, start+1, ..., stop-1; *stop* is `steps` by default."""
        count = max((self.steps if stop is None else stop) - start, 0)
        return self._in_chunks(
            count, lambda a, b: np.arange(start + a, start + b, dtype=np.float64)
        )

    def _in_chunks(self, count: int, steps: Callable[[int, int], Array]) -> Array:
        """Return *count* values, worked out in chunks that stay in the processor's cache."""
        if count <= CHUNK:
            return self._piece.held(steps(0, count))
        out = np.empty(count)
        for a in range(0, count, CHUNK):
            b = min(a + CHUNK, count)
            out[a:b] = self._piece.held(steps(a, b))
        return out

    def facts(self, *, open_end: bool = False) -> Facts:
        """Return what a reader would want to know before paying; see `Facts`.

        With *open_end* something else decides how the rate ends, as a controller does: no warning
        is about that.
        """
        from lrkit.schedules.facts import facts_of

        return facts_of(self, open_end)

    def plot(self, **options: Any) -> Any:
        """Draw the curve; see `lrkit.plots.plot`, which needs `pip install 'lrkit[plots]'`."""
        if _view is None:
            raise LrkitError("no plotting is attached; `import lrkit` instead of lrkit.schedules")
        return _view(self, **options)

    def _repr_html_(self) -> str | None:
        return None if _notebook is None else _notebook(self)


_view: Callable[..., Any] | None = None
_notebook: Callable[[Curve], str | None] | None = None


def attach_views(view: Callable[..., Any], notebook: Callable[[Curve], str | None]) -> None:
    """Set how curves draw themselves. The plots stand in a room above, so it comes to us."""
    global _view, _notebook
    _view, _notebook = view, notebook


def preview(schedule: Schedule) -> str | None:
    """Return a picture of *schedule* over 100 epochs of 100 steps, where it can have one."""
    if _notebook is None:
        return None
    try:
        curve = schedule.over("100ep", steps_per_epoch=100)
    except SpecError:
        return None  # it needs other units; the notebook then shows the text
    return _notebook(curve)
