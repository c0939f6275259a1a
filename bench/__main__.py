"""Run every benchmark: `python -m bench [--write PAGE] [NAME ...]`; exits with 1 on a missed bar.

Without names those that take an hour on two cores are left out: `tune`. With --write the tables
also go to a page of the docs.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from bench.table import KEEP, Row

BY_NAME = ("tune",)
"""Run only when named."""
HEAD = """\
# Benchmarks

<!-- Written by `make bench-page`. Do not edit. -->

Every figure is a median over repeats in one run on one machine, beside the peer in the same run;
ratios carry over to other machines, seconds do not. `make bench` prints them for yours.

Measured on {cores} cores, Python {python}, NumPy {numpy}, torch {torch}; one thread a process.
"""


def page(tables: list[dict[str, object]]) -> str:
    """Return the docs page of *tables*, as `bench.table.show` kept them."""
    parts = [
        HEAD.format(
            cores=os.cpu_count(),
            python=platform.python_version(),
            numpy=version("numpy"),
            torch=version("torch"),
        )
    ]
    for kept in tables:
        rows = [Row(**row) for row in kept["rows"]]  # type: ignore[attr-defined]
        parts.append(f"## {kept['title']}\n")
        parts.append("| what | median | range | bar | |\n|---|---|---|---|---|")
        for row in rows:
            bar, met = ("", "") if row.bar is None else (f"<= {row.bar:g}", "missed")
            met = "met" if row.bar is not None and row.met else met
            what = row.what.replace("|", "\\|")
            parts.append(
                f"| {what} | {row.middle:.3g} | {row.low:.3g} .. {row.high:.3g} | {bar} | {met} |"
            )
        parts.append("")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    to = Path(arguments.pop(1)) if arguments[:1] == ["--write"] else None
    names = arguments[1:] if to else arguments
    found = sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem[0] != "_")
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "rows.jsonl"
        codes = {
            name: subprocess.run(
                [sys.executable, "-m", f"bench.{name}"], env={**os.environ, KEEP: str(kept)}
            ).returncode
            for name in (names or [n for n in found if n not in ("table", *BY_NAME)])
        }
        if to:
            to.write_text(page([json.loads(line) for line in kept.read_text().splitlines()]))
    for name, code in codes.items():
        print(f"{name}: {'every bar met' if code == 0 else 'a bar is missed'}")
    return max(codes.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
