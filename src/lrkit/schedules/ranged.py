"""Recipes from what a range test found: base, peak and maximum, made into schedules."""

from __future__ import annotations

from typing import Final

from lrkit.errors import SpecError
from lrkit.schedules.cycles import cyclic, one_cycle
from lrkit.schedules.ramps import cosine, linear
from lrkit.schedules.spans import number
from lrkit.schedules.tree import Schedule
from lrkit.schedules.warmups import warmup

HALF: Final = 2.0
"""maximum / peak; which peak is a choice, `lrkit.probe.suggestion` lists the variants."""


def from_range(
    base: float | None = None,
    maximum: float | None = None,
    *,
    peak: float | None = None,
    digits: int = 2,
) -> dict[str, Schedule]:
    """Return the schedules that a range test speaks for, by name.

    - "decay" and "linear": a warm-up of 5 % to *peak*, then a cosine or a line down to 0. Without
      *peak* it is half of *maximum*.
    - "one-cycle": up to *maximum* and down again.
    - "cyclic": between *base* and *maximum*, 10 % of the training each way; `base < maximum`.

    Rates are above 0 and are rounded to *digits* >= 1 significant digits; None is one that is not
    known, and a schedule that needs it is left out. Raises `SpecError` for any other number.

    >>> for name, schedule in from_range(0.00086, 0.044).items():
    ...     print(f"{name:<9} {schedule}")
    decay     0.022 * (warmup(5%) >> cosine())
    linear    0.022 * (warmup(5%) >> linear())
    one-cycle 0.044 * (cosine(0.04, 1, 30%) >> cosine(1, 4e-06))
    cyclic    constant(0.00086) + 0.04314 * (linear(0, 1, 10%) >> linear(1, 0, 10%)).repeat()

    Source: base and maximum, Smith, arXiv 1506.01186, section 3.3.
    """
    if digits < 1:
        raise SpecError(f"`digits >= 1` must hold, got {digits!r}")
    if peak is None and maximum is not None:
        peak = _above_0(maximum, "maximum") / HALF
    low, top, high = (
        None if rate is None else float(f"{_above_0(rate, name):.{digits}g}")
        for rate, name in ((base, "base"), (peak, "peak"), (maximum, "maximum"))
    )
    found: dict[str, Schedule] = {}
    if top is not None:
        found["decay"] = top * (warmup("5%") >> cosine())
        found["linear"] = top * (warmup("5%") >> linear())
    if high is not None:
        found["one-cycle"] = high * one_cycle()
    if low is not None and high is not None and low < high:
        found["cyclic"] = cyclic(low, high, up="10%")
    return found


def _above_0(rate: float, name: str) -> float:
    if not (value := number(rate, name)) > 0:
        raise SpecError(f"`{name} > 0` must hold, got {rate!r}; leave it out where it is unknown")
    return value
