"""What an edit in a journal does, in words: one wording for the terminal and the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lrkit.control import edit_from_dict
from lrkit.errors import LrkitError
from lrkit.records.course import JOURNALED

#: What reading an edit may raise: a letter comes from outside, and anything may stand in it.
WRONG: Final = (
    LrkitError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip
OWN: Final = ("kind", "time", "format", "source", "at", "letter")


def words_of(event: Mapping[str, Any]) -> str:
    """Return what the edit of *event* does, in the words of `lrkit steer`.

    An edit of a newer lrkit, or of another program, is told field by field.

    >>> words_of({"edit": "scale", "factor": 0.5, "over": "200st"})
    'scale 0.5 over=200st'
    >>> words_of({"edit": "warp", "by": 9})
    'edit warp, by 9'
    """
    try:
        return str(edit_from_dict({k: v for k, v in event.items() if k not in JOURNALED}))
    except WRONG:
        return ", ".join(f"{k} {v}" for k, v in event.items() if k not in OWN)


def told_of(event: Mapping[str, Any]) -> str:
    """Return *event*, an accepted edit, as a sentence: what, when, by whom and why.

    >>> told_of({"edit": "hold", "step": 12, "author": "anna", "reason": "it spikes"})
    'hold at 12 by anna: it spikes'
    """
    text = f"{words_of(event)} at {event.get('step')}"
    text += f" by {event['author']}" if event.get("author") else ""
    return f"{text}: {event['reason']}" if event.get("reason") else text
