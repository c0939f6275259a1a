"""The table of a comparison as text: the same words on the terminal, in HTML and in Markdown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from lrkit.lab.comparison import Comparison, RowResult
from lrkit.lab.entries import Reference
from lrkit.lab.statistics import Paired, Summary, agrees

SPREAD: Final = "\N{PLUS-MINUS SIGN}"
DASH: Final = "\N{EN DASH}"

EXPLANATION: Final = (
    "Each score is that of the last epoch: the mean over the seeds that trained, and the sample "
    "standard deviation. Failed runs are counted, not averaged in. The difference from the first "
    "schedule is taken seed by seed and has its 95 % Student interval; with few seeds that is "
    "wide, so a difference whose interval holds zero is not shown to be one."
)


@dataclass(frozen=True)
class Line:
    """A row of the table: `cells` go under `headers`, the rest stands below the name."""

    name: str
    text: str
    note: str
    cells: tuple[str, ...]


def headers(comparison: Comparison) -> tuple[str, ...]:
    """Return the headings of the columns after the name."""
    score = comparison.score_name
    own = (score, "lowest to highest", "trained", "against the first", "seeds above / below")
    return (*own, *comparison.study.also, *sources(comparison))


def lines(comparison: Comparison) -> list[Line]:
    """Return the rows of the table."""
    found = sources(comparison)
    return [
        Line(
            row.row.name,
            str(row.row.spec),
            row.row.note,
            (
                mean_text(row.summary),
                range_text(row.summary),
                f"{len(row.scores)} of {len(row.runs)}",
                *_paired_cells(comparison, row),
                *(measured_text(row, name) for name in comparison.study.also),
                *(_reference_cell(row, source) for source in found),
            ),
        )
        for row in comparison.rows
    ]


def sources(comparison: Comparison) -> tuple[str, ...]:
    """Return the sources of the numbers of others, in the order in which they come."""
    rows = comparison.rows
    return tuple(dict.fromkeys(r.source for row in rows for r in row.row.references))


def failures(comparison: Comparison) -> list[str]:
    """Return a sentence for every training that failed, one for the seeds that failed alike."""
    found = []
    for row in comparison.rows:
        alike: dict[str, list[int]] = {}
        for seed, reason in row.failures.items():
            alike.setdefault(reason.partition(":")[0], []).append(seed)
        for kind, seeds in alike.items():
            first = row.failures[seeds[0]]
            if len(seeds) == 1:
                found.append(f"{row.row.name}, seed {seeds[0]}: {first}")
            else:
                detail = first.removeprefix(f"{kind}: ")
                many = ", ".join(map(str, seeds))
                found.append(f"{row.row.name}, seeds {many}: {kind}; seed {seeds[0]}: {detail}")
    return found


def settings(comparison: Comparison) -> str:
    """Return in a sentence what was run."""
    study = comparison.study
    if not study.task:
        return f"{len(comparison.rows)} schedules, curves only."
    length = study.total if study.epochs is None else f"{study.epochs} epochs"
    extra = [f"{k}={v}" for k, v in study.options.items()]
    extra += [f"clip={study.clip:g}"] if study.clip is not None else []
    extra += [f"accumulate={study.accumulate}"] if study.accumulate > 1 else []
    extra += ["mixed precision"] if study.amp else []
    return (
        f"{study.task}{' (' + ', '.join(extra) + ')' if extra else ''}, "
        f"{length or 'the budget of the task'}, the rate set per {study.per}, "
        f"{len(comparison.rows)} schedules, seeds {', '.join(map(str, study.seeds))}."
    )


def number(value: float) -> str:
    """Return a score with four digits."""
    return DASH if math.isnan(value) else f"{value:.4g}"


def mean_text(s: Summary) -> str:
    """Return mean and spread: `0.895 ± 0.004`."""
    if s.n == 0:
        return DASH
    if s.n == 1 or not s.deviation > 0:
        return number(s.mean)
    places = decimals(s.deviation)
    return f"{s.mean:.{places}f} {SPREAD} {s.deviation:.{places}f}"


def range_text(s: Summary) -> str:
    """Return the lowest and the highest: `0.891 to 0.899`."""
    return f"{number(s.low)} to {number(s.high)}" if s.n > 1 else DASH


def measured_text(row: RowResult, name: str) -> str:
    """Return mean and spread of another score, over all seeds that stayed finite."""
    found = row.measured(name)
    count = f", n = {len(found)}" if len(found) < len(row.runs) else ""
    return mean_text(Summary.of(list(found.values()))) + (count if found else "")


def declared_text(row: RowResult) -> str:
    """Return the schedule of *row* as it was declared, and what was done to it by hand."""
    edits = "".join(f"; at {at} {edit}" for at, edit in row.row.edits)
    return f"{row.row.spec}{edits}"


def effective_texts(comparison: Comparison) -> list[tuple[str, str]]:
    """Return who followed what, for the schedules that were edited or steered."""
    return [
        (f"{row.row.name}, {seeds}" if seeds else row.row.name, str(curve.schedule))
        for row in comparison.rows
        if row.row.edits or row.row.controllers
        for seeds, curve in row.followed().items()
    ]


def found_text(comparison: Comparison) -> str:
    """Return in sentences what the range test of the study found; "" without one."""
    sought = comparison.sought
    if sought is None:
        return ""
    curve, taken = sought.curve, sought.rates
    used = ", ".join(f"{name} {rate:g}" for name, rate in taken.items()) or "nothing"
    return (
        f"Range test before the first training: rates from {curve.rates[0]:.3g} to "
        f"{curve.rates[-1]:.3g} in {len(curve.rates)} updates, {curve.repeats} times, seed "
        f"{comparison.study.seeds[0]}. It says: {sought.suggestion}. Taken: {used}."
    )


def difference_text(p: Paired) -> str:
    """Return a paired difference: `+0.010 [+0.002, +0.018], n = 3`."""
    if p.n == 0:
        return DASH
    if p.n == 1:
        return f"{p.mean:+.2g}, n = 1"
    places = decimals(p.high - p.mean)
    return f"{p.mean:+.{places}f} [{p.low:+.{places}f}, {p.high:+.{places}f}], n = {p.n}"


def decimals(spread: float) -> int:
    """Return how many decimals show two digits of *spread*.

    >>> decimals(0.0063), decimals(12.0)
    (4, 0)
    """
    if not spread > 0:
        return 4
    return min(max(1 - math.floor(math.log10(spread)), 0), 12)


def reference_text(reference: Reference) -> str:
    """Return what others found: `0.878 (0.866 to 0.885, n = 3)`."""
    s = Summary.of(reference.scores)
    about = [range_text(s), f"n = {s.n}"] if s.n > 1 else []
    about += [f"{reference.failed} failed"] if reference.failed else []
    return number(s.mean) + (f" ({', '.join(about)})" if about else "")


def _paired_cells(comparison: Comparison, row: RowResult) -> tuple[str, str]:
    if row is comparison.rows[0]:
        return "the first", DASH
    paired = comparison.paired(row)
    return difference_text(paired), f"{paired.above} / {paired.below}" if paired.n else DASH


def _reference_cell(row: RowResult, source: str) -> str:
    found = [r for r in row.row.references if r.source == source]
    if not found:
        return DASH
    verdict = agrees(list(row.scores.values()), found[0].scores)
    word = {True: "; agrees", False: "; differs", None: ""}[verdict]
    return f"{reference_text(found[0])}{word}"
