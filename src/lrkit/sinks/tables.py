"""CSV tables that grow while a run goes."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Final, TextIO

from lrkit.errors import DataError
from lrkit.records import Run, Sink, write_file
from lrkit.records.files import disk_errors
from lrkit.sinks.feeding import feed

FLUSH_SECONDS: Final = 0.5
METRICS: Final = "metrics"

#: The kinds of events that have a table, and its name.
TABLES: Final = {"evaluation": "evaluations", "edit": "edits", "refused": "refused"}


class CSV(Sink):
    """Keeps a run as CSV tables in *folder* (`RUN/csv` if None), while it goes.

    `metrics.csv` has `step`, `time` and the metrics in the order they came up; `evaluations.csv`,
    `edits.csv` and `refused.csv` appear with the first event of their kind. A field is empty
    where an event lacks it, numbers are written so that they are read back bit for bit, NaN as
    "nan". A metric that comes up later gets a column then, and the file is written anew for it.
    A run that goes on starts its tables again from the journal, so no step is in them twice.

    >>> import tempfile
    >>> from lrkit.records import Journal
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> with Journal.create(folder, sinks=[CSV()]) as journal:
    ...     journal.metrics(0, lr=0.1, loss=2.5)
    >>> from lrkit.records import read_curve
    >>> read_curve(folder + "/csv/metrics.csv")["loss"].tolist()
    [2.5]
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._target = None if folder is None else Path(os.path.abspath(folder))
        self._tables: dict[str, _Table] = {}

    def open(
        self, folder: Path, header: Mapping[str, Any], resumed: int | None, run: Run | None
    ) -> None:
        self.close("", "")
        target = self._target or folder / "csv"
        paths = {name: target / f"{name}.csv" for name in (METRICS, *TABLES.values())}
        if run is None and (taken := [path for path in paths.values() if path.exists()]):
            raise DataError(
                f"a new run needs tables of its own, {taken[0]} is another's; name another folder"
            )
        with disk_errors(target):
            for path in paths.values():
                path.unlink(missing_ok=True)
        self._tables = {name: _Table(path) for name, path in paths.items()}
        self._tables[METRICS].widen(["step", "time"])
        if run is not None:
            feed(run, self)
            self.flush()

    def metrics(self, step: int, time: float, values: Mapping[str, float]) -> None:
        self._tables[METRICS].add({"step": step, "time": time, **values})

    def event(self, kind: str, fields: Mapping[str, Any]) -> None:
        if kind in TABLES:
            row = {"step": fields.get("step"), "time": fields["time"]} | dict(fields)
            table = self._tables[TABLES[kind]]
            table.add({name: _plain(value) for name, value in row.items()})
            table.flush()

    def flush(self) -> None:
        for table in self._tables.values():
            table.flush()

    def close(self, status: str, reason: str) -> None:
        for table in self._tables.values():
            table.close()


class _Table:
    """One CSV file that rows are added to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []
        self.known: frozenset[str] = frozenset()
        self.file: TextIO | None = None
        self.flushed = monotonic()

    def add(self, row: Mapping[str, Any]) -> None:
        if not row.keys() <= self.known:
            self.widen([name for name in row if name not in self.known])
        if self.file is None:
            raise DataError(f"a table takes rows until it is closed, {self.path} is closed")
        self.file.write(_line(row.get(name, "") for name in self.names))
        if (now := monotonic()) - self.flushed > FLUSH_SECONDS:
            self.flushed = now
            self.flush()

    def widen(self, names: list[str]) -> None:
        """Give the table columns for *names*, empty in the rows so far."""
        self.close()
        old: list[list[str]] = []
        if self.names:
            with disk_errors(self.path, "read"), open(self.path, newline="") as file:
                old = list(csv.reader(file))[1:]
        self.names = [*self.names, *names]
        self.known = frozenset(self.names)
        gap = [""] * len(names)
        text = _line(self.names) + "".join(_line([*row, *gap]) for row in old)
        write_file(self.path, text)
        with disk_errors(self.path):
            self.file = open(self.path, "a", encoding="utf-8", newline="")  # noqa: SIM115

    def flush(self) -> None:
        if self.file is not None:
            with disk_errors(self.path):
                self.file.flush()

    def close(self) -> None:
        if self.file is not None:
            with disk_errors(self.path):
                self.file.close()
            self.file = None


def _line(fields: Iterable[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(fields)
    return out.getvalue()


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, (dict, list)) else value
