"""Shapes on a clock of their own: they have a time scale, and need no end.

Without a span each lasts for what is left, for ever if the horizon has no total.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field

import numpy as np

from lrkit.errors import SpecError
from lrkit.schedules.combine import cycle_of
from lrkit.schedules.shapes import Shape
from lrkit.schedules.spans import Horizon, Span, positive_span
from lrkit.schedules.tree import Array, Piece


class Endless(Shape):
    """A shape that has a value at every step, wherever it ends."""

    __slots__ = ()

    @property
    def is_endless(self) -> bool:
        return self.span is None

    @abstractmethod
    def value(self, t: Array, horizon: Horizon) -> Array:
        """Return the values at *t* >= 0 steps."""

    def fit(self, horizon: Horizon, room: float) -> Piece:
        n = self._room(horizon, room)
        self.value(np.zeros(1), horizon)  # a scale that the horizon cannot resolve fails here
        return Piece(n, lambda t: self.value(t, horizon))


@dataclass(frozen=True, repr=False)
class Constant(Endless):
    """One value all along."""

    level: float = 1.0
    span: Span | None = None

    def __post_init__(self) -> None:
        self._numbers("level")

    def value(self, t: Array, horizon: Horizon) -> Array:
        return np.full_like(t, self.level)


@dataclass(frozen=True, repr=False)
class Exponential(Endless):
    """start factor^(t / every)."""

    start: float = 1.0
    factor: float = 0.9
    every: Span = field(default_factory=lambda: Span(1, "ep"))
    span: Span | None = None

    def __post_init__(self) -> None:
        self._numbers("start")
        self._above(0.0, "factor")
        positive_span(self.every, "every")

    def value(self, t: Array, horizon: Horizon) -> Array:
        return self.start * np.power(self.factor, t / horizon.steps(self.every))


@dataclass(frozen=True, repr=False)
class InverseTime(Endless):
    """start (1 + t / scale)^-exponent."""

    start: float = 1.0
    scale: Span = field(default_factory=lambda: Span(1))
    exponent: float = 1.0
    span: Span | None = None

    def __post_init__(self) -> None:
        self._numbers("start")
        self._above(0.0, "exponent")
        positive_span(self.scale, "scale")

    def value(self, t: Array, horizon: Horizon) -> Array:
        return self.start * (1 + t / horizon.steps(self.scale)) ** -self.exponent


@dataclass(frozen=True, repr=False)
class Approach(Endless):
    """end + (start - end) exp(-(t + ahead) / scale)."""

    start: float = 0.0
    end: float = 1.0
    scale: Span = field(default_factory=lambda: Span(1, "ep"))
    span: Span | None = None
    ahead: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        self._numbers("start", "end", "ahead")
        positive_span(self.scale, "scale")

    def value(self, t: Array, horizon: Horizon) -> Array:
        x = -(t + self.ahead) / horizon.steps(self.scale)
        return np.exp(x) * self.start - np.expm1(x) * self.end


@dataclass(frozen=True, repr=False)
class Radam(Endless):
    """The variance rectification of RAdam, from a small number up to 1."""

    beta2: float = 0.999
    span: Span | None = None

    def __post_init__(self) -> None:
        self._numbers("beta2", low=0.0, high=1.0)
        if not 0.6 < self.beta2 < 1:
            raise SpecError(
                f"`0.6 < beta2 < 1` must hold, got {self.beta2:g}; below it the rectified variance "
                "is never defined"
            )

    @staticmethod
    def _rho(t: Array, beta2: float) -> Array:
        decay = beta2**t
        return 2 / (1 - beta2) - 1 - 2 * t * decay / (1 - decay)

    def value(self, t: Array, horizon: Horizon) -> Array:
        # The variance is defined from the first k with rho(k) > 4 on; step 0 is that k.
        k = np.arange(1.0, 64.0)
        first = k[self._rho(k, self.beta2) > 4][0]
        rho, limit = self._rho(t + first, self.beta2), 2 / (1 - self.beta2) - 1
        ratio = (rho - 4) / (limit - 4) * ((rho - 2) / (limit - 2)) * (limit / rho)
        return np.sqrt(ratio)


@dataclass(frozen=True, repr=False)
class Noise(Endless):
    """1 + amplitude x, with x in [-1, 1] drawn from the seed and floor(t / every)."""

    amplitude: float = 0.1
    seed: int = 0
    span: Span | None = None
    kind: str = field(default="uniform", kw_only=True)
    every: Span = field(default_factory=lambda: Span(1), kw_only=True)

    def __post_init__(self) -> None:
        self._numbers("amplitude", high=1.0)  # above 1 the rate could be negative
        positive_span(self.every, "every")
        if self.kind not in ("uniform", "normal"):
            raise SpecError(f"kind must be 'uniform' or 'normal', got {self.kind!r}")
        if isinstance(self.seed, bool) or self.seed != int(self.seed) or not 0 <= self.seed < 2**63:
            raise SpecError(f"seed must be a whole number >= 0, got {self.seed!r}")
        object.__setattr__(self, "seed", int(self.seed))

    def value(self, t: Array, horizon: Horizon) -> Array:
        index = cycle_of(t, horizon.steps(self.every)).astype(np.uint64)
        x = 2 * _uniform(index, 2 * self.seed) - 1
        if self.kind == "normal":
            # Box-Muller; a third of a standard normal, cut at three standard deviations.
            radius = np.sqrt(-2 * np.log1p(-_uniform(index, 2 * self.seed)))
            x = np.clip(
                radius * np.cos(2 * math.pi * _uniform(index, 2 * self.seed + 1)) / 3, -1, 1
            )
        return 1 + self.amplitude * x


def _uniform(index: np.ndarray[tuple[int, ...], np.dtype[np.uint64]], stream: int) -> Array:
    """Return numbers in [0, 1) that depend on (index, stream) alone: splitmix64, 53 bits.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. A
    counter-based generator is what makes the noise the same for a step in whatever order the
    steps are asked for.
    """
    start = _mix(np.full_like(index, stream % 2**64))
    bits = _mix(start + index * np.uint64(0x9E3779B97F4A7C15))
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(
    z: np.ndarray[tuple[int, ...], np.dtype[np.uint64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
