"""The report of a comparison: a page, Markdown, pictures and CSV."""

from __future__ import annotations

import csv
import html
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from lrkit.lab import cells
from lrkit.lab.charts import charts
from lrkit.lab.comparison import Comparison
from lrkit.plots import Chart, Html, Section, chart_html, code, document, still
from lrkit.plots import table as html_table
from lrkit.records import write_file


def report(comparison: Comparison, out: str | os.PathLike[str]) -> dict[str, Path]:
    """Write `report.html`, `report.md`, a PNG of each chart and CSV files into *out*.

    `runs.csv` has a line for each training, `epochs.csv` one for each of its epochs. Every file
    is written whole or not at all. Returns the paths by name.

    Raises `DataError` when a file cannot be written, `LrkitError` when a library is missing.
    """
    folder = Path(out)
    drawn = charts(comparison)
    paths = {f"{name}.png": still(chart, folder / f"{name}.png") for name, chart in drawn.items()}
    texts = {"report.html": _page(comparison, drawn), "report.md": markdown(comparison, drawn)}
    if comparison.score_name:
        texts |= {"runs.csv": _csv(_run_lines(comparison)), "epochs.csv": _csv(_epochs(comparison))}
    return paths | {name: write_file(folder / name, text) for name, text in texts.items()}


def table(comparison: Comparison) -> Table:
    """Return the table of *comparison* for a terminal."""
    shown = Table(title=escape(_title(comparison)), title_justify="left")
    shown.add_column("schedule", overflow="fold")
    if not comparison.score_name:
        shown.add_column("text", overflow="fold")
        for row in comparison.rows:
            shown.add_row(escape(row.row.name), escape(str(row.row.spec)))
        return shown
    for header in cells.headers(comparison):
        shown.add_column(escape(header))
    for line in cells.lines(comparison):
        shown.add_row(*map(escape, (line.name, *line.cells)))
    return shown


def markdown(comparison: Comparison, drawn: dict[str, Chart]) -> str:
    """Return the report as Markdown; its pictures are the files that `report` writes."""
    parts = [f"# {_title(comparison)}", cells.settings(comparison), comparison.study.note.strip()]
    if comparison.score_name:
        names = ("schedule", *cells.headers(comparison))
        rows = [
            (line.name + (f" ({line.note})" if line.note else ""), *line.cells)
            for line in cells.lines(comparison)
        ]
        parts += [_markdown_table(names, rows), comparison.study.outcome.strip(), cells.EXPLANATION]
    parts += [cells.found_text(comparison)]
    if failed := cells.failures(comparison):
        parts += ["## What failed", "\n".join(f"- {_plain(item)}" for item in failed)]
    parts += [f"![{chart.title}]({name}.png)" for name, chart in drawn.items()]
    texts = [(row.row.name, f"`{cells.declared_text(row)}`") for row in comparison.rows]
    parts += ["## The schedules", _markdown_table(("schedule", "text"), texts)]
    if effective := [(name, f"`{text}`") for name, text in cells.effective_texts(comparison)]:
        parts += ["## With the edits: the effective schedules"]
        parts += [_markdown_table(("schedule", "effective"), effective)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _page(comparison: Comparison, drawn: dict[str, Chart]) -> str:
    sections = []
    if comparison.score_name:
        below = "\n".join(filter(None, (comparison.study.outcome.strip(), cells.EXPLANATION)))
        sections.append(Section("Result", _html_table(comparison), below))
    if failed := cells.failures(comparison):
        items = "".join(f"<li>{html.escape(item)}</li>" for item in failed)
        sections.append(Section("What failed", f"<ul>{items}</ul>"))
    about = {
        "loss": "The mean over each epoch and over the seeds that trained; the band goes from the "
        "lowest seed to the highest.",
        "rate": "As it was followed: where controllers made the seeds differ, each has its line.",
        "score": "After each epoch; the band goes from the lowest seed to the highest.",
    }
    sections += [Section("", chart_html(c), about.get(name, "")) for name, c in drawn.items()]
    texts = [
        [row.row.name, code(cells.declared_text(row)), row.row.note] for row in comparison.rows
    ]
    sections.append(Section("The schedules", html_table(["schedule", "text", "note"], texts)))
    if effective := [[name, code(text)] for name, text in cells.effective_texts(comparison)]:
        shown = html_table(["schedule", "effective"], effective)
        sections.append(Section("With the edits: the effective schedules", shown))
    if found := cells.found_text(comparison):
        sections.append(Section("Range test", f"<p>{html.escape(found)}</p>"))
    if note := comparison.study.note.strip():
        sections.append(Section("About this study", f"<p>{html.escape(note)}</p>"))
    return document(_title(comparison), sections, subtitle=cells.settings(comparison))


def _html_table(comparison: Comparison) -> str:
    names = ["schedule", *cells.headers(comparison)]
    rows = []
    for line in cells.lines(comparison):
        below = f"<br><small>{code(line.text)}</small>"
        rows.append([Html(f"{html.escape(line.name)}{below}"), *line.cells])
    return html_table(names, rows)


def _title(comparison: Comparison) -> str:
    return comparison.study.title or comparison.study.name


def _markdown_table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = [names, ["---"] * len(names), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in body)


def _plain(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").split())


def _run_lines(comparison: Comparison) -> list[list[Any]]:
    names = ["schedule", "text", "seed", "status", comparison.score_name, "best", "train_loss"]
    return [
        [*names, "updates", "seconds", "failure"],
        *(
            [
                row.row.name,
                row.row.spec,
                run.seed,
                run.status,
                run.score,
                run.best,
                run.evaluations[-1]["train_loss"] if run.evaluations else float("nan"),
                len(run.losses),
                f"{run.seconds:.2f}",
                run.failure,
            ]
            for row in comparison.rows
            for run in row.runs
        ),
    ]


def _epochs(comparison: Comparison) -> list[list[Any]]:
    """Return a line for each epoch of each training; the rate is that of its last update."""
    events = [e for row in comparison.rows for run in row.runs for e in run.evaluations]
    own = {"kind", "time", "step", "epoch", "seconds", "train_loss"}
    scores = list(dict.fromkeys(k for event in events for k in event if k not in own))
    return [
        ["schedule", "seed", "epoch", "step", "rate", "train_loss", *scores],
        *(
            [
                row.row.name,
                run.seed,
                event["epoch"],
                event["step"],
                run.rates[event["step"] - 1],
                event["train_loss"],
                *(event.get(score, "") for score in scores),
            ]
            for row in comparison.rows
            for run in row.runs
            for event in run.evaluations
        ),
    ]


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
