"""The algebra: what every schedule can do, and the combinators that build schedules from others.

A schedule is a tree of frozen values. Evaluating one takes two steps, so that errors come before
the training and not within it: `fit` places the tree on a horizon (spans become steps, the open
piece gets what is left) and returns a `Piece`; the piece then maps steps to values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lrkit.schedules.spans import Horizon, SpanLike, maybe_span, positive_span

# A value must be able to build and show others of its kind, so the operators import what stands
# above them (combine, repeat, curve, text, json) when they are called.
if TYPE_CHECKING:
    from lrkit.schedules.curve import Curve

Array = NDArray[np.float64]
MAX_DEPTH = 100
"""Trees nested deeper than this are refused; sequences, products and sums are flat."""


@dataclass(frozen=True)
class Piece:
    """A schedule fitted to its place: `at(t)` for t in [0, length], contiguous float64 steps."""

    length: float
    at: Callable[[Array], Array]
    joints: tuple[float, ...] = ()

    def held(self, t: Array) -> Array:
        """Return the values at *t* >= 0; after the end the last value holds."""
        within = not t.size or t.max() <= self.length  # spares a copy of the common case
        return self.at(t if within else np.minimum(t, self.length))


class Schedule(ABC):
    """A learning-rate schedule: a frozen value that maps the step to the rate.

    Build one from shapes (`linear`, `cosine`, ...), recipes (`warmup`, `wsd`, ...) and operators:
    `a >> b` runs b after a; `0.3 * a` scales; `a * b` and `a + b` combine values step by step.
    `>>` binds looser than `*`: `0.3 * a >> b` scales only `a`.

    >>> from lrkit import cosine, warmup
    >>> s = 0.3 * (warmup("5ep") >> cosine())
    >>> print(s)
    0.3 * (warmup(5ep) >> cosine())
    >>> s.over("30ep", steps_per_epoch=235)(1175)
    0.3
    """

    __slots__ = ()
    # NumPy must not spread a schedule over the elements of an array: np.float64(2) * s is ours.
    __array_ufunc__ = None

    # What each node says of itself.

    @property
    @abstractmethod
    def children(self) -> tuple[Schedule, ...]:
        """The schedules this one is built from."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether it lasts for what is left, rather than for a span of its own."""

    @property
    @abstractmethod
    def is_endless(self) -> bool:
        """Whether it has values without knowing where it ends."""

    @abstractmethod
    def length(self, horizon: Horizon) -> float:
        """Return its own length in steps; only asked where `is_open` is False."""

    @abstractmethod
    def fit(self, horizon: Horizon, room: float) -> Piece:
        """Return the piece that lasts `length(horizon)` steps or, when open, *room* steps."""

    @property
    def depth(self) -> int:
        """How many levels of nesting the tree has; a shape has 1."""
        return 1 + max((child.depth for child in self.children), default=0)

    # The algebra.

    def __rshift__(self, other: Schedule) -> Schedule:
        """Return this schedule followed by *other*."""
        if not isinstance(other, Schedule):
            return NotImplemented
        from lrkit.schedules.combine import Sequence, join

        return join(Sequence, self, other)

    def __mul__(self, other: Schedule | float) -> Schedule:
        """Return the product with a number, or step by step with another schedule."""
        from lrkit.schedules.combine import Product, Scale, join

        if isinstance(other, Schedule):
            return join(Product, self, other)
        return Scale(other, self) if _is_number(other) else NotImplemented

    def __rmul__(self, other: float) -> Schedule:
        """Return this schedule scaled by a number."""
        return self * other if _is_number(other) else NotImplemented

    def __add__(self, other: Schedule) -> Schedule:
        """Return the step-by-step sum with another schedule."""
        if not isinstance(other, Schedule):
            return NotImplemented
        from lrkit.schedules.combine import Sum, join

        return join(Sum, self, other)

    def clip(self, floor: float = 0.0, ceiling: float | None = None) -> Schedule:
        """Return max(floor, min(ceiling, value)).

        Raises `SpecError` unless 0 <= floor <= ceiling.

        >>> from lrkit import exponential
        >>> exponential(2.0, 0.5, every="1st").clip(floor=0.1).over(20)(10)
        0.1
        """
        from lrkit.schedules.combine import Clip

        return Clip(self, floor, ceiling)

    def repeat(
        self,
        times: int | None = None,
        stretch: float = 1.0,
        shrink: float = 1.0,
        every: SpanLike | None = None,
    ) -> Schedule:
        """Return this schedule run *times* over: cycle i lasts L stretch^i, scaled by shrink^i.

        L is *every* where given, else the schedule's own length, else (an open schedule) what
        makes all the cycles fill what is left. Without *times* the cycles go on to the end.
        A cycle without an open piece is stretched as a whole; in one with an open piece that
        piece takes the change, and the fixed ones (a warm-up per restart) keep their length.

        Raises `SpecError` for stretch < 1 without *times* (infinitely many cycles), and where
        neither *times* nor a length is known.

        >>> from lrkit import cosine
        >>> c = cosine(1, 0, "10st").repeat(stretch=2).over(70)
        >>> c([0, 5, 10, 20, 30]).round(3).tolist()
        [1.0, 0.5, 1.0, 0.5, 1.0]

        Source: warm restarts, Loshchilov and Hutter, arXiv 1608.03983, section 3.
        """
        from lrkit.schedules.repeat import Repeat

        return Repeat(self, times, stretch, shrink, maybe_span(every, "every"))

    def stairs(self, every: SpanLike) -> Schedule:
        """Return the schedule that moves only once *every* span: value(k floor(t / k)).

        This is what a scheduler that is stepped once an epoch does, seen per step.

        >>> from lrkit import linear
        >>> linear().stairs("1ep").over("4ep", steps_per_epoch=2).values().tolist()
        [1.0, 1.0, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25]
        """
        from lrkit.schedules.combine import Stairs

        return Stairs(self, positive_span(every, "every"))

    def warp(
        self, at: Sequence[SpanLike], clock: Sequence[SpanLike], of: SpanLike | None = None
    ) -> Schedule:
        """Return this schedule on another clock: value(t) = schedule(c(t)).

        c goes through the points (at[i], clock[i]), straight in between; *at* rises from 0, and
        its last position is the length of the result. *of* is the total that the schedule is
        placed on, by default the largest position of *clock*; positions are spans, a number means
        steps. Where c runs at the pace of the steps the values are the schedule's own, bit for
        bit. Raises `SpecError` for positions that do not rise or do not pair up.

        >>> from lrkit import linear
        >>> linear().warp(at=[0, 50, 150], clock=[0, 50, 100]).over()([50, 100, 150]).tolist()
        [0.5, 0.25, 0.0]
        """
        from lrkit.schedules.warp import Warp

        return Warp(self, at, clock, of)  # type: ignore[arg-type]

    def part(self, start: SpanLike, stop: SpanLike, of: SpanLike | None = None) -> Schedule:
        """Return the piece of this schedule from *start* to *stop*, 0 <= start < stop.

        *of* is the total that the whole schedule is for, by default *stop*. Both ends are spans of
        one unit; a number means steps. After the end of the schedule its last value holds. Raises
        `SpecError` for ends that do not rise.

        >>> from lrkit import cosine, linear
        >>> s = cosine().part(0, 800, of=1000) >> linear(0.1, 0, 200)
        >>> print(s)
        cosine().part(0, 800, of=1000) >> linear(0.1, 0, 200st)
        >>> s.over(1000)(400) == cosine().over(1000)(400)
        True
        """
        from lrkit.schedules.warp import part_of

        return part_of(self, start, stop, of)

    # What a whole schedule can do.

    def over(
        self,
        total: SpanLike | Horizon | None = None,
        *,
        steps_per_epoch: float | None = None,
        batch_size: float | None = None,
        tokens_per_step: float | None = None,
    ) -> Curve:
        """Return the schedule placed on a horizon: every span becomes steps.

        *total* is the length of the whole training, `"30ep"` or 7050 (steps); without it the
        schedule lasts for the sum of its spans, or for ever if its last piece can. The other
        arguments say how many updates an epoch has, and samples and tokens an update.

        Raises `HorizonError` that names the missing number, or the piece that has no room.

        >>> from lrkit import linear
        >>> linear().over("2ep", steps_per_epoch=50)(50)
        0.5
        """
        from lrkit.schedules.curve import Curve  # the curve is built from the tree, not beneath it

        if not isinstance(total, Horizon):
            total = Horizon.of(
                total,
                steps_per_epoch=steps_per_epoch,
                batch_size=batch_size,
                tokens_per_step=tokens_per_step,
            )
        return Curve(self, total)

    def __str__(self) -> str:
        """Return the text that `lrkit.parse` reads back as an equal schedule."""
        from lrkit.schedules.text import write

        return write(self)

    def __repr__(self) -> str:
        """Return a Python expression, over the names that lrkit exports, of an equal schedule."""
        from lrkit.schedules.text import write

        return write(self, python=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the schedule as JSON types, with a format number; `from_dict` reads it back."""
        from lrkit.schedules.json import to_dict

        return to_dict(self)

    def _repr_html_(self) -> str | None:
        from lrkit.schedules.curve import preview

        return preview(self)


def _is_number(value: object) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, bool)
