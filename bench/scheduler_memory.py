"""What a 10,000,000-step schedule holds in memory while in use: `python -m bench.scheduler_memory`.

Each case runs in processes of its own: the scheduler is built, stepped through its blocks, sent far
away and edited. Held against the bar: the peak of what tracemalloc counts (NumPy's arrays
included), and, in another process without tracemalloc, the growth of the resident memory.
"""

from __future__ import annotations

import gc
import multiprocessing
import tracemalloc
from pathlib import Path

import torch

from bench.table import Row, show
from lrkit.control import Scale
from lrkit.drive import Scheduler
from lrkit.schedules import constant, cosine, one_minus_sqrt, warmup

TOTAL = 10_000_000
BAR = 10.0
REPEATS = 3
CASES = {
    "three pieces, 1 group": 1,
    "three pieces, 100 groups of one rate": 100,
    "a schedule each for 100 groups": -100,
}


def resident() -> float:
    """Return the resident memory of this process in MB, 0 where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    lines = status.read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def use(groups: int, traced: bool) -> float:
    """Return the peak of traced memory, or the growth of resident memory, in MB over one use."""
    count = abs(groups)
    optimizer = torch.optim.SGD(
        [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(count)], lr=0.1
    )
    shape = 0.3 * (warmup(10_000) >> constant(1.0) >> one_minus_sqrt(1, 0, "20%"))
    own = {i: (i + 1) * 0.01 * cosine(k=1 + i) for i in range(count)}
    Scheduler(optimizer, lr=0.1, total=10).detach()  # what is loaded once is not the schedule's
    gc.collect()
    before = resident()
    if traced:
        tracemalloc.start()
    sched = Scheduler(optimizer, lr=shape if groups > 0 else own, total=TOTAL)
    for start in (0, 4_000_000, TOTAL - 1000):
        sched.seek(start)
        for _ in range(200_000 // count if start == 0 else 500):
            sched.step()
    sched.apply(Scale(0.5))
    sched.step()
    return tracemalloc.get_traced_memory()[1] / 1e6 if traced else resident() - before


def main() -> int:
    """Print the table; the exit code is 1 when the bar is missed."""
    context = multiprocessing.get_context("spawn")
    rows = []
    for name, groups in CASES.items():
        for traced, what in ((True, "traced peak, MB"), (False, "resident growth, MB")):
            with context.Pool(1, maxtasksperchild=1) as pool:
                found = [pool.apply(use, (groups, traced)) for _ in range(REPEATS)]
            rows.append(Row.of(f"{name}: {what}", found, BAR))
    return 0 if show(f"memory of a schedule over {TOTAL:,} steps", rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
