"""Pages that need nothing but themselves: no server, no network; light or dark, wide or narrow."""

from __future__ import annotations

import html
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from lrkit.plots.chart import curve_chart
from lrkit.plots.interactive import chart_html, plotly_js
from lrkit.records import write_file
from lrkit.schedules import Curve, Facts

# Nothing may be fetched, whatever a label contains.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)


class Html(str):
    """Text that is HTML already; all other text is escaped where it is put into a page."""


@dataclass(frozen=True)
class Section:
    """A part of a page: its heading ("" for none), its HTML, and a sentence before it."""

    title: str
    body: str
    intro: str = ""


def document(
    title: str, sections: Sequence[Section], *, subtitle: str = "", footer: str = ""
) -> str:
    """Return a whole HTML page of *sections*, in order, with everything it needs inside.

    Bodies are HTML: from `lines_html`, `table`, `code` or your own. Plotly's JavaScript goes in
    once, and only when there is a chart. Raises `LrkitError` when it is needed and missing.

    >>> page = document("Two rates", [Section("", table(["rate"], [[0.1], [0.01]]))])
    >>> page.startswith("<!DOCTYPE html>"), "<td" in page
    (True, True)
    """
    body = "".join(map(_section, sections))
    scripts = ""
    if "<figure" in body:
        scripts = f"<script>{plotly_js()}</script><script>{_part('page.js')}</script>"
    lead = f'<p class="lead">{html.escape(subtitle)}</p>' if subtitle else ""
    foot = f"<footer>{html.escape(footer)}</footer>" if footer else ""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{html.escape(title)}</title><style>{_part('page.css')}</style></head><body><main>"
        f"<header><h1>{html.escape(title)}</h1>{lead}</header>{body}{foot}</main>{scripts}"
        "</body></html>\n"
    )


def table(
    headers: Sequence[str], rows: Sequence[Sequence[Any]], *, numeric: Sequence[str] = ()
) -> str:
    """Return *rows* under *headers* as an HTML table that scrolls sideways when it is too wide.

    Cells are escaped, but for `Html`; numbers are shown short, None as a dash. Columns of numbers,
    and those named in *numeric*, stand to the right.
    """
    right = [
        name in numeric or _is_numeric([row[i] for row in rows]) for i, name in enumerate(headers)
    ]
    side = ['class="number"' if r else "" for r in right]
    head = "".join(f"<th {s}>{_cell(h)}</th>" for s, h in zip(side, headers, strict=True))
    lines = [
        "".join(f"<td {s}>{_cell(c)}</td>" for s, c in zip(side, row, strict=True)) for row in rows
    ]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    whole = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="table" tabindex="0">{whole}</div>'


def code(text: str) -> Html:
    """Return *text*, a schedule or a command, as HTML in a fixed-width font."""
    return Html(f"<code>{html.escape(text)}</code>")


def page(
    curves: Mapping[str, Curve],
    path: str | os.PathLike[str],
    log: bool = False,
    *,
    sweep: str = "",
    title: str = "Learning-rate schedules",
    open_ends: Collection[str] = (),
) -> Path:
    """Write *curves* by label to *path* as a page: the chart, and a table of their facts.

    *log* makes the axis of rates logarithmic (the page has a button for that, too); *sweep* names
    the parameter whose values the labels are; *open_ends* are labels of curves that something else
    ends, see `Curve.facts`. Raises `DataError` when the file cannot be written and `LrkitError`
    when plotly is missing.
    """
    chart = curve_chart(curves, log=log, sweep=sweep, points=4000)
    facts = {
        str(label): curve.facts(open_end=label in open_ends) for label, curve in curves.items()
    }
    sections = [
        Section("", chart_html(chart)),
        Section("Facts", _facts_table(facts, sweep)),
    ]
    if any(fact.warnings for fact in facts.values()):
        sections.append(Section("Worth a second look", _warnings(facts)))
    return write_file(path, document(title, sections))


def _facts_table(facts: Mapping[str, Facts], sweep: str) -> str:
    headers = [sweep or "schedule", "updates", "peak", "at step", "final", "mean", "area", "joints"]
    rows = []
    for label, fact in facts.items():
        text = "" if label == fact.schedule else f"<br><small>{code(fact.schedule)}</small>"
        name = code(label) if label == fact.schedule else Html(html.escape(label))
        joints = ", ".join(f"{joint:,.10g}" for joint in fact.joints[:6]) or "none"
        joints += f" and {len(fact.joints) - 6} more" if len(fact.joints) > 6 else ""
        figures = [f"{fact.steps:,}", f"{fact.peak:.6g}", f"{fact.peak_at:,}", f"{fact.final:.4g}"]
        figures += [f"{fact.mean:.4g}", f"{fact.area:.6g}", joints]
        rows.append([Html(name + text), *figures])
    return table(headers, rows, numeric=headers[1:-1])


def _warnings(facts: Mapping[str, Facts]) -> str:
    items = [
        f"<li>{code(label)}: {html.escape(warning)}</li>"
        for label, fact in facts.items()
        for warning in fact.warnings
    ]
    return f"<ul>{''.join(items)}</ul>"


def _section(section: Section) -> str:
    heading = f"<h2>{html.escape(section.title)}</h2>" if section.title else ""
    intro = f"<p>{html.escape(section.intro)}</p>" if section.intro else ""
    return f"<section>{heading}{intro}{section.body}</section>"


def _cell(value: Any) -> str:
    if isinstance(value, Html):
        return value
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, float):
        return html.escape(f"{value:.4g}")
    return html.escape(f"{value:,}" if isinstance(value, int) else str(value))


def _is_numeric(cells: Sequence[Any]) -> bool:
    return any(isinstance(c, (int, float)) for c in cells) and all(
        c is None or isinstance(c, (int, float)) for c in cells
    )


def _part(name: str) -> str:
    return resources.files("lrkit.plots").joinpath(name).read_text(encoding="utf-8")
