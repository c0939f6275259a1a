"""The points of a slice, coarse first: each level of the grid has all points of the one before.

A point is addressed by whole numbers from 0 to `STEPS` an axis, the same at every level, so a
slice that was computed at 17 points an axis is a part of the one at 33.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from lrkit.errors import SpecError

STEPS: Final = 256
LEVELS: Final = (5, 9, 17, 33, 65, 129, 257)

Point = tuple[int, ...]


def check_points(points: int) -> int:
    """Return *points*, or raise `SpecError` where no level of the grid has so many an axis."""
    if points not in LEVELS:
        raise SpecError(
            f"`points` must be one of {', '.join(map(str, LEVELS))} an axis, as each level of the "
            f"grid has all points of the one before, got {points!r}"
        )
    return points


def levels(points: int, axes: int) -> Iterator[tuple[int, list[Point]]]:
    """Yield (points an axis, the points that are new), level by level up to *points* an axis.

    Within a level the points come spread over the whole: any first part of them is a picture.

    >>> [(n, len(new)) for n, new in levels(17, 2)]
    [(5, 25), (9, 56), (17, 208)]
    >>> next(levels(5, 1))
    (5, [(0,), (256,), (128,), (64,), (192,)])
    """
    check_points(points)
    before = 0
    for count in LEVELS[: LEVELS.index(points) + 1]:
        stride = STEPS // (count - 1)
        everywhere = product(range(0, STEPS + 1, stride), repeat=axes)
        new = [point for point in everywhere if not before or any(i % before for i in point)]
        yield count, sorted(new, key=_rank)
        before = stride


def _rank(point: Point) -> int:
    """Return the digits of the coordinates interleaved, the last ones first: near is apart."""
    rank = 0
    for bit in range(STEPS.bit_length()):
        for i in point:
            rank = rank << 1 | (i >> bit & 1)
    return rank
