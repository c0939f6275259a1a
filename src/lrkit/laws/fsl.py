"""The functional scaling law: noise enters with the rate and is forgotten as a power."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lrkit.laws.grid import Array, Grid
from lrkit.laws.law import ALPHA, L0, A, B, C, Law, Parameter, Values, power_starts


def remembered(x: Array, c: float, delta: float) -> Array:
    """Return the integral of (1 + c y)^-delta from 0 to *x*; also where delta is 1."""
    power = 1.0 - delta
    logs = np.log1p(c * x)
    if abs(power) < 1e-9:
        return np.asarray(logs / c)
    return np.asarray(np.expm1(power * logs) / (power * c))


def noise_starts(grid: Grid, losses: Array) -> list[dict[str, float]]:
    """Return starts for laws with a noise term that is about 4 % of the loss at the peak."""
    begin = power_starts(grid, losses)[0]
    level = begin.pop("B") * float(grid.peaks.max())
    begin["L0"] -= 0.02 * float(np.median(losses))
    whole, found = float(grid.sums.max()), []
    for fast, delta in ((300.0, 1.3), (3000.0, 1.3), (30.0, 1.8), (300.0, 0.8)):
        c = fast / whole
        reach = float(remembered(np.array([whole]), c, delta)[0])
        b = level / (float(grid.peaks.max()) * reach)
        found.append(begin | {"B": b, "C": c, "delta": delta})
    return found


class FunctionalScalingLaw(Law):
    """L = L0 + A S^-alpha + B sum_{k<=t} eta_k^2 (1 + C (S_t - S_k))^-delta.

    In the clock S the sum is the convolution of the rate with the kernel (1 + C x)^-delta. It is
    integrated by parts, exactly for any rate: over its changes, each times the kernel's integral.
    """

    name: ClassVar[str] = "fsl"
    title: ClassVar[str] = "functional scaling law"
    formula: ClassVar[str] = "L0 + A S^-alpha + B sum_k eta_k^2 (1 + C (S_t - S_k))^-delta"
    source: ClassVar[str] = "Li et al., arXiv 2509.19189"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        L0, A, ALPHA, B, C, Parameter("delta", 0.02, 6.0, decay=True)
    )  # fmt: skip

    def response(self, values: Values, grid: Grid) -> Array:
        """Return what B is multiplied by at each point of *grid*."""
        since = grid.sums[grid.change_row] - grid.place[grid.change_column]
        held = remembered(np.maximum(since, 0.0), values["C"], values["delta"])
        return grid.total(grid.change[grid.change_column] * held, grid.change_row)

    def starts(self, grid: Grid, losses: Array) -> list[dict[str, float]]:
        """Return where a fit to *losses* may begin."""
        return noise_starts(grid, losses)
