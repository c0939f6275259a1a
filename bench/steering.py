"""What it costs to keep a run and to be steerable, and how soon an edit takes effect.

`python -m bench.steering`. Costs are processor times of many steps in a row, round after round; a
share is of a step of 1 ms. Latency is measured in a loop of 1 ms steps with a sender in another
process: from its call of `submit`, which brings the letter to the disk first, and from the return
of that call, to the update that used the edit.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from bench.table import Row, show
from lrkit.control import Scale
from lrkit.drive import Scheduler
from lrkit.records import Inbox, replay
from lrkit.schedules import cosine, warmup

ROUNDS = 15
STEPS = 2000
LETTERS = 40
RATE = 0.3 * (warmup(1000) >> cosine())

SENDER = """
import sys, time
from lrkit.control import Scale
from lrkit.records import submit
for i in range(int(sys.argv[2])):
    time.sleep(0.03)
    called = time.time()
    letter = submit(sys.argv[1], Scale(0.99, author="bench").to_dict())
    print(letter, called, time.time(), flush=True)
"""


def optimizer_of(groups: int = 1) -> torch.optim.Optimizer:
    """Return an optimizer of *groups* groups."""
    rows = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(groups)]
    return torch.optim.SGD(rows, lr=1.0)


def costs(call: Callable[[], object], rounds: int = ROUNDS, steps: int = STEPS) -> list[float]:
    """Return microseconds of processor time a call, one number a round."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(steps):
            call()
        found.append((time.process_time() - start) / steps * 1e6)
    return found


def measured(folder: Path) -> dict[str, list[float]]:
    """Return microseconds a call of all that a run costs."""
    total = 10_000_000
    plain = Scheduler(optimizer_of(), lr=RATE, total=total)
    found = {"step(), no run": costs(plain.step)}
    for groups in (1, 10):
        sched = Scheduler(optimizer_of(groups), lr=RATE, total=total, run=folder / f"{groups}")
        some = f"{groups} group{'s' if groups > 1 else ''}"
        found[f"step(), run=, {some}"] = costs(sched.step)
        found[f"step(metrics), run=, {some}"] = costs(partial(sched.step, {"loss": 1.5}))
        sched.close()
    inbox = Inbox(folder / "1")
    found["a poll of the inbox"] = costs(inbox.poll)
    return found


def latencies(folder: Path) -> dict[str, list[float]]:
    """Return milliseconds and updates from sending a letter to the update that used it."""
    optimizer = optimizer_of()
    began: list[float] = []
    with Scheduler(optimizer, lr=1.0, total=1_000_000, run=folder) as sched:

        def step() -> None:
            began.append(time.time())
            optimizer.step()
            time.sleep(0.001)
            sched.step()

        step()
        command = [sys.executable, "-c", SENDER, str(folder), str(LETTERS)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
            while len(sched.edits) < LETTERS and not sender.poll():
                step()
            out, _ = sender.communicate()
        step()
    taken = {edit["letter"]: int(edit["step"]) for edit in replay(folder).edits}
    found: dict[str, list[float]] = {"called": [], "there": [], "updates": []}
    for line in out.splitlines():
        letter, called, there = line.split()
        used = began[taken[letter]]
        found["called"].append((used - float(called)) * 1e3)
        # It may be taken while `submit` still waits for the disk to have its folder.
        found["there"].append(max(used - float(there), 0.0) * 1e3)
        begun = bisect_right(began, float(there))
        found["updates"].append(float(max(taken[letter] - begun, 0)))
    return found


def applying() -> list[float]:
    """Return milliseconds that taking an edit costs in a run of 1,000,000 steps."""
    found = []
    sched = Scheduler(optimizer_of(), lr=RATE, total=1_000_000)
    for _ in range(20):
        start = time.perf_counter()
        sched.apply(Scale(0.99))
        found.append((time.perf_counter() - start) * 1e3)
    return found


def main() -> int:
    """Print the tables; the exit code is 1 when a bar is missed."""
    warnings.simplefilter("ignore", UserWarning)  # steps without updates, in the first table
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp())
    try:
        found = measured(folder)
        late = latencies(folder / "latency")
    finally:
        shutil.rmtree(folder)
    bars = {"a poll of the inbox": 10.0, "step(metrics), run=, 1 group": 15.0}
    fine = show(
        "what a kept run costs, microseconds",
        [Row.of(name, times, bars.get(name)) for name, times in found.items()],
    )
    poll = [time / 1000 * 100 for time in found["a poll of the inbox"]]
    fine &= show(
        "steering: cost and latency",
        [
            Row.of("a poll as a share of a 1 ms step, %", poll, 1.0),
            Row.of("from the call of submit to the update that uses it, ms", late["called"]),
            Row.of("from its return to that update, ms", late["there"]),
            Row.of("updates begun in between, without the edit", late["updates"], 0.0),
            Row.of("taking an edit in, ms", applying()),
        ],
    )
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
