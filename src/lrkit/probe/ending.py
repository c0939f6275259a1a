"""When a range test has seen enough: the loss has left its best for good.

Peers stop at four or five times the best smoothed loss. That never comes where the loss has a
floor far above 0 (a language model starts at 10 and reaches 7), comes too early where it falls to
nearly 0, and means nothing for negative losses. Here the fall is the measure: the test ends when
the loss lies above its best by `FALLS` times what it had fallen, or `NOISES` times the noise
between one batch and the next where it has hardly fallen, `IN_A_ROW` times running, so that a
single odd batch ends nothing. That makes no difference between positive and negative losses, and
none between a loss and its multiple.
"""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median
from typing import Final

FALLS: Final = 2.0
NOISES: Final = 10.0
IN_A_ROW: Final = 3
FIRST: Final = 3
SMOOTHING: Final = 0.8


class Watch:
    """Follows the losses of one repeat."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self._sum = self._weight = 0.0
        self._best = math.inf

    def add(self, loss: float) -> None:
        """Take in a finite loss."""
        self.losses.append(loss)
        self._sum = SMOOTHING * self._sum + (1 - SMOOTHING) * loss
        self._weight = SMOOTHING * self._weight + (1 - SMOOTHING)
        self._best = min(self._best, self._sum / self._weight)

    @property
    def start(self) -> float:
        """The loss before anything moved."""
        return median(self.losses[:FIRST])

    @property
    def fall(self) -> float:
        """How far the smoothed loss had fallen at its best."""
        return max(self.start - self._best, 0.0)

    @property
    def diverged(self) -> bool:
        """Whether the last losses have left the best for good."""
        if len(self.losses) < FIRST + IN_A_ROW:
            return False
        return min(self.losses[-IN_A_ROW:]) > self._best + max(FALLS * self.fall, self._noise())

    @property
    def still_good(self) -> bool:
        """Whether most of the fall is still there: the test has not come to its end."""
        if not self.losses:
            return False
        last = self.losses[-IN_A_ROW:]
        return sum(last) / len(last) < self._best + 0.5 * self.fall + 1e-12 * abs(self._best)

    def _noise(self) -> float:
        """Return a multiple of the usual change from one batch to the next, rises left out."""
        early = self.losses[:-IN_A_ROW]
        changes = [abs(b - a) for a, b in pairwise(early)]
        return NOISES * median(changes) if changes else 0.0
