"""Curves for the laws: published ones where they are at hand, made ones everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from lrkit.laws import Fit, LossCurve, loss_curve, predict
from lrkit.records.loss_curves import read_loss_curves

PUBLISHED = next(
    (
        parent / "shared" / "data" / "curves"
        for parent in Path(__file__).resolve().parents
        if (parent / "shared" / "data" / "curves").is_dir()
    ),
    None,
)
TRAIN = ("cosine_24000", "constant_24000", "wsdcon_9")
TEST = (
    "constant_72000", "cosine_72000", "wsd_20000_24000", "wsdld_20000_24000", "wsdcon_3",
    "wsdcon_18",
)  # fmt: skip

# From the authors' repository, all digits; the paper rounds them to three or four.
PARAMETERS: dict[str, dict[str, float]] = {
    "llama-25m": {
        "L0": 3.04045406, "A": 0.52468604, "alpha": 0.50786857, "B": 363.78751622,
        "C": 2.06560812, "beta": 0.58279013, "gamma": 0.64142257,
    },
    "llama-100m": {
        "L0": 2.6514477, "A": 0.60115152, "alpha": 0.45295811, "B": 437.9464276,
        "C": 2.13245612, "beta": 0.59785199, "gamma": 0.65523644,
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def published() -> Callable[[str], dict[str, LossCurve]]:
    """Return what reads a folder of published curves, by name."""
    if PUBLISHED is None:
        pytest.skip("no ../shared/data/curves beside this checkout")

    def read(folder: str) -> dict[str, LossCurve]:
        return {curve.name: curve for curve in read_loss_curves([PUBLISHED / folder])}

    return read


SCHEDULES = {
    "cosine": ("1e-3 * (linear(0, 1, 100st) >> cosine(1, 0.1))", 4000),
    "constant": ("1e-3 * (linear(0, 1, 100st) >> hold())", 4000),
    "wsd": ("1e-3 * (linear(0, 1, 100st) >> hold() >> linear(1, 0.05, 30%))", 4000),
    "twostage": ("1e-3 * (linear(0, 1, 100st) >> hold(1500st) >> hold() * 0.3)", 3000),
    "low": ("4e-4 * (linear(0, 1, 100st) >> cosine(1, 0.1))", 4000),
    "high": ("2e-3 * (linear(0, 1, 100st) >> hold() >> one_minus_sqrt(1, 0.05, 20%))", 3000),
}


def made(law: str, values: Mapping[str, float], noise: float, seed: int = 0) -> list[LossCurve]:
    """Return a curve of *law* for each of `SCHEDULES`, with relative *noise*."""
    curves = []
    for number, (name, (text, total)) in enumerate(SCHEDULES.items()):
        told = predict(Fit(law, values, 0.0, ()), text, total, points=60)
        random = np.random.default_rng([seed, number])
        losses = told.losses * (1 + noise * random.standard_normal(len(told.steps)))
        curves.append(loss_curve(name, told.steps, losses, schedule=text, total=total))
    return curves
