"""A function of two variables that the user types, or names."""

from __future__ import annotations

import itertools
import math
import re
from typing import Final

from lrkit.errors import SpecError
from lrkit.landscape.functions import NAMES, function
from lrkit.landscape.grammar import compiled
from lrkit.landscape.surface import Box, Function, Point, checked_box
from lrkit.schedules.registry import nearest

BOX: Final = Box(-5.0, 5.0, -5.0, 5.0)
# Where a typed function is started: the first of these, as shares of the box, that is finite.
_SHARES: Final = (0.15, 0.8, 0.5, 0.35, 0.65, 0.95, 0.05)


def from_text(text: str, *, box: Box | None = None) -> Function:
    """Return the function that *text* names or writes: "ravine", or "x**2 + 3*sin(y)**2".

    A formula has numbers, x, y, pi, e, + - * / ** (or ^), brackets, and sin, cos, tan, exp, log,
    sqrt, abs, sinh, cosh, tanh, atan and hypot. Its gradient is exact. *box* is where to look,
    (-5, 5) both ways for a formula by default; it starts at a place of the box where it is finite.

    Raises `SpecError` with the character at fault; see `compiled` for the bounds on its size.

    >>> from_text("x**2 + 10*abs(y)").gradient(3.0, -1.0)
    (6.0, -10.0)
    """
    word = text.strip()
    if word in NAMES:
        return function(word)
    if re.fullmatch(r"[A-Za-z_]{4,}", word):  # a name, though not a known one
        raise SpecError(
            f"unknown function {word[:40]!r}{nearest(word, list(NAMES))}; the names are "
            f"{', '.join(NAMES)}, or write a formula of x and y",
            text,
            text.index(word),
        )
    compiled(text)
    box = checked_box(box or BOX)
    return Function("", text, "your own formula", box, _start(text, box))


def _start(text: str, box: Box) -> Point:
    program = compiled(text)
    for across, up in itertools.product(_SHARES, _SHARES):
        x = box.left + across * (box.right - box.left)
        y = box.bottom + up * (box.top - box.bottom)
        if all(map(math.isfinite, program.both(x, y))):
            return (round(x, 6), round(y, 6))
    raise SpecError(
        "a function must be finite somewhere in its box, this one is nowhere; choose another box",
        text,
        0,
    )
