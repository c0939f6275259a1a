"""The grammar of formulas: numbers, x, y, pi, e, + - * / ** (or ^), brackets and functions.

As in Python: ** binds tighter than the minus before it and groups to the right. A formula is
read in one pass onto a tape; its text is never run.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lrkit.errors import SpecError
from lrkit.landscape.tape import FUNCTIONS, Program, Tape
from lrkit.schedules.registry import nearest

LENGTH: Final = 500
NESTING: Final = 40
CONSTANTS: Final = {"pi": math.pi, "e": math.e}
_VARIABLES: Final = {"x": 0, "y": 1}
_TOKEN: Final = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<mark>\*\*|[-+*/^(),])"
)
# How tightly an operator binds to what stands on its left.
_BINDS: Final = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 4}
_MINUS: Final = 3


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


@lru_cache(maxsize=256)
def compiled(text: str) -> Program:
    """Return the program of the formula *text*.

    Raises `SpecError` with the character for what is no formula, and for one of more than 500
    characters, 40 brackets within each other or 300 operations.

    >>> compiled("x**2 + 3*y").both(2.0, 1.0)
    (7.0, 4.0, 3.0)
    """
    if len(text) > LENGTH:
        raise SpecError(
            f"a formula may have at most {LENGTH} characters, got {len(text)}; shorten it",
            text,
            LENGTH,
        )
    reader = _Reader(text)
    result = reader.whole()
    return reader.tape.program(result)


class _Reader:
    """Reads a formula word by word; each part becomes a slot of the tape."""

    def __init__(self, text: str) -> None:
        self.tape = Tape(text)
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = -1  # the whole text is no nesting

    def whole(self) -> int:
        """Return the slot of the whole text."""
        slot = self._sum(0)
        token = self._tokens[self._at]
        if token.kind in ("number", "name") or token.text == "(":
            raise self._error(f"an operator is missing before {token.text!r}; write for ex. 2*x")
        if token.kind != "end":
            raise self._error(f"{token.text!r} does not belong here; remove it")
        return slot

    def _sum(self, least: int) -> int:
        """Return the slot of operands joined by operators that bind at least as *least*."""
        self._depth += 1
        if self._depth > NESTING:
            raise self._error(f"a formula may be nested at most {NESTING} deep; flatten it")
        left = self._operand()
        while (binds := _BINDS.get(self._mark(), -1)) > least:
            token = self._next()
            # A power groups to the right, and its exponent may have a sign.
            right = self._sum(binds - 1 if binds == _BINDS["**"] else binds)
            left = self.tape.apply(_plain(token.text), (left, right), token.position)
        self._depth -= 1
        return left

    def _operand(self) -> int:
        token = self._next()
        if token.kind == "number":
            return self.tape.constant(float(token.text), token.position)
        if token.kind == "name":
            return self._named(token)
        if token.text == "-":
            return self.tape.apply("negative", (self._sum(_MINUS),), token.position)
        if token.text == "+":
            return self._sum(_MINUS)
        if token.text == "(":
            slot = self._sum(0)
            self._expect(")")
            return slot
        what = "the formula ends" if token.kind == "end" else f"{token.text!r} stands"
        raise self._error(f"{what} where a number, x, y or a bracket must follow", token)

    def _named(self, token: _Token) -> int:
        name = token.text
        if name in _VARIABLES:
            return _VARIABLES[name]
        if name in CONSTANTS:
            return self.tape.constant(CONSTANTS[name], token.position)
        if name not in FUNCTIONS:
            known = [*_VARIABLES, *CONSTANTS, *FUNCTIONS]
            hint = nearest(name, known) or f"; known are {', '.join(known)}"
            raise self._error(f"unknown name {name[:40]!r}{hint}", token)
        self._expect("(")
        arguments = [self._sum(0)]
        while self._mark() == ",":
            self._next()
            arguments.append(self._sum(0))
        self._expect(")")
        if len(arguments) != (count := len(FUNCTIONS[name].partials)):
            raise self._error(
                f"{name} takes {count} argument{'s' if count > 1 else ''}, got {len(arguments)}",
                token,
            )
        return self.tape.apply(name, tuple(arguments), token.position)

    def _mark(self) -> str:
        token = self._tokens[self._at]
        return _plain(token.text) if token.kind == "mark" else ""

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _expect(self, mark: str) -> None:
        if self._mark() != mark:
            token = self._tokens[self._at]
            found = "the end" if token.kind == "end" else repr(token.text)
            raise self._error(f"{mark!r} is missing, found {found}")
        self._next()

    def _error(self, message: str, token: _Token | None = None) -> SpecError:
        return SpecError(message, self._text, (token or self._tokens[self._at]).position)


def _plain(mark: str) -> str:
    return "**" if mark == "^" else mark


def _tokens(text: str) -> list[_Token]:
    found, i = [], 0
    while i < len(text):
        if text[i].isspace():
            i += 1
            continue
        match = _TOKEN.match(text, i)
        if match is None:
            raise SpecError(f"unexpected character {text[i]!r}; remove it", text, i)
        found.append(_Token(str(match.lastgroup), match[0], i))
        i = match.end()
    return [*found, _Token("end", "", len(text))]
