"""The multi-power law: a drop of the rate pays off as a power of the rates summed since."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lrkit.laws.grid import Array, Grid
from lrkit.laws.law import (
    ALPHA,
    L0,
    TINY,
    A,
    B,
    C,
    Law,
    Parameter,
    Values,
    power_starts,
)  # fmt: skip


class MultiPowerLaw(Law):
    """L = L0 + A S^-alpha - LD, LD = B sum_k (eta_{k-1} - eta_k) G(eta_k^-gamma S_k).

    S_k is the sum of the rates from update k on, G(x) = 1 - (1 + C x)^-beta. The paper writes
    that LD begins at the peak, but its published parameters (and its code) count the rise of the
    warm-up as a drop below 0; so does this, because only then do they give the published table.
    """

    name: ClassVar[str] = "mpl"
    title: ClassVar[str] = "multi-power law"
    formula: ClassVar[str] = (
        "L0 + A S^-alpha - B sum_k (eta_{k-1} - eta_k) (1 - (1 + C eta_k^-gamma S_k)^-beta)"
    )
    source: ClassVar[str] = "Luo et al., arXiv 2503.12811"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        L0, A, ALPHA, B, C,
        Parameter("beta", 0.01, 5.0, decay=True),
        Parameter("gamma", -1.0, 2.5, decay=True),
    )  # fmt: skip

    def response(self, values: Values, grid: Grid) -> Array:
        """Return what B is multiplied by at each point of *grid*."""
        after = np.maximum(grid.after, TINY * grid.peaks[grid.owner])
        speed = values["C"] * after ** -values["gamma"]
        since = grid.sums[grid.change_row] - grid.place[grid.change_column]
        x = speed[grid.change_column] * np.maximum(since, 0.0)
        paid = -np.expm1(-values["beta"] * np.log1p(x))
        return grid.total(grid.change[grid.change_column] * paid, grid.change_row)

    def starts(self, grid: Grid, losses: Array) -> list[dict[str, float]]:
        """Return where a fit to *losses* may begin."""
        begin = power_starts(grid, losses)[0]
        begin["L0"] -= 0.02 * float(np.median(losses))
        shapes = [(0.6, 0.6), (0.3, 1.2), (0.6, 0.3)]
        whole = float(grid.sums.max())
        peak = float(grid.peaks.max())
        # So that a drop to the half has paid most of what it will within a tenth of the run.
        return [
            begin | {"beta": beta, "gamma": gamma, "C": 100 / whole * (0.5 * peak) ** gamma}
            for beta, gamma in shapes
        ]
