"""Cost against quality of the ways to choose a schedule, on pairs of a task and an optimizer.

    python -m bench.tune [--repetitions N] [--seeds N] [--workers N] [--cache FOLDER] [--quick]
                         [--write PAGE] [--json FILE] [PAIR ...]

For each pair (`bench/_tune_pairs.py`) and repetition every way (`bench/_tune_methods.py`) chooses a
schedule by scores on a fifth of the training data, kept apart. The choice is then trained on fresh
seeds with all the training data and scored on the test data, which no way has seen. Quality is the
test error (1 - accuracy, or the loss) over that of the 36-point grid's choice in the same
repetition: 1 is as good, below 1 better. Middle and range are the geometric mean over the
repetitions and its 95 % interval (Student's t on the logarithms, paired by repetition).
Bar: on every pair `lrkit tune` at 3 full runs is within noise of the 36-point grid or better; and
in the mean over the pairs it is clearly better than every other way at that budget.

A training that diverges in the end has the error of the untrained weights. Cost is in full runs,
the updates made over those of one whole training: a grid's diverging runs end early.

Trainings run in one-thread processes. With --cache what they came to is kept in a folder and not
made again; it knows torch's version, but nothing of changed code.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loky import ProcessPoolExecutor
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench._tune_methods import WAYS, Choice, choices
from bench._tune_outcomes import Outcome, Outcomes, Trial, one_thread
from bench._tune_pairs import PAIRS, Pair
from bench._tune_report import Judged, bars, page, picture
from bench.table import show

REPETITIONS, SEEDS = 3, 5
FRESH = 1000
"""The first of the seeds that choices are judged by; those of choosing are the repetitions'."""
EVERY = 20.0
"""Seconds between two lines where there is no terminal."""
QUICK = ("cancer", "diabetes", "BN")


def judge(pair: Pair, repetition: int, schedule: str, seeds: int, outcomes: Outcomes) -> list[Any]:
    """Return what *schedule* comes to on fresh seeds, on the test data."""
    one_thread()
    first = FRESH + 100 * repetition
    return [outcomes.of(Trial.of(pair, schedule, first + i, choosing=False)) for i in range(seeds)]


def chosen(
    pool: ProcessPoolExecutor, cells: Sequence[tuple[Pair, int]], ways: Sequence[str], out: Outcomes
) -> dict[tuple[Pair, int], list[Choice]]:
    """Return what every way chooses for every pair and repetition."""
    # The long ones first, so that the last to end are short.
    jobs = {
        pool.submit(choices, way, pair, repetition, out): (pair, repetition)
        for way in ways
        for pair, repetition in sorted(cells, key=lambda c: not c[0].task.startswith("lenet"))
    }
    found: dict[tuple[Pair, int], list[Choice]] = {cell: [] for cell in cells}
    for job in told(jobs, "choosing"):
        found[jobs[job]] += job.result()
    return found


def judged(
    pool: ProcessPoolExecutor,
    found: dict[tuple[Pair, int], list[Choice]],
    seeds: int,
    out: Outcomes,
) -> list[Judged]:
    """Return every choice with its errors on the test data; equal choices are trained once."""
    jobs = {
        pool.submit(judge, pair, repetition, schedule, seeds, out): (pair, repetition, schedule)
        for (pair, repetition), several in found.items()
        for schedule in sorted({choice.schedule for choice in several})
    }
    outcomes: dict[tuple[Pair, int, str], list[Outcome]] = {}
    for job in told(jobs, "judging"):
        outcomes[jobs[job]] = job.result()
    return [
        Judged.of(pair, repetition, choice, outcomes[pair, repetition, choice.schedule])
        for (pair, repetition), several in found.items()
        for choice in several
    ]


def told(jobs: dict[Future[Any], Any], what: str) -> Iterator[Future[Any]]:
    """Yield the jobs as they end, with a bar; on what is no terminal with a line now and then."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console, began, said = Console(stderr=True), time.monotonic(), 0.0
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(what, total=len(jobs))
        for done, job in enumerate(as_completed(jobs), 1):
            progress.update(bar, completed=done)
            seconds = time.monotonic() - began
            if not console.is_terminal and (seconds - said > EVERY or done == len(jobs)):
                said = seconds
                print(f"{what}: {done} of {len(jobs)}, {seconds:.0f} s", file=sys.stderr)
            yield job


def arguments() -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.tune")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="fresh seeds to judge a choice by")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cache", type=Path, help="folder of what trainings came to")
    parser.add_argument("--quick", action="store_true", help="three small pairs, two repetitions")
    parser.add_argument("--write", type=Path, help="the page and its picture, as page.md")
    parser.add_argument("--json", type=Path, help="every choice with its errors")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("pairs", nargs="*", help="words in the names of the pairs (default: all)")
    return parser.parse_args()


def main() -> int:
    """Print the table; the exit code is 1 when a bar is missed."""
    given = arguments()
    words = given.pairs or (QUICK if given.quick else ())
    pairs = [p for p in PAIRS if not words or any(word in p.name for word in words)]
    repetitions, seeds = (2, 2) if given.quick else (given.repetitions, given.seeds)
    cells = [(pair, repetition) for pair in pairs for repetition in range(repetitions)]
    out = Outcomes(given.cache)
    with ProcessPoolExecutor(given.workers) as pool:
        found = chosen(pool, cells, given.ways, out)
        all_of_it = judged(pool, found, seeds, out)
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in all_of_it], indent=1))
    rows = bars(pairs, all_of_it)
    if given.write:
        image = given.write.with_suffix(".png")
        picture(pairs, all_of_it, image)
        given.write.write_text(page(pairs, all_of_it, image.name, repetitions, seeds))
    title = f"Test error over that of the 36-point grid's choice ({repetitions} repetitions)"
    return 0 if show(title, rows) else 1


if __name__ == "__main__":
    sys.exit(main())
