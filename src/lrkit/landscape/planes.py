"""Slices of a loss surface as values: the loss on a plane or a line through weights, read back.

A slice never stands for the surface itself: it carries how much of the training's movement lies
in it, and by how much the loss in it differs from the loss beside it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lrkit.errors import DataError
from lrkit.landscape.growing import number, read_growing
from lrkit.landscape.lattice import LEVELS, STEPS, Point
from lrkit.plots.style import short

Array: TypeAlias = NDArray[np.float64]
Kind: TypeAlias = Literal["pca", "random", "three", "line"]

KIND: Final = "slice"
"""What the header of a slice's file is called."""


@dataclass(frozen=True)
class Axis:
    """One direction of a slice, drawn from *low* to *high*.

    A coordinate c stands for the weights origin + c * direction, and *length* is that of the
    direction, so c * length is a distance in weights. *share* is the part of the training's
    squared displacement from the origin that lies along it, None where there is no training.
    """

    label: str
    low: float
    high: float
    length: float
    share: float | None = None

    def at(self, i: Any) -> Any:
        """Return the coordinate of the lattice's line *i*, a number or an array of them."""
        u = np.asarray(i) / STEPS
        return (1 - u) * self.low + u * self.high


@dataclass(frozen=True)
class Waypoint:
    """A checkpoint of the training: where its weights fall in the slice, and how far beside it.

    *step* is the update that comes next, *rate* the learning rate of that update (of the last one
    at the end), that of the first parameter group. *off* is the distance in weights from the
    slice. *loss* is that of the true weights, *inside* that of their projection; NaN until they
    have been computed.
    """

    step: int
    at: tuple[float, ...]
    off: float
    rate: float
    loss: float = math.nan
    inside: float = math.nan


@dataclass(frozen=True, eq=False)
class Slice:
    """The loss on a plane (two axes) or a line (one) through the weights of a network.

    `losses` maps lattice points to losses; infinity stands for a loss that is not a finite
    number. `level` is the number of points an axis that has been computed throughout, 0 for none,
    `wanted` the number that was last asked for. `about` is the header of the file: `subject`,
    `recipe` (what the directions are made of), `evaluation` (on what the loss was taken).
    """

    kind: Kind
    axes: tuple[Axis, ...]
    way: tuple[Waypoint, ...]
    losses: Mapping[Point, float] = field(repr=False)
    level: int
    wanted: int
    about: Mapping[str, Any] = field(repr=False)

    @property
    def done(self) -> bool:
        """Whether all points that were asked for are there, and all losses beside the slice."""
        return self.level >= self.wanted > 0 and not any(math.isnan(w.inside) for w in self.way)

    @property
    def share(self) -> float | None:
        """The part of the training's squared displacement that lies in the slice."""
        shares = [axis.share for axis in self.axes]
        return None if None in shares else float(sum(s for s in shares if s is not None))

    @property
    def measured(self) -> tuple[Waypoint, ...]:
        """The waypoints whose losses have been computed."""
        return tuple(w for w in self.way if not math.isnan(w.inside))

    @property
    def gap(self) -> Waypoint | None:
        """The waypoint where the loss in the slice is furthest from that of the true weights."""
        return max(self.measured, key=lambda w: _apart(w), default=None)

    def grid(self, level: int | None = None) -> tuple[tuple[Array, ...], Array]:
        """Return the coordinates along each axis and the losses at them, at *level* (the finest).

        Losses have a row for each coordinate of the second axis and a column for each of the
        first, as plotting libraries take them; on a line they are flat. NaN where not computed.
        """
        count = (level or self.level) if self.losses else 0
        if count not in LEVELS:
            raise DataError(
                f"a slice must have a level of its grid to be drawn, this one has {level or 0} "
                "points an axis; go on with computing it"
            )
        lines = np.linspace(0, STEPS, count).astype(int)
        places = tuple(np.asarray(axis.at(lines), dtype=np.float64) for axis in self.axes)
        if len(self.axes) == 1:
            return places, np.array([self.losses.get((i,), math.nan) for i in lines.tolist()])
        rows = [[self.losses.get((i, j), math.nan) for i in lines.tolist()] for j in lines.tolist()]
        return places, np.array(rows)

    def truth(self) -> str:
        """Return in a sentence how much of the truth the slice shows."""
        if self.share is None:
            return "There is no training whose movement this slice could show."
        what = "plane" if len(self.axes) == 2 else "line"
        by_axis = " + ".join(percent(axis.share or 0) for axis in self.axes)
        text = f"This {what} shows {percent(self.share)} of the training's movement"
        text += f" ({by_axis})" if len(self.axes) > 1 else ""
        if self.share > 0.999 and len(self.way) <= len(self.axes) + 1:
            # So few points lie on one in any case; what is between them nobody has seen.
            text += f", as any {what} through its only {len(self.way)} checkpoints does"
        if (gap := self.gap) is None:
            return f"{text}; the loss off the {what} is being computed."
        left = len(self.way) - len(self.measured)
        most = f" so far, {left} to come" if left else ""
        return (
            f"{text}; loss off the {what}: {shown(gap.loss)} at step {gap.step:,}, where the "
            f"{what} has {shown(gap.inside)}, the largest difference of {len(self.measured)} "
            f"checkpoints{most}."
        )

    def batch(self) -> str:
        """Return in a sentence on what the loss was taken."""
        return batch_words(self.about.get("evaluation", {}))

    def to_dict(self) -> dict[str, Any]:
        """Return the slice as JSON types: what it is of, how true it is, and its finest grid."""
        places, losses = self.grid()
        return {
            "format": 1,
            "kind": self.kind,
            **{name: self.about.get(name) for name in ("subject", "recipe", "evaluation")},
            "points": self.level,
            "share": self.share,
            "truth": self.truth(),
            "axes": [
                {"label": a.label, "share": a.share, "length": a.length, "at": p.tolist()}
                for a, p in zip(self.axes, places, strict=True)
            ],
            "way": [
                {"step": w.step, "at": list(w.at), "off": w.off, "rate": w.rate}
                | {"loss": w.loss, "inside": w.inside}
                for w in self.way
            ],
            "losses": losses.tolist(),
        }


def read_slice(path: str | os.PathLike[str]) -> Slice:
    """Return the slice in the file at *path*, also while it is being computed.

    Raises `DataError` for a file that cannot be read, is no slice, or is damaged.
    """
    return slice_of(read_growing(path, KIND), path)


def slice_of(events: Sequence[Mapping[str, Any]], path: str | os.PathLike[str]) -> Slice:
    """Return the slice that *events* tell, the header first; *path* is for the errors."""
    header, *rest = events
    losses: dict[Point, float] = {}
    beside: dict[int, tuple[float, float]] = {}
    level = wanted = 0
    try:
        for event in rest:
            if event["kind"] == "point":
                losses[tuple(event["at"])] = number(event["loss"])
            elif event["kind"] == "waypoint":
                beside[event["step"]] = number(event["loss"]), number(event["inside"])
            elif event["kind"] == "level":
                level = max(level, event["points"])
            elif event["kind"] == "wanted":
                wanted = event["points"]
        way = tuple(
            Waypoint(
                w["step"],
                tuple(w["at"]),
                w["off"],
                number(w["rate"]),
                *beside.get(w["step"], (math.nan, math.nan)),
            )
            for w in header["way"]
        )
        axes = tuple(Axis(**axis) for axis in header["axes"])
        return Slice(header["slice"], axes, way, losses, level, wanted, header)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{os.fspath(Path(path))} is damaged ({error}); remove it and compute it anew"
        ) from error


def batch_words(evaluation: Mapping[str, Any]) -> str:
    """Return in a sentence on what a loss was taken, from what a header says of it.

    >>> batch_words({"samples": 512, "batches": 16, "epoch": 0, "bn": "recompute"})
    'Loss on 512 training samples (the first 16 batches of epoch 0), dropout off, batch \
normalisation by the statistics of these samples at every point.'
    """
    if not evaluation:
        return "The file does not say on what the loss was taken."
    count, batches = evaluation["samples"], evaluation["batches"]
    which = f"the first {batches} batches" if batches > 1 else "the first batch"
    if evaluation.get("all"):
        which = "all batches"
    text = f"Loss on {count:,} training samples ({which} of epoch {evaluation['epoch']})"
    norm = {
        "recompute": ", batch normalisation by the statistics of these samples at every point",
        "stored": ", batch normalisation by the statistics of the slice's origin",
    }.get(evaluation.get("bn") or "", "")
    return f"{text}, dropout off{norm}."


def percent(share: float) -> str:
    """Return *share* in percent with three digits; what is not the whole never reads 100 %.

    >>> percent(0.8312), percent(0.00002), percent(0.99999), percent(1.0)
    ('83.1 %', '0.002 %', '99.9 %', '100 %')
    """
    if share >= 1 - 1e-9:
        return "100 %"
    return f"{min(100 * share, 99.9):.3g} %"


def shown(loss: float) -> str:
    """Return *loss* as a label; "off the chart" where it is not finite."""
    return short(loss) if math.isfinite(loss) else "off the chart"


def _apart(waypoint: Waypoint) -> float:
    if not math.isfinite(waypoint.loss) and not math.isfinite(waypoint.inside):
        return 0.0
    return abs(waypoint.loss - waypoint.inside)
