"""The lab's training epoch beside a bare PyTorch loop and a DataLoader: ratios of processor time.

    python -m bench.training_epoch [rounds]

The three train the same network from the same weights on the same tensors in memory, on one
thread, in turn within a round. The bare loop indexes the tensors by a permutation and reads the
loss of every update; the loop on a DataLoader is the same over
`DataLoader(TensorDataset(x, y), batch_size, shuffle=True)`. The lab also sets the rate of every
update by a schedule, keeps a journal, counts batches and looks for NaN; building model, data and
journal, and evaluations, are left out.
A ratio is taken within a round; the table has its median and range over the rounds.
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
ROUNDS = 15
RATE = 0.01
# Task, samples, epochs: less than a second each, and whole batches. Short, because on a machine
# with other work the clock and the caches change from second to second.
SIZES = (("lenet-digits", 896, 3), ("lenet-fashion", 256 * 12, 1), ("poly-tanh", 1000, 8))

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


class Clock:
    """Takes the processor time of this process from the first update on to the last evaluation."""

    def started(self, updates: int) -> None:
        """Start; model, data and journal are there."""
        self.seconds = 0.0
        self._begin = time.process_time()

    def stepped(self, done: int, loss: float) -> None:
        """Nothing."""

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Take the time so far."""
        self.seconds = time.process_time() - self._begin


def by_hand(one: Task, epochs: int, batches: Batches) -> None:
    """Train *one* as a script would."""
    one.model.train()
    for group in one.optimizer.param_groups:
        group["lr"] = RATE
    for _ in range(epochs):
        total = 0.0
        for x, y in batches():
            one.optimizer.zero_grad()
            loss = one.loss(one.model(x), y)
            loss.backward()  # type: ignore[no-untyped-call]
            one.optimizer.step()
            total += loss.item()


def bare(name: str, samples: int, epochs: int) -> float:
    """Return the seconds of the loop over indexed tensors."""
    one, few = made(name, samples)

    def indexed() -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(few.x))
        for i in range(0, len(few.x), few.batch_size):
            index = order[i : i + few.batch_size]
            yield few.x[index], few.y[index]

    return seconds(lambda: by_hand(one, epochs, indexed))


def loader(name: str, samples: int, epochs: int) -> float:
    """Return the seconds of the loop over a DataLoader."""
    one, few = made(name, samples)
    source = DataLoader(TensorDataset(few.x, few.y), few.batch_size, shuffle=True)
    return seconds(lambda: by_hand(one, epochs, lambda: source))


def lab(name: str, samples: int, epochs: int) -> float:
    """Return the seconds of `train`, with a journal."""
    one, _ = made(name, samples)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        train(one, f"constant({RATE})", epochs=epochs, run=run, progress=clock)
    return clock.seconds


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of this process that *work* takes."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def measured(name: str, samples: int, epochs: int, rounds: int) -> list[Row]:
    """Return the rows of one task."""
    for contender in (bare, loader, lab):
        contender(name, samples, 1)  # warm up
    times = []
    for i in range(rounds):
        # In another order each round: the first after a pause finds other clocks and caches.
        order = [bare, loader, lab][i % 3 :] + [bare, loader, lab][: i % 3]
        times.append({c.__name__: c(name, samples, epochs) for c in order})
    per_bare = [t["lab"] / t["bare"] for t in times]
    per_loader = [t["lab"] / t["loader"] for t in times]
    updates = epochs * len(made(name, samples)[1])
    rows = [
        Row.of(f"{name}: lab / bare loop", per_bare, BARE_BAR),
        Row.of(f"{name}: lab / DataLoader", per_loader, LOADER_BAR),
        Row.of(f"{name}: ms an update, bare loop", [t["bare"] / updates * 1e3 for t in times]),
    ]
    if not name.startswith("lenet"):  # so small that it shows the loop alone: no bar
        rows = [dataclasses.replace(row, bar=None) for row in rows]
    return rows


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
        "A DataLoader's own cost is that of its samples, about 10 microseconds each here. It is "
        "most of the time where the network is small or on a GPU; LeNet on a CPU takes more."
    )
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
