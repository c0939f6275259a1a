"""Running a schedule on a PyTorch optimizer; the only place that writes to `param_groups`.

`Scheduler` is a torch `LRScheduler` that takes schedules as values: any hyper-parameter, per
group, with live edits, controllers, a JSON state and a check of the loop it runs in.
Uses torch, `lrkit.control` and `lrkit.schedules`; it opens no file and starts nothing.
"""

from lrkit.drive.lend import lent
from lrkit.drive.scheduler import Scheduler

__all__ = ["Scheduler", "lent"]
