"""lrkit: the workbench for learning rates. A schedule is a value, and every run ends as one.

>>> import lrkit as lr
>>> s = 0.3 * (lr.warmup("5ep") >> lr.cosine())
>>> s.over("30ep", steps_per_epoch=235)(1175)
0.3

Importing lrkit loads NumPy and nothing heavier; `lr.Scheduler` and the other names that need
torch or a plotting library load it when they are first used.
"""

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

__version__ = "0.1.0"
__all__ = [
    "DataError", "HorizonError", "InternalError", "LoopError", "LoopWarning", "LrkitError",
    "SpecError", *_schedules,
]  # fmt: skip
