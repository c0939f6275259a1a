"""Search for a better schedule: spaces over schedules, and samplers behind ask and tell.

`Space.parse` reads a schedule's text in which numbers, spans or parts are ranges; `Search.open`
asks a sampler of Optuna for points of it and is told their scores, by any number of workers on
one storage. Nothing here trains anything. Optuna is loaded when a search is opened, and names
when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lrkit.search.counting import Progress
    from lrkit.search.parameters import Parameter
    from lrkit.search.results import Importance, Results, Trial
    from lrkit.search.samplers import PRUNERS, SAMPLERS
    from lrkit.search.searching import Asked, Search
    from lrkit.search.settings import Settings
    from lrkit.search.space import Point, Space

__all__ = [
    "PRUNERS",
    "SAMPLERS",
    "Asked",
    "Importance",
    "Parameter",
    "Point",
    "Progress",
    "Results",
    "Search",
    "Settings",
    "Space",
    "Trial",
]

# No module is called like a public name: importing it would put it in the name's place.
_HOMES: Final = {
    "counting": ("Progress",),
    "parameters": ("Parameter",),
    "results": ("Importance", "Results", "Trial"),
    "samplers": ("PRUNERS", "SAMPLERS"),
    "searching": ("Asked", "Search"),
    "settings": ("Settings",),
    "space": ("Point", "Space"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"lrkit.search.{home}"), name)
    raise AttributeError(f"module 'lrkit.search' has no attribute {name!r}")
