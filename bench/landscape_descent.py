"""What a descent of 10,000 steps costs, beside torch: `python -m bench.landscape_descent`.

From the request to the path: the function is made, its formula read, the schedule tabulated and
the optimizer run, all in this process, round after round, in processor time. torch runs the same
steps with the gradients that autograd gives, on a tensor of two float64, recording its path. The
bar of 100 ms is an absolute one: a page that answers later than that feels slow.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from bench.table import Row, show
from lrkit.landscape import descend, from_text, optimizer
from lrkit.landscape.functions import NAMES
from lrkit.landscape.grammar import compiled
from lrkit.landscape.optimizers import KINDS
from lrkit.schedules import parse

STEPS = 10_000
ROUNDS = 5
THEIRS = 1_000  # torch's cost a step is constant; a tenth of them is enough
SCHEDULE = "0.001 * (warmup(100) >> cosine())"
PEERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.1),
}


def ours(name: str, kind: str) -> float:
    """Return the milliseconds from the texts to the path of 10,000 steps."""
    compiled.cache_clear()
    begun = time.process_time()
    curve = parse(SCHEDULE).over(STEPS)
    there = descend(from_text(name), optimizer(kind), curve, noise=0.1, seed=1)
    spent = time.process_time() - begun
    if there.steps != STEPS:
        raise RuntimeError(f"{kind} on {name} diverged, which is quick; lower the rate")
    return 1e3 * spent


def theirs(kind: str) -> float:
    """Return the milliseconds that torch takes for 10,000 steps on Rosenbrock's function."""
    rates = parse(SCHEDULE).over(STEPS).values().tolist()[:THEIRS]
    point = torch.nn.Parameter(torch.tensor([-1.2, 1.0], dtype=torch.float64))
    peer = PEERS[kind]([point])
    path = []
    begun = time.process_time()
    for rate in rates:
        peer.param_groups[0]["lr"] = rate
        peer.zero_grad()
        x, y = point.unbind()
        loss = (1 - x) ** 2 + 100 * (y - x**2) ** 2
        loss.backward()  # type: ignore[no-untyped-call]
        path.append((*point.tolist(), loss.item()))
        peer.step()
    return 1e3 * (time.process_time() - begun) * STEPS / THEIRS


def main() -> int:
    """Print the tables; the exit code is 1 when a bar is missed."""
    torch.set_num_threads(1)
    rows = [
        Row.of(f"{kind} on {name}", [ours(name, kind) for _ in range(ROUNDS)], 100.0)
        for name in NAMES
        for kind in KINDS
    ]
    met = show("a descent of 10,000 steps, milliseconds", rows)
    ratios = []
    for kind in KINDS:
        pairs = [(ours("rosenbrock", kind), theirs(kind)) for _ in range(ROUNDS)]
        ratios.append(Row.of(f"{kind} on rosenbrock / torch", [a / b for a, b in pairs], 0.1))
    return 0 if show("a descent: ours / torch.optim", ratios) and met else 1


if __name__ == "__main__":
    raise SystemExit(main())
