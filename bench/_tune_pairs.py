"""Pairs of a task and an optimizer on which ways to choose a schedule are held against each other.

The pairs marked *held_out* were not looked at while `lrkit tune` was made. The grids, the lengths
and the default of each pair were fixed before anything was trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from bench._range_tasks import GRIDS

HOLDOUT: Final = 0.2
"""The share kept for choosing; the data are small, and a tenth would be 28 to 90 samples."""
WARMUP: Final = "warmup(5%)"
SHAPES: Final[Mapping[str, str]] = {
    "constant": f"{WARMUP} >> hold()",
    "linear": f"{WARMUP} >> linear()",
    "cosine": f"{WARMUP} >> cosine()",
    "wsd": f"{WARMUP} >> hold() >> one_minus_sqrt(1, 0, 20%)",
}
DEFAULT_SHAPE: Final = "cosine"


def schedule(peak: float, shape: str) -> str:
    """Return the schedule of this *shape* (a key of SHAPES) with its peak at *peak*.

    >>> schedule(0.1, "linear")
    '0.1 * (warmup(5%) >> linear())'
    """
    return f"{peak!r} * ({SHAPES[shape]})"


@dataclass(frozen=True)
class Pair:
    """A task with its options, the optimizer among them, and how long it is trained.

    *kind* is a key of GRIDS: the nine peaks of the grid. *default* is what one would write down
    without a try, in the words of the optimizer's documentation or of the task itself.
    """

    name: str
    task: str
    kind: str
    epochs: int
    default: str
    held_out: bool = False
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def peaks(self) -> list[float]:
        """Nine peaks, half a decade apart, from far too small to far too large."""
        return [float(f"{rate:.4g}") for rate in np.geomspace(*GRIDS[self.kind], 9)]

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest peak that random search and Optuna draw from."""
        return GRIDS[self.kind]

    @property
    def total(self) -> str:
        """The length as a span."""
        return f"{self.epochs}ep"

    def settings(self, *, choosing: bool) -> dict[str, Any]:
        """Return the options of the task: scored on the share kept (*choosing*) or on the test."""
        words: dict[str, dict[str, Any]] = {
            "SGD": {"optimizer": "sgd"},
            "momentum": {"optimizer": "sgd", "momentum": 0.9},
            "Adam": {"optimizer": "adam"},
            "AdamW": {"optimizer": "adamw", "weight_decay": 0.1},
        }
        return words[self.kind] | dict(self.options) | {"holdout": HOLDOUT if choosing else 0.0}


OWN: Final = "bench._tune_tasks:"
BY_HAND: Final[Mapping[str, str]] = {
    "SGD": schedule(0.1, "cosine"),
    "momentum": schedule(0.01, "cosine"),
    "Adam": schedule(0.001, "cosine"),
    "AdamW": schedule(0.001, "cosine"),
}
"""Rates of the documentation (torch: SGD 0.1 and 0.01 with momentum, Adam 0.001)."""

PAIRS: Final = (
    Pair("lenet-digits, SGD", "lenet-digits", "SGD", 10, "0.1 * (warmup(2ep) >> cosine())"),
    Pair("lenet-digits, momentum", "lenet-digits", "momentum", 10, BY_HAND["momentum"]),
    Pair("poly-tanh, SGD", "poly-tanh", "SGD", 15, "constant(0.01)"),
    Pair(
        "digits MLP with BN, momentum",
        f"{OWN}digits_mlp",
        "momentum",
        15,
        BY_HAND["momentum"],
        options={"norm": True},
    ),
    Pair("char model, AdamW", f"{OWN}char_model", "AdamW", 4, BY_HAND["AdamW"]),
    Pair("cancer logistic, SGD", f"{OWN}cancer_logistic", "SGD", 20, BY_HAND["SGD"]),
    Pair("diabetes MLP, momentum", f"{OWN}diabetes_mlp", "momentum", 20, BY_HAND["momentum"]),
    Pair("relu-digits, SGD", "relu-digits", "SGD", 15, "constant(0.1)"),
    Pair("relu-digits, Adam", "relu-digits", "Adam", 15, BY_HAND["Adam"]),
    Pair("lenet-digits, Adam", "lenet-digits", "Adam", 10, BY_HAND["Adam"], held_out=True),
    Pair("poly-tanh, Adam", "poly-tanh", "Adam", 15, BY_HAND["Adam"], held_out=True),
    Pair("digits MLP, AdamW", f"{OWN}digits_mlp", "AdamW", 15, BY_HAND["AdamW"], held_out=True),
    Pair(
        "digits autoencoder, momentum",
        f"{OWN}autoencoder",
        "momentum",
        15,
        BY_HAND["momentum"],
        held_out=True,
    ),
)
