"""lrkit: the workbench for learning rates. A schedule is a value, and every run ends as one.

>>> import lrkit as lr
>>> s = 0.3 * (lr.warmup("5ep") >> lr.cosine())
>>> s.over("30ep", steps_per_epoch=235)(1175)
0.3

Importing lrkit loads NumPy and nothing heavier; `lr.Scheduler` and the other names that need
torch or a plotting library load it when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lrkit.errors import (
    DataError,
    HorizonError,
    InternalError,
    LoopError,
    LoopWarning,
    LrkitError,
    SpecError,
)
from lrkit.schedules import *  # noqa: F403
from lrkit.schedules import __all__ as _schedules
from lrkit.schedules import attach_views as _attach_views

if TYPE_CHECKING:
    from lrkit.control import Greedy as Greedy
    from lrkit.control import Plateau as Plateau
    from lrkit.control import SpikeGuard as SpikeGuard
    from lrkit.control import Steered as Steered
    from lrkit.control import course as course
    from lrkit.control import effective as effective
    from lrkit.control import greedy as greedy
    from lrkit.control import plateau as plateau
    from lrkit.control import spike_guard as spike_guard
    from lrkit.control import steered as steered
    from lrkit.drive import Scheduler as Scheduler
    from lrkit.lab import Task as Task
    from lrkit.lab import compare as compare
    from lrkit.lab import train as train
    from lrkit.plots import plot as plot
    from lrkit.probe import RangeCurve as RangeCurve
    from lrkit.probe import find as find
    from lrkit.probe import suggest as suggest
    from lrkit.records import replay as replay
    from lrkit.schedules import Facts as Facts
    from lrkit.schedules import Family as Family
    from lrkit.schedules import Jump as Jump
    from lrkit.schedules import catalog as catalog
    from lrkit.schedules import family as family

__version__ = "0.1.0"

# Names of the rooms that are not loaded until they are used.
_LATER = {
    "Scheduler": "lrkit.drive",
    "Plateau": "lrkit.control",
    "plateau": "lrkit.control",
    "Greedy": "lrkit.control",
    "greedy": "lrkit.control",
    "SpikeGuard": "lrkit.control",
    "spike_guard": "lrkit.control",
    "Steered": "lrkit.control",
    "steered": "lrkit.control",
    "course": "lrkit.control",
    "effective": "lrkit.control",
    "Task": "lrkit.lab",
    "train": "lrkit.lab",
    "compare": "lrkit.lab",
    "RangeCurve": "lrkit.probe",
    "find": "lrkit.probe",
    "suggest": "lrkit.probe",
    "plot": "lrkit.plots",
    "replay": "lrkit.records",
    "Facts": "lrkit.schedules",
    "Jump": "lrkit.schedules",
    "Family": "lrkit.schedules",
    "catalog": "lrkit.schedules",
    "family": "lrkit.schedules",
}

# What needs torch is left out here, so that a star import works without it.
__all__ = [
    "DataError",
    "HorizonError",
    "InternalError",
    "LoopError",
    "LoopWarning",
    "LrkitError",
    "SpecError",
    *_schedules,
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'lrkit' has no attribute {name!r}")
    try:
        return getattr(import_module(_LATER[name]), name)
    except ModuleNotFoundError as error:
        extra = "torch" if name in ("Scheduler", "find") else "lab"
        raise LrkitError(
            f"lrkit.{name} needs {error.name}, which is not installed; pip install 'lrkit[{extra}]'"
        ) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


def _view(*arguments: Any, **options: Any) -> Any:
    return import_module("lrkit.plots").plot(*arguments, **options)


def _notebook(curve: Curve) -> str:  # noqa: F405
    drawn: str = import_module("lrkit.plots").notebook(curve)
    return drawn


_attach_views(_view, _notebook)
