"""The momentum law: a drop of the rate pays off with a memory of fixed length in updates."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lrkit.laws.grid import Array, Grid
from lrkit.laws.law import ALPHA, L0, A, B, Law, Parameter, Values, power_starts


class MomentumLaw(Law):
    """L = L0 + A S1^-alpha - C S2, S2 = sum m_i, m_i = lambda m_{i-1} + (eta_{i-1} - eta_i).

    The sum is done by hand: a drop d at update k has added d (1 - lambda^(t-k+1)) / (1 - lambda)
    by update t. B = C / (1 - lambda) is what a drop of 1 pays in the end, `memory` = 1 / (1 -
    lambda) the number of updates that takes. The rise of the warm-up counts as a drop below 0,
    as in the published multi-power law, which shifts L0 and nothing else after a few memories.
    """

    name: ClassVar[str] = "mtl"
    title: ClassVar[str] = "momentum law"
    formula: ClassVar[str] = "L0 + A S^-alpha - B sum_k (eta_{k-1} - eta_k) (1 - lambda^(t-k+1))"
    source: ClassVar[str] = "Tissue et al., arXiv 2408.11029"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        L0, A, ALPHA, B, Parameter("memory", 1.0, 1e7, log=True, decay=True)
    )  # fmt: skip

    def response(self, values: Values, grid: Grid) -> Array:
        """Return what B is multiplied by at each point of *grid*."""
        age = grid.updates[grid.change_row] - grid.place_step[grid.change_column]
        paid = -np.expm1(-np.maximum(age, 0.0) / values["memory"])
        return grid.total(grid.change[grid.change_column] * paid, grid.change_row)

    def starts(self, grid: Grid, losses: Array) -> list[dict[str, float]]:
        """Return where a fit to *losses* may begin."""
        longest = float(grid.updates.max())
        begin = power_starts(grid, losses)[0]
        return [begin | {"memory": share * longest} for share in (0.03, 0.005, 0.2)]
