"""Formulas as straight lines of operations, differentiated exactly and compiled.

A `Tape` holds each operation once (equal ones are shared, constants are worked out) and becomes
Python code of our own making: the value, and value and gradient by reverse accumulation. The same
lines run on two floats (with `math`) and on arrays (with NumPy), so the two agree by construction.

Source: reverse accumulation, Griewank and Walther, Evaluating Derivatives (2008), section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrkit.errors import SpecError

Array = NDArray[np.float64]
OPERATIONS: Final = 300
POWERS: Final = 16  # up to this exponent a power is products, which are faster and never fail
FAULTS: Final = (ArithmeticError, ValueError)
"""What `math` raises where IEEE arithmetic has infinity or NaN."""


@dataclass(frozen=True)
class Operation:
    """One operation: its code on arguments a and b with result r, and its partial derivatives."""

    code: str
    partials: tuple[str, ...]


OPERATORS: Final = {
    "+": Operation("{a} + {b}", ("1", "1")),
    "-": Operation("{a} - {b}", ("1", "-1")),
    "*": Operation("{a} * {b}", ("{b}", "{a}")),
    "/": Operation("{a} / {b}", ("1.0 / {b}", "-{r} / {b}")),
    "negative": Operation("-{a}", ("-1",)),
    "square": Operation("{a} * {a}", ("2.0 * {a}",)),
    "**": Operation("power({a}, {b})", ("{b} * power({a}, {b} - 1.0)", "scaled_log({r}, {a})")),
}
FUNCTIONS: Final = {
    "sin": Operation("sin({a})", ("cos({a})",)),
    "cos": Operation("cos({a})", ("-sin({a})",)),
    "tan": Operation("tan({a})", ("1.0 + {r} * {r}",)),
    "exp": Operation("exp({a})", ("{r}",)),
    "log": Operation("log({a})", ("1.0 / {a}",)),
    "sqrt": Operation("sqrt({a})", ("0.5 / {r}",)),
    "abs": Operation("abs({a})", ("sign({a})",)),
    "sinh": Operation("sinh({a})", ("cosh({a})",)),
    "cosh": Operation("cosh({a})", ("sinh({a})",)),
    "tanh": Operation("tanh({a})", ("1.0 - {r} * {r}",)),
    "atan": Operation("atan({a})", ("1.0 / (1.0 + {a} * {a})",)),
    "hypot": Operation("hypot({a}, {b})", ("share({a}, {r})", "share({b}, {r})")),
}
"""What a formula may call. At a kink the derivative is 0: of abs at 0, of hypot at the origin."""


def _sign(a: float) -> float:
    return 0.0 if a == 0 else math.copysign(1.0, a)


def _share(a: float, r: float) -> float:
    return a / r if r else 0.0


def _scaled_log(r: float, a: float) -> float:
    return r * math.log(a) if r else 0.0


def _shares(a: Any, r: Any) -> Any:
    return np.where(r == 0, 0.0, a / np.where(r == 0, 1.0, r))


def _scaled_logs(r: Any, a: Any) -> Any:
    return np.where(r == 0, 0.0, r * np.log(np.where(r == 0, 1.0, a)))


_FLOATS: Final[dict[str, Any]] = {
    **{name: getattr(math, name) for name in FUNCTIONS if hasattr(math, name)},
    "abs": abs,
    "power": math.pow,
    "sign": _sign,
    "share": _share,
    "scaled_log": _scaled_log,
}
_ARRAYS: Final[dict[str, Any]] = {
    **{name: getattr(np, name) for name in FUNCTIONS if hasattr(np, name)},
    "atan": np.arctan,
    "power": np.power,
    "sign": np.sign,
    "share": _shares,
    "scaled_log": _scaled_logs,
}


class Tape:
    """The operations of one formula in x and y, in order; a slot is the number of one of them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._slots: list[tuple[str, tuple[Any, ...]]] = [("x", ()), ("y", ())]
        self._known: dict[tuple[str, tuple[Any, ...]], int] = {
            entry: slot for slot, entry in enumerate(self._slots)
        }

    def constant(self, value: float, position: int) -> int:
        """Return the slot of a number; `SpecError` when it is not finite."""
        if not math.isfinite(value):
            raise SpecError(
                "a number must be finite, this one is too large; write a smaller one",
                self._text,
                position,
            )
        # -0.0 equals 0.0, but 1 / -0.0 does not equal 1 / 0.0.
        return self._put("number", (value, math.copysign(1.0, value)), position)

    def apply(self, name: str, slots: tuple[int, ...], position: int) -> int:
        """Return the slot of operation *name* on *slots*; of numbers it is worked out at once."""
        if name == "**" and (times := self._whole(slots[1])) is not None:
            return self._product(slots[0], times, position)
        values = [self._number(slot) for slot in slots]
        if all(value is not None for value in values):
            return self.constant(self._worked_out(name, values, position), position)
        return self._put(name, slots, position)

    def program(self, result: int) -> Program:
        """Return what works out slot *result*, and its gradient."""
        needed = self._needed(result)
        forward = [f"    v{s} = {self._code(s)}" for s in needed if self._slots[s][0] in _CODED]
        backward, gradient = self._backward(needed, result)
        out = self._name(result)
        lines = [
            "def value(x, y):", *forward, f"    return {out}",
            "def both(x, y):", *forward, *backward, f"    return {out}, {', '.join(gradient)}",
        ]  # fmt: skip
        code = compile("\n".join(lines), "<formula>", "exec")
        return Program(_run(code, _FLOATS), _run(code, _ARRAYS))

    def _put(self, name: str, arguments: tuple[Any, ...], position: int) -> int:
        entry = (name, arguments)
        if entry not in self._known:
            if len(self._slots) >= OPERATIONS:
                raise SpecError(
                    f"a formula may have at most {OPERATIONS} operations; shorten it",
                    self._text,
                    position,
                )
            self._known[entry] = len(self._slots)
            self._slots.append(entry)
        return self._known[entry]

    def _number(self, slot: int) -> float | None:
        name, arguments = self._slots[slot]
        return arguments[0] if name == "number" else None

    def _whole(self, slot: int) -> int | None:
        """Return the exponent in *slot* when it is a small whole number."""
        value = self._number(slot)
        return int(value) if value is not None and value in range(-POWERS, POWERS + 1) else None

    def _product(self, slot: int, times: int, position: int) -> int:
        """Return slot ** times by squaring: x**5 is (x**2)**2 * x."""
        one = self.constant(1.0, position)
        if times < 0:
            return self.apply("/", (one, self._product(slot, -times, position)), position)
        if times < 2:
            return slot if times else one
        half = self._product(slot, times // 2, position)
        square = self.apply("square", (half,), position)
        return self.apply("*", (square, slot), position) if times % 2 else square

    def _worked_out(self, name: str, values: list[float | None], position: int) -> float:
        code = _CODED[name].code.format(a="a", b="b")
        try:
            return float(eval(code, dict(_FLOATS), dict(zip("ab", values, strict=False))))
        except FAULTS:
            raise SpecError(
                "a number must be finite, what stands here is not; change its numbers",
                self._text,
                position,
            ) from None

    def _needed(self, result: int) -> list[int]:
        """Return the slots that *result* rests on, in order."""
        wanted, todo = set(), [result]
        while todo:
            slot = todo.pop()
            if slot not in wanted:
                wanted.add(slot)
                todo += self._arguments(slot)
        return sorted(wanted)

    def _arguments(self, slot: int) -> tuple[int, ...]:
        name, arguments = self._slots[slot]
        return arguments if name in _CODED else ()

    def _name(self, slot: int) -> str:
        name, arguments = self._slots[slot]
        if name == "number":
            return f"({arguments[0]!r})"
        return name if name in ("x", "y") else f"v{slot}"

    def _code(self, slot: int) -> str:
        name, arguments = self._slots[slot]
        return _CODED[name].code.format(**self._names(slot, arguments))

    def _names(self, slot: int, arguments: tuple[int, ...]) -> dict[str, str]:
        names = dict(zip("ab", map(self._name, arguments), strict=False))
        return names | {"r": self._name(slot)}

    def _backward(self, needed: list[int], result: int) -> tuple[list[str], list[str]]:
        """Return the lines that carry d result / d slot backward, and the names of the gradient."""
        moves = {0, 1}
        for slot in needed:
            if moves.intersection(self._arguments(slot)):
                moves.add(slot)
        parts: dict[int, list[str]] = {result: ["1.0"]} if result in moves else {}
        lines = []
        for slot in reversed(needed):
            if slot not in parts:
                continue
            lines.append(f"    d{slot} = {' + '.join(parts[slot])}")
            name, arguments = self._slots[slot]
            for argument, partial in zip(
                arguments, _CODED[name].partials if name in _CODED else (), strict=False
            ):
                if argument in moves:
                    inner = partial.format(**self._names(slot, arguments))
                    parts.setdefault(argument, []).append(_chained(f"d{slot}", inner))
        return lines, [f"d{slot}" if slot in parts else "0.0" for slot in (0, 1)]


_CODED: Final = OPERATORS | FUNCTIONS


def _chained(outer: str, inner: str) -> str:
    return {"1": outer, "-1": f"-{outer}"}.get(inner, f"{outer} * ({inner})")


Both = Callable[[Any, Any], tuple[Any, Any, Any]]


def _run(code: Any, names: dict[str, Any]) -> tuple[Callable[[Any, Any], Any], Both]:
    """Return the two functions of *code*, which is ours: no text of a user's is ever run."""
    space: dict[str, Any] = {"__builtins__": {}, **names}
    exec(code, space)
    return space["value"], space["both"]


class Program:
    """A compiled formula: on two floats, or on arrays, where numbers may be infinite or NaN."""

    def __init__(
        self,
        floats: tuple[Callable[[Any, Any], Any], Both],
        arrays: tuple[Callable[[Any, Any], Any], Both],
    ) -> None:
        self.quick = floats[1]
        """(x, y) -> (value, d/dx, d/dy) on floats; raises one of `FAULTS` where IEEE does not."""
        self._arrays = arrays

    def both(self, x: float, y: float) -> tuple[float, float, float]:
        """Return the value and the gradient at a point; infinity and NaN where they are."""
        try:
            return self.quick(x, y)
        except FAULTS:
            with np.errstate(all="ignore"):
                value, dx, dy = self._arrays[1](np.float64(x), np.float64(y))
            return float(value), float(dx), float(dy)

    def values(self, x: ArrayLike, y: ArrayLike) -> Array:
        """Return the values at points of any shape."""
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        with np.errstate(all="ignore"):
            return np.array(np.broadcast_to(self._arrays[0](x, y), x.shape), dtype=np.float64)

    def gradients(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Return the two parts of the gradient at points of any shape."""
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        with np.errstate(all="ignore"):
            _, *parts = self._arrays[1](x, y)
            dx, dy = (np.array(np.broadcast_to(p, x.shape), dtype=np.float64) for p in parts)
        return dx, dy
