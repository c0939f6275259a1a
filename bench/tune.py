"""Cost against quality of the ways to choose a schedule, on pairs of a task and an optimizer.

    python -m bench.tune [--repetitions N] [--seeds N] [--workers N] [--cache FOLDER] [--quick]
                         [--seconds N] [--write PAGE] [--json FILE] [PAIR ...]

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
made again; it knows torch's version, but nothing of changed code; `lrkit tune` is
always run. With --seconds the repetitions that are not done by then are left out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loky import ProcessPoolExecutor
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench._tune_methods import WAYS, Choice, choices
from bench._tune_outcomes import Outcome, Outcomes, Trial, one_thread
from bench._tune_pairs import PAIRS, Pair
from bench._tune_picture import picture
from bench._tune_report import Judged, bars, measured, page
from bench.table import show

REPETITIONS, SEEDS = 3, 5
CHOOSING = 0.7
"""The share of the time after which no choice is waited for any more."""
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


Cell = tuple[Pair, int]
Found = dict[Cell, list[Choice]]


def chosen(
    pool: ProcessPoolExecutor, cells: Sequence[Cell], ways: Sequence[str], out: Outcomes, end: float
) -> Found:
    """Return what every way chooses for the pairs and repetitions that all ways are done with."""
    # Repetition by repetition, and in each the long ones first.
    order = sorted(cells, key=lambda cell: (cell[1], not cell[0].task.startswith("lenet")))
    jobs = {
        pool.submit(choices, way, pair, repetition, out): ((pair, repetition), way)
        for pair, repetition in order
        for way in ways
    }
    found: dict[Cell, dict[str, list[Choice]]] = {cell: {} for cell in cells}
    for job in told(jobs, "choosing", end):
        cell, way = jobs[job]
        if error := job.exception():
            print(f"left out: {cell[0].name}, repetition {cell[1]}: {way} raised {error!r}")
        else:
            found[cell][way] = job.result()
    return {
        cell: [choice for several in by.values() for choice in several]
        for cell, by in found.items()
        if len(by) == len(ways)
    }


def judged(
    pool: ProcessPoolExecutor, found: Found, seeds: int, out: Outcomes, end: float
) -> list[Judged]:
    """Return the choices with their errors on the test data; equal choices are trained once."""
    wanted = {cell: {choice.schedule for choice in several} for cell, several in found.items()}
    jobs = {
        pool.submit(judge, cell[0], cell[1], schedule, seeds, out): (cell, schedule)
        for cell in sorted(found, key=lambda cell: cell[1])
        for schedule in sorted(wanted[cell])
    }
    made: dict[Cell, dict[str, list[Outcome]]] = {cell: {} for cell in found}
    for job in told(jobs, "judging", end):
        cell, schedule = jobs[job]
        made[cell][schedule] = job.result()
    return [
        Judged.of(*cell, choice, made[cell][choice.schedule])
        for cell, several in found.items()
        if wanted[cell] == made[cell].keys()
        for choice in several
    ]


@contextmanager
def workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of one-thread processes, which end with the block, done or not."""
    pool = ProcessPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(kill_workers=True)


def told(jobs: Mapping[Future[Any], Any], what: str, end: float) -> Iterator[Future[Any]]:
    """Yield the jobs as they end, until the moment *end*; the rest is not begun.

    With a bar, or on what is no terminal with a line now and then.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console, began, said = Console(stderr=True), time.monotonic(), 0.0
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(what, total=len(jobs))
        try:
            left = None if end == math.inf else max(end - began, 0.0)
            for done, job in enumerate(as_completed(jobs, timeout=left), 1):
                progress.update(bar, completed=done)
                seconds = time.monotonic() - began
                if not console.is_terminal and (seconds - said > EVERY or done == len(jobs)):
                    said = seconds
                    print(f"{what}: {done} of {len(jobs)}, {seconds:.0f} s", file=sys.stderr)
                yield job
        except TimeoutError:
            dropped = sum(not job.done() for job in jobs)
            print(f"{what}: the time is over, {dropped} of {len(jobs)} left out", file=sys.stderr)


def arguments() -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.tune")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="fresh seeds to judge a choice by")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cache", type=Path, help="folder of what trainings came to")
    parser.add_argument("--quick", action="store_true", help="three small pairs, two repetitions")
    parser.add_argument("--seconds", type=float, default=math.inf, help="the most it may take")
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
    out, began = Outcomes(given.cache), time.monotonic()
    # A pool for each: what is still under way when its time is over ends with it.
    with workers(given.workers) as pool:
        found = chosen(pool, cells, given.ways, out, began + CHOOSING * given.seconds)
    with workers(given.workers) as pool:
        all_of_it = judged(pool, found, seeds, out, began + given.seconds)
    pairs = [pair for pair in pairs if any(one.pair == pair.name for one in all_of_it)]
    if not pairs:
        print("nothing was done in the time; give more --seconds or fewer pairs", file=sys.stderr)
        return 1
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in all_of_it], indent=1))
    rows = bars(pairs, all_of_it)
    if given.write:
        image = given.write.with_suffix(".png")
        picture(pairs, all_of_it, image)
        given.write.write_text(page(pairs, all_of_it, image.name, seeds, measured()))
    title = f"Test error over that of the 36-point grid's choice (up to {repetitions} repetitions)"
    return 0 if show(title, rows) else 1


if __name__ == "__main__":
    sys.exit(main())
