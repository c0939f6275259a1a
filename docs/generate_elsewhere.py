"""Write src/lrkit/studio/elsewhere.json, the page's "what library X means", from the parity rows.

Run it after a change of the rows; with --check it writes nothing and fails if the file is stale.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from tests.parity.row import Row, Table  # noqa: E402 - found through the line above
from tests.parity.tables import TABLES  # noqa: E402

FILE = REPO / "src" / "lrkit" / "studio" / "elsewhere.json"
# The studio reads texts without importing modules, and the rate alone is drawn there.
LEFT_OUT = ("from_function", "multiplicative")


def entries() -> list[dict[str, object]]:
    """Return the rows that the page shows: those of the learning rate, each call once."""
    found = {}
    for table in TABLES:
        for row in table.rows:
            if row.hyper == "lr" and not any(name in row.ours for name in LEFT_OUT):
                entry = entry_of(table, row)
                found.setdefault((entry["library"], row.call, row.lr, entry["text"]), entry)
    return list(found.values())


def entry_of(table: Table, row: Row) -> dict[str, object]:
    steered = f" | {row.steered_by}" if row.steered_by else ""
    return {
        "library": table.peer.split(" ")[0],
        "name": row.name,
        "call": row.call,
        "lr": row.lr,
        "text": row.ours + steered,
        "total": row.total or row.steps,
        "note": row.note,
    }


def text() -> str:
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries())
    return f"[\n{lines}\n]\n"


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        if FILE.is_file() and FILE.read_text(encoding="utf-8") == text():
            return 0
        print(f"{FILE.relative_to(REPO)} is stale; run python docs/generate_elsewhere.py")
        return 1
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE.relative_to(REPO)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
