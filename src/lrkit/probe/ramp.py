"""The ramp of a range test: from which rate to which, and what happens beyond.

Where the range comes from, when the caller names none (choices of ours; peers start at 1e-8 to
1e-7 for every optimizer and so spend half of the test where nothing moves): the rates in use for
an optimizer span about three decades, and the test adds one or two at both ends. Adam and its kin
divide by the gradient's size, so a rate is a step length there, and 1 is far beyond any use. SGD's
rates go with the gradient's scale, which is the task's own. An optimizer whose class is not known
gets all of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from torch.optim import Optimizer

from lrkit.errors import SpecError
from lrkit.probe.curve import KINDS, Array, Kind
from lrkit.schedules import Schedule, geometric, linear

ADAPTIVE: Final = (1e-6, 1.0)
RANGES: Final = {
    "SGD": (1e-5, 10.0),
    "ASGD": (1e-5, 10.0),
    "Adam": ADAPTIVE,
    "AdamW": ADAPTIVE,
    "NAdam": ADAPTIVE,
    "RAdam": ADAPTIVE,
    "Adamax": ADAPTIVE,
    "SparseAdam": ADAPTIVE,
    "RMSprop": ADAPTIVE,
    "Adafactor": ADAPTIVE,
    "Lion": (1e-7, 0.1),
    "Muon": (1e-5, 10.0),
    "Adagrad": (1e-5, 10.0),
    "Adadelta": (1e-3, 1e3),
    "LBFGS": (1e-4, 10.0),
}
UNKNOWN: Final = (1e-7, 10.0)
BEYOND: Final = 3  # decades that a test goes on above its own high end
BELOW: Final = 1e-4  # what the low end is multiplied by when the loss rises at once


@dataclass(frozen=True)
class Ramp:
    """Rates from *low* to *high* in *steps* updates, and maybe *more* updates beyond *high*.

    *begun_above* is the low end of the test before, where the loss had risen at once.
    """

    low: float
    high: float
    steps: int
    kind: Kind = "exponential"
    more: int = 0
    begun_above: float | None = None

    def __post_init__(self) -> None:
        _check_rate("low", self.low)
        _check_rate("high", self.high)
        if not self.low < self.high:
            raise SpecError(f"`low < high` must hold, got {self.low:g} and {self.high:g}")
        whole = isinstance(self.steps, int) and not isinstance(self.steps, bool)
        if not whole or self.steps < 2:
            raise SpecError(
                f"`steps` must be a whole number >= 2, got {self.steps!r}; 200 is usual"
            )
        if self.kind not in KINDS:
            raise SpecError(f"`kind` must be one of {', '.join(KINDS)}, got {self.kind!r}")

    @property
    def schedule(self) -> Schedule:
        """The rates as a schedule; beyond *high* they go on by the same factor."""
        if self.kind == "linear":
            return linear(self.low, self.high, self.steps - 1)
        whole: Schedule = geometric(self.low, self.high, self.steps - 1)
        if self.more:
            factor = (self.high / self.low) ** (self.more / (self.steps - 1))
            whole = whole >> geometric(self.high, self.high * factor, self.more)
        return whole

    @property
    def length(self) -> int:
        """How many updates there may be."""
        return self.steps + self.more

    def rates(self) -> Array:
        """Return the rate of every update."""
        rates = self.schedule.over(self.length)(np.arange(self.length, dtype=np.float64))
        return np.asarray(rates, dtype=np.float64)

    def lowered(self) -> Ramp:
        """Return the ramp that begins further down, with steps as wide."""
        low = self.low * BELOW
        width = math.log(self.high / self.low) / (self.steps - 1)
        steps = 1 + math.ceil(math.log(self.high / low) / width)
        return replace(self, low=low, steps=steps, begun_above=self.begun_above or self.low)


def ramp_for(
    optimizer: Optimizer, low: float | None, high: float | None, steps: int, kind: Kind
) -> Ramp:
    """Return the ramp from *low* to *high*; what is None comes from the optimizer's class.

    With no *high* given an exponential ramp may go on beyond its own, by `BEYOND` decades.
    """
    names = [base.__name__ for base in type(optimizer).__mro__]
    default = next((RANGES[name] for name in names if name in RANGES), UNKNOWN)
    for name, value in (("low", low), ("high", high)):
        if value is not None:
            _check_rate(name, value)
    bottom = default[0] if low is None else low
    top = default[1] if high is None else high
    # One end alone may lie beyond the other's default; the range then keeps its width.
    if high is None and low is not None and not low < top:
        top = low * default[1] / default[0]
    if low is None and high is not None and not bottom < high:
        bottom = high * default[0] / default[1]
    ramp = Ramp(bottom, top, steps, kind)
    if high is not None or kind == "linear":
        return ramp
    decades = math.log10(top / bottom)
    return replace(ramp, more=math.ceil((steps - 1) * BEYOND / decades))


def _check_rate(name: str, value: object) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:  # type: ignore[operator]
        raise SpecError(f"`{name}` must be above 0 and finite, got {value!r}")
