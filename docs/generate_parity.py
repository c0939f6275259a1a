"""Write docs/parity.md, "Your scheduler in lrkit", from the rows that the parity tests compare.

Run it after a change of the rows; with --check it writes nothing and fails if the page is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from tests.parity.row import Row, Table  # noqa: E402 - found through the line above
from tests.parity.tables import TABLES  # noqa: E402

PAGE = REPO / "docs" / "parity.md"
FAULTS = list(dict.fromkeys((t.peer, row.fault) for t in TABLES for row in t.rows if row.fault))

HEAD = """\
# Your scheduler in lrkit

<!-- Written by docs/generate_parity.py from tests/parity/rows_*.py. Do not edit. -->

You have a scheduler of another library and want the same curve in lrkit: find the call below and
take the text beside it. The text is what `lrkit.parse` reads and what `lrkit show` takes; in Python
it is the same expression, with spans such as `30%` in quotes. **Every row of this page is a test**:
{calls} calls of {peers} libraries give the same learning rate in lrkit at every step, both ends and
one step past the end included, to the number in the column "agrees".

- *lr* is the optimizer's learning rate, which the other library's factors multiply.
- *steps* is the total the lrkit text is placed on (`.over(total)`), or "no end" and how many steps
  were compared.
- *agrees* is relative, at every step. `+ 1 r` allows one rounding of the largest value on top: a
  library that reaches a tiny rate as the difference of two large ones, or step by step, has lost
  digits of its own there. Libraries that compute in float32 are held to 1e-6.
- *ours is kept* marks steps at which the other library is wrong (it rises again after its end, goes
  below 0, or skips a restart). There lrkit's own value is tested; the note has the number of the
  fault, and [the faults](#faults) are at the end.

Two habits differ almost everywhere:

1. **Warm-up.** Most libraries use t/W, so that the first update runs at rate 0: that is
   `warmup(W, ahead=0)`, or `linear(0, 1, W)`. lrkit's `warmup(W)` is (t+1)/(W+1).
2. **The end.** lrkit holds the last value for ever. Some libraries start their curve anew.
"""


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def code(text: str) -> str:
    return f"`{cell(text)}`"


def agreement(row: Row) -> str:
    text = f"{row.rtol:.0e}".replace("e-0", "e-")
    if row.rounding:
        text += f" + {row.rounding} r"
    if row.pins:
        text += "; ours is kept at " + ", ".join(
            str(pin.first) if pin.first == pin.last else f"{pin.first}-{pin.last}"
            for pin in row.pins
        )
    return text


def line(table: Table, row: Row) -> str:
    ours = code(row.ours) + (f" with {code(row.steered_by)}" if row.steered_by else "")
    steps = f"no end ({row.steps})" if row.total is None else f"{row.total}"
    what = "" if row.hyper == "lr" else f" ({row.hyper})"
    fault = f"Fault {FAULTS.index((table.peer, row.fault)) + 1}." if row.fault else ""
    note = cell(" ".join(filter(None, (fault, row.note))))
    cells = (code(row.call) + what, f"{row.lr:g}", ours, steps, agreement(row), note)
    return f"| {' | '.join(cells)} |"


def section(table: Table) -> list[str]:
    out = ["", f"## {table.peer} {table.version}", "", f"Compared with: {table.source}."]
    if table.intro:
        out[-1] += " " + table.intro
    out += [
        "",
        f"| {table.peer} | lr | lrkit | steps | agrees | note |",
        "|---|---|---|---|---|---|",
        *(line(table, row) for row in table.rows),
    ]
    if table.left_out:
        out += [
            "",
            "Without a row: "
            + " ".join(f"`{k}` ({v.rstrip('.')})." for k, v in table.left_out.items()),
        ]
    return out


def faults() -> list[str]:
    lines = []
    for number, (peer, fault) in enumerate(FAULTS, start=1):
        rows = (row for table in TABLES if table.peer == peer for row in table.rows)
        names = dict.fromkeys(row.name for row in rows if row.fault == fault)
        lines.append(f"{number}. **{peer}** {', '.join(names)}: {fault}")
    return ["", "## Faults", "", "What the rows that keep our value keep out.", "", *lines]


def page() -> str:
    # optax and Keras are compared twice, in float32 and in float64.
    calls = {
        (table.peer.split(" ")[0], row.key, row.ours) for table in TABLES for row in table.rows
    }
    peers = {peer for peer, _, _ in calls}
    lines = [HEAD.format(calls=len(calls), peers=len(peers)).rstrip()]
    for table in TABLES:
        lines += section(table)
    return "\n".join(lines + faults()) + "\n"


def main(arguments: list[str]) -> int:
    text = page()
    if arguments == ["--check"]:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{PAGE.relative_to(REPO)} is stale; run python docs/generate_parity.py")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(REPO)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
