"""What pictures of slices share: the ground and its contours, words, and charts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from lrkit.landscape.edges import Sharpness
from lrkit.landscape.planes import Array, Slice, percent
from lrkit.landscape.scene import LOW
from lrkit.landscape.surface import Grid
from lrkit.plots import Chart, Line

CONTOURS: Final = 16
WIDE: Final = 30.0
"""Losses that span more than this factor are drawn on a logarithmic axis."""


def ground_of(found: Slice) -> Grid:
    """Return the finest grid of a plane, with contours at growing shares of its area.

    The levels lie at (i/n)^2 of the finite losses: close together at the bottom, so that a basin
    shows beside a cliff.
    """
    (x, y), losses = found.grid()
    finite = losses[np.isfinite(losses)]
    shares = np.linspace(0, 1, CONTOURS + 1) ** 2
    levels = np.unique(np.quantile(finite, shares)) if finite.size else np.zeros(1)
    return Grid(x, y, losses, levels)


def title_of(found: Slice) -> str:
    """Return a heading: whose loss, on what."""
    subject = found.about["subject"]
    name = subject.get("run") or f"{subject['task']}, fresh weights of seed {subject['seed']}"
    what = {
        "pca": "the plane of its first two principal directions",
        "random": f"two random directions (seed {found.about['recipe'].get('seed')})",
        "three": "the plane through three checkpoints",
        "line": f"the line from {found.axes[0].label}",
    }[found.kind]
    return f"{name}: loss on {what}"


def notes_of(found: Slice) -> list[str]:
    """Return the sentences that belong beside every picture: what is shown, and what is not."""
    notes = [found.truth(), found.batch()]
    if not found.done:
        notes.append(f"Still being computed: {found.level} points an axis so far.")
    used, there = (found.about.get("checkpoints", {}).get(k, 0) for k in ("used", "there"))
    if used < there:
        notes.append(f"{used} of {there} checkpoints were looked at.")
    lost = sum(not math.isfinite(loss) for loss in found.losses.values())
    if lost:
        notes.append(f"At {lost} of {len(found.losses)} points the loss is not finite.")
    return notes


def rates_of(found: Slice) -> Array:
    """Return the learning rates along the way; 0 where the journal has none."""
    rates = np.array([w.rate for w in found.way], dtype=np.float64)
    return np.where(np.isfinite(rates), rates, 0.0)


def gap_chart(found: Slice) -> Chart | None:
    """Return the loss of the true weights beside that of their images in the slice, by step."""
    measured = found.measured
    if not measured:
        return None
    where = "plane" if len(found.axes) == 2 else "line"
    steps = [w.step for w in measured]
    lines = [
        Line("true weights", steps, [w.loss for w in measured]),
        Line(f"their image on the {where}", steps, [w.inside for w in measured]),
    ]
    return Chart(lines, "step", "loss", log=_wide(*(line.y for line in lines)))


def line_chart(found: Slice) -> Chart:
    """Return the loss along a line, and the true loss of the checkpoints above their images."""
    (at,), losses = found.grid()
    start, end = found.about["identity"]["at"]
    label = f"on the line, 0 at step {start:,}, 1 at step {end:,}; {_samples(found.about)}"
    lines = [Line(label, at, losses, joints=(0, 1))]
    axis = found.axes[0]
    seen = [w for w in found.measured if axis.low <= w.at[0] <= axis.high]
    if len(seen) > 1:
        label = "true weights of the checkpoints, at their image on the line"
        lines.append(Line(label, [w.at[0] for w in seen], [w.loss for w in seen]))
    share = "" if found.share is None else f" ({percent(found.share)} of the movement)"
    title = f"{title_of(found)}{share}"
    return Chart(lines, "place on the line", "loss", title, log=_wide(losses))


def sharpness_chart(found: Sharpness) -> Chart:
    """Return the sharpness along a run beside the bound of its optimizer, where there is one."""
    readings = found.readings
    steps = [r.step for r in readings]
    lines = [Line(f"sharpness; {_samples(found.about)}", steps, [r.value for r in readings])]
    bounds = [math.nan if r.bound is None else r.bound for r in readings]
    if any(map(math.isfinite, bounds)):
        formula = found.rule.removeprefix("Bound: ").partition(", for ")[0]
        lines.append(Line(f"bound, {formula}", steps, bounds))
    title = f"{found.about['subject']['run']}: largest Hessian eigenvalue"
    values = [line.y for line in lines]
    return Chart(lines, "step", "sharpness", title, log=_wide(*values), decades=LOW)


def _samples(about: Mapping[str, Any]) -> str:
    taken = about["evaluation"]
    which = ", all there are" if taken.get("all") else ""
    return f"{taken['samples']:,} training samples{which}"


def _wide(*columns: Sequence[float] | Array) -> bool:
    values = np.concatenate([np.asarray(column, dtype=np.float64) for column in columns])
    values = values[np.isfinite(values)]
    return bool(values.size and values.min() > 0 and values.max() > WIDE * values.min())
