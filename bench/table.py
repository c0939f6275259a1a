"""The table every benchmark prints: median, range over repeats, bar, met or missed."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

KEEP = "LRKIT_BENCH_ROWS"


@dataclass(frozen=True)
class Row:
    """One measured figure; *bar* is the most it may be (None: only for comparison)."""

    what: str
    middle: float
    low: float
    high: float
    bar: float | None = None

    @classmethod
    def of(cls, what: str, values: Sequence[float], bar: float | None = None) -> Row:
        """Return the row of *values*, one a repeat."""
        return cls(what, statistics.median(values), min(values), max(values), bar)

    @property
    def met(self) -> bool:
        """Whether the median holds the bar."""
        return self.bar is None or self.middle <= self.bar


def show(title: str, rows: Sequence[Row]) -> bool:
    """Print *rows*, and return whether every bar is met."""
    table = Table("what", "median", "range over repeats", "bar", "", title=title)
    for row in rows:
        verdict = "" if row.bar is None else "met" if row.met else "MISSED"
        bar = "" if row.bar is None else f"<= {row.bar:g}"
        spread = f"{row.low:.3g} .. {row.high:.3g}"
        table.add_row(row.what, f"{row.middle:.3g}", spread, bar, verdict)
    Console(width=110).print(table)
    if kept := os.environ.get(KEEP):  # `python -m bench --write` makes the docs page of these
        with Path(kept).open("a") as file:
            file.write(json.dumps({"title": title, "rows": [asdict(row) for row in rows]}) + "\n")
    return all(row.met for row in rows)
