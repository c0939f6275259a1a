"""Tuning: from nothing to a schedule, on a budget of a few full trainings.

The folder has `tune.json` (the settings), `range.json` (the range test), `runs` (a journal for
each training), and the report.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lrkit.lab.tuning.aims import Aim
    from lrkit.lab.tuning.reporting import tune_report, tune_table
    from lrkit.lab.tuning.tuned import Expected, Tuned
    from lrkit.lab.tuning.working import tune

__all__ = ["Aim", "Expected", "Tuned", "tune", "tune_report", "tune_table"]

_HOMES: Final = {
    "aims": ("Aim",),
    "reporting": ("tune_report", "tune_table"),
    "tuned": ("Expected", "Tuned"),
    "working": ("tune",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"lrkit.lab.tuning.{home}"), name)
    raise AttributeError(f"module 'lrkit.lab.tuning' has no attribute {name!r}")
