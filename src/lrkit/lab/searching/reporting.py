"""The report of a search: a page, Markdown, pictures, and all of it as JSON."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
from rich.markup import escape
from rich.table import Table

from lrkit.lab.searching import wording
from lrkit.lab.searching.charts import search_charts
from lrkit.lab.searching.outcome import Confirmed, Outcome
from lrkit.plots import Chart, Section, chart_html, code, document, still
from lrkit.plots import table as html_table
from lrkit.records import write_file
from lrkit.search import Trial

ABOUT = {
    "history": "Every trial in the order in which they were begun; point at one for its schedule.",
    "rate": "The peak is the highest rate of the trial's schedule.",
    "importance": "The share of the differences between the scores that a parameter alone makes, "
    "from a forest fitted to the trials (fANOVA; Hutter, Hoos and Leyton-Brown, 2014).",
    "parallel": "From left to right the values of a trial; a gap is a value it was not asked for.",
    "best": "",
}


def search_report(outcome: Outcome, out: str | os.PathLike[str]) -> dict[str, Path]:
    """Write `report.html`, `report.md`, a PNG of each chart and `search.json` into *out*.

    Every file is written whole or not at all. Returns the paths by name.

    Raises `DataError` when a file cannot be written, `LrkitError` when a library is missing.
    """
    folder = Path(out)
    drawn = search_charts(outcome)
    texts: dict[str, str | bytes] = {
        "report.html": _page(outcome, drawn),
        "report.md": _markdown(outcome, drawn),
        "search.json": msgspec.json.format(
            msgspec.json.encode(plain_outcome(outcome), enc_hook=str)
        ),
    }
    paths = {f"{name}.png": still(chart, folder / f"{name}.png") for name, chart in drawn.items()}
    return paths | {name: write_file(folder / name, text) for name, text in texts.items()}


def search_table(outcome: Outcome) -> Table:
    """Return the best trials as a table for a terminal."""
    shown = Table(title=escape(wording.title_of(outcome)), title_justify="left")
    for header in wording.headers(outcome):
        shown.add_column(escape(header), overflow="fold")
    for row in wording.rows(outcome):
        shown.add_row(*map(escape, row))
    return shown


def plain_outcome(outcome: Outcome) -> dict[str, Any]:
    """Return *outcome* as JSON types."""
    prepared = outcome.prepared
    best = next(iter(outcome.ranked), None)
    return {
        "format": 1,
        "order": msgspec.to_builtins(prepared.order),
        "score": outcome.score_name,
        "higher_is_better": outcome.higher_is_better,
        "scored_on": "holdout" if prepared.order.holdout else "evaluate",
        "ended": outcome.ended,
        "best": None if best is None else _plain_trial(best),
        "importance": {one.name: one.share for one in outcome.importance},
        "confirmed": [_plain_confirmed(one) for one in outcome.confirmed],
        "confirm_note": outcome.note,
        "trials": [_plain_trial(trial) for trial in outcome.trials],
    }


def _plain_trial(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "origin": trial.origin,
        "state": trial.state,
        "score": _finite(trial.score),
        "schedule": trial.text,
        "options": dict(trial.options),
        "values": dict(trial.values),
        "epochs": [[epoch, _finite(score)] for epoch, score in trial.steps],
        "seconds": trial.seconds,
        "reason": trial.reason,
        "worker": trial.worker,
    }


def _plain_confirmed(one: Confirmed) -> dict[str, Any]:
    return {
        "trial": one.trial.origin,
        "schedule": one.trial.text,
        "options": dict(one.trial.options),
        "scores": {str(seed): score for seed, score in one.scores.items()},
        "failures": {str(seed): reason for seed, reason in one.failures.items()},
        "summary": {k: _finite(v) for k, v in asdict(one.summary).items()},
        "runs": [str(run.folder) for run in one.runs],
    }


def _markdown(outcome: Outcome, drawn: dict[str, Chart]) -> str:
    parts = [f"# {wording.title_of(outcome)}", wording.settings(outcome)]
    parts += [f"Space: `{_plain(outcome.prepared.order.space)}`", *map(_plain, _options(outcome))]
    parts += [wording.counted(outcome), wording.basis(outcome.prepared.order)]
    parts += [wording.verdict(outcome)]
    if outcome.ranked:
        parts += ["## The best trials", _table(wording.headers(outcome), wording.rows(outcome))]
    if failed := wording.failures(outcome):
        parts += ["## What failed", "\n".join(f"- {_plain(item)}" for item in failed)]
    parts += [f"![{chart.title}]({name}.png)" for name, chart in drawn.items()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _page(outcome: Outcome, drawn: dict[str, Chart]) -> str:
    result = f"<p>{html.escape(wording.verdict(outcome))}</p>"
    if outcome.ranked:
        headings, rows = wording.headers(outcome), wording.rows(outcome)
        at = headings.index("schedule")
        shown = [[*row[:at], code(row[at]), *row[at + 1 :]] for row in rows]
        result += html_table(headings, shown, numeric=headings[1:at])
    sections = [Section("Result", result, wording.counted(outcome))]
    if failed := wording.failures(outcome):
        items = "".join(f"<li>{html.escape(item)}</li>" for item in failed)
        sections.append(Section("What failed", f"<ul>{items}</ul>"))
    sections += [Section("", chart_html(c), ABOUT[name]) for name, c in drawn.items()]
    space = f"<p>{code(outcome.prepared.order.space)}</p>"
    space += "".join(f"<p>{html.escape(line)}</p>" for line in _options(outcome))
    sections.append(Section("What was searched", space, wording.basis(outcome.prepared.order)))
    return document(wording.title_of(outcome), sections, subtitle=wording.settings(outcome))


def _options(outcome: Outcome) -> list[str]:
    """Return the options that were searched, a line each."""
    options = outcome.prepared.order.options
    return [f"{name}: {text}" for name, text in options.items() if str(text).startswith("~")]


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    at = list(names).index("schedule")
    body = [[_plain(cell) for cell in row] for row in rows]
    for row in body:
        row[at] = f"`{row[at]}`"
    lines = [list(names), ["---"] * len(names), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def _plain(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").split())


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
