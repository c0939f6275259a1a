"""A curve in a few characters."""

from __future__ import annotations

from typing import Final

import numpy as np

from lrkit.errors import SpecError
from lrkit.schedules import Curve

BLOCKS: Final = "▁▂▃▄▅▆▇█"
SAMPLES: Final = 8  # a column shows the mean of so many rates, so that cycles do not alias


def thumbnail(curve: Curve, width: int = 24) -> str:
    """Return *curve* as *width* block characters, from 0 to its highest rate.

    >>> from lrkit import cosine, warmup
    >>> thumbnail((warmup(20) >> cosine()).over(100), 10)
    '▃▇██▇▅▄▂▁▁'
    """
    if width < 1:
        raise SpecError(f"`width >= 1` must hold, got {width}")
    places = (np.arange(width * SAMPLES) + 0.5) / (width * SAMPLES) * curve.total
    if not np.isfinite(places).all():
        raise SpecError(f"`{curve.schedule}` has no end; pass total to over()")
    means = curve(places).reshape(width, SAMPLES).mean(axis=1)
    top = float(means.max()) or 1.0
    levels = np.minimum((means / top * len(BLOCKS)).astype(int), len(BLOCKS) - 1)
    return "".join(BLOCKS[level] for level in levels)
