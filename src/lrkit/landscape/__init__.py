"""Loss surfaces: functions of two variables, descents on them, and slices of real networks.

Functions, optimizers and descents are NumPy and plain Python; only slices of networks need torch.
Names are loaded when they are first asked for, so importing the room loads neither torch nor a
plotting library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lrkit.landscape.animation import animate_race
    from lrkit.landscape.descent import Descent, Leg, State, descend, descend_in_legs
    from lrkit.landscape.edges import Sharpness, read_sharpness
    from lrkit.landscape.expression import from_text
    from lrkit.landscape.functions import Function, catalog, function
    from lrkit.landscape.hessian import sharpness
    from lrkit.landscape.interactive import race_page
    from lrkit.landscape.optimizers import Optimizer, optimizer
    from lrkit.landscape.pictures import draw_race
    from lrkit.landscape.planes import Slice, read_slice
    from lrkit.landscape.races import Race, race
    from lrkit.landscape.slicing import slice_line, slice_plane
    from lrkit.landscape.starting import start_training, weights_at
    from lrkit.landscape.subjects import Subject, of_run, of_task

__all__ = [
    "Descent",
    "Function",
    "Leg",
    "Optimizer",
    "Race",
    "Sharpness",
    "Slice",
    "State",
    "Subject",
    "animate_race",
    "catalog",
    "descend",
    "descend_in_legs",
    "draw_race",
    "from_text",
    "function",
    "of_run",
    "of_task",
    "optimizer",
    "race",
    "race_page",
    "read_sharpness",
    "read_slice",
    "sharpness",
    "slice_line",
    "slice_plane",
    "start_training",
    "weights_at",
]

# No module is called like a public name: importing it would put it in the name's place.
_HOMES: Final = {
    "animation": ("animate_race",),
    "descent": ("Descent", "Leg", "State", "descend", "descend_in_legs"),
    "expression": ("from_text",),
    "functions": ("Function", "catalog", "function"),
    "hessian": ("sharpness",),
    "optimizers": ("Optimizer", "optimizer"),
    "interactive": ("race_page",),
    "pictures": ("draw_race",),
    "races": ("Race", "race"),
    "planes": ("Slice", "read_slice"),
    "edges": ("Sharpness", "read_sharpness"),
    "slicing": ("slice_line", "slice_plane"),
    "starting": ("start_training", "weights_at"),
    "subjects": ("Subject", "of_run", "of_task"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"lrkit.landscape.{home}"), name)
    raise AttributeError(f"module 'lrkit.landscape' has no attribute {name!r}")
