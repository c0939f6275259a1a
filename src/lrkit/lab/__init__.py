"""Tasks, the training loop, and comparisons of many trainings.

May touch torch, data sets, the folders of runs and, through `lrkit.drive` alone, an optimizer's
rates. Names are loaded when they are first asked for, so a study is read without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from lrkit.lab.extra import installed

if TYPE_CHECKING:
    from lrkit.lab.branching import branch
    from lrkit.lab.catalog import TaskInfo, task, tasks
    from lrkit.lab.comparison import Comparison, RowResult, compare
    from lrkit.lab.contract import IndexBatches, Task
    from lrkit.lab.entries import Entry, Reference, Row
    from lrkit.lab.finding import find
    from lrkit.lab.holdout import held_out
    from lrkit.lab.progress import Watcher
    from lrkit.lab.reporting import report, table
    from lrkit.lab.result import RunResult
    from lrkit.lab.resuming import resume
    from lrkit.lab.searching.calling import search
    from lrkit.lab.searching.order import Order
    from lrkit.lab.searching.reporting import search_report
    from lrkit.lab.stages import Stage
    from lrkit.lab.statistics import Paired, Summary
    from lrkit.lab.study import Study, decode_study, load_study
    from lrkit.lab.training import train
    from lrkit.lab.tuning import Aim, Tuned, tune, tune_report

__all__ = [
    "Aim",
    "Comparison",
    "Entry",
    "IndexBatches",
    "Order",
    "Paired",
    "Reference",
    "Row",
    "RowResult",
    "RunResult",
    "Stage",
    "Study",
    "Summary",
    "Task",
    "TaskInfo",
    "Tuned",
    "Watcher",
    "branch",
    "compare",
    "decode_study",
    "find",
    "held_out",
    "load_study",
    "report",
    "resume",
    "search",
    "search_report",
    "table",
    "task",
    "tasks",
    "train",
    "tune",
    "tune_report",
]

# No module is called like a public name: importing it would put it in the name's place.
_HOMES: Final = {
    "branching": ("branch",),
    "catalog": ("TaskInfo", "task", "tasks"),
    "comparison": ("Comparison", "RowResult", "compare"),
    "contract": ("IndexBatches", "Task"),
    "entries": ("Entry", "Reference", "Row"),
    "finding": ("find",),
    "holdout": ("held_out",),
    "progress": ("Watcher",),
    "reporting": ("report", "table"),
    "result": ("RunResult",),
    "resuming": ("resume",),
    "searching.calling": ("search",),
    "searching.order": ("Order",),
    "searching.reporting": ("search_report",),
    "stages": ("Stage",),
    "statistics": ("Paired", "Summary"),
    "study": ("Study", "decode_study", "load_study"),
    "training": ("train",),
    "tuning": ("Aim", "Tuned", "tune", "tune_report"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            with installed():
                return getattr(importlib.import_module(f"lrkit.lab.{home}"), name)
    raise AttributeError(f"module 'lrkit.lab' has no attribute {name!r}")
