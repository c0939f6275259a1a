"""The range test that opens a tuning: short, once, kept in the folder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from lrkit.errors import LoopError
from lrkit.lab.finding import find
from lrkit.lab.tuning.aims import Aim, Terms, options_of
from lrkit.probe import RangeCurve, Suggestion, read_range, suggest, write_range

FILE: Final = "range.json"
SHARE: Final = 0.05  # of the budget
FEWEST, MOST = 32, 150  # updates
HALF: Final = 0.5  # of a budget so small that even the shortest test takes most of it
BELOW: Final = math.log(1.5)
"""How far below the range test's maximum the best peak is expected, in ln x."""
SPREAD: Final = 1.0  # how vague that is
VAGUE: Final = 1.6  # where the curve does not say, and the lowest loss is taken


@dataclass(frozen=True, eq=False)
class Ranged:
    """Where the best peak is looked for: ln of the *guess*, its *spread*, and the *cost*.

    *cost* is in updates. *suggestion* is what the curve says by itself.
    """

    guess: float
    spread: float
    cost: int
    curve: RangeCurve
    suggestion: Suggestion
    reason: str


def range_of(aim: Aim, terms: Terms, folder: Path) -> Ranged:
    """Make the range test of *aim*, or read the one that was made in *folder* before."""
    path = folder / FILE
    steps = min(max(int(SHARE * aim.budget * terms.updates), FEWEST), MOST)
    steps = min(steps, max(int(HALF * aim.budget * terms.updates), 1))
    curve = read_range(path) if path.exists() else _measured(aim, steps)
    if not path.exists():
        write_range(curve, path)
    return ranged(curve)


def ranged(curve: RangeCurve) -> Ranged:
    """Return where *curve* says that the best peak is to be looked for."""
    found = suggest(curve)
    cost = int(np.sum(~np.isnan(curve.losses)))
    if found.maximum is not None:
        guess, spread = math.log(found.maximum.value) - BELOW, SPREAD
        reason = f"the loss stops falling at {found.maximum.value:.2g}"
    else:
        losses = np.where(np.isfinite(curve.losses), curve.losses, np.inf).mean(0)
        best = float(curve.rates[int(losses.argmin())])
        guess, spread = math.log(best) - 2 * BELOW, VAGUE
        reason = f"the curve says little ({found.reason}); its lowest loss is at {best:.2g}"
    return Ranged(guess, spread, cost, curve, found, reason)


def _measured(aim: Aim, steps: int) -> RangeCurve:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return find(
            aim.task,
            steps=steps,
            repeats=1,
            seed=aim.seed,
            device=aim.device,
            options=options_of(aim),
            clip=aim.clip,
            accumulate=aim.accumulate,
            amp=aim.amp,
        )
    except LoopError as error:
        raise LoopError(f"the range test could not be made: {error}") from error
    finally:
        torch.set_num_threads(threads)
