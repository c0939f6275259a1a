"""A check in words and tables: the same on the terminal, on the page and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lrkit.lab.cells import DASH, difference_text, mean_text, number
from lrkit.lab.checking.judging import Checked, Outcome
from lrkit.lab.checking.measuring import LAST, final_loss
from lrkit.lab.statistics import Summary

HEADERS: Final = ("schedule", "predicted", "90 % interval", "measured", "error", "inside")
PAIR_HEADERS: Final = ("pair", "predicted", "measured, 95 %", "verdict")
CHEAP_HEADERS: Final = ("cheap run", "measured", "from the others")
EXPLANATION: Final = (
    f"Losses are training losses: the final one is the mean over the last {100 * LAST:.0f} % of "
    "the updates. Predictions were written down before the long runs began. "
    "Measured: mean over seeds that no cheap run had, and sample standard deviation; the interval "
    "is for one run. Differences are taken seed by seed, with Student's 95 % interval; a pair "
    "whose interval holds zero is open. The last column is the task's own score on data held out, "
    "by which nothing was chosen."
)


def title(checked: Checked) -> str:
    """Return what the report is called."""
    return f"The laws held against {checked.plan.check.task}"


def settings(checked: Checked) -> str:
    """Return in a sentence what was trained."""
    plan, check = checked.plan, checked.plan.check
    options = "".join(f", {name}={value}" for name, value in check.options.items())
    return (
        f"{check.task}{options}: {len(checked.members)} cheap runs of {plan.cheap_updates:,} "
        f"updates ({', '.join(check.shapes)} at peaks of {', '.join(f'{p:g}' for p in plan.peaks)}"
        f"; seed 0), then three schedules for {plan.updates:,} updates with seeds "
        f"{', '.join(str(seed + 1) for seed in range(check.seeds))}."
    )


def law_text(checked: Checked) -> str:
    """Return in sentences which law was chosen, and how well it foretold runs left out."""
    foreseen = checked.foreseen
    errors = ", ".join(
        f"{fit.law} {100 * fit.error:.2g} %" for fit in foreseen.fits if fit.error is not None
    )
    chosen = "chosen" if checked.plan.check.law == "auto" else "asked for"
    parts = [
        f"The law {foreseen.law.law} was {chosen}. Mean relative error of the cheap runs, each "
        f"predicted from the others: {errors}."
    ]
    parts += [f"{name} could not be fitted: {why}." for name, why in foreseen.unfitted.items()]
    return " ".join(parts)


def notes(checked: Checked) -> list[str]:
    """Return what to be careful about: of the law, of each prediction, of runs that failed."""
    foreseen = checked.foreseen
    found = list(foreseen.law.notes)
    of: dict[str, list[str]] = {}
    for contender in foreseen.contenders:
        for warning in contender.prediction.warnings:
            of.setdefault(warning, []).append(contender.name)
    found += [f"{', '.join(names)}: {warning}" for warning, names in of.items()]
    highest = max(checked.plan.peaks)
    failed = any(outcome.failures for outcome in checked.outcomes)
    edge = [c.name for c in foreseen.contenders if c.peak > 0.99 * highest]
    if edge and not failed:
        found.append(
            f"{', '.join(edge)}: the peak is the highest of the cheap runs; a higher one may be "
            "better (--peaks)"
        )
    found += [
        f"{member.name} was left out: {run.failure}"
        for member, run in zip(checked.members, checked.runs, strict=True)
        if run.failure
    ]
    for outcome in checked.outcomes:
        found += [
            f"{outcome.contender.name}, seed {seed}, was left out: {why}"
            for seed, why in outcome.failures.items()
        ]
    return found


def headers(checked: Checked) -> tuple[str, ...]:
    """Return the headings of the main table."""
    return (*HEADERS, checked.plan.score_name if checked.plan.score_name != "loss" else "test loss")


def rows(checked: Checked) -> list[tuple[str, ...]]:
    """Return the rows of the main table, a contender each."""
    return [_row(outcome) for outcome in checked.outcomes]


def pair_rows(checked: Checked) -> list[tuple[str, ...]]:
    """Return the rows of the table of pairs."""
    return [
        (
            f"{pair.first} {DASH} {pair.second}",
            f"{pair.predicted:+.2g}",
            difference_text(pair.measured),
            pair.verdict,
        )
        for pair in checked.pairs
    ]


def cheap_rows(checked: Checked) -> list[tuple[str, ...]]:
    """Return the rows of the table of cheap runs."""
    held = {trial.run: trial for trial in checked.foreseen.law.trials}
    found: list[tuple[str, ...]] = []
    for member, run in zip(checked.members, checked.runs, strict=True):
        trial = held.get(member.name)
        told = "failed" if run.failure else number(final_loss(run))
        apart = trial.predicted / trial.observed - 1 if trial else 0.0
        found.append((member.name, told, f"{100 * apart:+.1f} %" if trial else DASH))
    return found


def markdown_table(names: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    body = [names, ["---"] * len(names), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in body)


def _row(outcome: Outcome) -> tuple[str, ...]:
    contender, measured = outcome.contender, outcome.measured
    low, high = contender.interval
    error = f"{100 * (contender.final / measured.mean - 1):+.1f} %" if measured.n else DASH
    inside = f"{outcome.inside} of {measured.n}" if measured.n else DASH
    about = contender.about if contender.name != "design" else f"peak {contender.peak:.3g}"
    return (
        f"{contender.name} ({about.partition(',')[0]})",
        number(contender.final),
        f"{number(low)} to {number(high)}",
        mean_text(measured),
        error,
        inside,
        mean_text(Summary.of(list(outcome.scores.values()))),
    )
