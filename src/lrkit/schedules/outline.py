"""The map of a schedule's text: where every number, call and piece stands in it.

It is read by the parser itself, which notes where it has been, so there is one grammar only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lrkit.schedules.lexer import Token, tokens_of
from lrkit.schedules.parser import CONTROLLERS, METHODS, Reader
from lrkit.schedules.registry import BUILDERS
from lrkit.schedules.tree import Schedule


@dataclass(frozen=True)
class Node:
    """A part of the text, [start, stop): a sequence, sum, product, bracket, list, call, number...

    *name* is a call's or an argument's; *value* is a number's, and *unit* a span's.
    """

    kind: str
    start: int
    stop: int
    children: tuple[Node, ...] = ()
    name: str = ""
    value: float = 0.0
    unit: str = ""


@dataclass(frozen=True)
class Call:
    """A name with its brackets: *arguments* are (parameter, start, stop) in order.

    *parameters* is all that it takes, *closes* the character of its closing bracket.
    """

    name: str
    start: int
    stop: int
    arguments: tuple[tuple[str, int, int], ...]
    parameters: tuple[inspect.Parameter, ...]
    is_method: bool

    @property
    def closes(self) -> int:
        """The position of the closing bracket, where a further argument would go."""
        return self.stop - 1


@dataclass(frozen=True)
class Number:
    """A number of the text, [start, stop), with the *unit* of a span, empty for a plain one.

    *role* is the parameter that it is for, "scale" for a factor, "level" where it stands alone;
    *call* is the index of the call that it belongs to, -1 for none; *item* its place in a list.
    """

    start: int
    stop: int
    value: float
    unit: str
    role: str
    call: int
    item: int


@dataclass(frozen=True)
class Outline:
    """The map of *text*, whose schedule ends at *stop*, where controllers may follow.

    *body* is the part that holds the *pieces*: the main sequence, inside the numbers that scale
    it; *bare* says that it stands in brackets or alone, so that it may become a sequence as it is.

    >>> o = outline("0.3 * (warmup(5ep) >> cosine())")
    >>> [o.text[p.start : p.stop] for p in o.pieces]
    ['warmup(5ep)', 'cosine()']
    >>> [(n.value, n.unit, n.role) for n in o.numbers]
    [(0.3, '', 'scale'), (5.0, 'ep', 'span')]
    """

    text: str
    stop: int
    root: Node
    numbers: tuple[Number, ...]
    calls: tuple[Call, ...]
    body: Node
    bare: bool
    pieces: tuple[Node, ...]

    @property
    def scale(self) -> Number | None:
        """The number that scales the whole; None where nothing does, or a piece only."""
        inside = range(self.body.start, self.body.stop)
        outer = (n for n in self.numbers if n.role == "scale" and n.start not in inside)
        return next(outer, None)


@dataclass(frozen=True)
class Word:
    """A word of a text that may be wrong: what it is to a reader's eye, and where it stands.

    *kind* is name, method, argument, controller, word, number, span, text, operator, bracket or
    error; *message* says what is wrong.
    """

    kind: str
    start: int
    stop: int
    message: str = ""


def outline(text: str) -> Outline:
    """Return the map of a schedule's *text*; controllers after a | are left as they are.

    Raises the `SpecError` of `parse` where the text is none.
    """
    stop = next((t.position for t in tokens_of(text) if t.value == "|" and t.kind == "mark"), None)
    stop = len(text) if stop is None else stop
    recorder = _Recorder(text[:stop])
    recorder.whole_schedule()
    recorder.expect_end()
    (root,) = recorder.rows[0]
    body, bare = _body(root, bare=True)
    pieces = body.children if body.kind == "sequence" else (body,)
    calls: list[Call] = []
    numbers: list[Number] = []
    _collect(root, calls, numbers)
    numbers.sort(key=lambda n: n.start)
    return Outline(text, stop, root, tuple(numbers), tuple(calls), body, bare, pieces)


def words(text: str) -> list[Word]:
    """Return the words of *text* for the eye, whatever is wrong with it; it never raises.

    >>> [(w.kind, w.start) for w in words("0.3 * cosin(1, $")]
    [('number', 0), ('operator', 4), ('error', 6), ('bracket', 11), ('number', 12), ('operator', 13), ('error', 15)]
    """  # noqa: E501 - one line of output
    tokens = tokens_of(text, lenient=True)
    found = []
    for i, token in enumerate(tokens[:-1]):
        kind, message = token.kind, ""
        if kind == "mark":
            kind = "bracket" if token.value in "()[]" else "operator"
        elif kind == "error":
            message = str(token.value)
        elif kind == "name":
            kind = _kind_of(token, tokens[i - 1] if i else None, tokens[i + 1])
        found.append(Word(kind, token.position, token.stop, message))
    return found


def _kind_of(token: Token, before: Token | None, after: Token) -> str:
    """Return what a name is: by what stands before and after it, as the parser tells them apart."""
    if after.value == "=":
        return "argument"
    if before is not None and before.value == ".":
        return "method" if token.value in METHODS else "error"
    if token.value in CONTROLLERS:
        return "controller"
    if token.value in BUILDERS:
        return "name"
    return "error" if after.value == "(" and after.kind == "mark" else "word"


class _Recorder(Reader):
    """The parser, taking notes: `rows` is a stack of the nodes found at each level so far."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.rows: list[list[Node]] = [[]]

    def _note(
        self, kind: str, read: Callable[[], Any], name: str = "", *, back: int = 0,
        collapse: bool = False,
    ) -> Any:  # fmt: skip
        """Return what *read* reads, with a node of its range; one child alone stands for itself."""
        first = self.i - back
        self.rows.append([])
        value = read()
        children = tuple(self.rows.pop())
        if collapse and len(children) == 1:
            self.rows[-1].append(children[0])
        else:
            start, stop = self.tokens[first].position, self.tokens[self.i - 1].stop
            self.rows[-1].append(Node(kind, start, stop, children, name))
        return value

    def chain(self, mark: str, kind: Any, part: Callable[[], Any]) -> Any:
        what = "sequence" if mark == ">>" else "sum"
        return self._note(
            what, lambda: super(_Recorder, self).chain(mark, kind, part), collapse=True
        )

    def product(self) -> Any:
        return self._note("product", super().product, collapse=True)

    def atom(self) -> Any:
        return self._note("methods", super().atom, collapse=True)

    def _plain(self) -> Any:
        token = self.now
        if token.kind == "mark" and token.value in ("(", "["):
            return self._note("bracket" if token.value == "(" else "list", super()._plain)
        value = super()._plain()
        if token.kind == "number":
            self._leaf("number", token, float(token.value))
        elif token.kind == "span":
            self._leaf("number", token, token.value.value, token.value.unit)
        elif token.kind == "text":
            self._leaf("word", token)
        return value

    def _leaf(self, kind: str, token: Token, value: float = 0.0, unit: str = "") -> None:
        node = Node(kind, token.position, token.stop, value=value, unit=unit)
        self.rows[-1].append(node)

    def call(self, build: Callable[..., Schedule], name: str, position: int) -> Schedule:
        read = super().call
        made: Schedule = self._note("call", lambda: read(build, name, position), name, back=1)
        return made

    def _argument(self) -> Any:
        named = self.i >= 2 and self.tokens[self.i - 1].value == "="
        name = str(self.tokens[self.i - 2].value) if named else ""
        minus = self.now

        def read() -> Any:
            value = super(_Recorder, self)._argument()
            if minus.value == "-" and minus.kind == "mark":
                leaf = self.rows[-1].pop()
                self.rows[-1].append(
                    Node("number", minus.position, leaf.stop, value=-leaf.value, unit=leaf.unit)
                )
            return value

        return self._note("argument", read, name)


def _body(node: Node, bare: bool) -> tuple[Node, bool]:
    """Return the part of *node* that holds the main sequence, and whether it stands alone."""
    if node.kind == "product":
        factors = [c for c in node.children if not _is_number(c)]
        return _body(factors[0], bare=False) if len(factors) == 1 else (node, bare)
    if node.kind == "bracket" and not _is_number(node):
        return _body(node.children[0], bare=True)
    if node.kind == "methods" and node.children[0].kind == "bracket":
        return _body(node.children[0], bare=False)
    return node, bare


def _is_number(node: Node) -> bool:
    """Return whether *node* is made of numbers alone."""
    if node.kind in ("bracket", "product"):
        return all(map(_is_number, node.children))
    return node.kind == "number"


def _collect(
    node: Node, calls: list[Call], numbers: list[Number], call: int = -1, role: str = "level",
    item: int = -1,
) -> None:  # fmt: skip
    """Append the calls and numbers of *node*, which stands for *role* of call number *call*."""
    if node.kind == "number":
        numbers.append(Number(node.start, node.stop, node.value, node.unit, role, call, item))
        return
    if node.kind == "call":
        _collect_call(node, calls, numbers)
        return
    for i, child in enumerate(node.children):
        if node.kind == "list":
            _collect(child, calls, numbers, call, role, i)
        elif node.kind == "product" and role == "level":
            _collect(child, calls, numbers, call, "scale")
        else:
            outer = role if child.kind != "call" else "level"
            _collect(child, calls, numbers, call, outer, item)


def _collect_call(node: Node, calls: list[Call], numbers: list[Number]) -> None:
    is_method = node.name in METHODS and node.name not in BUILDERS
    build = getattr(Schedule, node.name) if is_method else BUILDERS[node.name]
    parameters = tuple(inspect.signature(build).parameters.values())[is_method:]
    names = [p.name for p in parameters]
    given = [(c.name or names[i], c.start, c.stop) for i, c in enumerate(node.children)]
    index = len(calls)
    calls.append(Call(node.name, node.start, node.stop, tuple(given), parameters, is_method))
    for (role, _, _), child in zip(given, node.children, strict=True):
        for inner in child.children:
            _collect(inner, calls, numbers, index, role)
