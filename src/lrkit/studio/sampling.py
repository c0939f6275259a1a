"""Curves as points for the page: few enough to draw, with every extreme kept."""

from __future__ import annotations

import itertools
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from lrkit.schedules import Curve

MOST: Final = 800
"""Points of a line on the page."""
LOOKS: Final = 40_000
"""Steps of a long curve that are looked at for its extremes."""

Array = NDArray[np.float64]


class Points(BaseModel):
    """A line: steps of the run's clock, and the rates there."""

    x: list[float]
    y: list[float]


def sampled(curve: Curve, start: float = 0.0, stop: float | None = None) -> Points:
    """Return *curve* from step *start* to *stop* (its end) as at most about `MOST` points.

    Both sides of every joint are among the steps looked at, and of each stretch the lowest and
    the highest are kept, so that neither a jump nor a cycle is lost between two points.
    """
    end = curve.total if stop is None else stop
    if not math.isfinite(end) or end <= start:
        end = start + 1
    count = int(min(max(end - start, 2), LOOKS))
    steps = np.linspace(start, end, count + 1)
    if end - start == count:
        steps = np.rint(steps)  # every step there is
    joints = np.array([j for j in curve.joints if start < j < end][:LOOKS])
    before = np.nextafter(joints, 0)
    x = np.unique(np.concatenate([steps, joints, before]))
    y = curve(x)
    keep = _extremes(y, MOST)
    return Points(x=x[keep].tolist(), y=y[keep].tolist())


def _extremes(y: Array, most: int) -> NDArray[np.int64]:
    """Return the places of the first and last of *y*, and of the extremes of each stretch."""
    if len(y) <= most:
        return np.arange(len(y))
    edges = np.linspace(0, len(y), most // 2 + 1).astype(np.int64)
    places = [0, len(y) - 1]
    for a, b in itertools.pairwise(edges):
        places += [a + int(y[a:b].argmin()), a + int(y[a:b].argmax())]
    return np.unique(np.array(places, dtype=np.int64))
