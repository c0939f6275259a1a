"""Many metrics events at once, for a program that makes many runs beside each other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec

from lrkit.records.format import spell
from lrkit.records.journal import Journal

_encode = msgspec.json.Encoder().encode_lines


def write_rows(journal: Journal, first: int, columns: Mapping[str, Sequence[float]]) -> None:
    """Record updates *first*, *first* + 1, ... in *journal*, a column of values for each metric.

    As `Journal.metrics` for each of them, in a fifth of the time; they leave this process before
    it returns. Columns are of one length, and hold floats.

    >>> import tempfile
    >>> from lrkit.records import replay
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> with Journal.create(folder) as journal:
    ...     write_rows(journal, 0, {"loss": [2.5, float("nan")], "lr": [0.1, 0.2]})
    >>> replay(folder).metrics["lr"].tolist()
    [0.1, 0.2]
    """
    names = tuple(columns)
    rows = list(zip(*columns.values(), strict=True))
    if journal._sinks.open_ones:
        for step, row in enumerate(rows, first):
            journal.metrics(step, **dict(zip(names, row, strict=True)))
        return
    wall = time.time()
    journal._writer.add(
        _encode(
            [
                {
                    "kind": "metrics",
                    "step": step,
                    "time": wall,
                    "values": {n: spell(v) for n, v in zip(names, row, strict=True)},
                }
                for step, row in enumerate(rows, first)
            ]
        )
    )
    journal.flush()
