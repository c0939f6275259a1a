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
    """A word of the text: what kind, its value and the character where it starts."""

    kind: str
    value: Any
    position: int


def tokens_of(text: str) -> list[Token]:
    """Return the words of *text*, the end among them; `SpecError` at what is no word."""
    found, i = [], 0
    while i < len(text):
        if text[i].isspace():
            i += 1
            continue
        match = _TOKEN.match(text, i)
        if match is None:
            raise SpecError(f"unexpected character {text[i]!r}", text, i)
        found.append(_token(match, text))
        i = match.end()
    return [*found, Token("end", "the end", len(text))]


def _token(match: re.Match[str], text: str) -> Token:
    at = match.start()
    if match["number"]:
        unit, value = match["unit"], float(match["number"].replace("_", ""))
        if value == float("inf"):
            raise SpecError("a number must be finite", text, at)
        if unit is None:
            return Token("number", value, at)
        if unit not in UNITS:
            known = ", ".join(f"{u} ({name})" for u, name in UNITS.items())
            raise SpecError(f"unknown unit {unit!r}; use {known}", text, match.start("unit"))
        return Token("span", Span(value, unit), at)
    if match["name"]:
        return Token("name", match["name"], at)
    if match["text"]:
        return Token("text", match["text"][1:-1], at)
    return Token("mark", match["mark"], at)
