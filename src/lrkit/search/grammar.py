"""Reading texts with ranges: the words are the schedules' own, a ~ begins a range.

    range := "~" [name ":"] kind "(" bounds ")" [unit]        a number or a span of that unit
           | "~" [name ":"] "choice" "(" member ("," member)+ ")"
           | "~" name                                         the same value once more
    kind  := "log" | "uniform" | "int"
    bounds := low "," high ["," "step" "=" step]              step not with log

A member is any part of a text that fits its place, with ranges inside if need be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lrkit.errors import SpecError
from lrkit.schedules import nearest
from lrkit.schedules.lexer import Token, tokens_of
from lrkit.schedules.parser import MAX_LENGTH, MAX_NESTING
from lrkit.schedules.spans import UNITS
from lrkit.search.naming import Frame, Names, has_pieces, is_sign
from lrkit.search.parameters import Kind, Parameter, Value
from lrkit.search.template import Hole, Template, Word, literal, spelt, written

KINDS: Final[tuple[Kind, ...]] = ("log", "uniform", "int", "choice")


def read(text: str, names: Names, known: dict[str, Hole], outermost: str | None = None) -> Template:
    """Return the template of *text*; ranges are added to *known* by name.

    *outermost* is the name of an option's ranges; of a schedule's they follow from their place.
    Raises `SpecError`, with the text and a caret, where a range is none.
    """
    if not isinstance(text, str):
        raise SpecError(f"a text is needed, got {type(text).__name__}")
    if len(text) > MAX_LENGTH:
        raise SpecError(f"a text may have {MAX_LENGTH} characters, got {len(text)}")
    reader = _Reader(text, names, known, outermost)
    template = reader.template(top=True)
    if not template:
        raise reader.error("an empty text is no schedule", 0)
    return template


class _Reader:
    def __init__(
        self, text: str, names: Names, known: dict[str, Hole], outermost: str | None
    ) -> None:
        self.text, self.names, self.known, self.outermost = text, names, known, outermost
        self.tokens = tokens_of(text, lenient=True)
        self.i = 0
        self.frames: list[Frame] = []
        self.depth = 0
        self.has_pieces = has_pieces(self.tokens)
        self.steers = False

    @property
    def now(self) -> Token:
        return self.tokens[self.i]

    def error(self, message: str, position: int | None = None) -> SpecError:
        return SpecError(message, self.text, self.now.position if position is None else position)

    def guarded(self, position: int, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except SpecError as error:
            if error.text is not None:
                raise
            raise self.error(error.reason, position) from None

    def is_mark(self, mark: str) -> bool:
        return self.now.kind == "mark" and self.now.value == mark

    def expect(self, mark: str, why: str) -> None:
        if not self.is_mark(mark):
            raise self.error(f"expected {mark!r} {why}, got {self._shown()}")
        self.i += 1

    def template(self, top: bool = False) -> Template:
        """Return the pieces up to the end, or up to the comma or bracket that ends a member."""
        pieces: list[Word | Hole] = []
        outside = len(self.frames)
        while self.now.kind != "end":
            if len(self.frames) == outside and not top and self.now.value in (",", ")"):
                break
            if is_sign(self.now, "~", self.text):
                pieces.append(self.range())
            else:
                pieces.append(self.word(outside))
        return tuple(pieces)

    def word(self, outside: int) -> Word:
        token = self.now
        if token.kind == "error":
            raise self.error(str(token.value))
        if token.kind == "mark":
            self._bracket(token, outside)
        following = self.tokens[self.i + 1]
        if token.kind == "name" and following.value == "=" and self.frames:
            self.frames[-1].keyword = str(token.value)
        self.i += 1
        return Word(spelt(token), token.position, token)

    def _bracket(self, token: Token, outside: int) -> None:
        """Keep the stack of open brackets, from which unnamed ranges take their names."""
        if token.value in ("(", "["):
            before = self.tokens[self.i - 1] if self.i and token.value == "(" else None
            self.frames.append(Frame(before.value if before and before.kind == "name" else ""))
            if len(self.frames) > MAX_NESTING:
                raise self.error(f"nested deeper than {MAX_NESTING} levels; simplify it")
        elif token.value in (")", "]"):
            if len(self.frames) == outside:
                raise self.error(f"{token.value!r} closes no bracket")
            self.frames.pop()
        elif token.value == "," and self.frames:
            self.frames[-1].index += 1
            self.frames[-1].keyword = ""
        elif token.value == "|" and not self.frames:
            self.steers = True

    def range(self) -> Hole:
        at = self.now.position
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.error(f"nested deeper than {MAX_NESTING} levels; simplify it")
        self.i += 1
        name, again = self._name()
        hole = self._again(name, at) if again else self._defined(name, at)
        self.depth -= 1
        return hole

    def _name(self) -> tuple[str, bool]:
        """Return the name that is given, empty for none, and whether it stands for one before."""
        token, after = self.now, self.tokens[min(self.i + 1, len(self.tokens) - 1)]
        if token.kind != "name":
            raise self.error(f"a range is ~kind(...), kind one of {', '.join(KINDS)}")
        if is_sign(after, ":", self.text):
            self.i += 2
            return str(token.value), False
        if after.kind == "mark" and after.value == "(":
            return "", False
        self.i += 1
        return str(token.value), True

    def _again(self, name: str, at: int) -> Hole:
        if name not in self.known:
            known = nearest(name, [*self.known, *KINDS])
            raise self.error(
                f"~{name} is no range yet{known}; define it first, as in ~{name}:log(1e-3, 1)", at
            )
        first = self.known[name]
        return Hole(first.parameter, first.members, at, named=True, again=True)

    def _defined(self, name: str, at: int) -> Hole:
        kind = self.now.value
        if self.now.kind != "name" or kind not in KINDS:
            hint = nearest(str(kind), list(KINDS)) or f"; write one of {', '.join(KINDS)}"
            raise self.error(f"unknown kind of range {str(kind)[:40]!r}{hint}")
        self.i += 1
        self.expect("(", f"after ~{kind}")
        hole = self._choice(name, at) if kind == "choice" else self._numbers(name, kind, at)
        first = self.known.setdefault(hole.parameter.name, hole)
        if (first.parameter, _texts(first)) != (hole.parameter, _texts(hole)):
            raise self.error(
                f"~{name} was another range before; give it another name, or write ~{name} alone",
                at,
            )
        return hole

    def _numbers(self, name: str, kind: Kind, at: int) -> Hole:
        low = self._number()
        self.expect(",", "between the bounds")
        high = self._number()
        step = None
        if self.is_mark(","):
            self.i += 1
            if self.now.value != "step":
                raise self.error(f"~{kind} takes low, high and step=, got {self._shown()}")
            self.i += 1
            self.expect("=", "after step")
            step = self._number()
        closing = self.now
        self.expect(")", f"to close ~{kind}(")
        unit = self._unit(closing.stop)
        own = name or self._own_name("")
        made = self.guarded(at, lambda: Parameter(own, kind, low, high, step, unit))
        return Hole(made, (), at, named=bool(name))

    def _number(self) -> float:
        negative = self.is_mark("-")
        self.i += negative
        token = self.now
        if token.kind == "span":
            raise self.error("the unit stands after the bracket, as in ~int(0, 10)ep")
        if token.kind != "number":
            raise self.error(f"a number is needed here, got {self._shown()}")
        self.i += 1
        return -float(token.value) if negative else float(token.value)

    def _unit(self, stop: int) -> str:
        token = self.now
        if token.position != stop:
            return ""
        if is_sign(token, "%", self.text):
            self.i += 1
            return "%"
        if token.kind == "name":
            if token.value not in UNITS:
                known = ", ".join(f"{u} ({name})" for u, name in UNITS.items())
                raise self.error(f"unknown unit {token.value!r}; use {known}")
            self.i += 1
            return str(token.value)
        return ""

    def _choice(self, name: str, at: int) -> Hole:
        own = name or self._own_name(self._role_of_choice())
        members: list[Template] = []
        while not self.is_mark(")") or not members:
            if not (member := self.template()):
                raise self.error(f"a member of ~choice is needed here, got {self._shown()}")
            members.append(member)
            if not self.is_mark(","):
                break
            self.i += 1
        self.expect(")", "to close ~choice(")
        values = tuple(self._value(member) for member in members)
        made = self.guarded(at, lambda: Parameter(own, "choice", members=values))
        return Hole(made, tuple(members), at, named=bool(name))

    def _value(self, member: Template) -> Value:
        """Return what results call a member: a number, an option's word, else its text."""
        match member:
            case (Word() as word,) if word.token.kind == "number" or self.outermost is not None:
                return literal(word.token)
            case (Word(text="-"), Word() as word) if word.token.kind == "number":
                value = literal(word.token)
                return -value if isinstance(value, int | float) else value
        return written(member)

    def _own_name(self, role: str) -> str:
        if self.outermost is not None:
            return self.names.name([], self.outermost)
        if not role:
            whole = not self.frames and self.depth == 1 and not self.has_pieces
            role = "peak" if whole else "scale"
        return self.names.name(self.frames, role)

    def _role_of_choice(self) -> str:
        """Return what a choice outside all calls is of: controllers, numbers (""), or shapes."""
        if self.steers:
            return "controller"
        depth = 0
        for token in self.tokens[self.i :]:
            depth += (token.value in ("(", "[")) - (token.value in (")", "]"))
            if depth < 0:
                break
            if token.kind == "name" and str(token.value) not in KINDS:
                return "shape"
        return ""

    def _shown(self) -> str:
        return "the end" if self.now.kind == "end" else repr(self.text[self.now.position])


def _texts(hole: Hole) -> list[str]:
    return [written(member) for member in hole.members]
