"""The report of a check: a page, Markdown, pictures and JSON."""

from __future__ import annotations

import html
import os
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from lrkit.lab.charts import WIDE
from lrkit.lab.checking import telling
from lrkit.lab.checking.judging import Checked, Outcome
from lrkit.plots import Chart, Line, Section, chart_html, code, curve_chart, document, still, table
from lrkit.plots.panels import panels
from lrkit.records import write_file
from lrkit.schedules import parse


def report(checked: Checked, out: str | os.PathLike[str]) -> dict[str, Path]:
    """Write `report.html`, `report.md`, `check.json` and pictures into *out*; return the paths.

    `predicted.png` has the predicted and the measured curve of each schedule trained for long,
    `rate.png` their rates. Raises `DataError` when a file cannot be written, and `LrkitError`
    when a library is missing.
    """
    folder = Path(out)
    drawn = curve_panels(checked)
    paths: dict[str, Path] = {}
    if drawn:
        paths["predicted.png"] = panels(drawn, folder / "predicted.png")
    paths["rate.png"] = still(_rates(checked), folder / "rate.png")
    texts: dict[str, str | bytes] = {
        "report.html": _page(checked, drawn),
        "report.md": markdown(checked),
        "check.json": msgspec.json.format(msgspec.json.encode(checked.to_dict())),
    }
    return paths | {name: write_file(folder / name, text) for name, text in texts.items()}


def curve_panels(checked: Checked) -> list[Chart]:
    """Return a chart of each contender that trained, all of them logarithmic or none."""
    drawn = [curve_panel(outcome) for outcome in checked.outcomes if outcome.curves]
    measured = [value for chart in drawn for value in chart.lines[1].y]
    wide = bool(measured) and max(measured) > WIDE * min(measured)
    return [replace(chart, log=wide) for chart in drawn]


def curve_panel(outcome: Outcome) -> Chart:
    """Return the chart of the predicted curve, in its interval, and of the measured one.

    The measured one is the mean over the seeds, in a band from the lowest to the highest. Both
    begin where the prediction does, after the warm-up.
    """
    contender = outcome.contender
    foretold = contender.prediction
    curves = list(outcome.curves.values())
    steps = curves[0].steps
    kept = steps >= foretold.steps[0]
    losses = np.array([curve.losses[kept] for curve in curves])
    mean, low, high = losses.mean(0), losses.min(0), losses.max(0)
    band = (low, high) if len(curves) > 1 else (None, None)
    top, bottom = 1.15 * float(high.max()), 0.85 * float(low.min())
    shown = [np.clip(edge, bottom, top) for edge in (foretold.low, foretold.high)]
    lines = [
        Line("predicted, with its 90 % interval", foretold.steps, foretold.losses, *shown),
        Line("measured, lowest to highest seed", steps[kept], mean, *band),
    ]
    return Chart(lines, "update", "training loss", contender.name)


def markdown(checked: Checked) -> str:
    """Return the report as Markdown; its pictures are the files that `report` writes."""
    parts = [f"# {telling.title(checked)}", telling.settings(checked)]
    parts += ["\n".join(f"- {sentence}" for sentence in checked.verdict())]
    parts += [telling.markdown_table(telling.headers(checked), telling.rows(checked))]
    parts += [telling.EXPLANATION, "![predicted and measured](predicted.png)"]
    parts += [telling.markdown_table(telling.PAIR_HEADERS, telling.pair_rows(checked))]
    parts += ["## The law", telling.law_text(checked)]
    parts += ["\n".join(f"- {note}" for note in telling.notes(checked))]
    parts += [telling.markdown_table(telling.CHEAP_HEADERS, telling.cheap_rows(checked))]
    parts += ["## The schedules", "![rates](rate.png)"]
    parts += [
        "\n".join(f"- {c.name}: `{c.schedule}`" for c in checked.foreseen.contenders),
        f"The design as it can be spoken: `{checked.foreseen.designed.nearest}`, predicted "
        f"{checked.foreseen.designed.price:.2g} worse.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _page(checked: Checked, drawn: list[Chart]) -> str:
    verdict = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in checked.verdict())
    sections = [
        Section(
            "Result", f"<ul>{verdict}</ul>{table(telling.headers(checked), telling.rows(checked))}"
        ),
        Section("", table(telling.PAIR_HEADERS, telling.pair_rows(checked)), telling.EXPLANATION),
    ]
    sections += [Section("", chart_html(chart)) for chart in drawn]
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in telling.notes(checked))
    cheap = table(telling.CHEAP_HEADERS, telling.cheap_rows(checked))
    sections += [
        Section("The law", f"<ul>{notes}</ul>{cheap}", telling.law_text(checked)),
        Section("The schedules", chart_html(_rates(checked))),
    ]
    texts = [[c.name, code(c.schedule)] for c in checked.foreseen.contenders]
    texts.append(["design, as it can be spoken", code(str(checked.foreseen.designed.nearest))])
    sections.append(Section("", table(["schedule", "text"], texts)))
    return document(telling.title(checked), sections, subtitle=telling.settings(checked))


def _rates(checked: Checked) -> Chart:
    curves = {
        contender.name: parse(contender.schedule).over(checked.plan.updates)
        for contender in checked.foreseen.contenders
    }
    chart = curve_chart(curves, points=2000)
    return Chart(
        [Line(line.label, line.x, line.y) for line in chart.lines],
        "update", "learning rate", "What was trained for long",
    )  # fmt: skip
