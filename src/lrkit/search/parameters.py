"""What a range of a space is: its name, its kind and its bounds; the values that it can take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import numpy as np

from lrkit.errors import SpecError
from lrkit.schedules.spans import text_of

Kind = Literal["log", "uniform", "int", "choice"]
Value: TypeAlias = float | int | str | bool | None

DIGITS: Final = 4
"""How finely a sampler's number is written: a rate of 0.03417823487293847 reads as 0.03418."""


@dataclass(frozen=True)
class Parameter:
    """A range of a space: a number in [*low*, *high*], or one of *members*.

    - *kind* "log" and "uniform" are real numbers, even on the log axis or on the plain one; with
      *step* only low, low + step, ..., high. "int" is whole numbers, "choice" one of *members*.
    - *unit* is a span's, empty for a plain number: the value is written before it.
    - *condition* says where it is asked, as text; empty for everywhere.

    >>> Parameter("peak", "log", 0.001, 1.0).levels(4)
    (0.001, 0.01, 0.1, 1.0)
    """

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    unit: str = ""
    members: tuple[Value, ...] = ()
    condition: str = ""

    def __post_init__(self) -> None:
        if self.kind == "choice":
            self._check_members()
        else:
            self._check_bounds()

    def _check_members(self) -> None:
        if len(self.members) < 2:
            raise SpecError("a choice has two members or more; write a single one without ~choice")
        for i, member in enumerate(self.members):
            if member in self.members[:i]:
                raise SpecError(f"the members of a choice differ, got {member!r} twice")

    def _check_bounds(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise SpecError(
                f"`low < high` must hold, got {text_of(self.low)} and {text_of(self.high)}; "
                "write a single number without ~"
            )
        if self.kind == "log" and self.low <= 0:
            raise SpecError(f"`low > 0` must hold on a log axis, got {text_of(self.low)}")
        if self.kind == "int" and not (self.low.is_integer() and self.high.is_integer()):
            raise SpecError(f"the bounds of ~int are whole, got {self.low:g} and {self.high:g}")
        if self.step is not None:
            object.__setattr__(self, "step", float(self.step))
            self._check_step(float(self.step))

    def _check_step(self, step: float) -> None:
        if not step > 0 or (self.kind == "int" and not step.is_integer()):
            what = "a whole number above 0" if self.kind == "int" else "above 0"
            raise SpecError(f"`step` must be {what}, got {text_of(step)}")
        if self.kind == "log":
            raise SpecError("a log axis has no step; list the values in a ~choice")
        times = (_exact(self.high) - _exact(self.low)) / _exact(step)
        if times != times.to_integral_value():
            raise SpecError(
                f"`high` must be some steps above `low`, got {text_of(self.low)} to "
                f"{text_of(self.high)} by {text_of(step)}"
            )

    @property
    def count(self) -> int | None:
        """How many values it can take; None for a continuous range."""
        if self.kind == "choice":
            return len(self.members)
        step = 1.0 if self.kind == "int" and self.step is None else self.step
        if step is None:
            return None
        return int((_exact(self.high) - _exact(self.low)) / _exact(step)) + 1

    def levels(self, n: int) -> tuple[Value, ...]:
        """Return at most *n* >= 1 values, evenly spread with both ends; a choice's members all.

        Of a log axis they are evenly spread in the logarithm; n = 1 is the middle.
        """
        if self.kind == "choice":
            return self.members
        if (count := self.count) is not None:
            places = np.linspace(0, count - 1, min(n, count)) if n > 1 else [(count - 1) / 2]
            return tuple(dict.fromkeys(self._stepped(round(place)) for place in places))
        shares = np.linspace(0, 1, n) if n > 1 else np.array([0.5])
        return tuple(self.snap(self.at_share(share)) for share in shares)

    def at_share(self, share: float) -> float:
        """Return the number at *share*, 0 to 1, of the way from low to high; exact at the ends."""
        if share in (0, 1):
            return self.high if share else self.low
        if self.kind == "log":
            return math.exp((1 - share) * math.log(self.low) + share * math.log(self.high))
        return (1 - share) * self.low + share * self.high

    def share(self, value: float) -> float:
        """Return how far from low to high *value* is, 0 to 1: the inverse of `at_share`."""
        if self.kind == "log":
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def snap(self, value: Value) -> Value:
        """Return the value nearest to *value* that a person would write.

        A continuous number has four digits: significant ones on a log axis, and of the range's
        width on a plain one; the ends stay as they are. A stepped one is exactly a step.
        """
        if self.kind == "choice":
            return self.members[self.members.index(value)]
        number = float(value)  # type: ignore[arg-type]  # only a choice has other values
        if self.count is not None:
            step = 1.0 if self.step is None else self.step
            return self._stepped(round((number - self.low) / step))
        if number in (self.low, self.high):
            return number
        if self.kind == "log":
            number = float(f"{number:.{DIGITS}g}")
        else:
            number = round(number, DIGITS - 1 - math.floor(math.log10(self.high - self.low)))
        return min(max(number, self.low), self.high)

    def checked(self, value: Value) -> Value:
        """Return *value* as this range holds it; `SpecError` where it is not one of its values."""
        if self.kind == "choice":
            if value not in self.members:
                known = ", ".join(map(str, self.members))
                raise SpecError(f"{self.name} must be one of {known}; got {value!r}")
            return self.members[self.members.index(value)]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SpecError(f"{self.name} must be a number, got {value!r}")
        if not self.low <= value <= self.high:
            raise SpecError(
                f"{self.name} must be in [{text_of(self.low)}, {text_of(self.high)}], got {value}"
            )
        if self.count is None:
            return float(value)
        near = self.snap(value)
        if not math.isclose(float(near or 0), value, rel_tol=1e-9, abs_tol=1e-12):
            raise SpecError(
                f"{self.name} goes from {text_of(self.low)} by {text_of(self.step or 1)}, "
                f"got {value}; the nearest is {near}"
            )
        return near

    def _stepped(self, place: int) -> float | int:
        # In decimals, so that 0.1 + 2 * 0.1 is the 0.3 that a person would write.
        step = _exact(1.0 if self.step is None else self.step)
        number = _exact(self.low) + place * step
        return int(number) if self.kind == "int" else float(number)


def _exact(number: float) -> Decimal:
    return Decimal(repr(float(number)))
