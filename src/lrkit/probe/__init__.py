"""The range test: which rate a training should use, found by raising it step by step.

`find` makes the test and gives the training back as it was; `suggest`, a pure function, reads
base, peak and maximum off the curve. Only `find` needs torch, and it sets rates through
`lrkit.drive` alone; names are loaded when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lrkit.probe.curve import RangeCurve
    from lrkit.probe.engine import find
    from lrkit.probe.files import read_range, write_range
    from lrkit.probe.rules import RULES
    from lrkit.probe.suggestion import Estimate, Suggestion, suggest

__all__ = [
    "RULES",
    "Estimate",
    "RangeCurve",
    "Suggestion",
    "find",
    "read_range",
    "suggest",
    "write_range",
]

# No module is called like a public name: importing it would put it in the name's place.
_HOMES: Final = {
    "curve": ("RangeCurve",),
    "engine": ("find",),
    "files": ("read_range", "write_range"),
    "rules": ("RULES",),
    "suggestion": ("Estimate", "Suggestion", "suggest"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"lrkit.probe.{home}"), name)
    raise AttributeError(f"module 'lrkit.probe' has no attribute {name!r}")
