"""Laws of the loss curve: fit a few logged runs, predict other schedules, design a better one.

Pure: curves and schedules in, values out; NumPy and SciPy only. Names are loaded when they are
first asked for, because SciPy takes longer to load than everything else together.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lrkit.laws.bound import (
        Bound,
        Transfer,
        convex_bound,
        horizon_exponent,
        shape_bound,
        transfer,
    )
    from lrkit.laws.choosing import compare, fit, objective_of
    from lrkit.laws.curves import LossCurve, loss_curve
    from lrkit.laws.designing import Design, design
    from lrkit.laws.fitted import Fit, Seen, Trial
    from lrkit.laws.law import Law, Parameter
    from lrkit.laws.peaks import best_peaks
    from lrkit.laws.predicting import Prediction, predict
    from lrkit.laws.refinement import refine, refined_schedule
    from lrkit.laws.registry import LAWS, law_named
    from lrkit.laws.scoring import Score, mean_score, score

__all__ = [
    "LAWS",
    "Bound",
    "Design",
    "Fit",
    "Law",
    "LossCurve",
    "Parameter",
    "Prediction",
    "Score",
    "Seen",
    "Transfer",
    "Trial",
    "best_peaks",
    "compare",
    "convex_bound",
    "design",
    "fit",
    "horizon_exponent",
    "law_named",
    "loss_curve",
    "mean_score",
    "objective_of",
    "predict",
    "refine",
    "refined_schedule",
    "score",
    "shape_bound",
    "transfer",
]

_HOMES: Final = {
    "choosing": ("compare", "fit", "objective_of"),
    "bound": ("Bound", "Transfer", "convex_bound", "horizon_exponent", "shape_bound", "transfer"),
    "curves": ("LossCurve", "loss_curve"),
    "designing": ("Design", "design"),
    "fitted": ("Fit", "Seen", "Trial"),
    "law": ("Law", "Parameter"),
    "peaks": ("best_peaks",),
    "predicting": ("Prediction", "predict"),
    "refinement": ("refine", "refined_schedule"),
    "registry": ("LAWS", "law_named"),
    "scoring": ("Score", "mean_score", "score"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"lrkit.laws.{home}"), name)
    raise AttributeError(f"module 'lrkit.laws' has no attribute {name!r}")
