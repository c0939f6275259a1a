"""Given points and given functions as shapes."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from lrkit.errors import HorizonError, SpecError
from lrkit.schedules.endless import Endless
from lrkit.schedules.shapes import Shape
from lrkit.schedules.spans import Horizon, Span, number
from lrkit.schedules.tree import Array, Piece

KINDS = ("linear", "step", "pchip")


@dataclass(frozen=True, repr=False)
class Table(Shape):
    """Values at given positions, joined by lines, steps or monotone cubics."""

    values: tuple[float, ...]
    at: tuple[Span, ...] | None = None
    span: Span | None = None
    kind: str = field(default="linear", kw_only=True)

    def __post_init__(self) -> None:
        values = tuple(number(v, "a value of a table") for v in self.values)
        object.__setattr__(self, "values", values)
        if self.kind not in KINDS:
            raise SpecError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if len(values) < (1 if self.kind == "step" else 2):
            raise SpecError(f"a table needs two values or more, got {len(values)}; use constant()")
        if self.at is None:
            return
        if self.span is not None:
            raise SpecError("a table takes at= or span=, not both; the last position is its span")
        if len(self.at) != len(values):
            raise SpecError(
                f"a table needs as many positions as values, got {len(self.at)} and {len(values)}"
            )
        if len({a.unit for a in self.at}) == 1:
            _check_rising([a.value for a in self.at], self, SpecError)

    @property
    def is_open(self) -> bool:
        return self.span is None and self.at is None

    def length(self, horizon: Horizon) -> float:
        return horizon.steps(self.at[-1]) if self.at else super().length(horizon)

    def fit(self, horizon: Horizon, room: float) -> Piece:
        y = np.array(self.values)
        if self.at is not None:
            x = np.array([horizon.steps(a) for a in self.at])
            _check_rising(x.tolist(), self, HorizonError)
            n = float(x[-1])
        else:
            n = self._room(horizon, room)
            # Steps divide the span by the number of values, lines by the number of gaps.
            x = np.arange(len(y)) * (n / (len(y) - (self.kind != "step")))
            if self.kind != "step":
                x[-1] = n
        if n == 0:
            return Piece(0.0, lambda t: np.full_like(t, y[-1]))
        joints = tuple(float(j) for j in x if 0 < j < n)
        return Piece(n, _JOIN[self.kind](x, y), joints)


def _check_rising(x: list[float], table: Table, error: type[SpecError]) -> None:
    if any(b <= a for a, b in itertools.pairwise(x)):
        raise error(f"the positions of a table must rise, got {', '.join(f'{v:g}' for v in x)}")


def _steps(x: Array, y: Array) -> Callable[[Array], Array]:
    return lambda t: y[np.maximum(np.searchsorted(x, t, side="right") - 1, 0)]


def _lines(x: Array, y: Array) -> Callable[[Array], Array]:
    def at(t: Array) -> Array:
        i = np.clip(np.searchsorted(x, t, side="right") - 1, 0, len(x) - 2)
        u = np.clip((t - x[i]) / (x[i + 1] - x[i]), 0.0, 1.0)
        return (1 - u) * y[i] + u * y[i + 1]

    return at


def _pchip(x: Array, y: Array) -> Callable[[Array], Array]:
    """Join by cubics with the slopes of Fritsch and Butland (1984): no value overshoots."""
    # Both axes of about 1, by powers of two and so exactly: slopes and their products are numbers.
    width, height = int(np.frexp(x[-1])[1]), int(np.frexp(y.max())[1])
    x, y = np.ldexp(x, -width), np.ldexp(y, -height)
    h, slope = np.diff(x), np.diff(y) / np.diff(x)
    d = np.zeros_like(y)
    if len(y) == 2:
        d[:] = slope[0]
    else:
        # Of the signs: the product of two small slopes is 0.
        rising = np.sign(slope[:-1]) * np.sign(slope[1:]) > 0
        w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
        a, b = np.where(rising, slope[:-1], 1.0), np.where(rising, slope[1:], 1.0)
        with np.errstate(over="ignore"):  # next to a slope of 1e-308 the mean is 0, as it should be
            d[1:-1] = np.where(rising, (w1 + w2) / (w1 / a + w2 / b), 0.0)
        d[0] = _end_slope(h[0], h[1], slope[0], slope[1])
        d[-1] = _end_slope(h[-1], h[-2], slope[-1], slope[-2])

    def at(t: Array) -> Array:
        t = np.ldexp(t, -width)
        i = np.clip(np.searchsorted(x, t, side="right") - 1, 0, len(x) - 2)
        u = np.clip((t - x[i]) / h[i], 0.0, 1.0)
        v = 1 - u
        value = y[i] * v * v * (1 + 2 * u) + y[i + 1] * u * u * (3 - 2 * u)
        value = value + h[i] * u * v * (d[i] * v - d[i + 1] * u)
        # Rounding may leave the interval by an ulp, and a rate is never negative.
        within = np.clip(value, np.minimum(y[i], y[i + 1]), np.maximum(y[i], y[i + 1]))
        return np.ldexp(within, height)

    return at


def _end_slope(h0: float, h1: float, s0: float, s1: float) -> float:
    """Return the three-point slope at an end, limited so that the curve stays monotone."""
    d = ((2 * h0 + h1) * s0 - h0 * s1) / (h0 + h1)
    if np.sign(d) * np.sign(s0) <= 0:
        return 0.0
    turns = np.sign(s0) * np.sign(s1) <= 0
    return 3 * s0 if turns and abs(d) > abs(3 * s0) else float(d)


_JOIN = {"linear": _lines, "step": _steps, "pchip": _pchip}


@dataclass(frozen=True, repr=False)
class FromFunction(Endless):
    """f(t), for a Python function f of the step or of the progress."""

    f: Callable[[float], float] | str
    span: Span | None = None
    of: str = field(default="step", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "f", _named(self.f))
        if self.of not in ("step", "progress"):
            raise SpecError(f"of must be 'step' or 'progress', got {self.of!r}")

    @property
    def is_endless(self) -> bool:
        return self.span is None and self.of == "step"

    def value(self, t: Array, horizon: Horizon) -> Array:
        return _rows(_load(self.f), t, self)

    def fit(self, horizon: Horizon, room: float) -> Piece:
        n = self._room(horizon, room)
        f = _load(self.f)
        unit = n if self.of == "progress" else 1.0

        def at(t: Array) -> Array:
            return _rows(f, t / unit if unit > 0 else np.ones_like(t), self)

        at(np.array([0.0, n if math.isfinite(n) else 1.0]))  # a function that fails, fails here
        return Piece(n, at)


@dataclass(frozen=True, repr=False)
class Multiplicative(Endless):
    """start f(1) f(2) ... f(t): each update's value is the one before times f of the step."""

    f: Callable[[float], float] | str
    start: float = 1.0
    span: Span | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "f", _named(self.f))
        self._numbers("start")

    def value(self, t: Array, horizon: Horizon) -> Array:
        return self.fit(horizon, math.inf).at(t)

    def fit(self, horizon: Horizon, room: float) -> Piece:
        n = self._room(horizon, room)
        f = _load(self.f)
        known = np.array([self.start])  # the values so far: the product is run once, from the left

        def at(t: Array) -> Array:
            nonlocal known
            steps = np.floor(t).astype(np.int64)
            last = int(steps.max(initial=0))
            if last >= len(known):
                last = int(min(max(last, 2 * len(known)), n)) if math.isfinite(n) else last
                factors = _rows(f, np.arange(len(known), last + 1, dtype=np.float64), self)
                known = np.concatenate([known, np.cumprod([known[-1], *factors])[1:]])
            return known[steps]

        at(np.array([min(n, 1.0)]))  # a function that fails, fails here
        return Piece(n, at)


def _rows(f: Callable[[float], float], t: Array, shape: Shape) -> Array:
    """Return f of each of *t*, checked: a rate is a finite number >= 0."""
    out = np.empty_like(t)
    for i, x in enumerate(t.tolist()):
        try:
            value = f(x)
        except Exception as error:
            raise SpecError(
                f"the function of {shape.name} must have a value at {x:g}, but it raised "
                f"{type(error).__name__}: {error}"
            ) from error
        out[i] = number(value, f"the value of {shape.name} at {x:g}")
    return out


def _named(f: Callable[[float], float] | str) -> Callable[[float], float] | str:
    """Return the import path "module:name" of *f* where it has one, else *f* itself.

    The path is what is saved, so a schedule that was read back equals the one that was written.
    """
    if isinstance(f, str):
        module, _, name = f.partition(":")
        if not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
            raise SpecError(f"a function is named 'package.module:name', got {f!r}")
        return f
    if not callable(f):
        raise SpecError(f"a function or its path 'package.module:name' is needed, got {f!r}")
    home, called = getattr(f, "__module__", None), getattr(f, "__qualname__", None)
    if not home or not called or home == "__main__":
        return f
    found: Any = sys.modules.get(home)
    for part in called.split("."):
        found = getattr(found, part, None)
    return f"{home}:{called}" if found is f else f


def path_of(f: Callable[[float], float] | str) -> str:
    """Return "module:name" of *f*, or raise `SpecError` that says how to make it savable."""
    if isinstance(f, str):
        return f
    raise SpecError(
        f"the function {getattr(f, '__qualname__', f)!r} cannot be saved, because nobody could "
        "import it; define it at the top level of a module and pass it, or its path 'module:name'"
    )


def _load(f: Callable[[float], float] | str) -> Callable[[float], float]:
    if not isinstance(f, str):
        return f
    module, _, name = f.partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise SpecError(f"cannot load the function {f!r}: {error}; is it on the path?") from error
    if not callable(found):
        raise SpecError(f"{f!r} must be a function, got {type(found).__name__}")
    return found  # type: ignore[no-any-return]
