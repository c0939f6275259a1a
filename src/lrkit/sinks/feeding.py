"""Playing a run that is on disk into a sink."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lrkit.records import Run, Sink

#: Kinds that are told by `open` and `close`.
_FRAME: Final = frozenset({"resume", "end"})


def feed(run: Run, sink: Sink) -> None:
    """Tell an open *sink* the metrics and events of *run*, in the order of their times.

    A sink that starts again when a run goes on calls it from its own `open`.
    """
    rows = _rows(run)
    row = next(rows, None)
    for event in run.events:
        if event["kind"] in _FRAME:
            continue
        while row is not None and row[1] <= event["time"]:
            sink.metrics(*row)
            row = next(rows, None)
        sink.event(event["kind"], {name: v for name, v in event.items() if name != "kind"})
    while row is not None:
        sink.metrics(*row)
        row = next(rows, None)


def _rows(run: Run) -> Iterator[tuple[int, float, dict[str, float]]]:
    names = [name for name in run.metrics if name not in ("step", "time")]
    columns: list[tuple[str, list[Any], list[bool]]] = [
        (name, run.metrics[name].tolist(), run.recorded(name).tolist()) for name in names
    ]
    steps, times = run.metrics["step"].tolist(), run.metrics["time"].tolist()
    for i, (step, time) in enumerate(zip(steps, times, strict=True)):
        yield step, time, {name: values[i] for name, values, here in columns if here[i]}
