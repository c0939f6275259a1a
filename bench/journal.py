"""The journal: what a metrics event costs a training step, and how long a replay takes.

    python bench/journal.py [events]

Bars: append <= 10 microseconds; replay of 1,000,000 events <= 5 s. Appending is timed over the
whole run of events, flushes included, in repeats; the table gives the median and the range.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lrkit.records import Journal, list_runs, replay

APPEND_BAR = 10.0  # microseconds
REPLAY_BAR = 5.0  # seconds for 1e6 events
REPEATS = 5


def append_microseconds(folder: Path, events: int) -> float:
    """Write *events* metrics events of three values and return the mean cost of one."""
    journal = Journal.create(folder, spec="0.1 * cosine()", seed=0)
    begin = time.perf_counter()
    for step in range(events):
        journal.metrics(step, loss=1.0 / (step + 1), rate=0.1, accuracy=0.5)
    seconds = time.perf_counter() - begin
    journal.close()
    return seconds / events * 1e6


def replay_seconds(folder: Path) -> float:
    """Return the time one replay of the run in *folder* takes."""
    begin = time.perf_counter()
    replay(folder)
    return time.perf_counter() - begin


def row(table: Table, what: str, unit: str, values: list[float], bar: float) -> bool:
    """Add the median and range of *values* to *table*, and return whether the bar is met."""
    middle = statistics.median(values)
    met = middle <= bar
    spread = f"{min(values):.2f} .. {max(values):.2f}"
    table.add_row(
        what, f"{middle:.2f} {unit}", spread, f"<= {bar:g} {unit}", "met" if met else "MISSED"
    )
    return met


def main() -> int:
    """Print the table; the exit code is 1 when a bar is missed."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    table = Table("what", "median", "range", "bar", "", title=f"journal, {events:,} events")
    with tempfile.TemporaryDirectory() as root:
        runs = [Path(root) / f"run-{i}" for i in range(REPEATS)]
        appends = [append_microseconds(run, events) for run in runs]
        replays = [replay_seconds(run) for run in runs]
        begin = time.perf_counter()
        list_runs(root)
        listing = (time.perf_counter() - begin) / REPEATS * 1e3
        size = (runs[0] / "journal.jsonl").stat().st_size / events
    met = row(table, "append a metrics event", "us", appends, APPEND_BAR)
    met &= row(table, "replay", "s", replays, REPLAY_BAR * events / 1e6)
    table.add_row("one run in a listing", f"{listing:.2f} ms", "", "", "")
    table.add_row("one event on disk", f"{size:.0f} bytes", "", "", "")
    Console(width=100).print(table)
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
