"""A search in words: the same on the terminal, in HTML and in Markdown."""

from __future__ import annotations

import shlex
from typing import Any, Final

from lrkit.lab import cells
from lrkit.lab.searching.order import Order
from lrkit.lab.searching.outcome import Confirmed, Outcome, score_of, searched_options
from lrkit.search import Trial

BEST: Final = 10
"""How many of the best trials a report lists."""
LONGEST: Final = 26  # letters of a label beside an axis


def settings(outcome: Outcome) -> str:
    """Return in a sentence what was searched, and how."""
    order = outcome.prepared.order
    fixed = {k: v for k, v in order.options.items() if not str(v).startswith("~")}
    extra = [f"{k}={v}" for k, v in fixed.items()]
    length = order.total or f"{outcome.prepared.epochs} epochs, the task's own budget"
    seeds = f"seeds {', '.join(map(str, order.seeds))}" if len(order.seeds) > 1 else (
        f"seed {order.seeds[0]}"
    )  # fmt: skip
    return (
        f"{order.task}{' (' + ', '.join(extra) + ')' if extra else ''}, {length}, {seeds}; "
        f"{order.trials} trials, sampler {order.sampler}, pruner {order.pruner}."
    )


def counted(outcome: Outcome) -> str:
    """Return in a sentence how many trials came to what."""
    total, counts = outcome.prepared.order.trials, []
    for state in ("done", "pruned", "failed", "running", "waiting"):
        if number := len(outcome.of(state)):
            counts.append(f"{number} {state}")
    open_ = outcome.ended < total
    rest = f"; {total - outcome.ended} are left, the same command goes on" if open_ else ""
    return f"{outcome.ended} of {total} trials are over: {', '.join(counts) or 'none'}{rest}."


def basis(order: Order) -> str:
    """Return in sentences what the trials were scored on, and what that means."""
    if order.holdout:
        return (
            f"Trials were scored on {100 * order.holdout:g} % of the training data, which was kept "
            "for choosing and not trained on; no choice was made on the test data."
        )
    return (
        f"Trials were scored by what evaluate() of {order.task} gives: nothing was kept for "
        "choosing. The best score of many is too good for that alone; the fresh seeds of the "
        "confirmation take the luck of the seeds out of it, not that of the data."
    )


def verdict(outcome: Outcome) -> str:
    """Return in sentences how the winner was confirmed; why not, where it was not."""
    if not outcome.confirmed:
        note = f": {outcome.note}" if outcome.note else ""
        return f"The winner is not confirmed{note}."
    parts = [_confirmed(name, one, outcome.score_name)
             for name, one in zip(("the best trial", "the runner-up"), outcome.confirmed,
                                  strict=False)]  # fmt: skip
    count = len(outcome.confirmed[0].runs)
    data = (
        "on all of the training data and scored on the test data"
        if outcome.prepared.order.holdout
        else "and scored as the trials were"
    )
    text = f"Trained again with {count} fresh seed{'s' * (count > 1)} {data}: {'; '.join(parts)}."
    paired = outcome.paired()
    if paired is not None and paired.n:
        text += f" Best less runner-up, seed by seed: {cells.difference_text(paired)}."
        if (paired.mean < 0) == outcome.higher_is_better and paired.mean:
            text += (
                " The runner-up did better here: the trials had not told the two apart. More seeds "
                "for each trial would, in a narrower space."
            )
    return text


def _confirmed(name: str, one: Confirmed, score_name: str) -> str:
    failed = f", {len(one.failures)} failed" if one.failures else ""
    return (
        f"{name} (trial {one.trial.origin}) has {score_name} {cells.mean_text(one.summary)}{failed}"
    )


def headers(outcome: Outcome) -> tuple[str, ...]:
    """Return the headings of the table of the best trials."""
    confirmed = (f"confirmed {outcome.score_name}",) if outcome.confirmed else ()
    return ("trial", outcome.score_name, *confirmed, "schedule", *_option_names(outcome))


def rows(outcome: Outcome) -> list[tuple[str, ...]]:
    """Return the rows of the table of the best trials."""
    confirmed = {one.trial.number: cells.mean_text(one.summary) for one in outcome.confirmed}
    return [
        (
            str(trial.origin),
            cells.number(score_of(trial)),
            *((confirmed.get(trial.number, cells.DASH),) if confirmed else ()),
            trial.text,
            *(_value(trial.options.get(name)) for name in _option_names(outcome)),
        )
        for trial in outcome.ranked[:BEST]
    ]


def failures(outcome: Outcome) -> list[str]:
    """Return a sentence for each way in which trials failed, the most frequent first."""
    alike: dict[str, list[Trial]] = {}
    for trial in outcome.of("failed"):
        alike.setdefault(trial.reason.partition(":")[0], []).append(trial)
    found = []
    for trials in sorted(alike.values(), key=len, reverse=True):
        first = trials[0]
        which = ", ".join(str(trial.origin) for trial in trials[:8])
        which += f" and {len(trials) - 8} more" if len(trials) > 8 else ""
        plural = "s" if len(trials) > 1 else ""
        about = f"{first.reason}; the schedule of {first.origin} is {first.text}"
        found.append(f"{len(trials)} trial{plural} ({which}): {about}")
    return found


def told_trial(trial: Trial, outcome: Outcome) -> str:
    """Return *trial* in a line: number, score, schedule, the options that were searched."""
    options = searched_options(trial, outcome.prepared)
    more = "".join(f", {k}={_value(v)}" for k, v in options.items())
    return f"trial {trial.origin}: {cells.number(score_of(trial))}  {trial.text}{more}"


def label_of(text: str) -> str:
    """Return *text* as a label: no longer than there is room for."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def title_of(outcome: Outcome) -> str:
    """Return what the report is called."""
    return f"Search on {outcome.prepared.order.task}"


def command_of(outcome: Outcome) -> str:
    """Return the command that trains with the best trial; "" while there is none."""
    best = next(iter(outcome.ranked), None)
    if best is None:
        return ""
    order = outcome.prepared.order
    words = ["lrkit", "train", order.task, "-s", best.text]
    words += [] if order.total is None else ["--total", str(order.total)]
    words += ["--per", order.per] if order.per != "step" else []
    words += [] if order.clip is None else ["--clip", f"{order.clip:g}"]
    words += ["--accumulate", str(order.accumulate)] if order.accumulate > 1 else []
    words += ["--amp"] if order.amp else []
    for name, value in best.options.items():
        words += ["-o", f"{name}={value}"]
    return shlex.join(words)


def _option_names(outcome: Outcome) -> tuple[str, ...]:
    options = outcome.prepared.space.options
    names = {parameter.name for parameter in outcome.prepared.space.parameters}
    return tuple(name for name in options if name in names)


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
