"""A function of two variables as a value: its formula, where to look at it, where to start."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike

from lrkit.errors import SpecError
from lrkit.landscape.grammar import compiled
from lrkit.landscape.tape import Array, Program

Point = tuple[float, float]


class Box(NamedTuple):
    """A rectangle of the plane: from *left* to *right* in x and from *bottom* to *top* in y."""

    left: float
    right: float
    bottom: float
    top: float


class Minimum(NamedTuple):
    """A known minimum at (*x*, *y*), and the *value* there."""

    x: float
    y: float
    value: float


class Knob(NamedTuple):
    """A number that shapes a function: its *value* within *low* to *high*, and what it does."""

    name: str
    value: float
    low: float
    high: float
    about: str


class Grid(NamedTuple):
    """Values over a box: x of n columns, y of m rows, values (m, n), and levels for contours."""

    x: Array
    y: Array
    values: Array
    levels: Array


@dataclass(frozen=True)
class Function:
    """A function f(x, y) with its exact gradient; `function` and `from_text` make one.

    *text* is the formula. *box* is where to look and *start* where to begin; *minima* are the
    known ones. *curvature* is L, the largest curvature anywhere, where one number says it:
    gradient descent with a constant rate converges below 2 / L and diverges above.

    >>> from lrkit.landscape import function
    >>> f = function("ravine", k=20)
    >>> f(1, 1), f.gradient(1, 1), 2 / f.curvature
    (10.5, (1.0, 20.0), 0.1)
    """

    name: str
    text: str
    about: str
    box: Box
    start: Point
    knobs: tuple[Knob, ...] = ()
    minima: tuple[Minimum, ...] = ()
    curvature: float | None = None
    source: str = ""

    @property
    def program(self) -> Program:
        """The compiled formula."""
        return compiled(self.text)

    @property
    def quick(self) -> Callable[[float, float], tuple[float, float, float]]:
        """(x, y) -> (value, d/dx, d/dy) on floats; raises where a value is infinite or NaN."""
        return self.program.quick

    @overload
    def __call__(self, x: float, y: float) -> float: ...
    @overload
    def __call__(self, x: ArrayLike, y: ArrayLike) -> Array: ...
    def __call__(self, x: Any, y: Any) -> float | Array:
        """Return f(x, y) of two numbers, or of arrays; infinity and NaN where they are."""
        if np.ndim(x) or np.ndim(y):
            return self.program.values(x, y)
        return self.program.both(float(x), float(y))[0]

    def gradient(self, x: float, y: float) -> Point:
        """Return (df/dx, df/dy), exact but for rounding."""
        return self.program.both(float(x), float(y))[1:]

    def grid(self, box: Box | None = None, columns: int = 120, rows: int = 120) -> Grid:
        """Return the values over *box* (default: the function's own), and contour levels.

        The levels lie at growing shares of the area, (i/n)^2: near a minimum they are close, so
        that a ravine and a plateau both show. Raises `SpecError` for an empty box, and for fewer
        than 2 rows or columns.
        """
        box = checked_box(box or self.box)
        if min(columns, rows) < 2:
            raise SpecError(f"a grid needs 2 rows and columns, got {columns} x {rows}; add some")
        x = np.linspace(box.left, box.right, columns)
        y = np.linspace(box.bottom, box.top, rows)
        values = self.program.values(x[None, :], y[:, None])
        return Grid(x, y, values, _levels(values))

    def sharpness(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Return the largest eigenvalue of the Hessian at points, by differences of the gradient.

        Where it is above 2 / rate, gradient descent cannot settle. The step of the differences is
        eps^(1/3) max(1, |x|), so about ten digits hold. NaN where the gradient is not finite.
        """
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        return _largest(*self._hessian(x, y))

    def _hessian(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        """Return d2f/dx2, d2f/dxdy and d2f/dy2."""
        with np.errstate(all="ignore"):
            hx = np.cbrt(np.finfo(float).eps) * np.maximum(1.0, np.abs(x))
            hy = np.cbrt(np.finfo(float).eps) * np.maximum(1.0, np.abs(y))
            east, west = (self.program.gradients(x + h, y) for h in (hx, -hx))
            north, south = (self.program.gradients(x, y + h) for h in (hy, -hy))
            xx, xy = ((e - w) / (2 * hx) for e, w in zip(east, west, strict=True))
            yx, yy = ((n - s) / (2 * hy) for n, s in zip(north, south, strict=True))
            return xx, (xy + yx) / 2, yy


def checked_box(box: Box) -> Box:
    """Return *box*; `SpecError` unless it is finite and has an inside."""
    left, right, bottom, top = box
    if not (all(map(math.isfinite, box)) and left < right and bottom < top):
        raise SpecError(
            f"a box needs left < right and bottom < top, all finite, got {tuple(box)}; swap ends"
        )
    return Box(*map(float, box))


def _largest(xx: Array, xy: Array, yy: Array) -> Array:
    """Return the largest eigenvalue of the symmetric matrices [[xx, xy], [xy, yy]]."""
    with np.errstate(all="ignore"):
        return np.asarray((xx + yy) / 2 + np.hypot((xx - yy) / 2, xy))


def _levels(values: Array, count: int = 16) -> Array:
    """Return increasing levels at growing shares of the finite values; one for a flat surface."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.array([0.0])
    return np.unique(np.quantile(finite, np.linspace(0, 1, count + 1) ** 2))
