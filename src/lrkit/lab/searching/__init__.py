"""Searching a space of schedules on a task: trials on an engine, kept in a folder, reported.

The folder has `order.json` (what the search is), the storage of its trials, `runs` (a journal for
each training), and the report. Several workers may be at it at once, on one machine or on many.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lrkit.lab.searching.calling import outcome_of, search
    from lrkit.lab.searching.order import Order
    from lrkit.lab.searching.outcome import Confirmed, Outcome
    from lrkit.lab.searching.reporting import search_report, search_table

__all__ = ["Confirmed", "Order", "Outcome", "outcome_of", "search", "search_report", "search_table"]

_HOMES: Final = {
    "calling": ("outcome_of", "search"),
    "order": ("Order",),
    "outcome": ("Confirmed", "Outcome"),
    "reporting": ("search_report", "search_table"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"lrkit.lab.searching.{home}"), name)
    raise AttributeError(f"module 'lrkit.lab.searching' has no attribute {name!r}")
