"""The linear drop: the baseline that every law must beat."""

from __future__ import annotations

from typing import ClassVar

from lrkit.laws.grid import Array, Grid
from lrkit.laws.law import ALPHA, L0, A, B, Law, Parameter, Values, power_starts


class LinearDrop(Law):
    """L = L0 + A S^-alpha - B (peak - rate): a cooler rate pays at once and for ever."""

    name: ClassVar[str] = "drop"
    title: ClassVar[str] = "linear drop"
    formula: ClassVar[str] = "L0 + A S^-alpha - B (eta_peak - eta_t)"
    source: ClassVar[str] = "baseline"
    parameters: ClassVar[tuple[Parameter, ...]] = (L0, A, ALPHA, B)

    def response(self, values: Values, grid: Grid) -> Array:
        """Return what B is multiplied by at each point of *grid*."""
        return grid.rates - grid.peaks[grid.run]

    def starts(self, grid: Grid, losses: Array) -> list[dict[str, float]]:
        """Return where a fit to *losses* may begin."""
        return power_starts(grid, losses)[:2]
