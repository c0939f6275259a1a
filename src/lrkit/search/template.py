"""A text with ranges in it, as a value: literal words and holes, rendered by choosing values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from lrkit.errors import SpecError
from lrkit.schedules import Span
from lrkit.schedules.lexer import Token
from lrkit.schedules.parser import WORDS
from lrkit.schedules.spans import text_of
from lrkit.search.parameters import Parameter, Value

JOINTS: Final = (">>", "+", "*", "/")
_SPACED: Final = (*JOINTS, "|")
_OPENS: Final = (None, "(", ",", "=", "[")
_CLOSES: Final = (None, ")", ",", "]")

Choose: TypeAlias = Callable[[Parameter], Value]
"""How a value is chosen for a range; it is asked once for each name."""


@dataclass(frozen=True)
class Word:
    """A word of the text as it stands, and the character where it stood."""

    text: str
    position: int
    token: Token


@dataclass(frozen=True)
class Hole:
    """A place for the value of a range; *members* are the templates of a choice's members.

    *named* says that the text gives its name, *again* that it stands for one defined before.
    """

    parameter: Parameter
    members: tuple[Template, ...]
    position: int
    named: bool
    again: bool = False


Template: TypeAlias = tuple[Word | Hole, ...]
Parts: TypeAlias = list[tuple[str, int]]


def holes(template: Template) -> Iterator[Hole]:
    """Yield the holes of *template*, in reading order, those inside members too."""
    for piece in template:
        if isinstance(piece, Hole):
            yield piece
            for member in piece.members:
                yield from holes(member)


def render(template: Template, choose: Choose) -> Parts:
    """Return the words of *template* with its ranges chosen, each with where it comes from."""
    parts: Parts = []
    for i, piece in enumerate(template):
        if isinstance(piece, Word):
            parts.append((piece.text, piece.position))
            continue
        filled = _filled(piece, choose)
        before = template[i - 1] if i else None
        after = template[i + 1] if i + 1 < len(template) else None
        alone = _mark(before) in _OPENS and _mark(after) in _CLOSES
        if not alone and _is_loose(filled):
            filled = [("(", piece.position), *filled, (")", piece.position)]
        parts += filled
    return parts


def option(template: Template, choose: Choose) -> object:
    """Return the value of an option: a number, a text, true, false, none, or a list of them."""
    match template:
        case (Hole() as hole,):
            value = choose(hole.parameter)
            if hole.parameter.kind == "choice":
                return option(hole.members[hole.parameter.members.index(value)], choose)
            if hole.parameter.unit:
                return f"{text_of(_number(value))}{hole.parameter.unit}"
            return value
        case (Word() as word,):
            return literal(word.token)
        case (Word(text="-"), Word() as word) if word.token.kind == "number":
            return -_number(literal(word.token))
        case (Word(text="["), *inner, Word(text="]")):
            return [option(item, choose) for item in _items(tuple(inner))]
    raise SpecError("an option is a range, a number, a word, a quoted text or a [list] of them")


def literal(token: Token) -> Value:
    """Return what a single word of an option means."""
    match token.kind, token.value:
        case "number", float(value):
            return int(value) if value.is_integer() else value
        case "span", Span() as span:
            return str(span)
        case "name", str(name):
            return WORDS.get(name.lower(), name)
        case "text", str(text):
            return text
    raise SpecError(f"an option is a number, a word or a quoted text, got {token.value!r}")


def joined(parts: Parts) -> tuple[str, list[tuple[int, int]]]:
    """Return the text of *parts*, and where each starts in it: (place in it, where it is from)."""
    text, places = "", []
    for i, (part, position) in enumerate(parts):
        places.append((len(text) + (part in _SPACED), position))
        if part in _SPACED:
            text += f" {part} "
        else:
            text += ", " if part == "," and i + 1 < len(parts) else part
    return text, places


def written(template: Template) -> str:
    """Return *template* as text again, in its plainest form."""
    parts: Parts = []
    for piece in template:
        text = piece.text if isinstance(piece, Word) else _range(piece)
        parts.append((text, piece.position))
    return joined(parts)[0]


def spelt(token: Token) -> str:
    """Return *token* in its plainest form."""
    if token.kind == "number":
        return text_of(token.value)
    if token.kind == "text":
        quote = "'" if '"' in token.value else '"'
        return f"{quote}{token.value}{quote}"
    return str(token.value)


def _filled(hole: Hole, choose: Choose) -> Parts:
    value = choose(hole.parameter)
    if hole.parameter.kind == "choice":
        member = hole.members[hole.parameter.members.index(value)]
        return [(text, hole.position if hole.again else at) for text, at in render(member, choose)]
    return [(f"{text_of(_number(value))}{hole.parameter.unit}", hole.position)]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpecError(f"a number is needed, got {value!r}")
    return value


def _mark(piece: Word | Hole | None) -> str | None:
    return "~" if isinstance(piece, Hole) else None if piece is None else piece.text


def _is_loose(parts: Parts) -> bool:
    """Return whether *parts* would come apart next to an operator."""
    depth = 0
    for text, _ in parts:
        depth += (text in "([") - (text in ")]")
        if depth == 0 and text in JOINTS:
            return True
    return False


def _items(template: Template) -> Iterator[Template]:
    """Yield the items of a list's inside; the lists of options are flat."""
    item: list[Word | Hole] = []
    for piece in template:
        if isinstance(piece, Word) and piece.text == ",":
            yield tuple(item)
            item = []
        else:
            item.append(piece)
    if item:
        yield tuple(item)


def _range(hole: Hole) -> str:
    parameter = hole.parameter
    if hole.again:
        return f"~{parameter.name}"
    if parameter.kind == "choice":
        inside = [written(member) for member in hole.members]
    else:
        inside = [text_of(parameter.low), text_of(parameter.high)]
        if parameter.step is not None:
            inside.append(f"step={text_of(parameter.step)}")
    name = f"{parameter.name}:" if hole.named else ""
    return f"~{name}{parameter.kind}({', '.join(inside)}){parameter.unit}"
