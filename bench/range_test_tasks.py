"""Real trainings at the suggested peak, against the best of a grid of nine rates.

    python -m bench.range_test_tasks [--seeds N] [--cache FILE] [PAIR ...]

For each pair of a task and an optimizer (`bench/_range_tasks.py`) and each seed `lr.find` makes a
range test with its defaults and `suggest` reads a peak; the task is then trained from the same
seed under `peak * (warmup(5%) >> linear())`, and so it is at each of nine rates half a decade
apart. The table has best of the grid / suggested in accuracy, suggested / best of the grid in loss
(means over the seeds; the best of the grid is the rate with the best mean): 1 is as good, below 1
better. Bar: at least 98 % of the accuracy, a loss within 2 %. A seed without a suggestion, or whose
training fails, counts as infinitely far.

Trainings run in two one-thread processes. With --cache their scores are kept in a file (JSON) and
not made again; a cache knows nothing of changed code.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from loky import ProcessPoolExecutor

from bench._range_tasks import PAIRS, Pair
from bench.table import Row, show
from lrkit.lab import train
from lrkit.probe import find, suggest

SEEDS = 3
WORKERS = 2
ACCURACY_BAR, LOSS_BAR = 1 / 0.98, 1.02


def peak_of(pair: Pair, seed: int) -> tuple[float | None, str]:
    """Return the peak that the range test of *pair* suggests, and the suggestion in words."""
    torch.set_num_threads(1)
    task = pair.make(seed)
    curve = find(task.model, task.optimizer, task.loss, task.batches, seed=seed, progress=False)
    found = suggest(curve)
    return (found.peak.value if found.peak else None), str(found)


def score_of(pair: Pair, rate: float, seed: int) -> float:
    """Return the last score of a training at *rate*; NaN when it failed."""
    torch.set_num_threads(1)
    schedule = f"{rate!r} * (warmup(5%) >> linear())"
    result = train(pair.make(seed), schedule, epochs=pair.epochs, seed=seed)
    return result.score if result.status == "done" else math.nan


class Scores:
    """Scores made in processes, and kept in a file if one is given."""

    def __init__(self, pool: ProcessPoolExecutor, file: Path | None) -> None:
        self._pool, self._file = pool, file
        self._known: dict[str, float] = {}
        if file and file.exists():
            self._known = json.loads(file.read_text())

    def of(self, pair: Pair, rates: Sequence[float | None], seeds: int) -> list[list[float]]:
        """Return a row of scores for each rate, a score a seed; NaN where a rate is None."""
        cells = [(rate, seed) for rate in rates for seed in range(seeds)]
        return self._made(pair, cells, seeds)

    def at(self, pair: Pair, peaks: Sequence[float | None]) -> list[float]:
        """Return the score of each seed at its own peak."""
        return self._made(pair, list(zip(peaks, range(len(peaks)), strict=True)), len(peaks))[0]

    def _made(
        self, pair: Pair, cells: Sequence[tuple[float | None, int]], seeds: int
    ) -> list[list[float]]:
        keys = [f"{pair.name}|{pair.epochs}|{rate!r}|{seed}" for rate, seed in cells]
        waiting = {
            key: self._pool.submit(score_of, pair, rate, seed)
            for key, (rate, seed) in zip(keys, cells, strict=True)
            if rate is not None and key not in self._known
        }
        self._known |= {key: future.result() for key, future in waiting.items()}
        if self._file:
            self._file.write_text(json.dumps(self._known))
        row = [self._known.get(key, math.nan) for key in keys]
        return [row[i : i + seeds] for i in range(0, len(row), seeds)]


def measured(pair: Pair, scores: Scores, pool: ProcessPoolExecutor, seeds: int) -> Row:
    """Return the row of *pair*, and print what was found."""
    found = [pool.submit(peak_of, pair, seed) for seed in range(seeds)]
    grid = np.array(scores.of(pair, pair.grid, seeds))
    peaks = [future.result()[0] for future in found]
    mine = np.array(scores.at(pair, peaks))
    higher = pair.make(0).higher_is_better
    means = np.where(np.isnan(grid).any(axis=1), -math.inf if higher else math.inf, grid.mean(1))
    best = int(means.argmax() if higher else means.argmin())
    print(f"{pair.name}: best of the grid {means[best]:.4f} at {pair.grid[best]:.3g}")
    for seed, (peak, score) in enumerate(zip(peaks, mine, strict=True)):
        print(f"   seed {seed}: {score:.4f} at {peak or math.nan:.3g}; {found[seed].result()[1]}")
    ratios = grid[best] / mine if higher else mine / grid[best]
    middle = means[best] / mine.mean() if higher else mine.mean() / means[best]
    low, middle, high = (
        math.inf if math.isnan(v) else float(v)
        for v in (
            np.nanmin(ratios) if not np.isnan(ratios).all() else math.nan,
            middle,
            ratios.max(),
        )
    )
    sort = "chosen by" if pair.fitted else "held out"
    what = f"{pair.name} ({sort}, {'accuracy' if higher else 'loss'})"
    return Row(what, middle, low, high, ACCURACY_BAR if higher else LOSS_BAR)


def main() -> int:
    """Print the table; the exit code is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.range_test_tasks")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("pairs", nargs="*")
    given = parser.parse_args()
    chosen = [p for p in PAIRS if not given.pairs or any(word in p.name for word in given.pairs)]
    with ProcessPoolExecutor(WORKERS) as pool:
        scores = Scores(pool, given.cache)
        rows = [measured(pair, scores, pool, given.seeds) for pair in chosen]
    title = "Suggested peak against the best of nine rates (mean; range over seeds)"
    return 0 if show(title, rows) else 1


if __name__ == "__main__":
    sys.exit(main())
