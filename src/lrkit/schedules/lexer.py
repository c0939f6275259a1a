"""The words of a schedule's text, each with the character where it starts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lrkit.errors import SpecError
from lrkit.schedules.spans import UNITS, Span

_TOKEN = re.compile(
    r"(?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)(?P<unit>%|[a-z]+)?"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<text>\"[^\"\n]*\"|'[^'\n]*')"
    r"|(?P<mark>>>|[-+*/().,=|\[\]])"
)


@dataclass(frozen=True)
class Token:
    """A word of the text: what kind, its value, where it starts and where it stops."""

    kind: str
    value: Any
    position: int
    stop: int


def tokens_of(text: str, *, lenient: bool = False) -> list[Token]:
    """Return the words of *text*, the end among them; `SpecError` at what is no word.

    With *lenient* what is no word is one of kind "error", its value the message.
    """
    found, i = [], 0
    while i < len(text):
        if text[i].isspace():
            i += 1
            continue
        match = _TOKEN.match(text, i)
        stop = i + 1 if match is None else match.end()
        try:
            if match is None:
                raise SpecError(f"unexpected character {text[i]!r}", text, i)
            found.append(_token(match, text))
        except SpecError as error:
            if not lenient:
                raise
            found.append(Token("error", error.reason, i, stop))
        i = stop
    return [*found, Token("end", "the end", len(text), len(text))]


def _token(match: re.Match[str], text: str) -> Token:
    at, stop = match.span()
    if match["number"]:
        unit, value = match["unit"], float(match["number"].replace("_", ""))
        if value == float("inf"):
            raise SpecError("a number must be finite", text, at)
        if unit is None:
            return Token("number", value, at, stop)
        if unit not in UNITS:
            known = ", ".join(f"{u} ({name})" for u, name in UNITS.items())
            raise SpecError(f"unknown unit {unit!r}; use {known}", text, match.start("unit"))
        return Token("span", Span(value, unit), at, stop)
    if match["name"]:
        return Token("name", match["name"], at, stop)
    if match["text"]:
        return Token("text", match["text"][1:-1], at, stop)
    return Token("mark", match["mark"], at, stop)
