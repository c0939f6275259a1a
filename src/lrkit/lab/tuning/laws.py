"""What a loss-curve law says beside the belief: fitted to short trainings, tested on longer ones.

A law predicts training losses, and the choice is made by held-out scores; so it has no vote. It is
told where it predicted the longer trainings better than guessing that they all end alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from lrkit.errors import LrkitError
from lrkit.lab.result import RunResult
from lrkit.lab.tuning.aims import Terms
from lrkit.lab.tuning.candidates import SHAPES, USUAL
from lrkit.lab.tuning.outcomes import Array, Outcome
from lrkit.lab.tuning.plan import Finding
from lrkit.laws import Fit, LossCurve, fit, loss_curve
from lrkit.laws.predicting import final_losses
from lrkit.records import replay
from lrkit.schedules import parse

LAW: Final = "fsl-m"
"""The law that is usable across peaks: the functional scaling law with shrinking noise."""
POINTS: Final = 40  # of a loss curve, each the mean of the updates about it
FEWEST: Final = 3
PLACES: Final = 40


def told_by_law(finding: Finding, terms: Terms) -> str:
    """Return in a sentence what the law fitted to the short trainings says, or why nothing."""
    outcomes = [o for o in finding.outcomes if o.finite and not o.failure]
    test = [o for o in outcomes if o.request.stage == "third"]
    known = [o for o in outcomes if o.request.stage == "short"]
    if len(known) < FEWEST or len(test) < FEWEST:
        return "a loss-curve law was not asked: it needs three short trainings and three of a third"
    try:
        found = fit([_curve(o) for o in known], LAW, trials=False)
        predicted = _finals(found, test)
        both = fit([_curve(o) for o in outcomes], LAW, trials=False)
        peaks, losses = _bowl(both, finding, terms)
    except LrkitError as error:
        return f"a loss-curve law could not be fitted to the trainings: {error}"
    seen = np.log([_curve(o).final_loss for o in test])
    off = float(np.sqrt(np.mean((np.log(predicted) - seen) ** 2)))
    spread = float(np.std(seen))
    words = (
        f"the law {LAW}, fitted to {len(known)} short trainings, predicts the training loss of "
        f"the {len(test)} of a third within a factor of {math.exp(off):.2f}, and they differ by a "
        f"factor of {math.exp(spread):.2f}"
    )
    if not off < spread:
        return f"{words}: it is not informative here"
    best = float(peaks[int(losses.argmin())])
    return f"{words}; at full length it has the lowest training loss at a peak of {best:.2g}"


def _curve(outcome: Outcome) -> LossCurve:
    """Return the training losses of *outcome*, averaged over stretches."""
    result = RunResult.of(replay(outcome.folder))
    losses = result.losses
    edges = np.unique(np.linspace(0, len(losses), POINTS + 1).astype(np.int64))
    means = [float(losses[a:b].mean()) for a, b in pairwise(edges)]
    steps = (edges[:-1] + edges[1:] - 1) // 2
    return loss_curve(
        outcome.folder, steps, means, schedule=result.schedule, total=outcome.request.updates
    )


def _finals(found: Fit, outcomes: Sequence[Outcome]) -> Array:
    curves = [o.request.candidate.schedule.over(o.request.updates) for o in outcomes]
    return np.maximum(final_losses(found, curves), 1e-12)


def _bowl(found: Fit, finding: Finding, terms: Terms) -> tuple[Array, Array]:
    """Return peaks within those tried, and the final loss at full length predicted for each."""
    tried = [o.request.candidate.peak for o in finding.outcomes if o.finite]
    peaks = np.geomspace(min(tried), max(tried), PLACES)
    curves = [parse(f"{p!r} * ({SHAPES[USUAL]})").over(terms.updates) for p in peaks.tolist()]
    return peaks, final_losses(found, curves)
