"""The share of the training data that is kept for choosing, so that the test data stay unseen.

A built-in task with `holdout=0.1` trains on nine tenths of its training data and is scored on the
last tenth; what was chosen by those scores is then trained with `holdout=0` and tested. A task of
one's own that has an option of this name is searched and tuned in the same way.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lrkit.errors import SpecError

DATA_SEED: Final = 1  # arbitrary; the share is the same for every seed of the training


def held_out(labels: NDArray[Any] | int, share: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices to train on and those kept for choosing, both in rising order.

    - *labels* has the class of each of the n samples, shape (n,): round(share n) samples are
      kept, and of each class as many as its share of the n makes, up to one. Where there are no
      classes it is n itself.
    - *share* is in [0, 1); 0 keeps none.

    The choice is by a fixed seed: the same labels and share give the same indices always.

    Raises `SpecError` for a share outside of this, and where it leaves nothing to train on or
    keeps nothing.

    >>> train, kept = held_out(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25)
    >>> len(train), len(kept)
    (6, 2)
    """
    kinds = np.zeros(labels, dtype=np.intp) if isinstance(labels, int) else np.asarray(labels)
    total = _checked(share, len(kinds))
    _, kinds, counts = np.unique(kinds, return_inverse=True, return_counts=True)
    random = np.random.default_rng(DATA_SEED)
    rank = np.empty(len(kinds), dtype=np.intp)
    for kind in range(len(counts)):
        rank[kinds == kind] = random.permutation(counts[kind])
    kept = rank < _quotas(counts, total)[kinds]
    return np.flatnonzero(~kept), np.flatnonzero(kept)


def _checked(share: float, samples: int) -> int:
    """Return how many of the *samples* are kept."""
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
        raise SpecError(
            f"`0 <= holdout < 1` must hold, got {share!r}; it is the share of the training data "
            "kept for choosing, as in 0.1"
        )
    total = round(share * samples)
    if share and not 0 < total < samples:
        raise SpecError(
            f"holdout must keep some of the {samples} training samples and leave some, "
            f"{share!r} keeps {total}; use from {1 / samples:.2g} to {1 - 1 / samples:.3g}"
        )
    return total


def _quotas(counts: NDArray[np.intp], total: int) -> NDArray[np.intp]:
    """Share *total* out in proportion to *counts*, what is left to the largest remainders."""
    exact = counts * (total / counts.sum())
    whole = np.array([math.floor(value) for value in exact], dtype=np.intp)
    late = np.argsort(whole - exact, kind="stable")[: total - int(whole.sum())]
    whole[late] += 1
    return whole
