"""What a step of the scheduler costs, beside its peers: `python -m bench.scheduler_step`.

All contenders are timed in turn within one process, round after round, each on an optimizer of its
own, without updates in between, in processor time. A ratio is (ours / theirs) within a round; the
table gives its median and range over the rounds.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.table import Row, show
from lrkit.drive import Scheduler
from lrkit.schedules import cosine, warmup

TOTAL = 10_000_000
ROUNDS = 25
Step = Callable[[], Any]


@dataclass(frozen=True)
class Bar:
    """A ratio that must not be exceeded."""

    groups: int
    ours: str
    theirs: str
    most: float | None


BARS = (
    Bar(1, "lrkit lr=", "torch CosineAnnealingLR", 0.20),
    Bar(100, "lrkit lr=", "torch CosineAnnealingLR", 0.08),
    Bar(1, "lrkit lr=", "bare loop, constant", 4.0),
    Bar(100, "lrkit lr=", "bare loop, constant", 1.3),
    Bar(1, "lrkit lr=", "hand-written cosine", None),
    Bar(100, "lrkit lr=", "hand-written cosine", None),
    Bar(1, "lrkit lr=", "transformers LambdaLR", None),
    Bar(100, "lrkit lr=", "transformers LambdaLR", None),
    Bar(1, "lrkit lr=", "optax schedule, CPU", None),
    Bar(1, "lrkit scale=, own rates", "torch CosineAnnealingLR", None),
    Bar(100, "lrkit scale=, own rates", "torch CosineAnnealingLR", None),
    Bar(100, "lrkit scale=, own rates", "bare loop, constant", None),
    Bar(1, "lrkit lr= and momentum=", "bare loop, constant", None),
    Bar(100, "lrkit lr= and momentum=", "bare loop, constant", None),
    Bar(1, "lrkit's hook on an update", "bare loop, constant", None),
    Bar(100, "lrkit's hook on an update", "bare loop, constant", None),
)


def optimizer_of(groups: int) -> torch.optim.Optimizer:
    """Return SGD over *groups* groups, each with a rate of its own."""
    return torch.optim.SGD(
        [
            {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.1 + 0.001 * i}
            for i in range(groups)
        ],
        momentum=0.9,
    )


def bare_loop(groups: int) -> Step:
    """Return the least there is to do: give every group a number."""
    optimizer = optimizer_of(groups)

    def step() -> None:
        for group in optimizer.param_groups:
            group["lr"] = 0.1

    return step


def hand_written(groups: int) -> Step:
    """Return what one writes in a training script: the closed form, for all groups."""
    optimizer = optimizer_of(groups)
    t = 0

    def step() -> None:
        nonlocal t
        t += 1
        rate = 0.3 * 0.5 * (1 + math.cos(math.pi * t / TOTAL))
        for group in optimizer.param_groups:
            group["lr"] = rate

    return step


def transformers_step(groups: int) -> Step | None:
    """Return the step of transformers' cosine with warm-up, or None where it is not installed."""
    try:
        from transformers import get_cosine_schedule_with_warmup
    except ImportError:
        return None
    step: Step = get_cosine_schedule_with_warmup(optimizer_of(groups), 1000, TOTAL).step
    return step


def optax_step(groups: int) -> Step | None:
    """Return the evaluation of optax' cosine with warm-up, compiled, or None without optax."""
    try:
        import jax
        import optax
    except ImportError:
        return None
    if groups > 1:
        return None  # it has no groups: one schedule, one value
    schedule = jax.jit(optax.warmup_cosine_decay_schedule(0.0, 0.3, 1000, TOTAL))
    t = 0

    def step() -> None:
        nonlocal t
        t += 1
        float(schedule(t))

    return step


def contenders(groups: int) -> dict[str, Step]:
    """Return all contenders at *groups* groups, by name."""
    rate = 0.3 * (warmup(1000) >> cosine())
    cosines = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer_of(groups), TOTAL)
    hooked = optimizer_of(groups)
    watching = Scheduler(hooked, lr=rate, total=TOTAL)
    watching.step()
    both: dict[str, Step | None] = {
        "lrkit lr=": Scheduler(optimizer_of(groups), lr=rate, total=TOTAL).step,
        "lrkit scale=, own rates": Scheduler(optimizer_of(groups), scale=rate, total=TOTAL).step,
        "lrkit lr= and momentum=": Scheduler(
            optimizer_of(groups), lr=rate, momentum=cosine(0.95, 0.85), total=TOTAL
        ).step,
        "lrkit's hook on an update": lambda: watching.before_update(hooked),
        "bare loop, constant": bare_loop(groups),
        "hand-written cosine": hand_written(groups),
        "torch CosineAnnealingLR": cosines.step,
        "transformers LambdaLR": transformers_step(groups),
        "optax schedule, CPU": optax_step(groups),
    }
    return {name: step for name, step in both.items() if step is not None}


def measure(groups: int) -> dict[str, NDArray[np.float64]]:
    """Return seconds per step by contender, a row of ROUNDS each."""
    steps = contenders(groups)
    times: dict[str, list[float]] = {name: [] for name in steps}
    counts = {name: _enough(step) for name, step in steps.items()}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            n = counts[name]
            start = time.process_time()
            for _ in range(n):
                step()
            times[name].append((time.process_time() - start) / n)
    return {name: np.array(row) for name, row in times.items()}


def _enough(step: Step, seconds: float = 0.02) -> int:
    """Return how many calls take about *seconds*."""
    n = 16
    while True:
        start = time.process_time()
        for _ in range(n):
            step()
        if (spent := time.process_time() - start) > seconds / 4:
            return max(16, int(n * seconds / spent))
        n *= 4


def main() -> int:
    """Print the tables; the exit code is 1 when a bar is missed."""
    warnings.simplefilter("ignore", UserWarning)  # torch's, about steps without updates
    torch.set_num_threads(1)
    measured = {groups: measure(groups) for groups in (1, 100)}
    costs = [
        Row.of(f"{name}, {groups} group{'s' if groups > 1 else ''}", (times * 1e6).tolist())
        for groups, rows in measured.items()
        for name, times in rows.items()
    ]
    show("a step over 10,000,000, microseconds", costs)
    ratios = [
        Row.of(_label(bar), (times[bar.ours] / times[bar.theirs]).tolist(), bar.most)
        for bar in BARS
        if bar.theirs in (times := measured[bar.groups])
    ]
    return 0 if show("a step of Scheduler: ours / theirs", ratios) else 1


def _label(bar: Bar) -> str:
    return f"{bar.ours} / {bar.theirs}, {bar.groups} group{'s' if bar.groups > 1 else ''}"


if __name__ == "__main__":
    raise SystemExit(main())
