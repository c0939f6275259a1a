"""Writes a golden file: what a peer's own code answered, and which code that was.

The scripts beside this one run where the peer is installed (see their first lines), evaluate the
calls of the rows with the peer's real classes and hand the values over. They contain no code of a
peer. A golden file is one JSON object a line per row, so that a change shows up as a change.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))  # the rows are in the package tests.parity

from tests.parity.row import Row  # noqa: E402 - only importable after the line above


def write(
    name: str,
    rows: Iterable[Row],
    values_of: Callable[[Row], list[float]],
    *,
    version: str,
    source: str,
    public: Iterable[str],
    variant: str = "",
) -> None:
    """Write golden/<name>.json: the header, then the values of every row."""
    header = {"peer": name, "version": version, "source": source, "public": sorted(public)}
    lines = [json.dumps({**header, "variant": variant} if variant else header)]
    for row in rows:
        values = [float(v) for v in values_of(row)]
        if len(values) != row.steps or not all(map(math.isfinite, values)):
            raise ValueError(
                f"{row.call}: {len(values)} values for {row.steps} steps, or not finite"
            )
        lines.append(json.dumps({"key": row.key, "values": values}))
    path = HERE.parent / "golden" / f"{name}.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{path.name}: {len(lines) - 1} rows of {name} {version}")
