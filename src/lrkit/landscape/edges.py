"""Sharpness along a run as a value: the largest Hessian eigenvalue beside what a rate can bear.

Gradient descent of rate r on a quadratic of curvature s converges below s = 2/r and diverges
above. A network's training raises its sharpness until it is about there, and hovers: the edge of
stability (Cohen et al. 2021, arXiv 2103.00065).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lrkit.errors import DataError
from lrkit.landscape.growing import number, read_growing
from lrkit.landscape.planes import batch_words
from lrkit.landscape.stability import reach

KIND: Final = "sharpness"
"""What the header of such a file is called."""


@dataclass(frozen=True)
class Reading:
    """The sharpness at one checkpoint, before update *step*, which has learning rate *rate*.

    *value* is the largest eigenvalue of the Hessian of *loss* (infinity where the loss is not
    finite), the Rayleigh quotient of a unit vector v with ||H v - value * v|| = *residual*, so
    some eigenvalue lies within *residual* of it; found in *iterations* products H v. *bound* is
    the sharpness up to which the optimizer is stable at that rate, None where there is no such
    number.
    """

    step: int
    rate: float
    loss: float
    value: float
    residual: float
    iterations: int
    bound: float | None

    @property
    def above(self) -> bool:
        """Whether the sharpness is above the bound."""
        return self.bound is not None and self.value > self.bound


@dataclass(frozen=True, eq=False)
class Sharpness:
    """The readings along a run, in the order of their steps.

    *rule* says in a sentence which bound is drawn, and of what optimizer it holds. *wanted* is
    how many readings there are to be. *about* is the header of the file.
    """

    readings: tuple[Reading, ...]
    rule: str
    wanted: int
    about: Mapping[str, Any] = field(repr=False)

    @property
    def done(self) -> bool:
        """Whether all readings are there."""
        return len(self.readings) >= self.wanted

    def batch(self) -> str:
        """Return in a sentence on what loss the Hessian was taken, and how well it is known."""
        worst = max((r.residual / abs(r.value) for r in self.readings if _known(r)), default=None)
        text = batch_words(self.about.get("evaluation", {}))
        if worst is None:
            return text
        most = max(r.iterations for r in self.readings)
        told = (
            f"{text} Power iteration to a residual of {worst:.1%} of the eigenvalue or less, "
            f"in at most {most} iterations."
        )
        wanted = self.about.get("tolerance", {}).get("residual", math.inf)
        if worst <= wanted:
            return told
        return f"{told} That is more than the {wanted:.1%} asked for; allow more iterations."

    def to_dict(self) -> dict[str, Any]:
        """Return the readings as JSON types."""
        names = ("step", "rate", "loss", "value", "residual", "iterations", "bound")
        return {
            "format": 1,
            **{name: self.about.get(name) for name in ("subject", "evaluation", "tolerance")},
            "rule": self.rule,
            "readings": [{name: getattr(r, name) for name in names} for r in self.readings],
        }


def read_sharpness(path: str | os.PathLike[str]) -> Sharpness:
    """Return the sharpness in the file at *path*, also while it is being computed.

    Raises `DataError` for a file that cannot be read, is none of sharpness, or is damaged.
    """
    return sharpness_of(read_growing(path, KIND), path)


def sharpness_of(events: Sequence[Mapping[str, Any]], path: str | os.PathLike[str]) -> Sharpness:
    """Return the sharpness that *events* tell, the header first; *path* is for the errors."""
    header, *rest = events
    try:
        found = {
            event["step"]: Reading(
                event["step"],
                number(event["rate"]),
                number(event["loss"]),
                number(event["value"]),
                number(event["residual"]),
                event["iterations"],
                event["bound"],
            )
            for event in rest
            if event["kind"] == "reading"
        }
        readings = tuple(found[step] for step in sorted(found))
        return Sharpness(readings, header["rule"], len(header["steps"]), header)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{os.fspath(path)} is damaged ({error}); remove it and compute it anew"
        ) from error


def stability_bound(optimizer: Mapping[str, Any], rate: float) -> float | None:
    """Return the sharpness up to which *optimizer* is stable at *rate* on a quadratic.

    It is `reach` of its momentum, dampening and nesterov, divided by *rate*: 2 / rate for gradient
    descent; less the weight decay, which adds to the curvature that the optimizer sees. None for
    other optimizers, whose steps are scaled for each weight, for parameter groups with rates of
    their own, and at a rate of 0, which is stable everywhere.

    *optimizer* has `name`, `momentum`, `dampening`, `nesterov`, `weight_decay`, `rates` (how many
    different ones its groups have).

    >>> stability_bound({"name": "SGD"}, 0.1)
    20.0
    >>> stability_bound({"name": "SGD", "momentum": 0.5}, 0.1)
    30.0
    >>> stability_bound({"name": "Adam"}, 0.1) is None
    True

    Source: Cohen et al. 2021 (arXiv 2103.00065), section 2 and appendix B; Polyak 1964.
    """
    if optimizer["name"] != "SGD" or optimizer.get("rates", 1) != 1 or not rate > 0:
        return None
    known = {
        key: optimizer[key] for key in ("momentum", "dampening", "nesterov") if key in optimizer
    }
    product = reach(**known)
    if product is None:
        return None
    return float(product / rate - optimizer.get("weight_decay", 0.0))


def bound_words(optimizer: Mapping[str, Any]) -> str:
    """Return in a sentence which bound is drawn for *optimizer*, or why none is.

    >>> bound_words({"name": "SGD", "momentum": 0.9})
    'Bound: 2 (1 + 0.9) / rate, for full-batch gradient descent with momentum 0.9.'
    """
    name = optimizer["name"]
    if name != "SGD":
        return (
            f"No bound is drawn: {name} scales the step of each weight, so its bound is on the "
            "preconditioned Hessian and not on the one shown."
        )
    if optimizer.get("rates", 1) != 1:
        return "No bound is drawn: the parameter groups have rates of their own."
    momentum, decay = optimizer.get("momentum", 0.0), optimizer.get("weight_decay", 0.0)
    damped = optimizer.get("dampening", 0.0) if momentum else 0.0
    if damped >= 1:
        return "No bound is drawn: a dampening of 1 leaves no gradient in the step."
    b, less = f"{momentum:g}", f" - {decay:g}" if decay else ""
    if optimizer.get("nesterov"):
        formula, what = f"2 (1 + {b}) / ((1 + 2 * {b}) rate)", f" with Nesterov momentum {b}"
    elif momentum:
        below = f"((1 - {damped:g}) rate)" if damped else "rate"
        formula, what = f"2 (1 + {b}) / {below}", f" with momentum {b}"
    else:
        formula, what = "2 / rate", ""
    also = f"{' and' if what else ' with'} weight decay {decay:g}" if decay else ""
    return f"Bound: {formula}{less}, for full-batch gradient descent{what}{also}."


def _known(reading: Reading) -> bool:
    return math.isfinite(reading.value) and reading.value != 0
