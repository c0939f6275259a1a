"""Golden values of timm: `pip install torch==2.13.0; pip install --no-deps timm`, then run this.

timm's own __init__ needs torchvision, which its schedulers do not, so it is not run.
"""

from __future__ import annotations

from importlib.metadata import version

from golden_file import write
from hollow import hollow

hollow("timm")

import timm.scheduler  # noqa: E402
import torch  # noqa: E402

from tests.parity.row import Row  # noqa: E402
from tests.parity.rows_plateau import TIMM  # noqa: E402
from tests.parity.rows_timm import ROWS  # noqa: E402

NAMES = {name: getattr(timm.scheduler, name) for name in dir(timm.scheduler)}


def values(row: Row) -> list[float]:
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=row.lr)
    scheduler = eval(row.call, {**NAMES, "opt": opt})
    # Before the first epoch the optimizer has what the constructor left there.
    out = [opt.param_groups[0]["lr"]]
    for epoch in range(1, row.steps):
        scheduler.step(epoch, row.metrics[epoch - 1] if row.metrics else None)
        out.append(opt.param_groups[0]["lr"])
    return out


write(
    "timm",
    ROWS + TIMM,
    values,
    version=version("timm"),
    source=f"timm/scheduler of timm {version('timm')}, torch {torch.__version__}",
    public=[name for name in NAMES if name.endswith("LRScheduler")],
)
