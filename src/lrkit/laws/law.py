"""What a law is: a formula for the loss at every logged point, with named parameters.

A new law is one file: a subclass of `Law` with its parameters, its response to the rate and where
a fit begins, entered in `registry.LAWS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from lrkit.laws.grid import Array, Grid

Values = Mapping[str, float]

TINY: Final = 1e-9  # of the peak: stands for a rate of 0 where a law divides by the rate


@dataclass(frozen=True)
class Parameter:
    """One parameter: legal from *low* to *high*, fitted on the log axis where *log*.

    *centre* and *spread* state what is known before any data, in the units it is fitted in; a
    spread of None says nothing is. *decay* marks those that only a change of the rate determines.
    """

    name: str
    low: float
    high: float
    log: bool = False
    centre: float = 0.0
    spread: float | None = None
    decay: bool = False


LEADING: Final = ("L0", "A", "alpha", "S0", "B")
LEAST: Final = 0.02  # of S: what an S0 below 0 leaves of it at the very start


def progress(values: Values, grid: Grid) -> Array:
    """Return S + S0 at each point, or S for a law without S0."""
    shift = values.get("S0", 0.0)
    return np.maximum(grid.sums + shift, LEAST * grid.sums) if shift else grid.sums


class Law(ABC):
    """A formula for loss curves: L = L0 + A S^-alpha + B response, S the sum of the rates.

    A law with the parameter S0 has S + S0 in the place of S. The laws differ in the response to
    the rate's changes. It depends on the parameters in `shape` alone, so a fit works it out once
    for the others.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]]

    @abstractmethod
    def response(self, values: Values, grid: Grid) -> Array:
        """Return what B is multiplied by at each point of *grid*."""

    @abstractmethod
    def starts(self, grid: Grid, losses: Array) -> list[dict[str, float]]:
        """Return where a fit to *losses* may begin, likely places first."""

    def losses(self, values: Values, grid: Grid) -> Array:
        """Return the predicted loss at each point of *grid*."""
        power = values["A"] * progress(values, grid) ** -values["alpha"]
        return np.asarray(values["L0"] + power + values["B"] * self.response(values, grid))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def shape(self) -> tuple[str, ...]:
        """The names of the parameters that the response depends on."""
        return tuple(name for name in self.names if name not in LEADING)


L0: Final = Parameter("L0", 1e-6, np.inf)
A: Final = Parameter("A", 1e-12, 1e12, log=True)
ALPHA: Final = Parameter("alpha", 0.02, 3.0)
B: Final = Parameter("B", 1e-12, 1e12, log=True, decay=True)
C: Final = Parameter("C", 1e-12, 1e12, log=True, decay=True)


def power_starts(grid: Grid, losses: Array) -> list[dict[str, float]]:
    """Return L0, A and alpha of plain power laws through all points, by least squares.

    The three exponents are where published fits lie; each comes with the response B of a drop
    that makes the difference between peak and end about 4 % of the loss.
    """
    found = []
    for alpha in (0.5, 0.3, 0.8):
        base = np.column_stack([np.ones_like(grid.sums), grid.sums**-alpha])
        (floor, scale), *_ = np.linalg.lstsq(base, losses, rcond=None)
        low = float(losses.min())
        found.append(
            {
                "L0": float(min(max(floor, 0.3 * low), 0.99 * low)),
                "A": float(max(scale, 1e-4 * low)),
                "alpha": alpha,
                "B": 0.04 * float(np.median(losses)) / float(grid.peaks.max()),
            }
        )
    return found
