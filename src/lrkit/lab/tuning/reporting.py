"""The report of a tuning: a page, Markdown, pictures and all of it as JSON."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.markup import escape
from rich.table import Table

from lrkit.lab.tuning import wording
from lrkit.lab.tuning.charts import tune_charts
from lrkit.lab.tuning.tuned import Tuned
from lrkit.plots import Chart, Section, chart_html, code, document, still
from lrkit.plots import table as html_table
from lrkit.records import write_file

ABOUT: Final = {
    "peaks": "Each a whole training with its decay, over so many updates; those of one length can "
    "be compared. Point at one for its schedule. What diverged, or came out far off, is left out.",
    "belief": "The expectation over all that the trainings leave open, the move of a cliff from "
    "seed to seed among it. The peak of the tuned schedule is that of the least expected loss, "
    "for its shape, unless full trainings told another one.",
    "cost": "In the order in which they were decided.",
    "schedule": "",
    "scores": "After each epoch; the band goes from the lowest seed to the highest.",
    "range": "It opened the tuning: about where its loss stops falling the peaks are tried.",
}
TRAINED: Final = ("stage", "schedule", "updates", "seed", "score", "train loss", "note")


def tune_report(tuned: Tuned, out: str | os.PathLike[str]) -> dict[str, Path]:
    """Write `report.html`, `report.md`, a PNG of each chart and `tuned.json` into *out*.

    Every file is written whole or not at all. Returns the paths by name.

    Raises `DataError` when a file cannot be written, `LrkitError` when a library is missing.
    """
    folder = Path(out)
    drawn = tune_charts(tuned)
    texts: dict[str, str | bytes] = {
        "report.html": _page(tuned, drawn),
        "report.md": _markdown(tuned, drawn),
        "tuned.json": msgspec.json.format(msgspec.json.encode(tuned.to_dict())),
    }
    paths = {f"{name}.png": still(chart, folder / f"{name}.png") for name, chart in drawn.items()}
    return paths | {name: write_file(folder / name, text) for name, text in texts.items()}


def tune_table(tuned: Tuned) -> Table:
    """Return what came out as a table for a terminal."""
    shown = Table(show_header=False, box=None, pad_edge=False)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for name, text in wording.facts(tuned):
        shown.add_row(escape(name), escape(text))
    return shown


def _page(tuned: Tuned, drawn: dict[str, Chart]) -> str:
    facts = [[name, code(text) if name in wording.CODE else text] for name, text in
             wording.facts(tuned)]  # fmt: skip
    steps = "".join(f"<li>{_marked(line)}</li>" for line in wording.story(tuned))
    rows = [[row[0], code(row[1]), *row[2:]] for row in wording.rows(tuned)]
    sections = [
        Section("Result", html_table(["", "what came out"], facts)),
        Section("How it was found", f"<ol>{steps}</ol>"),
        *(Section("", chart_html(chart), ABOUT[name]) for name, chart in drawn.items()),
        Section("Every training", html_table(TRAINED, rows, numeric=TRAINED[2:6])),
    ]
    return document(wording.title_of(tuned), sections, subtitle=wording.settings(tuned))


def _markdown(tuned: Tuned, drawn: dict[str, Chart]) -> str:
    facts = [
        (name, f"`{text}`" if name in wording.CODE else text) for name, text in wording.facts(tuned)
    ]
    steps = "\n".join(f"{i}. {line}" for i, line in enumerate(wording.story(tuned), 1))
    rows = [(row[0], f"`{row[1]}`", *row[2:]) for row in wording.rows(tuned)]
    parts = [f"# {wording.title_of(tuned)}", wording.settings(tuned), _table(("", ""), facts)]
    parts += ["## How it was found", steps]
    parts += [f"![{chart.title}]({name}.png)" for name, chart in drawn.items()]
    parts += ["## Every training", _table(TRAINED, rows)]
    return "\n\n".join(parts) + "\n"


def _marked(text: str) -> str:
    """Return *text* as HTML, with what stands between backticks as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(_plain(cell) for cell in line)} |" for line in lines)


def _plain(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").split())
