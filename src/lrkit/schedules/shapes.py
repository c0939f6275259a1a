"""The shapes: one class for one formula. `lrkit.linear(...)` and its like build them.

A ramp goes from `start` to `end` over its span, with progress u = (t + ahead) / (n + ahead), n
the span in steps; at u = 1 the value is `end` exactly, because the two are weighted, (1-u) * start
+ u * end, and never start + u * (end - start), which misses `end` by an ulp more often than not.

A class that adds no field is no dataclass of its own: it inherits everything, and each decorator
costs a millisecond of everybody's `import lrkit`.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from lrkit.errors import HorizonError, SpecError
from lrkit.schedules.spans import Horizon, Span, number
from lrkit.schedules.tree import Array, Piece, Schedule


class Shape(Schedule):
    """A formula with a span of its own, or none, which means what is left."""

    __slots__ = ()
    name: ClassVar[str]
    span: Span | None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    @property
    def children(self) -> tuple[Schedule, ...]:
        return ()

    @property
    def is_open(self) -> bool:
        return self.span is None

    @property
    def is_endless(self) -> bool:
        return False

    def length(self, horizon: Horizon) -> float:
        if self.span is None:
            raise HorizonError(f"`{self}` has no span of its own; give it one or a total")
        return horizon.steps(self.span)

    def _room(self, horizon: Horizon, room: float) -> float:
        """Return how long the shape lasts, or raise `HorizonError` where that is not known."""
        n = room if self.span is None else self.length(horizon)
        if not (math.isfinite(n) or self.is_endless):
            raise HorizonError(
                f"`{self}` runs over what is left, but the total is missing; pass total, "
                'e.g. total="30ep", or give it a span'
            )
        return n

    def _numbers(self, *names: str, low: float = 0.0, high: float = math.inf) -> None:
        for name in names:
            object.__setattr__(self, name, number(getattr(self, name), name, low, high))

    def _above(self, low: float, *names: str) -> None:
        for name in names:
            object.__setattr__(self, name, number(getattr(self, name), name))
            if not getattr(self, name) > low:
                raise SpecError(f"`{name} > {low:g}` must hold, got {getattr(self, name):g}")


@dataclass(frozen=True, repr=False)
class Ramp(Shape):
    """A shape from start to end, as a function of the progress u."""

    start: float = 1.0
    end: float = 0.0
    span: Span | None = None
    ahead: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        self._numbers("start", "end", "ahead")

    @abstractmethod
    def mix(self, u: Array, v: Array) -> Array:
        """Return the values at progress *u*, where *v* is 1 - u without cancellation."""

    def fit(self, horizon: Horizon, room: float) -> Piece:
        n = self._room(horizon, room)
        if n + self.ahead == 0:  # an empty piece is at its end
            return Piece(0.0, lambda t: np.full_like(t, self.end))
        scale, ahead = n + self.ahead, self.ahead

        def at(t: Array) -> Array:
            u = (t + ahead) / scale if ahead else t / scale
            return self.mix(u, (n - t) / scale)

        return Piece(n, at)


class Weighted(Ramp):
    """A ramp that is a weighted mean of its ends: value = w_start * start + w_end * end."""

    __slots__ = ()

    @abstractmethod
    def weights(self, u: Array, v: Array) -> tuple[Array, Array]:
        """Return (w_start, w_end) at progress *u*."""

    def mix(self, u: Array, v: Array) -> Array:
        start, end = self.weights(u, v)
        start = start * self.start  # not in place: linear's weights are u and v themselves
        if self.end:
            start += end * self.end
        return start


class Linear(Weighted):
    """(1 - u) start + u end."""

    def weights(self, u: Array, v: Array) -> tuple[Array, Array]:
        return v, u


@dataclass(frozen=True, repr=False)
class Cosine(Weighted):
    """end + (start - end) ((1 + cos(pi u^k)) / 2)^exponent."""

    k: float = field(default=1.0, kw_only=True)
    exponent: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._above(0.0, "k", "exponent")

    def weights(self, u: Array, v: Array) -> tuple[Array, Array]:
        # sin^2 of the half angle is (1 + cos) / 2 without cancellation near the end.
        if self.k != 1:
            u = u**self.k
            v = 1 - u
        start = np.sin(v * (math.pi / 2)) ** 2
        if self.exponent != 1:
            start = start**self.exponent
            return start, 1 - start
        return start, np.sin(u * (math.pi / 2)) ** 2 if self.end else u


@dataclass(frozen=True, repr=False)
class Power(Weighted):
    """end + (start - end) (1 - u^k)^exponent."""

    exponent: float = field(default=1.0, kw_only=True)
    k: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._above(0.0, "k", "exponent")

    def weights(self, u: Array, v: Array) -> tuple[Array, Array]:
        start = (v if self.k == 1 else 1 - u**self.k) ** self.exponent
        return start, 1 - start


class Geometric(Ramp):
    """start^(1 - u) end^u: a straight line on the log axis."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("start", "end"):
            if getattr(self, name) == 0:
                raise SpecError(
                    f"`{name} > 0` must hold on a log axis, got 0; use linear() or 1e-3"
                )

    def mix(self, u: Array, v: Array) -> Array:
        return np.power(self.start, v) * np.power(self.end, u)


class OneMinusSqrt(Weighted):
    """end + (start - end) (1 - sqrt(u))."""

    def weights(self, u: Array, v: Array) -> tuple[Array, Array]:
        root = np.sqrt(u)
        return v / (1 + root), root  # 1 - sqrt(u) without cancellation


class OneMinusSquare(Weighted):
    """end + (start - end) (1 - u^2)."""

    def weights(self, u: Array, v: Array) -> tuple[Array, Array]:
        return v * (1 + u), u * u


class Rex(Weighted):
    """end + (start - end) (1 - u) / (1 - u / 2)."""

    def weights(self, u: Array, v: Array) -> tuple[Array, Array]:
        return 2 * v / (1 + v), u / (1 + v)


@dataclass(frozen=True, repr=False)
class Tanh(Weighted):
    """A falling tanh of x = lower (1 - u) + upper u, scaled to run from start to end exactly."""

    lower: float = field(default=-7.0, kw_only=True)
    upper: float = field(default=3.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._numbers("lower", "upper", low=-50.0, high=50.0)
        if not self.lower < self.upper:
            raise SpecError(
                f"`lower < upper` must hold, got {self.lower:g} and {self.upper:g}; swap them"
            )

    def weights(self, u: Array, v: Array) -> tuple[Array, Array]:
        low, high = np.tanh(self.lower), np.tanh(self.upper)
        x = np.tanh(self.lower * v + self.upper * u)
        return (high - x) / (high - low), (x - low) / (high - low)


@dataclass(frozen=True, repr=False)
class Window(Shape):
    """A shape that rises from floor to peak in the middle of its span and falls back."""

    floor: float = 0.0
    peak: float = 1.0
    span: Span | None = None

    def __post_init__(self) -> None:
        self._numbers("floor", "peak")

    @abstractmethod
    def rise(self, d: Array) -> Array:
        """Return how far it has risen, 0 to 1, at distance *d* from the nearer end, 0 to 1/2."""

    def fit(self, horizon: Horizon, room: float) -> Piece:
        n = self._room(horizon, room)
        if n == 0:
            return Piece(0.0, lambda t: np.full_like(t, self.floor))

        def at(t: Array) -> Array:
            # The distance to the nearer end makes the two halves mirror images bit for bit.
            w = self.rise(np.minimum(t, n - t) / n)
            return (1 - w) * self.floor + w * self.peak

        return Piece(n, at)


class Triangle(Window):
    """floor + (peak - floor) (1 - |2u - 1|)."""

    def rise(self, d: Array) -> Array:
        return 2 * d


class Hann(Window):
    """floor + (peak - floor) sin^2(pi u)."""

    def rise(self, d: Array) -> Array:
        return np.sin(math.pi * d) ** 2


class Welch(Window):
    """floor + (peak - floor) (1 - (2u - 1)^2)."""

    def rise(self, d: Array) -> Array:
        return 4 * d * (1 - d)
