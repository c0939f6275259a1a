"""The journal: what a metrics event costs a training step, and how long a replay takes.

    python -m bench.journal [events]

Bars: append <= 10 microseconds; replay of 1,000,000 events <= 5 s. Appending is timed over the
whole run of events of three values, flushes included; with a sink until it is closed, so that what
TensorBoard's writer thread does is in it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from bench.table import Row, show
from lrkit.records import Journal, Sink, list_runs, replay
from lrkit.sinks import CSV, TensorBoard

APPEND_BAR = 10.0  # microseconds
REPLAY_BAR = 5.0  # seconds for 1e6 events
REPEATS = 5
SINK_EVENTS = 50_000


def append_microseconds(folder: Path, events: int) -> float:
    """Write *events* metrics events of three values and return the mean cost of one."""
    journal = Journal.create(folder, spec="0.1 * cosine()", seed=0)
    begin = time.perf_counter()
    for step in range(events):
        journal.metrics(step, loss=1.0 / (step + 1), rate=0.1, accuracy=0.5)
    seconds = time.perf_counter() - begin
    journal.close()
    return seconds / events * 1e6


def sink_microseconds(folder: Path, sink: Sink) -> float:
    """Return what an event costs a journal with *sink*."""
    begin = time.perf_counter()
    with Journal.create(folder, sinks=[sink], spec="0.1 * cosine()", seed=0) as journal:
        for step in range(SINK_EVENTS):
            journal.metrics(step, loss=1.0 / (step + 1), rate=0.1, accuracy=0.5)
    return (time.perf_counter() - begin) / SINK_EVENTS * 1e6


def resume_seconds(folder: Path) -> float:
    """Return the time a resume takes that writes the event files again."""
    begin = time.perf_counter()
    journal = Journal.resume(folder, SINK_EVENTS, sinks=[TensorBoard()])
    seconds = time.perf_counter() - begin
    journal.close()
    return seconds


def replay_seconds(folder: Path) -> float:
    """Return the time one replay of the run in *folder* takes."""
    begin = time.perf_counter()
    replay(folder)
    return time.perf_counter() - begin


def listing_milliseconds(root: Path) -> float:
    """Return the time a run of the list of *root* takes."""
    begin = time.perf_counter()
    found = list_runs(root)
    return (time.perf_counter() - begin) / len(found) * 1e3


def main() -> int:
    """Print the table; the exit code is 1 when a bar is missed."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as root:
        runs = [Path(root) / f"run-{i}" for i in range(REPEATS)]
        boards = [Path(root) / "sinks" / f"board-{i}" for i in range(REPEATS)]
        tables = [Path(root) / "sinks" / f"table-{i}" for i in range(REPEATS)]
        rows = [
            Row.of(
                "append, us an event", [append_microseconds(r, events) for r in runs], APPEND_BAR
            ),
            Row.of("replay, s", [replay_seconds(r) for r in runs], REPLAY_BAR * events / 1e6),
            Row.of("listing, ms a run", [listing_milliseconds(Path(root)) for _ in runs]),
            Row.of("append with CSV, us", [sink_microseconds(r, CSV()) for r in tables]),
            Row.of(
                "append with TensorBoard, us", [sink_microseconds(r, TensorBoard()) for r in boards]
            ),
            Row.of(
                f"resume with TensorBoard at {SINK_EVENTS:,} steps, s",
                [resume_seconds(r) for r in boards],
            ),
        ]
    return 0 if show(f"Journal, {events:,} metrics events of three values", rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
