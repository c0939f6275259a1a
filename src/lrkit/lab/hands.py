"""Edits that the lab makes for a person: they count as a letter, so that no resume loses them."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import replace

from lrkit.control import Edit


def by_hand(edit: Edit, name: str = "") -> Edit:
    """Return *edit* with a letter's name, by which the journal keeps it for good.

    What a loop of one's own gives to `Scheduler.apply` comes again when that loop runs again; an
    answer at a prompt does not.
    """
    if edit.letter:
        return edit
    unique = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}"
    return replace(edit, letter=name or unique)
