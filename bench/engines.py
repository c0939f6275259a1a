"""Trainings per minute of each engine, at several numbers K of trainings; ratios in one run.

    python -m bench.engines [--device cpu|cuda] [--seconds N] [--only NAME ...]
                            [--engines processes,vectorized,ray]

Every training writes its journal and is evaluated after each epoch; checkpoints are left out. K
trainings have K seeds and K rates. The time is that from the first submission to the last ending,
divided by that of one training on the engine `serial`, measured just before on the same device
(twice, the faster one counts). The bar is that of 32 LeNets on a GPU: four times the time of one.

--seconds bounds the whole: what is not begun by then is left out, and said.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.table import Row, show
from lrkit.control import steered
from lrkit.errors import DataError, LrkitError
from lrkit.lab.engines.contract import Ended, Engine, Training
from lrkit.lab.engines.serial import Serial
from lrkit.lab.engines.vectorized import Vectorized

BAR = 4.0
BARRED = 32
LEAST = 5.0
"""Seconds that must be left to begin another measurement."""


@dataclass(frozen=True)
class Case:
    """A task, the length of its trainings, and the numbers K of them on each kind of device."""

    name: str
    task: str
    total: str
    options: dict[str, Any] = field(default_factory=dict)
    counts: tuple[int, ...] = (1, 4, 16, 32)
    barred: bool = False


CPU = (
    Case("poly-tanh", "poly-tanh", "4ep"),
    Case("relu-digits", "relu-digits", "4ep"),
    Case("lenet-digits", "lenet-digits", "1ep", counts=(1, 4, 16)),
)
POWERS = (1, 2, 4, 8, 16, 32, 64, 128)
GPU = (
    Case("LeNet, batch 256", "bench._engines_tasks:lenet_large", "3ep", {}, POWERS, True),
    Case(
        "LeNet, batch 32", "bench._engines_tasks:lenet_large", "900st", {"batch_size": 32},
        POWERS, True,
    ),
    Case("poly-tanh", "poly-tanh", "20ep", {}, POWERS),
    Case("relu-digits", "relu-digits", "40ep", {}, POWERS),
)  # fmt: skip


def run(engine: Engine, case: Case, count: int, device: str) -> float:
    """Return the seconds in which *engine* makes *count* trainings."""
    with tempfile.TemporaryDirectory() as folder, engine:
        trainings = [
            Training(
                case.task,
                steered(f"{0.01 * 1.01**seed} * cosine()"),
                Path(folder) / str(seed),
                total=case.total,
                seed=seed,
                options=case.options,
                device=device,
                checkpoint="none",
            )
            for seed in range(count)
        ]
        began = time.perf_counter()
        for training in trainings:
            engine.submit(training)
        over = 0
        while over < count:
            for event in engine.poll():
                if isinstance(event, Ended):
                    if event.error is not None:
                        raise event.error
                    over += 1
        return time.perf_counter() - began


class Bench:
    """Measures until the time is up."""

    def __init__(self, device: str, seconds: float) -> None:
        self.device = device
        self._end = time.monotonic() + seconds
        self.left_out: list[str] = []

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self._end - time.monotonic()

    def rows(self, case: Case, engines: dict[str, Callable[[int], Engine]]) -> list[Row]:
        """Return the rows of *case*."""
        if self.left < LEAST:
            self.left_out.append(case.name)
            return []
        run(Serial(), case, 1, self.device)  # the libraries load, the data come into memory
        one = min(run(Serial(), case, 1, self.device) for _ in range(2))
        found = [Row.of(f"{case.name}: serial, trainings a minute", [60 / one])]
        for name, make in engines.items():
            expected = one
            for count in case.counts:
                what = f"{case.name}: {name}, K = {count}"
                if self.left < max(LEAST, 2.5 * expected):
                    self.left_out.append(what)
                    continue
                took = run(make(count), case, count, self.device)
                expected = took
                bar = BAR if case.barred and count == BARRED and name == "vectorized" else None
                found.append(Row.of(f"{what}, time / one", [took / one], bar))
                found.append(Row.of(f"{what}, trainings a minute", [60 * count / took]))
                print(
                    f"{what}: {took / one:.2f} x one, {60 * count / took:.0f} a minute", flush=True
                )
        return found


def maker(name: str) -> Callable[[int], Engine]:
    """Return what makes the engine called *name* for K trainings."""

    def make(count: int) -> Engine:
        if name == "vectorized":
            return Vectorized(width=count)
        if name == "serial":
            return Serial()
        from lrkit.lab.engines import engine  # what it needs may not be installed

        return engine(name)

    return make


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--only", nargs="*", help="parts of names of cases")
    parser.add_argument("--engines", default="")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    """Print the table; return 1 when a bar is missed."""
    said = arguments(given)
    torch.set_num_threads(1)
    cpu = said.device == "cpu"
    names = said.engines.split(",") if said.engines else ["vectorized", *["processes"] * cpu]
    cases = [
        case
        for case in (CPU if cpu else GPU)
        if not said.only or any(part in case.name for part in said.only)
    ]
    bench = Bench(said.device, said.seconds)
    rows: list[Row] = []
    for case in cases:
        try:
            rows += bench.rows(case, {name: maker(name) for name in names})
        except DataError as error:
            print(f"{case.name} is left out: {error}")
        except LrkitError as error:
            print(f"{case.name} is left out: {error}", file=sys.stderr)
            bench.left_out.append(case.name)
    where = "one thread" if cpu else torch.cuda.get_device_name(0)
    met = show(f"Engines on {said.device} ({where})", rows)
    if bench.left_out:
        print(f"No time was left for: {'; '.join(bench.left_out)}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
