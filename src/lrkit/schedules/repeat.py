"""The combinator that runs a schedule again and again: restarts and cycles."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lrkit.errors import HorizonError, SpecError
from lrkit.schedules.combine import check_tree, cycle_of
from lrkit.schedules.spans import Horizon, Span, number, positive_span
from lrkit.schedules.tree import Array, Piece, Schedule

MAX_CYCLES = 1_000_000
MAX_JOINTS = 1_000


@dataclass(frozen=True, repr=False)
class Repeat(Schedule):
    """`child`, *times* over; see `Schedule.repeat`."""

    child: Schedule
    times: int | None = None
    stretch: float = 1.0
    shrink: float = 1.0
    every: Span | None = None

    def __post_init__(self) -> None:
        check_tree(self)
        times = self.times
        if times is not None:
            if isinstance(times, bool) or times != int(times) or not 1 <= times <= MAX_CYCLES:
                raise SpecError(
                    f"times must be a whole number from 1 to {MAX_CYCLES}, got {times!r}; "
                    "leave it out to go on to the end"
                )
            object.__setattr__(self, "times", int(times))
        object.__setattr__(self, "stretch", number(self.stretch, "stretch"))
        object.__setattr__(self, "shrink", number(self.shrink, "shrink"))
        if self.every is not None:
            positive_span(self.every, "every")
        if self.stretch == 0:
            raise SpecError("`stretch > 0` must hold, got 0; use stretch=1 for equal cycles")
        if times is None and self.stretch < 1:
            raise SpecError(
                f"cycles that shorten (stretch={self.stretch:g}) never fill a span; say how many: "
                "repeat(times=...)"
            )
        if times is None and self.every is None and self.child.is_open:
            raise SpecError(
                f"repeat needs times= or every= because `{self.child}` has no length of its own"
            )

    @property
    def children(self) -> tuple[Schedule, ...]:
        return (self.child,)

    @property
    def is_open(self) -> bool:
        return self.times is None or (self.every is None and self.child.is_open)

    @property
    def is_endless(self) -> bool:
        return self.times is None

    def length(self, horizon: Horizon) -> float:
        return self._first(horizon, math.inf) * self._ratio_sum()

    def _ratio_sum(self) -> float:
        """Return 1 + stretch + ... + stretch^(times-1)."""
        if self.times is None:
            return math.inf
        return math.fsum(self.stretch ** np.arange(self.times, dtype=np.float64))

    def _first(self, horizon: Horizon, room: float) -> float:
        """Return the length of the first cycle in steps."""
        if self.every is not None:
            first = horizon.steps(self.every)
        elif not self.child.is_open:
            first = self.child.length(horizon)
        else:
            first = room / self._ratio_sum()
        if first <= 0:
            raise HorizonError(f"a cycle of `{self}` must be longer than 0 steps, got {first:g}")
        return first

    def fit(self, horizon: Horizon, room: float) -> Piece:
        first = self._first(horizon, room)
        length = room if self.is_open else self.length(horizon)
        starts = None if self.stretch == 1 else self._starts(first, length)
        inner = self.child.fit(horizon, first)
        refits = self.child.is_open and starts is not None

        @lru_cache(maxsize=1024)
        def cycle(i: int) -> Piece:
            return self.child.fit(horizon, first * self.stretch**i) if refits else inner

        if starts is not None:
            cycle(len(starts) - 1)  # its spans must fit the shortest cycle too

        last, tail = self._last(first, length, starts)

        def at(t: Array) -> Array:
            if starts is None:
                i = np.minimum(cycle_of(t, first), last)
                local = t - i * first
            else:
                i = np.searchsorted(starts, t, side="right").astype(np.float64) - 1
                i = np.minimum(i, last)
                local = t - starts[i.astype(np.int64)]
                if not refits:
                    local = local / self.stretch**i
            local[t >= length] = tail
            if refits:
                value = np.empty_like(t)
                for k in np.unique(i):
                    value[i == k] = cycle(int(k)).held(local[i == k])
            else:
                value = inner.held(local)
            return value if self.shrink == 1 else value * self.shrink**i

        return Piece(length, at, self._joints(first, length, starts, cycle))

    def _last(self, first: float, length: float, starts: Array | None) -> tuple[float, float]:
        """Return the index of the last cycle, and the step of the child at which the end lies.

        An end that falls on a restart belongs to the cycle before it: what holds after the end is
        the end of that cycle. The next cycle never begins, and the rate does not rise again.
        """
        if math.isinf(length):
            return math.inf, math.inf
        if starts is None:
            last = float(cycle_of(np.array([length]), first)[0])
            last = last - 1 if last * first == length else last
            last = min(last, (self.times or math.inf) - 1)
            start = last * first
        else:
            last = float(np.searchsorted(starts, length) - 1)
            start = float(starts[int(last)])
        whole = first * self.stretch**last
        # Summing up the cycles may miss the end by an ulp, and its value must be exact.
        tail = whole if math.isclose(length - start, whole, rel_tol=1e-12) else length - start
        # A cycle that is stretched as a whole runs on the clock of the first one.
        return last, tail if self.child.is_open else (
            first if tail == whole else tail / whole * first
        )

    def _starts(self, first: float, length: float) -> Array:
        """Return where each cycle begins, as far as *length* (an endless run: 2^53 steps)."""
        reach = min(length, 2.0**53)
        count = float(self.times or 0)
        if self.times is None:
            count = math.ceil(
                math.log1p(reach / first * (self.stretch - 1)) / math.log(self.stretch)
            )
        if count > MAX_CYCLES:
            raise HorizonError(
                f"`{self}` has more than {MAX_CYCLES} cycles over {reach:g} steps; "
                "use longer ones, or stretch=1"
            )
        lengths = first * self.stretch ** np.arange(max(int(count), 1), dtype=np.float64)
        return np.concatenate([[0.0], np.cumsum(lengths)[:-1]])

    def _joints(
        self, first: float, length: float, starts: Array | None, cycle: Callable[[int], Piece]
    ) -> tuple[float, ...]:
        """Return the restarts, and the joints within cycles, the first `MAX_JOINTS` of them."""
        found: list[float] = []
        for i in range(MAX_JOINTS):
            if starts is None:
                start, scale = i * first, 1.0
            elif i < len(starts):
                start, scale = float(starts[i]), 1.0 if self.child.is_open else self.stretch**i
            else:
                break
            if start >= length or len(found) >= MAX_JOINTS:
                break
            found += [start, *(start + j * scale for j in cycle(i).joints)]
        return tuple(j for j in found if 0 < j < length)
