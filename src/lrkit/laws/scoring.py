"""How well a law describes a curve: the published metrics, on the raw loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np

from lrkit.laws.curves import LossCurve
from lrkit.laws.fitted import Fit
from lrkit.laws.grid import Array, grid_of

FINE: Final = 4
"""Cells between neighbouring points where a law is only evaluated: 1e-5 of the loss from exact."""
CHUNK: Final = 1000  # points evaluated at a time: a log of every update has millions of pairs


@dataclass(frozen=True)
class Score:
    """The errors of a prediction of one curve, e = predicted - observed over its points.

    R2 = 1 - sum e^2 / sum (L - mean L)^2; MAE = mean |e|; RMSE = sqrt(mean e^2); PredE =
    mean(|e| / L); WorstE = max(|e| / L); `bias` = mean e; `final` = the predicted minus the
    observed final loss, each the mean over the points in the last 2 % of the steps.

    Source: the metrics of Luo et al., arXiv 2503.12811, table 2.
    """

    run: str
    R2: float
    MAE: float
    RMSE: float
    PredE: float
    WorstE: float
    final: float
    bias: float

    def to_dict(self) -> dict[str, float | str]:
        """Return the score as JSON types."""
        return asdict(self)


def predicted(fit: Fit, curve: LossCurve) -> Array:
    """Return the loss that *fit* predicts at each point of *curve*."""
    parts = []
    for begin in range(0, len(curve.steps), CHUNK):
        part = slice(begin, begin + CHUNK)
        some = replace(curve, steps=curve.steps[part], losses=curve.losses[part])
        parts.append(fit.form.losses(fit.values, grid_of([some], FINE)))
    return np.concatenate(parts)


def score_curve(curve: LossCurve, losses: Array) -> Score:
    """Return the score of predicted *losses* against *curve*."""
    apart = losses - curve.losses
    spread = float(((curve.losses - curve.losses.mean()) ** 2).sum())
    relative = np.abs(apart) / curve.losses
    squares = float((apart**2).sum())
    return Score(
        run=curve.name,
        R2=1 - squares / spread if spread > 0 else float("-inf") if squares else 1.0,
        MAE=float(np.abs(apart).mean()),
        RMSE=float(np.sqrt((apart**2).mean())),
        PredE=float(relative.mean()),
        WorstE=float(relative.max()),
        final=float(losses[curve.tail].mean()) - curve.final_loss,
        bias=float(apart.mean()),
    )


def score(fit: Fit, curves: Sequence[LossCurve]) -> list[Score]:
    """Return the score of *fit* on each of *curves*."""
    return [score_curve(curve, predicted(fit, curve)) for curve in curves]


def mean_score(scores: Sequence[Score]) -> Mapping[str, float]:
    """Return the unweighted means over curves; of `final` the mean size, its sign is in `bias`."""
    names = ("R2", "MAE", "RMSE", "PredE", "WorstE", "bias")
    means = {name: float(np.mean([getattr(s, name) for s in scores])) for name in names}
    finals = np.array([s.final for s in scores])
    return means | {"final": float(np.abs(finals).mean()), "final_bias": float(finals.mean())}
