"""The log-memory law: the one found here. A change of the rate pays off as the log of its age."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np

from lrkit.laws.fslm import level_changes
from lrkit.laws.grid import Array, Grid
from lrkit.laws.law import L0, A, B, C, Law, Parameter, Values, power_starts

CLOCK: Final = 0.6
"""Between a clock of updates (0), in which nothing freezes when the rate goes to 0, and one of
summed rates (1), in which everything does. Chosen with the centres of the priors on r and q, by
errors on runs left out; docs/laws.md says on which."""


class LogMemoryLaw(Law):
    """L = L0 + A (S + S0)^-alpha + B sum_k d(nu_k) log(1 + C (tau_t - tau_k)), nu = eta^r S^-q.

    tau counts eta^0.6 an update, and d(nu_k) is the change of the noise level nu, from 0 at the
    start. The logarithm has no time scale of its own: it is the limit in which the kernel's power
    of the multi-power law goes to 0, and free fits of that power went there. The exponents r and
    q and alpha have priors that a few runs at one peak move little and runs at several peaks do.
    S0 takes up where a run began: without it the first points after a warm-up bend the power.
    """

    name: ClassVar[str] = "memory"
    title: ClassVar[str] = "log-memory law"
    formula: ClassVar[str] = (
        "L0 + A (S + S0)^-alpha + B sum_k d(eta^r S^-q)_k log(1 + C sum_{i=k..t} eta_i^0.6)"
    )
    source: ClassVar[str] = "lrkit"
    parameters: ClassVar[tuple[Parameter, ...]] = (
        L0,
        A,
        Parameter("alpha", 0.02, 3.0, centre=0.5, spread=0.1),
        Parameter("S0", -np.inf, np.inf),
        B,
        C,
        Parameter("r", 0.3, 2.0, centre=0.75, spread=0.1, decay=True),
        Parameter("q", -0.5, 1.5, centre=0.25, spread=0.1, decay=True),
    )

    def response(self, values: Values, grid: Grid) -> Array:
        """Return what B is multiplied by at each point of *grid*."""
        middle = 0.5 * (grid.begin + grid.end)
        level = grid.mean ** values["r"] * np.maximum(middle, 1e-30) ** -values["q"]
        change = level_changes(level, grid)
        begin, _, now = grid.clock(CLOCK)
        age = np.maximum(now[grid.row] - begin[grid.column], 0.0)
        paid = np.log1p(values["C"] * age)
        return grid.total(change[grid.column] * paid, grid.row)

    def starts(self, grid: Grid, losses: Array) -> list[dict[str, float]]:
        """Return where a fit to *losses* may begin."""
        begin = power_starts(grid, losses)[0]
        begin["L0"] -= 0.02 * float(np.median(losses))
        peak, whole = float(grid.peaks.max()), float(grid.sums.max())
        level = peak**0.75 * (0.5 * whole) ** -0.25
        noise = begin["B"] * peak / level
        # C in units of one update at the peak; the logarithm then comes to about 8.
        return [
            begin | {"S0": 0.0, "r": 0.75, "q": 0.25, "B": noise / 8, "C": share / peak**CLOCK}
            for share in (1.0, 0.03)
        ]
