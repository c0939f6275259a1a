"""Write the golden schedules of one released format, or append what is new; lines never change.

python -m tests.schedules.write_golden
"""

from __future__ import annotations

import json
from pathlib import Path

import lrkit as lr
from lrkit.schedules.json import FORMAT

GOLDEN = Path(__file__).parents[1] / "golden" / f"schedules-v{FORMAT}.jsonl"
UNITS = {"total": 1000, "steps_per_epoch": 10, "batch_size": 100, "tokens_per_step": 100}
AT = [0, 1, 9, 99, 333, 500, 705.5, 999, 1000, 1001]
MORE = [
    "0.3 * (warmup(5ep) >> cosine())",
    "3e-4 * (warmup(1%) >> hold() >> one_minus_sqrt(1, 0, 20%))",
    "0.3 * warmup(5ep) >> cosine()",
    "exponential(2, 0.9, 1ep).clip(floor=0.01)",
    "(warmup(4st) >> cosine()).repeat(stretch=2, every=10st)",
    "cosine().repeat(4, shrink=0.5)",
    "cosine(1, 0, 5000sa).repeat(3, stretch=0.5)",
    "0.1 * cosine().stairs(1ep) * noise(0.2, 7)",
    "constant(0.1) + 0.5 * hann(0, 1, 20ep).repeat(shrink=0.9)",
    'cyclic(0.001, 0.006, up=100st, down=50st, window="welch", factor=0.999)',
    'table([0.5, 0.25, 0.125], [0ep, 15ep, 30ep], kind="step")',
    'table([0.1, 1, 0.2], [0%, 12.5%, 100%], kind="pchip")',
    "untuned_warmup(0.99) * (hold() >> linear(1, 0, 20000tok))",
    "linear(0, 0.3, 5ep) >> cosine(0.3, 0.01, k=2, exponent=1.5)",
    "power_scheduler(0.02, 4.6, -0.51, 1, warmup=10ep, cooldown=10%)",
]


LATER = [
    "(0.3 * cosine()).part(0, 600, of=1000) >> linear(0.1, 0, 200)",
    "(warmup(5ep) >> cosine()).warp(at=[0, 333, 900], clock=[0, 333, 500], of=30000sa)",
    "exponential(0.5, 0.9, 5ep).part(2ep, 70ep, of=100ep)",
]
"""Appended when they came to be written, each list once."""


def record(text: str) -> dict[str, object]:
    """Return what must stay true of the schedule *text* for ever."""
    schedule = lr.parse(text)
    values = schedule.over(**UNITS)(AT).tolist()
    return {"text": text, "written": str(schedule), "json": schedule.to_dict(), "values": values}


def _append() -> None:
    known = {json.loads(line)["text"] for line in GOLDEN.read_text().splitlines()}
    new = [text for text in LATER if text not in known]
    with GOLDEN.open("a") as file:
        file.write("".join(json.dumps(record(text)) + "\n" for text in new))


def main() -> None:
    if GOLDEN.exists():
        _append()
        return
    texts = [family.example for family in lr.catalog()] + MORE
    GOLDEN.write_text("".join(json.dumps(record(text)) + "\n" for text in texts))


if __name__ == "__main__":
    main()
