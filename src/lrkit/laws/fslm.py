"""The functional scaling law whose noise shrinks as the training goes on."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lrkit.laws.fsl import noise_starts, remembered
from lrkit.laws.grid import Array, Grid
from lrkit.laws.law import ALPHA, L0, A, B, C, Law, Parameter, Values


def level_changes(level: Array, grid: Grid) -> Array:
    """Return the change of a noise *level* (one a cell) at the begin of each cell, from 0."""
    change = np.diff(level, prepend=0.0)
    change[grid.first] = level[grid.first]
    return change


class ShrinkingNoiseLaw(Law):
    """FSL with the weight eta_k^2 S_k^-q: noise is multiplied by an excess loss that falls.

    With q > 0 the noise changes at a constant rate too, so the sum runs over all cells.
    """

    name: ClassVar[str] = "fsl-m"
    title: ClassVar[str] = "functional scaling law, shrinking noise"
    formula: ClassVar[str] = "L0 + A S^-alpha + B sum_k eta_k^2 S_k^-q (1 + C (S_t - S_k))^-delta"
    source: ClassVar[str] = "after Li et al., arXiv 2509.19189"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        L0, A, ALPHA, B, C,
        Parameter("delta", 0.02, 6.0, decay=True),
        Parameter("q", -0.5, 1.5, decay=True),
    )  # fmt: skip

    def response(self, values: Values, grid: Grid) -> Array:
        """Return what B is multiplied by at each point of *grid*."""
        middle = np.maximum(0.5 * (grid.begin + grid.end), 1e-30)
        level = grid.mean * middle ** -values["q"]
        change = level_changes(level, grid)
        since = np.maximum(grid.sums[grid.row] - grid.begin[grid.column], 0.0)
        held = remembered(since, values["C"], values["delta"])
        return grid.total(change[grid.column] * held, grid.row)

    def starts(self, grid: Grid, losses: Array) -> list[dict[str, float]]:
        """Return where a fit to *losses* may begin: those of FSL, with q = 0 and 0.2."""
        whole = float(grid.sums.max())
        return [
            start | {"q": q, "B": start["B"] * (0.5 * whole) ** q}
            for start in noise_starts(grid, losses)[:3]
            for q in (0.0, 0.2)
        ]
