"""What the ways to choose a schedule cost and are worth: rows with bars, and a page."""

from __future__ import annotations

import datetime
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from bench._tune_methods import NAMES, OURS, REFERENCE, SAME_BUDGET, Choice
from bench._tune_outcomes import Outcome
from bench._tune_pairs import HOLDOUT, Pair
from bench.table import Row
from lrkit.lab.statistics import Summary, half_interval

LEAST = 1e-4
"""An error of nothing counts as this, below what the test sets can show, to have a logarithm."""

UNCLEAN = "poly-tanh, Adam"


@dataclass(frozen=True)
class Judged:
    """A choice, and its test error (1 - accuracy, or the loss) for each of the fresh seeds."""

    pair: str
    repetition: int
    way: str
    schedule: str
    cost: float
    note: str
    errors: tuple[float, ...]
    failed: int

    @classmethod
    def of(cls, pair: Pair, repetition: int, choice: Choice, made: Sequence[Outcome]) -> Judged:
        """Return *choice* with what it came to."""
        errors = tuple(1 - o.score if o.higher_is_better else o.score for o in made)
        return cls(
            pair.name,
            repetition,
            choice.way,
            choice.schedule,
            choice.cost,
            choice.note,
            errors,
            sum(o.failed for o in made),
        )

    @property
    def error(self) -> float:
        """The mean over the seeds."""
        return max(float(np.mean(self.errors)), LEAST)


@dataclass(frozen=True)
class Ratio:
    """A ratio of errors: geometric mean and 95 % interval (infinitely wide below two values)."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, logs: Sequence[float]) -> Ratio:
        """Return the ratio of the mean of *logs*."""
        s = Summary.of(logs)
        if s.n < 2:
            return cls(math.exp(s.mean), 0.0, math.inf)
        half = half_interval(s)
        return cls(math.exp(s.mean), math.exp(s.mean - half), math.exp(s.mean + half))

    def __str__(self) -> str:
        wide = math.isinf(self.high)
        return f"{self.middle:.2f}" + ("" if wide else f" ({self.low:.2f} to {self.high:.2f})")


def logs(judged: Sequence[Judged], pair: str, way: str, base: str) -> list[float]:
    """Return ln(error of *way* / error of *base*) of every repetition that has both."""
    errors = {(one.way, one.repetition): one.error for one in judged if one.pair == pair}
    return [
        math.log(error / errors[base, repetition])
        for (name, repetition), error in errors.items()
        if name == way and (base, repetition) in errors
    ]


def over_pairs(pairs: Sequence[Pair], judged: Sequence[Judged], way: str, base: str) -> Ratio:
    """Return the ratio over the pairs, each by its mean over the repetitions."""
    found = [logs(judged, pair.name, way, base) for pair in pairs]
    return Ratio.of([float(np.mean(some)) for some in found if some])


def ways_of(judged: Sequence[Judged]) -> list[str]:
    """Return the ways there are, in the order of NAMES."""
    there = {one.way for one in judged}
    return [way for way in NAMES if way in there]


def bars(pairs: Sequence[Pair], judged: Sequence[Judged]) -> list[Row]:
    """Return the rows of the table that every benchmark prints."""
    there, rows = ways_of(judged), []
    if REFERENCE not in there:
        return []
    if OURS in there:
        for pair in pairs:
            r = Ratio.of(logs(judged, pair.name, OURS, REFERENCE))
            # Within noise: the interval has 1 in it, or lies below.
            noise = r.middle / r.low if r.low > 0 else 1.0
            name = f"{pair.name}{' (held out)' if pair.held_out else ''}: {OURS}"
            rows.append(Row(name, r.middle, r.low, r.high, noise))
        for way in SAME_BUDGET:
            if way in there:
                r = over_pairs(pairs, judged, OURS, way)
                # Clearly above: the whole interval lies below 1.
                clear = 0.0 if math.isinf(r.high) else r.middle / r.high
                rows.append(Row(f"over the pairs: {OURS} / {way}", r.middle, r.low, r.high, clear))
    for way in there:
        if way != REFERENCE:
            r = over_pairs(pairs, judged, way, REFERENCE)
            rows.append(Row(f"over the pairs: {way}", r.middle, r.low, r.high))
    return rows


def measured() -> str:
    """Return when and where this process measures."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    return (
        f"Measured on {datetime.date.today():%Y-%m-%d} on {os.cpu_count()} cores (load "
        f"{load:.1f}), Python {platform.python_version()}, torch {version('torch')}, Optuna "
        f"{version('optuna')}."
    )


def page(
    pairs: Sequence[Pair], judged: Sequence[Judged], image: str, seeds: int, where: str
) -> str:
    """Return the page of docs, in Markdown; *where* says when and where it was measured."""
    parts = [
        "# Cost against quality of choosing a schedule\n",
        "<!-- Written by `python -m bench.tune --write PAGE`. Do not edit. -->\n",
        f"Each way chooses by scores on {HOLDOUT:.0%} of the training data, kept apart, in several "
        f"repetitions; its choice is then trained on {seeds} fresh seeds with all the "
        "training data and scored on the test data. *Error* is 1 - accuracy, or the loss; *ratio* "
        f"is to the error of the {REFERENCE}'s choice in the same repetition (geometric mean and "
        "95 % interval, paired by repetition); *in deviations* is the difference of the errors "
        "over their standard deviation between seeds. Below 1, or below 0, is better than the "
        "grid. *Cost* is in full runs, counted in updates: diverging runs end early. A training "
        "that diverges in the end counts with the error of the untrained weights.\n",
        f"{where}\n",
        f"![Cost against quality]({image})\n",
        "## Over the pairs\n",
        *_summary(pairs, judged),
        *_bars(pairs, judged),
    ]
    for pair in pairs:
        times = len({one.repetition for one in judged if one.pair == pair.name})
        mark = ", held out" if pair.held_out else ""
        parts.append(f"## {pair.name} ({pair.epochs} epochs, {times} repetitions{mark})\n")
        parts += _table(pair.name, judged)
    return "\n".join(parts)


def _summary(pairs: Sequence[Pair], judged: Sequence[Judged]) -> list[str]:
    lines = [
        f"| way | cost | ratio to the {REFERENCE}, {len(pairs)} pairs | pairs not used to make "
        "`lrkit tune` | worst pair |",
        "|---|---|---|---|---|",
    ]
    unseen = [pair for pair in pairs if pair.held_out]
    for way in ways_of(judged):
        cost = float(np.mean([one.cost for one in judged if one.way == way]))
        ratio = over_pairs(pairs, judged, way, REFERENCE)
        other = over_pairs(unseen, judged, way, REFERENCE) if unseen else "-"
        each = [Ratio.of(logs(judged, pair.name, way, REFERENCE)).middle for pair in pairs]
        lines.append(f"| {way} | {cost:.1f} | {ratio} | {other} | {max(each):.2f} |")
    if any(pair.name == UNCLEAN for pair in unseen):
        lines.append(
            f"\nOf the pairs not used, `{UNCLEAN}` is not clean: the same task and optimizer, for "
            "twice as long, was among those that the priors of `lrkit tune` were drawn from."
        )
    return [*lines, ""]


def _bars(pairs: Sequence[Pair], judged: Sequence[Judged]) -> list[str]:
    """Return what `lrkit tune` is held to: within noise of the grid, and ahead of its peers."""
    lines = [
        "On every pair the interval should reach to 1 or below; over the pairs, against the ways "
        "of the same budget, it should lie below 1.\n",
        "| bar | ratio | |",
        "|---|---|---|",
    ]
    for row in bars(pairs, judged):
        if row.bar is not None:
            ratio = Ratio(row.middle, row.low, row.high)
            lines.append(f"| {row.what} | {ratio} | {'met' if row.met else '**missed**'} |")
    return [*lines, ""] if len(lines) > 3 else []


def _table(pair: str, judged: Sequence[Judged]) -> list[str]:
    base = [one for one in judged if one.pair == pair and one.way == REFERENCE]
    deviation = float(np.mean([np.std(one.errors, ddof=1) for one in base])) if base else math.nan
    lines = [
        "| way | cost | error | ratio | in deviations | chosen |",
        "|---|---|---|---|---|---|",
    ]
    for way in ways_of(judged):
        mine = [one for one in judged if one.pair == pair and one.way == way]
        error = Summary.of([one.error for one in mine])
        apart = (error.mean - float(np.mean([one.error for one in base]))) / deviation
        notes = sorted({one.note for one in mine if one.note})
        failed = sum(one.failed for one in mine)
        notes += [f"{failed} trainings of the choice diverged"] if failed else []
        said = "<br>".join([*dict.fromkeys(f"`{one.schedule}`" for one in mine), *notes])
        lines.append(
            f"| {way} | {np.mean([one.cost for one in mine]):.1f} "
            f"| {error.mean:.4g} +- {error.deviation:.2g} "
            f"| {Ratio.of(logs(judged, pair, way, REFERENCE))} | {apart:+.1f} | {said} |"
        )
    return [*lines, ""]
