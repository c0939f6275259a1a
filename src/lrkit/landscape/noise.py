"""Noise on gradients that depends on the seed and the step alone."""

from __future__ import annotations

from typing import Final

import numpy as np

from lrkit.errors import SpecError

BLOCK: Final = 4096  # steps whose noise is drawn at once


def pushes(seed: int, first: int, count: int, noise: float) -> list[float] | None:
    """Return the noise of *count* updates from *first* on, x and y by turns; None for a noise of 0.

    Drawn in blocks of fixed places, so that it does not depend on how a descent was cut.
    """
    if not noise or not count:
        return None
    if seed < 0:
        raise SpecError(f"`seed >= 0` must hold, got {seed}")
    blocks = range(first // BLOCK, (first + count - 1) // BLOCK + 1)
    drawn = np.concatenate(
        [np.random.default_rng([seed, block]).standard_normal((BLOCK, 2)) for block in blocks]
    )
    offset = first - blocks[0] * BLOCK
    flat: list[float] = (noise * drawn[offset : offset + count]).ravel().tolist()
    return flat
