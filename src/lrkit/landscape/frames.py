"""Frames: the origin and the directions of a slice, made anew or from what its file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lrkit.errors import DataError, SpecError
from lrkit.landscape.directions import (
    Array,
    combined,
    drawn,
    principal,
    projected,
    shares,
    spanned,
)
from lrkit.landscape.subjects import FRESH, Subject


@dataclass(frozen=True, eq=False)
class Frame:
    """Origin and *directions* (a row each) of a slice, in the space of the weights.

    *recipe* is what they are made of, as it is kept. *at* and *off* are where the subject's
    checkpoints fall and how far beside; *shares* what part of their movement lies along each
    direction, None where there is none.
    """

    origin: Array
    directions: Array
    labels: tuple[str, ...]
    recipe: Mapping[str, Any]
    at: Array
    off: Array
    shares: list[float] | None

    @property
    def origin_name(self) -> str:
        """The checkpoint of the origin, "fresh" for the weights that the task begins with."""
        return str(self.recipe["origin"])

    def weights(self, at: Sequence[float]) -> Array:
        """Return the weights at coordinates *at*: origin + sum_k at[k] * direction[k]."""
        found = self.origin.copy()
        for value, direction in zip(at, self.directions, strict=True):
            found += value * direction
        return found


def checkpoint_frame(
    subject: Subject, kind: Literal["pca", "three", "line"], at: Sequence[int] = ()
) -> Frame:
    """Return the frame through the checkpoints of *subject* that *kind* asks for.

    "pca" takes all of them, about the last; "three" and "line" those of the steps *at*.
    """
    if subject.run is None:
        raise SpecError(
            f"plane {kind} goes through the checkpoints of a run, {subject.name} is a task; "
            "name a run, or choose --plane random"
        )
    chosen = subject.stops if kind == "pca" else tuple(subject.find(step) for step in at)
    if kind == "pca" and len(chosen) < 3:
        raise DataError(
            f"PCA needs the beginning and two checkpoints or more, run {subject.name} has "
            f"{len(chosen) - 1}; train with --checkpoint 1ep --keep all, or choose --plane random"
        )
    rows = subject.rows(chosen)
    # The line begins at its first checkpoint, a plane has the last one as its origin.
    origin = 0 if kind == "line" else len(rows) - 1
    if kind == "line":
        coefficients = np.array([[0.0, 1.0]])
        labels: tuple[str, ...] = (f"step {at[0]:,} to {at[1]:,}",)
    elif kind == "pca":
        coefficients, labels = principal(rows, origin), ("PC 1", "PC 2")
    else:
        coefficients = spanned(rows)
        labels = (f"step {at[2]:,} to {at[0]:,}", f"towards step {at[1]:,}")
    recipe = {
        "kind": "checkpoints",
        "origin": chosen[origin].name,
        "files": [one.name for one in chosen],
        "combine": coefficients.tolist(),
        "labels": list(labels),
    }
    everything = rows if kind == "pca" else None
    return _seen(subject, recipe, rows[origin], combined(rows, origin, coefficients), everything)


def random_frame(subject: Subject, at: Sequence[int], seed: int) -> Frame:
    """Return the frame of two random directions about the final weights, or those of step *at*."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise SpecError(f"the seed of a plane must be a whole number >= 0, got {seed!r}")
    last = subject.stops[-1].name if subject.stops else FRESH
    recipe = {
        "kind": "random",
        "origin": subject.find(at[0]).name if at else last,
        "seed": seed,
        "labels": ["random 1", "random 2"],
    }
    return _random(subject, recipe)


def frame_of(subject: Subject, recipe: Mapping[str, Any]) -> Frame:
    """Return the frame that *recipe*, from the file of a slice, says; the very same weights.

    Raises `DataError` when a checkpoint it is made of is gone.
    """
    if recipe["kind"] == "random":
        return _random(subject, recipe)
    files = list(recipe["files"])
    rows = subject.rows([subject.named(name) for name in files])
    origin = files.index(recipe["origin"])
    directions = combined(rows, origin, np.array(recipe["combine"]))
    return _seen(subject, recipe, rows[origin], directions, None)


def _random(subject: Subject, recipe: Mapping[str, Any]) -> Frame:
    origin = subject.rows([subject.named(recipe["origin"])])[0]
    directions = drawn(origin, subject.parts(), int(recipe["seed"]))
    return _seen(subject, recipe, origin, directions, None)


def _seen(
    subject: Subject,
    recipe: Mapping[str, Any],
    origin: Array,
    directions: Array,
    rows: Array | None,
) -> Frame:
    """Return the frame with the training seen from it; *rows* are all its weights, if at hand."""
    rows = subject.rows(subject.stops) if rows is None else rows
    at, off = projected(rows, origin, directions)
    return Frame(
        origin,
        directions,
        tuple(recipe["labels"]),
        recipe,
        at,
        off,
        shares(rows, origin, directions) if len(rows) else None,
    )
