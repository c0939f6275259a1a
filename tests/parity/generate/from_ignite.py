"""Golden values of ignite: `pip install torch pytorch-ignite`, then run this."""

from __future__ import annotations

import ignite
import ignite.handlers.param_scheduler as handlers
import torch
from golden_file import write

from tests.parity.row import Row
from tests.parity.rows_ignite import ROWS


def values(row: Row) -> list[float]:
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=row.lr)
    scheduler = eval(row.call, {**vars(handlers), "opt": opt, "torch": torch})
    out = []
    for _ in range(row.steps):
        opt.step()
        scheduler(None)  # what the engine calls at the start of each iteration
        out.append(opt.param_groups[0]["lr"])
    return out


write(
    "ignite",
    ROWS,
    values,
    version=ignite.__version__,
    source=f"ignite/handlers/param_scheduler.py of pytorch-ignite {ignite.__version__}",
    public={row.name for row in ROWS},
)
