"""The lab's training epoch beside a bare PyTorch loop and a DataLoader: ratios of processor time.

    python -m bench.training_epoch [rounds]

The three train the same network from the same weights on the same tensors in memory, on one
thread, in lockstep: one update of each in turn, so that other work on the machine, its clock and
its caches strike all three alike. The bare loop indexes the tensors by a permutation and reads the
loss of every update; the loop on a DataLoader is the same over
`DataLoader(TensorDataset(x, y), batch_size, shuffle=True)`. The lab also sets the rate of every
update by a schedule, keeps a journal, counts batches and looks for NaN; building model, data and
journal, and evaluations, are left out. A ratio is that of the sums over a round; the table has its
median and range over the rounds.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from bench.table import Row, show
from lrkit.errors import DataError
from lrkit.lab import IndexBatches, Task, task, train

BARE_BAR = 1.03
LOADER_BAR = 0.7
ROUNDS = 9
RATE = 0.01
# Task, samples, epochs: a second or so each, and whole batches.
SIZES = (("lenet-digits", 896, 3), ("lenet-fashion", 256 * 24, 1), ("poly-tanh", 1000, 10))

Batches = Callable[[], Iterable[tuple[Tensor, Tensor]]]


def made(name: str, samples: int) -> tuple[Task, IndexBatches]:
    """Return the task called *name* on its first *samples* samples, and its batches."""
    whole = task(name, seed=0, device="cpu")
    if not isinstance(whole.batches, IndexBatches):
        raise TypeError(f"{name} has no tensors in memory")
    few = dataclasses.replace(
        whole.batches, x=whole.batches.x[:samples], y=whole.batches.y[:samples]
    )
    score = {whole.score: 0.5}
    whole = dataclasses.replace(
        whole, batches=few, steps_per_epoch=len(few), evaluate=lambda: score
    )
    return whole, few


class Lockstep:
    """Told of each update of the lab, it lets every other loop make one, and keeps all the times.

    What `train` does between two calls of `stepped` is one update, with the taking of its batch.
    """

    def __init__(self, others: Mapping[str, Iterator[None]]) -> None:
        self._others = others
        self.seconds = dict.fromkeys(("lab", *others), 0.0)
        self._since = 0.0

    def started(self, updates: int) -> None:
        """Start; model, data and journal are there."""
        self._since = time.process_time()

    def stepped(self, done: int, loss: float) -> None:
        """Enter the update of the lab and make one of each other."""
        begin = time.process_time()
        self.seconds["lab"] += begin - self._since
        for name, other in self._others.items():
            next(other)
            end = time.process_time()
            self.seconds[name] += end - begin
            begin = end
        self._since = time.process_time()

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Nothing: evaluations score nothing here, and take no time."""


def by_hand(one: Task, batches: Batches) -> Iterator[None]:
    """Train *one* as a script would, pausing after each update."""
    one.model.train()
    for group in one.optimizer.param_groups:
        group["lr"] = RATE
    while True:
        total = 0.0
        for x, y in batches():
            one.optimizer.zero_grad()
            loss = one.loss(one.model(x), y)
            loss.backward()  # type: ignore[no-untyped-call]
            one.optimizer.step()
            total += loss.item()
            yield


def bare(name: str, samples: int) -> Iterator[None]:
    """Return the loop over indexed tensors."""
    one, few = made(name, samples)

    def indexed() -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(few.x))
        for i in range(0, len(few.x), few.batch_size):
            index = order[i : i + few.batch_size]
            yield few.x[index], few.y[index]

    return by_hand(one, indexed)


def loader(name: str, samples: int) -> Iterator[None]:
    """Return the loop over a DataLoader."""
    one, few = made(name, samples)
    source = DataLoader(TensorDataset(few.x, few.y), few.batch_size, shuffle=True)
    return by_hand(one, lambda: source)


def one_round(name: str, samples: int, epochs: int, flip: bool) -> dict[str, float]:
    """Return the seconds of the lab and the other loops."""
    one, _ = made(name, samples)
    others = {"bare": bare(name, samples), "loader": loader(name, samples)}
    for _ in range(2):  # warm up
        for other in others.values():
            next(other)
    lockstep = Lockstep(dict(reversed(others.items())) if flip else others)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        train(one, f"constant({RATE})", epochs=epochs, run=run, progress=lockstep)
    return lockstep.seconds


def measured(name: str, samples: int, epochs: int, rounds: int) -> list[Row]:
    """Return the rows of one task."""
    one_round(name, samples, 1, flip=False)
    times = [one_round(name, samples, epochs, flip=i % 2 == 1) for i in range(rounds)]
    updates = epochs * len(made(name, samples)[1])
    # A network so small that it shows the loop alone has no bar.
    barred = name.startswith("lenet")
    return [
        Row.of(
            f"{name}: lab / bare loop",
            [t["lab"] / t["bare"] for t in times],
            BARE_BAR if barred else None,
        ),
        Row.of(
            f"{name}: lab / DataLoader",
            [t["lab"] / t["loader"] for t in times],
            LOADER_BAR if barred else None,
        ),
        Row.of(f"{name}: ms an update, bare loop", [t["bare"] / updates * 1e3 for t in times]),
        Row.of(
            f"{name}: DataLoader, microseconds a sample",
            [(t["loader"] - t["bare"]) / (epochs * samples) * 1e6 for t in times],
        ),
    ]


def main() -> int:
    """Print the table; return 1 when a bar is missed."""
    torch.set_num_threads(1)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    rows: list[Row] = []
    for name, samples, epochs in SIZES:
        try:
            rows += measured(name, samples, epochs, rounds)
        except DataError as error:
            print(f"{name} is left out: {error}")
    met = show("Training epoch, processor time, one thread", rows)
    print(
        "A DataLoader costs its microseconds a sample whatever the network; it is 0.3 of the time, "
        "and the bar is met, where the network takes no more than twice that. LeNet on a CPU "
        "takes longer."
    )
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
