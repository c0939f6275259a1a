"""Reading schedules from text: a small grammar over the names of the registry, nothing else.

    sequence := sum (">>" sum)*
    sum      := product ("+" product)*
    product  := atom (("*" | "/") atom)*          "/" only by a number
    atom     := (number | name "(" arguments ")" | "(" sequence ")") ("." method "(" arguments ")")*
    argument := [name "="] (span | number | word | "none" | "[" argument, ... "]" | sequence)
    word     := a quoted text, or a plain name such as hann

No code runs: names are looked up in a table, functions are named by path and not imported. The
length and the depth of the text are limited, so that any text is answered, and quickly.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from lrkit.errors import SpecError
from lrkit.schedules.combine import Product, Sequence, Sum, join
from lrkit.schedules.levels import constant
from lrkit.schedules.lexer import Token, tokens_of
from lrkit.schedules.registry import BUILDERS, nearest
from lrkit.schedules.tree import Schedule

MAX_LENGTH = 100_000
MAX_NESTING = 50
METHODS = ("clip", "part", "repeat", "stairs", "warp")
CONTROLLERS = ("plateau", "greedy", "spike_guard")
"""Names that belong after a |: the room above, which steers schedules, reads what they mean."""
WORDS = {"none": None, "true": True, "false": False}


def parse(text: str) -> Schedule:
    """Return the schedule that *text* spells: the inverse of `str(schedule)`.

    The text is the Python expression without quotes around spans: `0.3 * (warmup(5ep) >>
    cosine())`. A plain number is a constant rate. Nothing in the text is executed. Raises
    `SpecError`, with the text and a caret under the character, for anything else.

    >>> parse("0.3 * (warmup(5ep) >> cosine())").over("30ep", steps_per_epoch=10)(50)
    0.3
    >>> parse("cosin()")
    Traceback (most recent call last):
    lrkit.errors.SpecError: unknown schedule 'cosin'; did you mean cosine?
      cosin()
      ^
    """
    reader = Reader(text)
    schedule = reader.whole_schedule()
    reader.expect_end()
    return schedule


class Reader:
    """Recursive descent over the tokens; every error points at a character."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise SpecError(f"a schedule's text is needed, got {type(text).__name__}")
        if len(text) > MAX_LENGTH:
            raise SpecError(f"a schedule's text may have {MAX_LENGTH} characters, got {len(text)}")
        self.text = text
        self.tokens = tokens_of(text)
        self.i = 0
        self.nesting = 0

    @property
    def now(self) -> Token:
        return self.tokens[self.i]

    def take(self, mark: str) -> bool:
        found = self.now.kind == "mark" and self.now.value == mark
        self.i += found
        return found

    def expect(self, mark: str, why: str) -> None:
        if not self.take(mark):
            raise self.error(f"expected {mark!r} {why}, got {self.now.value!r}")

    def expect_end(self) -> None:
        if self.now.value == "|" and self.now.kind == "mark":
            raise self.error(
                "controllers after | steer a training, and this is for a schedule alone; "
                "leave them out, or read the text with steered()"
            )
        if self.now.kind != "end":
            raise self.error(f"expected an operator or the end, got {self.now.value!r}")

    def error(self, message: str, position: int | None = None) -> SpecError:
        return SpecError(message, self.text, self.now.position if position is None else position)

    def guard(self, position: int, build: Callable[[], Schedule]) -> Schedule:
        """Return what *build* builds, its errors pointing at *position*."""
        try:
            return build()
        except SpecError as error:
            if error.text is not None:
                raise
            raise self.error(error.reason, position) from None

    def whole_schedule(self) -> Schedule:
        """Return the schedule that comes next; a number by itself is a constant rate."""
        value = self.sequence()
        if isinstance(value, float):
            return self.guard(0, lambda: constant(value))
        return self.schedule(value, 0)

    def schedule(self, value: Any, position: int) -> Schedule:
        if not isinstance(value, Schedule):
            raise self.error(f"a schedule is needed here, got {value!s:.40}", position)
        return value

    def sequence(self) -> Any:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.error(f"nested deeper than {MAX_NESTING} levels; simplify it")
        value = self.chain(">>", Sequence, lambda: self.chain("+", Sum, self.product))
        self.nesting -= 1
        return value

    def chain(self, mark: str, kind: type[Sequence | Sum], part: Callable[[], Any]) -> Any:
        at = self.now.position
        parts = [part()]
        while self.take(mark):
            parts.append(part())
        return self._joined(kind, parts, at)

    def _joined(self, kind: type[Sequence | Product | Sum], parts: list[Any], at: int) -> Any:
        if len(parts) == 1:
            return parts[0]
        return self.guard(at, lambda: join(kind, *(self.schedule(p, at) for p in parts)))

    def product(self) -> Any:
        at = self.now.position
        values = [self.atom()]  # schedules side by side are joined at once, not pair by pair
        while self.now.kind == "mark" and self.now.value in ("*", "/"):
            mark = self.now.value
            self.i += 1
            right_at = self.now.position
            right = self.atom()
            if not isinstance(right, float | Schedule):
                raise self.error(f"* joins schedules and numbers, got {right!s:.40}", right_at)
            if mark == "/" and (not isinstance(right, float) or right == 0):
                raise self.error("only a number other than 0 can stand after /", right_at)
            if not isinstance(values[0], float | Schedule):
                raise self.error(f"* joins schedules and numbers, got {values[0]!s:.40}", at)
            if isinstance(right, Schedule) and isinstance(values[-1], Schedule):
                values.append(right)
            else:
                values = [self._scaled(values, right, mark, at)]
        return self._joined(Product, values, at)

    def _scaled(self, values: list[Any], right: Any, mark: str, at: int) -> Any:
        """Return the product of *values* with *right*, at least one of the two a number."""
        left = self._joined(Product, values, at)
        if isinstance(left, float) and isinstance(right, float):
            result = left * right if mark == "*" else left / right
            if result == float("inf"):
                raise self.error("a number must be finite", at)
            return result
        return self.guard(at, lambda: left * (right if mark == "*" else 1 / right))

    def atom(self) -> Any:
        token = self.now
        value = self._plain()
        while self.take("."):
            value = self._method(self.schedule(value, token.position), token.position)
        return value

    def _plain(self) -> Any:
        token = self.now
        self.i += 1
        match token.kind, token.value:
            case (("number" | "span" | "text"), value):
                return value
            case "mark", "(":
                value = self.sequence()
                self.expect(")", "to close the bracket")
                return value
            case "mark", "[":
                return self._items("]", "to close the list")
            case "mark", "-":
                raise self.error(
                    "numbers and spans must be >= 0; nothing is negative here", token.position
                )
            case "name", name:
                return self._name(name, token.position)
        self.i -= 1
        raise self.error(f"expected a schedule, a number or '(', got {token.value!r}")

    def _items(self, close: str, why: str) -> list[Any]:
        items: list[Any] = []
        while not self.take(close):
            items.append(self._argument())
            if not self.take(","):
                self.expect(close, why)
                break
        return items

    def _argument(self) -> Any:
        negative = self.take("-")  # tanh(lower=-7) is the one place for a number below 0
        if negative and self.now.kind != "number":
            raise self.error("only a number can stand after '-'")
        word, after = self.now, self.tokens[min(self.i + 1, len(self.tokens) - 1)]
        if word.kind == "name" and after.kind == "mark" and after.value in (",", ")", "]"):
            self.i += 1
            return WORDS.get(word.value.lower(), word.value)
        value = self.sequence()
        return -value if negative and isinstance(value, float) else value

    def _name(self, name: str, position: int) -> Any:
        if name in CONTROLLERS:
            raise self.error(
                f"{name} is no schedule, it steers one; write it after one and a |, as in "
                f"`0.1 * hold() | {name}(...)`",
                position,
            )
        if name not in BUILDERS:
            raise self.error(
                f"unknown schedule {name[:40]!r}{nearest(name, list(BUILDERS))}", position
            )
        return self.call(BUILDERS[name], name, position)

    def _method(self, value: Schedule, position: int) -> Schedule:
        token = self.now
        if token.kind != "name" or token.value not in METHODS:
            raise self.error(
                f"expected one of {', '.join(METHODS)} after '.', got {token.value!r}"
                f"{nearest(str(token.value), list(METHODS))}"
            )
        self.i += 1
        return self.call(getattr(value, token.value), token.value, token.position)

    def call(self, build: Callable[..., Schedule], name: str, position: int) -> Schedule:
        self.expect("(", f"after {name}")
        values: list[Any] = []
        named: dict[str, Any] = {}
        while not self.take(")"):
            token, after = self.now, self.tokens[min(self.i + 1, len(self.tokens) - 1)]
            if token.kind == "name" and after.kind == "mark" and after.value == "=":
                self.i += 2
                if token.value in named:
                    raise self.error(f"{token.value} is given twice", token.position)
                named[token.value] = self._argument()
            elif named:
                raise self.error("an argument without a name cannot follow one with a name")
            else:
                values.append(self._argument())
            if not self.take(","):
                self.expect(")", f"to close {name}(")
                break
        return self._build(build, name, position, values, named)

    def _build(
        self, build: Callable[..., Schedule], name: str, position: int, values: list[Any],
        named: dict[str, Any],
    ) -> Schedule:  # fmt: skip
        signature = inspect.signature(build)
        try:
            signature.bind(*values, **named)
        except TypeError as error:
            takes = ", ".join(signature.parameters)
            raise self.error(f"{name}: {error}; it takes {takes}", position) from None
        try:
            return self.guard(position, lambda: build(*values, **named))
        except (TypeError, ValueError, AttributeError, OverflowError, ArithmeticError) as error:
            if isinstance(error, SpecError):
                raise
            raise self.error(f"{name}: {error}", position) from None
