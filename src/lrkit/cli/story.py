"""What a run was and what became of it: the text, the picture and the JSON of `runs show`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lrkit.cli.screen import new_table, say, say_table
from lrkit.errors import DataError, SpecError
from lrkit.records import Run, course_of, courses_of, declared_of, groups_of, progress_of, words_of

if TYPE_CHECKING:
    from rich.table import Table

    from lrkit.plots import Chart

ABOUT: Final = ("task", "spec", "seed", "updates", "per", "clip", "accumulate", "amp", "device")
MOST_EDITS: Final = 40
PAGES: Final = (".html", ".htm")


def plain(run: Run) -> dict[str, Any]:
    """Return all of *run* as JSON types."""
    return {
        "format": 1,
        "name": run.name,
        "folder": str(run.folder),
        "status": run.status,
        "reason": run.reason,
        "header": dict(run.header),
        "evaluations": run.evaluations,
        "edits": run.edits,
        "refused": run.refused,
        "followed": _followed_plain(run),
        "checkpoints": run.checkpoints,
        "notes": run.notes,
        "metrics": {name: column.tolist() for name, column in run.metrics.items()},
        "events_lost": run.events_lost,
    }


def tell(run: Run) -> None:
    """Print *run*: what it was, its edits, what it followed with them, its evaluations."""
    for label, value in _about(run):
        say(f"{label:<12} {value}")
    if run.edits:
        say_table(_edits(run))
    for event in run.refused:
        say(f"{'refused':<12} at {event.get('step')}: {event.get('reason')}")
    for label, value in _followed(run):
        say(f"{label:<12} {value}")
    _say_evaluations(run)


def draw(run: Run, path: Path) -> Path:
    """Draw the rate of *run*, declared and followed, to *path*: PNG, SVG, PDF or HTML."""
    from lrkit.plots import Section, chart_html, document, still
    from lrkit.records import write_file

    chart = _chart(run)
    if path.suffix.lower() not in PAGES:
        return still(chart, path)
    return write_file(path, document(run.name, [Section("", chart_html(chart))]))


def _about(run: Run) -> Iterator[tuple[str, str]]:
    """Yield the rows that tell what the run was."""
    yield "run", str(run.folder)
    yield "status", f"{run.status}: {run.reason}" if run.reason else run.status
    for name in ABOUT:
        if run.header.get(name) is not None:
            yield {"spec": "schedule"}.get(name, name), str(run.header[name])
    if "time" in run.header:
        yield "started", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.header["time"]))
    if isinstance(parent := run.header.get("parent"), dict):
        yield "parent", f"{parent.get('run')}, left at {parent.get('step')}"
    if isinstance(begun := run.header.get("begun_at"), dict):
        at = ", ".join(f"{v:.6g}" for v in begun.get("at", ()))
        yield "begun at", f"({at}) of {begun.get('slice')}"
    elif isinstance(weights := run.header.get("weights"), dict):
        yield "weights", str(weights.get("source"))
    resumes = [e for e in run.events if e["kind"] == "resume"]
    if resumes:
        yield "resumed", f"{_times(len(resumes))}, last at {resumes[-1].get('step')}"
    if len(run.metrics["step"]):
        last = {k: v[-1] for k, v in run.metrics.items() if k not in ("step", "time")}
        shown = ", ".join(f"{name} {value:.6g}" for name, value in last.items())
        yield "last step", f"{run.metrics['step'][-1]}: {shown}"
    if run.checkpoints:
        last_one = run.checkpoints[-1]
        yield "checkpoints", f"{len(run.checkpoints)} written, last at {last_one.get('step')}"
    for note in run.notes:
        yield "note", f"at {note.get('step')}: {note.get('text')}"
    if run.events_lost:
        yield "lost", f"{run.events_lost} lines that cannot be read"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _edits(run: Run) -> Table:
    """Return the edits as a table, of many the last ones."""
    from rich.markup import escape

    table = new_table("at>", "edit", "by", "why")
    rows = run.edits[-MOST_EDITS:]
    if len(rows) < len(run.edits):
        table.add_row("", f"{len(run.edits) - len(rows)} before these: --json has them all")
    for event in rows:
        by = str(event.get("author") or event.get("source") or "")
        cells = [str(event.get("step")), words_of(event), by, str(event.get("reason") or "")]
        table.add_row(*map(escape, cells))
    return table


def _followed(run: Run) -> Iterator[tuple[str, str]]:
    """Yield what the run followed, as expressions that can be pasted; by group where they differ.

    A journal that does not say what the run followed yields nothing.
    """
    if run.header.get("spec") is None and not run.header.get("groups"):
        return
    try:
        courses = courses_of(run)
    except (DataError, SpecError) as error:
        yield "follows", f"cannot be told: {error}"
        return
    names = {group.index: group.name for group in groups_of(run)}
    if len({str(course.schedule) for course in courses.values()}) == 1:
        yield "follows", str(next(iter(courses.values())).schedule)
    else:
        for i, course in courses.items():
            yield "follows", f"{names[i] or f'group {i}'}: {course.schedule}"
    for course in list(courses.values())[:1]:
        yield "total", f"{course.total:.10g} {run.header.get('per') or 'step'}s"


def _followed_plain(run: Run) -> list[dict[str, Any]]:
    if run.header.get("spec") is None and not run.header.get("groups"):
        return []
    try:
        courses = list(courses_of(run).values())
    except (DataError, SpecError):
        return []
    return [
        {"text": str(c.schedule), "schedule": c.schedule.to_dict(), "total": c.total}
        for c in courses
    ]


def _chart(run: Run) -> Chart:
    from lrkit.cli.rates import axis, rate_line
    from lrkit.plots import Chart, Line

    declared, course = declared_of(run), course_of(run)
    far = progress_of(run, course)
    steps = [float(e["step"]) for e in run.edits if isinstance(e.get("step"), int)]
    lines = [rate_line(f"declared: {declared.schedule}", declared, far)]
    if run.edits:
        lines.append(rate_line(f"followed: {course.schedule}", course, far, marks=tuple(steps)))
        at = [step * far.unit / (far.steps_per_epoch or 1.0) for step in steps[-MOST_EDITS:]]
        for place, step, event in zip(
            at, steps[-MOST_EDITS:], run.edits[-MOST_EDITS:], strict=True
        ):
            by = f" by {event['author']}" if event.get("author") else ""
            label = f"{words_of(event)}{by}, at {step:g}"
            lines.append(Line(label, [place], [course(step)]))
    return Chart(lines, axis(far), "learning rate", run.name)


def _say_evaluations(run: Run, most: int = 20) -> None:
    """Print the evaluations as a table, of a long run the last ones."""
    if not run.evaluations:
        return
    rows = run.evaluations[-most:]
    names = [name for name in rows[-1] if name not in ("kind", "time")]
    table = new_table(*(f"{name}>" for name in names))
    for row in rows:
        values = [row.get(name, "") for name in names]
        table.add_row(*(f"{v:.5g}" if isinstance(v, float) else str(v) for v in values))
    say("")
    say_table(table)
