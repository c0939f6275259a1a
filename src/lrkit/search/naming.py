"""Names for ranges that have none, from where they stand: short, readable, and always the same."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Final

from lrkit.control.steering import BUILDERS as CONTROLLERS
from lrkit.schedules import Schedule
from lrkit.schedules.lexer import Token, tokens_of
from lrkit.schedules.parser import METHODS
from lrkit.schedules.registry import BUILDERS

UNKNOWN: Final = "value"


@dataclass
class Frame:
    """An open bracket on the way to a range: a call's, or one that only groups or lists.

    *index* counts the arguments before, *keyword* is the name of the present one.
    """

    call: str = ""
    index: int = 0
    keyword: str = ""


class Names:
    """Gives every range its own name; *taken* are the names that the text gives itself."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken

    def name(self, frames: list[Frame], outermost: str) -> str:
        """Return a name for a range inside *frames*; *outermost* is for one outside all calls.

        The span of a call is called like the call, another argument like its parameter.
        """
        call = next((frame for frame in reversed(frames) if frame.call), None)
        if call is None:
            return self._own([outermost])
        parameter = _parameter(call)
        if parameter == "span":
            return self._own([call.call, f"{call.call}_span"])
        return self._own([parameter, f"{call.call}_{parameter}"])

    def _own(self, wishes: list[str]) -> str:
        name = next((wish for wish in wishes if wish not in self.taken), "")
        number = 2
        while not name:
            if (wish := f"{wishes[0]}_{number}") not in self.taken:
                name = wish
            number += 1
        self.taken.add(name)
        return name


def _parameter(frame: Frame) -> str:
    if frame.keyword:
        return frame.keyword
    name, is_method = frame.call, frame.call in METHODS and frame.call not in BUILDERS
    build = getattr(Schedule, name) if is_method else {**BUILDERS, **CONTROLLERS}.get(name)
    if build is None:  # no such call: building a point of the space says so
        return UNKNOWN
    names = list(inspect.signature(build).parameters)[is_method:]
    return names[frame.index] if frame.index < len(names) else UNKNOWN


def given_names(text: str) -> set[str]:
    """Return the names that *text* gives to its ranges itself."""
    words = tokens_of(text, lenient=True)
    return {
        str(words[i + 1].value)
        for i in range(len(words) - 2)
        if is_sign(words[i], "~", text) and is_sign(words[i + 2], ":", text)
    }


def is_sign(token: Token, sign: str, text: str) -> bool:
    """Return whether *token* is *sign*, one that only ranges have: schedules alone know it not."""
    return token.kind == "error" and text[token.position] == sign


def has_pieces(tokens: list[Token]) -> bool:
    """Return whether a joint stands outside all brackets, before the controllers."""
    depth = 0
    for token in tokens:
        if token.kind != "mark":
            continue
        depth += (token.value in "([") - (token.value in ")]")
        if depth == 0 and token.value in (">>", "+", "|"):
            return bool(token.value != "|")
    return False
