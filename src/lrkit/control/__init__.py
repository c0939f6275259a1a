"""Edits as values, and the controllers that make them: pure, NumPy only.

An edit is a small frozen value ("scale by 0.5 from step 1200 on, because the loss spiked") that is
made by a person or by a controller, accepted at a step boundary, and kept. `course` turns a
schedule and its edits into one schedule again, which is what the run follows. Nothing here touches
a clock, a file or a training; `lrkit.drive` applies edits to an optimizer.

This room imports `lrkit.schedules` and NumPy, nothing else.
"""

from lrkit.control.changes import Cooldown, Extend, Hold, Release, Replace, Scale, Set
from lrkit.control.commands import Checkpoint, Command, Rollback, Stop
from lrkit.control.controllers import (
    Controller,
    Observation,
    State,
    controller_from_dict,
    register,
)
from lrkit.control.drawing import drawn
from lrkit.control.edits import Edit, GroupKey, edit_from_dict
from lrkit.control.fold import course, effective
from lrkit.control.greed import Greedy, greedy
from lrkit.control.guard import SpikeGuard, spike_guard
from lrkit.control.plateaus import Plateau, plateau
from lrkit.control.sharing import courses, share_out
from lrkit.control.steering import Steered, steered

__all__ = [
    "Checkpoint",
    "Command",
    "Controller",
    "Cooldown",
    "Edit",
    "Extend",
    "Greedy",
    "GroupKey",
    "Hold",
    "Observation",
    "Plateau",
    "Release",
    "Replace",
    "Rollback",
    "Scale",
    "Set",
    "SpikeGuard",
    "State",
    "Steered",
    "Stop",
    "controller_from_dict",
    "course",
    "courses",
    "drawn",
    "edit_from_dict",
    "effective",
    "greedy",
    "plateau",
    "register",
    "share_out",
    "spike_guard",
    "steered",
]
