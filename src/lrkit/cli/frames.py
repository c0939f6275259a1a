"""What `lrkit watch` shows at one moment: a frame that fits the terminal, and the same as data."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lrkit.records import Progress, Run, told_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from lrkit.plots import Chart, Line
    from lrkit.schedules import Curve

STYLES: Final = {"running": "bold green", "done": "bold", "stopped": "bold yellow"}
WORST: Final = "bold red"
HEAD: Final = 4  # rows above the charts
LEAST: Final = (30, 7)  # columns and rows of a cell: a heading and a chart
MOST: Final = (80, 16)
BESIDE: Final = 2  # charts in a row, where the terminal is wide enough
WIDE: Final = 30.0
"""A loss that spans more than this factor is drawn on a logarithmic axis."""
QUIET: Final = 15.0
"""Seconds without a word after which a running training is said to be quiet."""
POINTS: Final = 400
MARKS: Final = 12


@dataclass(frozen=True)
class View:
    """A run at one moment: what it has told, what it follows (None: unknown), how far it is."""

    run: Run
    course: Curve | None
    progress: Progress

    def plain(self) -> dict[str, Any]:
        """Return the numbers of the moment as JSON types."""
        run, far = self.run, self.progress
        latest = run.evaluations[-1] if run.evaluations else {}
        return {
            "format": 1,
            "run": run.name,
            "status": run.status,
            "reason": run.reason,
            "done": far.done,
            "updates": far.updates,
            "epoch": far.epoch,
            "metrics": _last(run),
            "evaluation": {k: v for k, v in latest.items() if k not in ("kind", "time")},
            "edits": len(run.edits),
            "refused": len(run.refused),
            "checkpoints": len(run.checkpoints),
            "updates_per_second": far.speed,
            "seconds_left": far.left,
        }

    def line(self) -> str:
        """Return the moment as one line, for a log."""
        return f"{self.run.status:<8}{_distance(self.progress)}  {self._numbers()}"

    def frame(self, width: int, height: int, color: bool) -> RenderableType:
        """Return the moment as what fits a terminal of *width* columns and *height* rows."""
        from rich.console import Group

        rows: list[RenderableType] = [*self._head(width)]
        grid = charts_grid(list(self._charts()), width, height - len(rows) - 1, color)
        return Group(*rows, *([] if grid is None else [grid]))

    # Its numbers.

    def _head(self, width: int) -> Iterator[Text]:
        from rich.text import Text

        run = self.run
        title = Text(no_wrap=True, overflow="ellipsis")
        title.append(run.name, "bold").append("  ")
        title.append(run.status, STYLES.get(run.status, WORST)).append("  ")
        title.append(run.reason or self._silence() or str(run.spec or ""))
        yield title
        yield Text(f"{_bar(self.progress, width)}{_distance(self.progress)}", no_wrap=True)
        yield Text(self._numbers(), no_wrap=True, overflow="ellipsis")
        yield Text(self._last_edit(), "dim", no_wrap=True, overflow="ellipsis")

    def _silence(self) -> str:
        times = self.run.metrics["time"]
        if self.run.status == "dead":
            return "the process was killed, or the machine died; it can be resumed"
        if self.run.status != "running" or not len(times):
            return ""
        silent = time.time() - float(times[-1])
        return f"nothing heard for {_clock(silent)}" if silent > QUIET else ""

    def _numbers(self) -> str:
        found = [f"{name} {value:.5g}" for name, value in _last(self.run).items()]
        if self.run.evaluations:
            latest = self.run.evaluations[-1]
            found += [f"{n} {latest[n]:.5g}" for n in _scores(self.run) if n in latest]
        return "  ".join(found) or "no update yet"

    def _last_edit(self) -> str:
        edits, refused = self.run.edits, self.run.refused
        if not edits and not refused:
            return "no edits"
        text = f"{len(edits)} edits" if len(edits) != 1 else "1 edit"
        if refused:
            text += f", {len(refused)} refused"
        if edits:
            text += f"; the last: {told_of(edits[-1])}"
        return text

    # Its charts.

    def _charts(self) -> Iterator[Chart]:
        rate = self._rate_chart()
        if rate is not None:
            yield rate
        names = [n for n in self.run.metrics if n not in ("step", "time") and not _is_rate(n)]
        for name in sorted(names, key=lambda n: n != "loss"):
            steps, values = self.run.series(name)
            yield self._chart(name, steps + 1, values)
        for name in _scores(self.run):
            rows = [e for e in self.run.evaluations if isinstance(e.get(name), (int, float))]
            if rows:
                steps = np.array([e["step"] for e in rows])
                yield self._chart(name, steps, np.array([e[name] for e in rows], dtype=float))

    def _rate_chart(self) -> Chart | None:
        from lrkit.plots import Chart, Line

        per, lines = self._per, []
        if "lr" in self.run.metrics:
            steps, values = self.run.series("lr")
            keep = np.unique(np.linspace(0, len(steps) - 1, 4 * POINTS).astype(int))
            if len(steps):
                lines.append(Line("so far", steps[keep] / per, values[keep], joints=self._marks()))
        lines += self._to_come()
        return Chart(lines, self._xlabel, "", "learning rate") if lines else None

    def _to_come(self) -> list[Line]:
        """Return the rate that the run would follow from here on."""
        from lrkit.plots import Line

        far = self.progress
        if self.course is None or far.updates is None or self.run.status not in ("running", "dead"):
            return []
        if far.done >= far.updates:
            return []
        steps = np.unique(np.linspace(far.done, far.updates, POINTS))
        rates = self.course(np.minimum(steps, far.updates - 1) // far.unit)
        return [Line("to come", steps / self._per, rates)]

    def _chart(self, name: str, steps: Any, values: Any) -> Chart:
        return measured_chart(name, steps / self._per, values, self._xlabel, self._marks())

    @property
    def _per(self) -> float:
        return self.progress.steps_per_epoch or 1.0

    @property
    def _xlabel(self) -> str:
        return "epoch" if self.progress.steps_per_epoch else "step"

    def _marks(self) -> list[float]:
        """Return where edits took effect, on the axis."""
        steps = [e["step"] for e in self.run.edits if isinstance(e.get("step"), int)]
        return [step * self.progress.unit / self._per for step in steps[-MARKS:]]


def charts_grid(charts: list[Chart], width: int, height: int, color: bool) -> Table | None:
    """Return as many of *charts* as fit beside and below each other, the first ones; None for none.

    *width* is in columns and *height* in rows; each chart stands under its title.
    """
    from rich.table import Table
    from rich.text import Text

    from lrkit.plots import terminal_plot

    beside = min(BESIDE, width // LEAST[0], len(charts))
    if not beside or height < LEAST[1]:
        return None
    deep = min(-(-len(charts) // beside), height // LEAST[1])
    columns, rows = min(width // beside - 1, MOST[0]), min(height // deep, MOST[1])
    grid = Table.grid(padding=(0, 1))
    cells = []
    for chart in charts[: beside * deep]:
        drawn = terminal_plot(chart, columns, rows - 1, color)
        heading = _heading(chart, color)
        heading.truncate(columns)
        cells.append(Text("\n").join([heading, Text.from_ansi(drawn)]))
    for first in range(0, len(cells), beside):
        grid.add_row(*cells[first : first + beside])
    return grid


def _heading(chart: Chart, color: bool) -> Text:
    """Return the title of *chart*, and which line is which where there are several."""
    from rich.text import Text

    from lrkit.plots.style import colour

    text = Text(chart.title, "bold", no_wrap=True, overflow="ellipsis")
    for i, name in enumerate(chart.names if len(chart.lines) > 1 else ()):
        tone = colour(i, len(chart.lines), sweep=False).terminal
        mark, style = ("━━", f"color({tone})") if color else ("AB"[i], "not bold")
        text.append(f"  {mark} {name}", style)
    return text


def measured_chart(
    name: str, x: Any, values: Any, xlabel: str, marks: list[float] | None = None
) -> Chart:
    """Return the chart of a metric: means where there are many values, logarithmic where wide."""
    from lrkit.plots import Chart, Line

    x, y, many = _means(x, values)
    good = y[np.isfinite(y)]
    log = bool(good.size and good.min() > 0 and good.max() > WIDE * good.min())
    title = f"{name} (mean of {many} updates)" if many > 1 else name
    return Chart([Line(name, x, y, joints=marks or ())], xlabel, "", title, log=log)


def _last(run: Run) -> dict[str, float]:
    names = [name for name in run.metrics if name not in ("step", "time")]
    found = {}
    for name in sorted(names, key=lambda n: (not _is_rate(n), n != "loss")):
        here = np.flatnonzero(run.recorded(name))
        if here.size:
            found[name] = float(run.metrics[name][here[-1]])
    return found


def _is_rate(name: str) -> bool:
    return name == "lr" or name.startswith("lr/")


def _scores(run: Run) -> list[str]:
    """Return the names of the scores of the evaluations, the task's own score first."""
    own = run.header.get("score")
    plain = ("kind", "time", "step", "epoch", "seconds", "train_loss")
    names = run.evaluations[-1] if run.evaluations else {}
    found = [k for k, v in names.items() if k not in plain and isinstance(v, (int, float))]
    return sorted(found, key=lambda name: name != own)


def _means(x: Any, y: Any) -> tuple[Any, Any, int]:
    """Return points of means over several where there are many, and over how many."""
    many = -(-len(x) // POINTS)
    if many <= 1:
        return x, y, 1
    starts = np.arange(0, len(x), many)
    sizes = np.diff([*starts, len(x)])
    return np.add.reduceat(x, starts) / sizes, np.add.reduceat(y, starts) / sizes, many


def _bar(far: Progress, width: int) -> str:
    room = min(width - 60, 30)
    if room < 6 or not far.updates:
        return ""
    full = math.floor(room * min(far.done / far.updates, 1.0))
    return "━" * full + "─" * (room - full) + "  "


def _distance(far: Progress) -> str:
    text = f"{far.done:,}"
    if far.updates:
        share = math.floor(100 * min(far.done / far.updates, 1.0))
        text += f"/{far.updates:,} updates  {share} %"
    if far.epoch is not None:
        text += f"  epoch {far.epoch:.4g}"
    if far.speed:
        text += f"  {far.speed:,.0f}/s" if far.speed >= 100 else f"  {far.speed:.3g}/s"
    return f"{text}  {_clock(far.left)} left" if far.left is not None else text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
