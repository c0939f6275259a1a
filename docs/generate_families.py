"""Write docs/families.md and the gallery: every family of schedules, drawn from its own example.

With --check nothing is written; it fails where a page or a figure is not what the code draws.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import numpy as np

import lrkit as lr
from lrkit.plots import figure

DOCS = Path(__file__).resolve().parent
PAGE, GALLERY = DOCS / "families.md", DOCS / "gallery"
HEAD = """\
# Every family of schedules

<!-- Written by docs/generate_families.py from the docstrings. Do not edit. -->

A schedule is built from *shapes* (one formula each) and *recipes* (functions that return shapes put
together), with `a >> b` (then), `0.3 * a` (scale), `a * b`, `a + b` (step by step),
`.clip(floor, ceiling)`, `.repeat(times, stretch, shrink, every)`, `.stairs(every)`,
`.part(start, stop, of)` and `.warp(at, clock, of)`. Unit schedules run from 1 to 0 over what is
left; multiply them by the peak. All figures: 100 epochs. `lrkit schedules NAME` shows the same in
the terminal.

```python
>>> from lrkit import *

```
"""
HERO = {
    "warm-up, cosine": "0.3 * (warmup(10%) >> cosine())",
    "WSD": "0.3 * wsd(5%, 25%)",
    "one cycle": "0.3 * one_cycle(30%)",
    "warm restarts": "0.3 * sgdr(14ep, stretch=2, shrink=0.8)",
    "steps": "0.3 * multi_step(1, [50%, 75%], 0.3)",
    "Hann cycles": 'cyclic(0.02, 0.3, up=12.5ep, window="hann", shrink=0.7)',
}


def slug(kind: str) -> str:
    return kind.replace(" ", "-")


def page() -> str:
    """Return the text of docs/families.md."""
    parts, kind = [HEAD], ""
    for family in lr.catalog():
        if family.kind != kind:
            kind = family.kind
            parts.append(f"## {kind[0].upper()}{kind[1:]}\n\n![{kind}](gallery/{slug(kind)}.svg)\n")
        parts.append(f"### {family.name}\n\n```text\n{family.doc}\n\n```\n")
        parts.append(f"`{family.signature}`\n\nDrawn: `{family.example}`\n")
    return "\n".join(parts)


def draw(folder: Path) -> list[Path]:
    """Draw one figure a kind, and the README's, into *folder*."""
    kinds: dict[str, dict[str, lr.Curve]] = {}
    for family in lr.catalog():
        curve = family.curve()
        # Families differ in height by orders of magnitude; a figure of shapes shows the shapes.
        shape = (1 / curve.facts().peak) * curve.schedule
        kinds.setdefault(family.kind, {})[family.name] = shape.over(curve.horizon)
    drawn = [figure(curves, folder / f"{slug(kind)}.svg") for kind, curves in kinds.items()]
    hero = {n: lr.parse(t).over("100ep", steps_per_epoch=10) for n, t in HERO.items()}
    return [*drawn, figure(hero, folder / "hero.svg")]


NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


def same_figure(a: str, b: str) -> bool:
    """Return whether two SVG files draw the same, up to the rounding of another processor."""
    a, b = (re.sub(r'(id|href|clip-path)="[^"]*"', "", text) for text in (a, b))
    if NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return False
    x, y = (np.array([float(n) for n in NUMBER.findall(text)]) for text in (a, b))
    return bool(np.allclose(x, y, rtol=1e-3, atol=0.05))


def check() -> list[str]:
    """Return what is stale, by name."""
    stale = [] if PAGE.exists() and PAGE.read_text() == page() else [PAGE.name]
    with tempfile.TemporaryDirectory() as folder:
        for fresh in draw(Path(folder)):
            kept = GALLERY / fresh.name
            if not (kept.exists() and same_figure(kept.read_text(), fresh.read_text())):
                stale.append(f"gallery/{fresh.name}")
    return stale


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        for name in (stale := check()):
            print(f"docs/{name} is stale; run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    GALLERY.mkdir(exist_ok=True)
    draw(GALLERY)
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
