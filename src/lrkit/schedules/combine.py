"""The combinators: sequence, product, sum, scale, clip and stairs."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from lrkit.errors import HorizonError, SpecError
from lrkit.schedules.spans import Horizon, Span, number
from lrkit.schedules.tree import MAX_DEPTH, Array, Piece, Schedule


def join(kind: type[Sequence | Product | Sum], *parts: Schedule) -> Schedule:
    """Return *parts* as one *kind*, nested ones taken apart: the operators are associative."""
    return kind(
        tuple(p for part in parts for p in (part.children if isinstance(part, kind) else (part,)))
    )


def check_tree(node: Schedule) -> None:
    """Raise `SpecError` for a child that is no schedule or a tree that is nested too deep."""
    for child in node.children:
        if not isinstance(child, Schedule):
            raise SpecError(f"{type(node).__name__.lower()} takes schedules, got {child!r}")
    if node.depth > MAX_DEPTH:
        raise SpecError(f"a schedule may be nested {MAX_DEPTH} deep at most; simplify it")


@dataclass(frozen=True, repr=False)
class Sequence(Schedule):
    """Pieces one after the other; at most one of them takes what is left."""

    pieces: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        check_tree(self)
        if len(self.pieces) < 2:
            raise SpecError(f"a sequence needs two pieces or more, got {len(self.pieces)}")
        opens = [p for p in self.pieces if p.is_open]
        if len(opens) > 1:
            raise SpecError(
                "at most one piece of a sequence may run over what is left, got "
                f"`{opens[0]}` and `{opens[1]}`; give one of them a span"
            )

    @property
    def children(self) -> tuple[Schedule, ...]:
        return self.pieces

    @property
    def is_open(self) -> bool:
        return any(p.is_open for p in self.pieces)

    @property
    def is_endless(self) -> bool:
        # Only the last piece may go on for ever: what follows an endless piece never begins.
        return self.pieces[-1].is_endless and not any(p.is_open for p in self.pieces[:-1])

    def length(self, horizon: Horizon) -> float:
        return math.fsum(p.length(horizon) for p in self.pieces)

    def fit(self, horizon: Horizon, room: float) -> Piece:
        bounds = self._bounds(horizon, room)
        fitted = [p.fit(horizon, b - a) for p, (a, b) in zip(self.pieces, bounds, strict=True)]
        starts = np.array([a for a, _ in bounds])
        end = bounds[-1][1]

        def part(i: int, t: Array) -> Array:
            local = t - starts[i]
            if i == len(fitted) - 1 and t.max() >= end:
                # (start + n) - start may miss n by an ulp; the end value must be exact.
                local[t >= end] = fitted[i].length
            return fitted[i].held(local)

        def at(t: Array) -> Array:
            if not t.size:
                return t.copy()
            first, last = np.searchsorted(starts, (t.min(), t.max()), side="right") - 1
            if first == last:
                return part(int(first), t)
            out = np.empty_like(t)
            index = np.searchsorted(starts, t, side="right") - 1
            for i in range(first, last + 1):
                mask = index == i
                out[mask] = part(i, t[mask])
            return out

        inner = [a + j for f, (a, _) in zip(fitted, bounds, strict=True) for j in f.joints]
        joints = sorted({*inner, *(float(a) for a in starts[1:])})
        return Piece(end, at, tuple(j for j in joints if 0 < j < end))

    def _bounds(self, horizon: Horizon, room: float) -> list[tuple[float, float]]:
        """Return (start, end) of every piece, the later ones counted back from the end."""
        lengths = [None if p.is_open else p.length(horizon) for p in self.pieces]
        i = lengths.index(None) if None in lengths else len(lengths)
        before = [n for n in lengths[:i] if n is not None]
        after = [n for n in lengths[i + 1 :] if n is not None]
        starts = [math.fsum(before[:k]) for k in range(len(before) + 1)]
        if i == len(lengths):
            return list(itertools.pairwise(starts))
        left = room - math.fsum(before + after)
        if left < 0:
            raise HorizonError(
                f"the fixed pieces take {room - left:g} steps but there are {room:g}, so nothing "
                f"is left for `{self.pieces[i]}`; shorten them or lengthen the total"
            )
        ends = [room - math.fsum(after[k:]) for k in range(len(after) + 1)]
        return list(zip(starts + ends[:-1], starts[1:] + ends, strict=True))


@dataclass(frozen=True, repr=False)
class _Together(Schedule):
    """Schedules on one clock: as long as the longest, open if any is open."""

    parts: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        check_tree(self)

    @property
    def children(self) -> tuple[Schedule, ...]:
        return self.parts

    @property
    def is_open(self) -> bool:
        return any(p.is_open for p in self.parts)

    @property
    def is_endless(self) -> bool:
        return self.is_open and all(p.is_endless or not p.is_open for p in self.parts)

    def length(self, horizon: Horizon) -> float:
        return max(p.length(horizon) for p in self.parts)

    def fit(self, horizon: Horizon, room: float) -> Piece:
        fitted = [p.fit(horizon, room) for p in self.parts]
        length = room if self.is_open else max(f.length for f in fitted)

        def at(t: Array) -> Array:
            value = fitted[0].held(t)
            for f in fitted[1:]:
                value = self.combine(value, f.held(t))
            return value

        ends = {f.length for f in fitted if f.length < length}
        return Piece(length, at, tuple(sorted(ends.union(*(f.joints for f in fitted)))))

    @staticmethod
    @abstractmethod
    def combine(a: Array, b: Array) -> Array:
        """Return the two rows of values made one."""


class Product(_Together):
    """The step-by-step product; a factor whose span is over holds its last value."""

    @staticmethod
    def combine(a: Array, b: Array) -> Array:
        return a * b


class Sum(_Together):
    """The step-by-step sum; a term whose span is over holds its last value."""

    @staticmethod
    def combine(a: Array, b: Array) -> Array:
        return a + b


class _Wrapper(Schedule):
    """A schedule made from one other, on the same clock and of the same length."""

    child: Schedule
    __slots__ = ()

    @property
    def children(self) -> tuple[Schedule, ...]:
        return (self.child,)

    @property
    def is_open(self) -> bool:
        return self.child.is_open

    @property
    def is_endless(self) -> bool:
        return self.child.is_endless

    def length(self, horizon: Horizon) -> float:
        return self.child.length(horizon)


@dataclass(frozen=True, repr=False)
class Scale(_Wrapper):
    """`factor * child`."""

    factor: float
    child: Schedule

    def __post_init__(self) -> None:
        check_tree(self)
        object.__setattr__(self, "factor", number(self.factor, "the factor of a schedule"))

    def fit(self, horizon: Horizon, room: float) -> Piece:
        inner = self.child.fit(horizon, room)

        def at(t: Array) -> Array:
            value = inner.at(t)
            value *= self.factor
            return value

        return Piece(inner.length, at, inner.joints)


@dataclass(frozen=True, repr=False)
class Clip(_Wrapper):
    """`child` held between a floor and a ceiling."""

    child: Schedule
    floor: float = 0.0
    ceiling: float | None = None

    def __post_init__(self) -> None:
        check_tree(self)
        object.__setattr__(self, "floor", number(self.floor, "floor"))
        if self.ceiling is not None:
            object.__setattr__(self, "ceiling", number(self.ceiling, "ceiling"))
            if self.ceiling < self.floor:
                raise SpecError(
                    f"`floor <= ceiling` must hold, got floor={self.floor:g}, "
                    f"ceiling={self.ceiling:g}; swap them"
                )

    def fit(self, horizon: Horizon, room: float) -> Piece:
        inner = self.child.fit(horizon, room)

        def at(t: Array) -> Array:
            value = np.maximum(inner.at(t), self.floor)
            return value if self.ceiling is None else np.minimum(value, self.ceiling)

        return Piece(inner.length, at, inner.joints)


@dataclass(frozen=True, repr=False)
class Stairs(_Wrapper):
    """`child` looked at once every span, and held in between."""

    child: Schedule
    every: Span

    def __post_init__(self) -> None:
        check_tree(self)

    def fit(self, horizon: Horizon, room: float) -> Piece:
        inner = self.child.fit(horizon, room)
        tread = horizon.steps(self.every)
        return Piece(inner.length, lambda t: inner.held(cycle_of(t, tread) * tread), inner.joints)


def cycle_of(t: Array, length: float) -> Array:
    """Return floor(t / length), exact at the joints: i * length <= t < (i + 1) * length."""
    i = np.floor(t / length)
    i = i - (i * length > t)
    return i + ((i + 1) * length <= t)
