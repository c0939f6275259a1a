"""The loss curve of a run: its training losses, averaged in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from lrkit.lab.checking.planning import WARM
from lrkit.lab.result import RunResult
from lrkit.laws import LossCurve, loss_curve
from lrkit.records import write_file

LAST: Final = 0.02
"""The final loss is the mean over this share of the updates, the last: one batch says little, and
a larger share would count what the rate has yet to pay off. The laws' own share, too."""
EARLY: Final = 3  # blocks left out: there the loss falls too fast to be averaged


def curve_of(name: str, schedule: str, updates: int, run: RunResult, block: int) -> LossCurve:
    """Return the training loss of *run*, each point the mean over *block* updates, at their middle.

    The warm-up and the first blocks are left out. The last, of fewer updates, counts where it has
    half of a block. Raises `DataError` for losses that are not above 0.
    """
    edges = np.arange(0, len(run.losses), block)
    sizes = np.diff(np.append(edges, len(run.losses)))
    whole = sizes >= (block + 1) // 2
    means = np.add.reduceat(run.losses, edges) / sizes
    middles = edges + (sizes - 1) // 2
    begin = max(EARLY * block, round(WARM / 100 * updates))
    kept = whole & (edges >= min(begin, edges[-1] - 2 * block))
    return loss_curve(name, middles[kept], means[kept], schedule=schedule, total=updates)


def final_loss(run: RunResult) -> float:
    """Return the mean training loss over the last 2 % of the updates of *run*."""
    return float(run.losses[-_last(len(run.losses)) :].mean())


def final_of(steps: Sequence[float], losses: Sequence[float], updates: int) -> float:
    """Return the same of a predicted curve, which is joined by lines between its *steps*."""
    at = np.arange(updates - _last(updates), updates)
    return float(np.interp(at, steps, losses).mean())


def _last(updates: int) -> int:
    return max(round(LAST * updates), 1)


def write_curves(curves: Sequence[LossCurve], folder: Path) -> None:
    """Write *curves* and their manifest into *folder*, where `lrkit law fit` finds them."""
    rows = ["run,schedule,total_steps"]
    for curve in curves:
        name = curve.name.replace(" ", "-")
        lines = [
            f"{s},{x!r}" for s, x in zip(curve.steps.tolist(), curve.losses.tolist(), strict=True)
        ]
        write_file(folder / f"{name}.csv", "\n".join(["step,loss", *lines]) + "\n")
        rows.append(f'{name},"{curve.schedule}",{curve.total}')
    write_file(folder / "manifest.csv", "\n".join(rows) + "\n")
