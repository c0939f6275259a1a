"""Whether a metric has got better: the comparison that controllers share."""

from __future__ import annotations

import math

from lrkit.control.edits import number
from lrkit.errors import SpecError

WORDS = {"mode": ("min", "max"), "threshold_mode": ("rel", "abs"), "nan": ("skip", "bad")}


class Watching:
    """What a controller that looks at one metric has: its name, and what better means."""

    metric: str
    mode: str
    threshold: float
    threshold_mode: str
    nan: str

    def _check_watching(self) -> None:
        object.__setattr__(self, "threshold", number(self.threshold, "threshold"))
        for name, allowed in WORDS.items():
            if getattr(self, name) not in allowed:
                raise SpecError(
                    f"{name} must be {' or '.join(map(repr, allowed))}, got {getattr(self, name)!r}"
                )
        if not isinstance(self.metric, str) or not self.metric:
            raise SpecError(f"metric must be the name of a metric, got {self.metric!r}")

    def _counts(self, value: float) -> bool:
        """Return whether *value* is an observation at all.

        torch and most others count NaN as a bad epoch, so that one failed evaluation, or a metric
        that is not there yet, cuts the rate. Here it is no observation, unless nan="bad". An
        infinite value on the wrong side (the loss has blown up) is worse than anything and counts;
        on the right side no measurement is infinitely good, and it is skipped like NaN: taken as
        best it could never be beaten.
        """
        good = -math.inf if self.mode == "min" else math.inf
        return (not math.isnan(value) and value != good) or self.nan == "bad"

    def _better(self, value: float, best: float | None) -> bool:
        """Return whether *value* is better than *best* by more than the threshold.

        "rel" is relative to |best|. torch's best * (1 - threshold) lies on the wrong side of a
        negative best and so takes a worse value for an improvement; for best >= 0 the two agree
        to the bit.
        """
        if not math.isfinite(value):
            return False
        if best is None:
            return True
        sign = -1.0 if self.mode == "min" else 1.0
        if self.threshold_mode == "abs":
            bound = best + sign * self.threshold
        else:
            bound = best * (1.0 + sign * math.copysign(self.threshold, best))
        return value < bound if self.mode == "min" else value > bound
