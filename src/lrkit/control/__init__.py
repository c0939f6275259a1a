"""Edits as values, and the controllers that make them: pure, NumPy only.

An edit is a small frozen value ("scale by 0.5 from step 1200 on, because the loss spiked") that is
made by a person or by a controller, accepted at a step boundary, and kept. `effective` turns a
schedule and its edits into one schedule again. Nothing here touches a clock, a file or a training;
`lrkit.drive` applies edits to an optimizer.

This room imports `lrkit.schedules` and NumPy, nothing else.
"""

from lrkit.control.controllers import (
    Controller,
    Observation,
    State,
    controller_from_dict,
    register,
)
from lrkit.control.edits import (
    Adjustment,
    Edit,
    GroupKey,
    Hold,
    Release,
    Scale,
    Set,
    edit_from_dict,
)
from lrkit.control.greed import Greedy, greedy
from lrkit.control.overlay import Overlay, effective, overlay, share_out
from lrkit.control.plateaus import Plateau, plateau

__all__ = [
    "Adjustment",
    "Controller",
    "Edit",
    "Greedy",
    "GroupKey",
    "Hold",
    "Observation",
    "Overlay",
    "Plateau",
    "Release",
    "Scale",
    "Set",
    "State",
    "controller_from_dict",
    "edit_from_dict",
    "effective",
    "greedy",
    "overlay",
    "plateau",
    "register",
    "share_out",
]
