"""Optimizers on two numbers, by torch's own update rules in plain double precision.

An optimizer is a value; what it remembers between updates (its memory) is a tuple of floats, so
that a descent can stop and go on anywhere. Every rule is torch's, operation by operation, for one
parameter in float64 (`torch.optim`, 2.x, the single-tensor path).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final, Protocol

from lrkit.errors import SpecError
from lrkit.schedules.registry import nearest

Memory = tuple[float, ...]
Step = Callable[[float, float, float, float, float], tuple[float, float]]
"""(x, y, df/dx, df/dy, rate) -> the next (x, y)."""


class Optimizer(Protocol):
    """What all optimizers share."""

    @property
    def memory(self) -> Memory:
        """What it remembers before the first update."""

    def begin(self, memory: Memory) -> tuple[Step, Callable[[], Memory]]:
        """Return what makes one update, going on from *memory*, and what tells the memory then."""


@dataclass(frozen=True)
class SGD:
    """Gradient descent: g += *weight_decay* p; b = *momentum* b + (1 - *dampening*) g; p -= rate b.

    The first update has b = g. With *nesterov* the step is g + *momentum* b, which needs a
    momentum and no dampening. Raises `SpecError` unless 0 <= momentum, dampening < 1.

    Source: torch.optim.SGD; momentum: Polyak (1964); Nesterov's, as Sutskever et al. (2013) write
    it.
    """

    momentum: float = 0.0
    dampening: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        _check(self, momentum=(0, 1), dampening=(0, 1), weight_decay=(0, math.inf))
        if self.nesterov and (self.momentum <= 0 or self.dampening != 0):
            raise SpecError(
                "nesterov needs momentum > 0 and dampening = 0, got "
                f"{self.momentum:g} and {self.dampening:g}; set momentum=0.9"
            )

    @property
    def memory(self) -> Memory:
        """The buffer b, and whether there is one yet (0 or 1)."""
        return (0.0, 0.0, 0.0)

    def begin(self, memory: Memory) -> tuple[Step, Callable[[], Memory]]:
        """See `Optimizer`."""
        bx, by, begun = memory
        momentum, fresh, decay = self.momentum, 1.0 - self.dampening, self.weight_decay
        nesterov = self.nesterov

        def step(x: float, y: float, gx: float, gy: float, rate: float) -> tuple[float, float]:
            nonlocal bx, by, begun
            gx, gy = gx + decay * x, gy + decay * y
            if begun:
                bx, by = momentum * bx + fresh * gx, momentum * by + fresh * gy
            else:
                bx, by, begun = gx, gy, 1.0
            if nesterov:
                return x - rate * (gx + momentum * bx), y - rate * (gy + momentum * by)
            return x - rate * bx, y - rate * by

        def plain(x: float, y: float, gx: float, gy: float, rate: float) -> tuple[float, float]:
            return x - rate * (gx + decay * x), y - rate * (gy + decay * y)

        # Without momentum torch keeps no buffer; one of an earlier leg stays as it is.
        return (step if momentum else plain), lambda: (bx, by, begun)


@dataclass(frozen=True)
class RMSprop:
    """v = *alpha* v + (1 - *alpha*) g^2; b = *momentum* b + g / (sqrt(v) + *eps*); p -= rate b.

    g has *weight_decay* p added before.

    Source: torch.optim.RMSprop; Hinton, Neural Networks for Machine Learning, lecture 6 (2012).
    """

    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0

    def __post_init__(self) -> None:
        _check(self, alpha=(0, 1), eps=(0, math.inf), weight_decay=(0, math.inf), momentum=(0, 1))

    @property
    def memory(self) -> Memory:
        """The mean squares v and the buffer b."""
        return (0.0, 0.0, 0.0, 0.0)

    def begin(self, memory: Memory) -> tuple[Step, Callable[[], Memory]]:
        """See `Optimizer`."""
        vx, vy, bx, by = memory
        alpha, rest, eps = self.alpha, 1.0 - self.alpha, self.eps
        decay, momentum = self.weight_decay, self.momentum

        def step(x: float, y: float, gx: float, gy: float, rate: float) -> tuple[float, float]:
            nonlocal vx, vy, bx, by
            gx, gy = gx + decay * x, gy + decay * y
            vx, vy = alpha * vx + rest * gx * gx, alpha * vy + rest * gy * gy
            ux, uy = gx / (sqrt(vx) + eps), gy / (sqrt(vy) + eps)
            if momentum:
                bx, by = ux, uy = momentum * bx + ux, momentum * by + uy
            return x - rate * ux, y - rate * uy

        return step, lambda: (vx, vy, bx, by)


@dataclass(frozen=True)
class Adam:
    """m = *beta1* m + (1 - *beta1*) g; v likewise of g^2; p -= rate m' / (sqrt(v') + *eps*).

    m' = m / (1 - beta1^t), v' = v / (1 - beta2^t), t counts updates from 1. *weight_decay* is
    added to g; when *decoupled* (AdamW) p is first multiplied by 1 - rate *weight_decay* instead.

    Source: torch.optim.Adam and AdamW; Kingma and Ba, arXiv 1412.6980; Loshchilov and Hutter,
    arXiv 1711.05101.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False

    def __post_init__(self) -> None:
        _check(self, beta1=(0, 1), beta2=(0, 1), eps=(0, math.inf), weight_decay=(0, math.inf))

    @property
    def memory(self) -> Memory:
        """The means m, the mean squares v, and the updates t."""
        return (0.0, 0.0, 0.0, 0.0, 0.0)

    def begin(self, memory: Memory) -> tuple[Step, Callable[[], Memory]]:
        """See `Optimizer`."""
        mx, my, vx, vy, t = memory
        beta1, beta2, eps, decoupled = self.beta1, self.beta2, self.eps, self.decoupled
        rest1, rest2 = 1.0 - beta1, 1.0 - beta2
        coupled = 0.0 if decoupled else self.weight_decay
        shrink = self.weight_decay if decoupled else 0.0
        blend = _blend(rest1)

        def step(x: float, y: float, gx: float, gy: float, rate: float) -> tuple[float, float]:
            nonlocal mx, my, vx, vy, t
            t += 1.0
            if shrink:
                keep = 1.0 - rate * shrink
                x, y = x * keep, y * keep
            gx, gy = gx + coupled * x, gy + coupled * y
            mx, my = blend(mx, gx), blend(my, gy)
            vx, vy = beta2 * vx + rest2 * gx * gx, beta2 * vy + rest2 * gy * gy
            size = rate / (1.0 - beta1**t)
            root = sqrt(1.0 - beta2**t)
            return (
                x - size * (mx / (sqrt(vx) / root + eps)),
                y - size * (my / (sqrt(vy) / root + eps)),
            )

        return step, lambda: (mx, my, vx, vy, t)


def _blend(weight: float) -> Callable[[float, float], float]:
    """Return torch's lerp: it starts from the nearer end, which rounds less."""
    if weight < 0.5:
        return lambda start, end: start + weight * (end - start)
    return lambda start, end: end - (end - start) * (1.0 - weight)


@dataclass(frozen=True)
class _Kind:
    """An optimizer's name, how it is made, and which of its options stand where by default."""

    make: Callable[..., Optimizer]
    defaults: dict[str, Any]
    options: tuple[str, ...]
    about: str


KINDS: Final = {
    "sgd": _Kind(SGD, {}, ("weight_decay",), "plain gradient descent"),
    "momentum": _Kind(
        SGD,
        {"momentum": 0.9},
        ("momentum", "dampening", "weight_decay"),
        "gradient descent that remembers its direction",
    ),
    "nesterov": _Kind(
        SGD,
        {"momentum": 0.9, "nesterov": True},
        ("momentum", "weight_decay"),
        "momentum that looks ahead",
    ),
    "rmsprop": _Kind(
        RMSprop,
        {},
        ("alpha", "eps", "momentum", "weight_decay"),
        "each coordinate by the size of its own gradients",
    ),
    "adam": _Kind(
        Adam, {}, ("beta1", "beta2", "eps", "weight_decay"), "momentum and a size by coordinate"
    ),
    "adamw": _Kind(
        Adam,
        {"decoupled": True, "weight_decay": 0.01},
        ("beta1", "beta2", "eps", "weight_decay"),
        "Adam that shrinks the parameters apart from the gradient",
    ),
}
"""By name; defaults are torch's, but for momentum=0.9 where a name asks for momentum."""


def optimizer(name: str, **options: float) -> Optimizer:
    """Return the optimizer called *name*: sgd, momentum, nesterov, rmsprop, adam or adamw.

    *options* are torch's, with betas as beta1 and beta2; what is not given is torch's default,
    and momentum is 0.9 for momentum and nesterov. Raises `SpecError` for an unknown name or option
    and for a number outside its range.

    >>> optimizer("momentum", momentum=0.8)
    SGD(momentum=0.8, dampening=0.0, weight_decay=0.0, nesterov=False)
    """
    kind = KINDS.get(name)
    if kind is None:
        raise SpecError(
            f"unknown optimizer {name!r}{nearest(name, list(KINDS))}; the names are "
            f"{', '.join(KINDS)}"
        )
    for unknown in options.keys() - set(kind.options):
        raise SpecError(
            f"{name} has no option {unknown!r}{nearest(unknown, list(kind.options))}; its "
            f"options: {', '.join(kind.options)}"
        )
    return kind.make(**{**kind.defaults, **options})


def option_values(name: str) -> dict[str, float]:
    """Return the options of optimizer *name* and where they stand by default.

    >>> option_values("momentum")
    {'momentum': 0.9, 'dampening': 0.0, 'weight_decay': 0.0}
    """
    made: Any = optimizer(name)
    values = dataclasses.asdict(made)
    return {option: values[option] for option in KINDS[name].options}


def _check(one: Any, **ranges: tuple[float, float]) -> None:
    """Refuse numbers outside [low, high) and make them floats."""
    for name, (low, high) in ranges.items():
        value = getattr(one, name)
        if not low <= value < high:
            raise SpecError(
                f"`{low:g} <= {name} < {high:g}` must hold for {type(one).__name__}, got {value:g}"
            )
        object.__setattr__(one, name, float(value))
