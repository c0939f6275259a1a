"""The rate of a run as lines of a chart: what it was to be, what it is, what it would be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from lrkit.records import Progress
from lrkit.schedules import Curve

if TYPE_CHECKING:
    from lrkit.plots import Line

POINTS: Final = 1200


def rate_line(
    label: str,
    course: Curve,
    far: Progress,
    *,
    start: float = 0.0,
    points: int = POINTS,
    marks: tuple[float, ...] = (),
) -> Line:
    """Return *course* from update *start* to its end as a line: over epochs where it knows them.

    *far* tells the clock; *marks* are steps of the clock to mark. Where the rate is set once an
    epoch, the line has the steps that the training has.
    """
    from lrkit.plots import Line

    per = far.steps_per_epoch or 1.0
    end = max(course.total * far.unit, start + 1)
    ends = [j * far.unit for j in course.joints] + [mark * far.unit for mark in marks]
    inner = [edge for e in ends for edge in (math.ceil(e) - 1, math.ceil(e)) if start < edge < end]
    steps = np.unique([*np.floor(np.linspace(start, end - 1, points)), *inner])
    rates = course(np.floor(steps / far.unit))
    # The last update lasts until the end.
    x, y = np.append(steps, end) / per, np.append(rates, rates[-1])
    return Line(label, x, y, joints=[mark * far.unit / per for mark in marks])


def axis(far: Progress) -> str:
    """Return the name of the axis that `rate_line` draws over."""
    return "epoch" if far.steps_per_epoch else "step"
