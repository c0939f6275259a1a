"""What in a schedule's text can be turned: its numbers, and those it could have written down.

A knob is a place for a number. Turning it gives another text, so nothing is held beside the text.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass

from lrkit.errors import SpecError
from lrkit.schedules.outline import Call, Outline
from lrkit.schedules.rewrite import numeral
from lrkit.schedules.spans import as_span

MOST_WORK = 150_000
"""Characters read to try all knobs: a long text is dragged by the first of its numbers only."""


@dataclass(frozen=True)
class Knob:
    """A place [start, stop) of a text for a number: *before* and *after* are written around it.

    *value* is what it is now, with *unit*; *written* says that it stands in the text already. A
    scale that is not there yet goes around the whole: *close* is where its bracket closes.
    """

    start: int
    stop: int
    value: float
    unit: str
    role: str
    written: bool
    like: str = ""
    before: str = ""
    after: str = ""
    close: int = -1


def turned(text: str, turns: Iterable[tuple[Knob, float]]) -> str:
    """Return *text* with each knob at its value; the knobs must not overlap."""
    for knob, value in sorted(turns, key=lambda turn: -turn[0].start):
        if knob.close >= 0:
            text = f"{text[: knob.close]}){text[knob.close :]}"
        number = f"{knob.before}{numeral(value, knob.like)}{knob.unit}{knob.after}"
        text = text[: knob.start] + number + text[knob.stop :]
    return text


def knobs_of(found: Outline) -> list[Knob]:
    """Return the knobs of a text: its numbers, arguments left at their defaults, and a scale."""
    text = found.text
    knobs = [
        Knob(n.start, n.stop, n.value, n.unit, n.role, True, text[n.start : n.stop])
        for n in found.numbers
    ]
    for call in found.calls:
        knobs += _unwritten(call, text)
    if found.root.kind != "number" and found.scale is None:
        root = found.root
        together = root.kind in ("sequence", "sum")
        opening, close = (" * (", root.stop) if together else (" * ", -1)
        knobs.append(Knob(root.start, root.start, 1.0, "", "scale", False, "", "", opening, close))
    if len(found.pieces) > 1:
        # A piece such as hold() has no level of its own: it is lifted by a factor.
        for piece in found.pieces:
            if piece.kind in ("call", "methods"):
                at = piece.start
                knobs.append(Knob(at, at, 1.0, "", "piece", False, "", "", " * "))
    return knobs[: max(MOST_WORK // max(len(text), 1), 8)]


def _unwritten(call: Call, text: str) -> list[Knob]:
    """Return the arguments of *call* that have a number for a default and are not written."""
    given = {name for name, _, _ in call.arguments}
    all_by_place = not any("=" in text[start - 2 : start] for _, start, _ in call.arguments)
    found = []
    for i, parameter in enumerate(call.parameters):
        value = _default(parameter)
        # What stands behind the * bends the shape (exponents, ahead); it moves no joint as such.
        if parameter.name in given or value is None or parameter.kind is parameter.KEYWORD_ONLY:
            continue
        comma = ", " if call.arguments else ""
        by_place = all_by_place and i == len(call.arguments)
        before = comma if by_place else f"{comma}{parameter.name}="
        at = call.closes
        found.append(Knob(at, at, *value, parameter.name, False, "", before))
    return found


def _default(parameter: inspect.Parameter) -> tuple[float, str] | None:
    """Return the number and unit that *parameter* has by default, None for anything else."""
    value = parameter.default
    if isinstance(value, bool) or value is parameter.empty:
        return None
    if isinstance(value, int | float):
        return float(value), ""
    if isinstance(value, str):
        try:
            span = as_span(value)
        except SpecError:  # a word, such as the name of a shape
            return None
        return span.value, span.unit
    return None
