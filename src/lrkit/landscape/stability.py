"""How large rate times curvature may be for an optimizer to settle on a quadratic.

Written down once, for descents on functions (the largest rate that a curvature bears) and for
networks (the largest curvature that a rate bears).
"""

from __future__ import annotations

import dataclasses
from typing import Final

from lrkit.landscape.optimizers import SGD, Optimizer

PLAIN: Final = 2.0
"""Rate times curvature up to which gradient descent without momentum settles."""


def reach(momentum: float = 0.0, dampening: float = 0.0, nesterov: bool = False) -> float | None:
    """Return below which rate * curvature gradient descent settles on a quadratic.

    - no momentum: 2
    - *momentum* b (heavy ball), *dampening* d: 2 (1 + b) / (1 - d)
    - *nesterov* momentum b: 2 (1 + b) / (1 + 2 b)

    None for d >= 1, where no gradient is left in the step. A weight decay adds to the curvature.

    >>> reach(), reach(0.5), reach(0.5, nesterov=True)
    (2.0, 3.0, 1.5)

    Source: Polyak 1964; Cohen et al. 2021 (arXiv 2103.00065), section 2 and appendix B.
    """
    if nesterov:
        return 2 * (1 + momentum) / (1 + 2 * momentum)
    damped = dampening if momentum else 0.0
    return None if damped >= 1 else 2 * (1 + momentum) / (1 - damped)


def largest_rate(optimizer: Optimizer, curvature: float) -> tuple[float, str] | None:
    """Return the constant rate below which *optimizer* settles, and the formula it comes from.

    *curvature* is the largest of the quadratic, L. None for an optimizer that scales the step of
    each coordinate, whose limit depends on the gradients it has seen, and for a *curvature* that
    is not positive.

    >>> from lrkit.landscape import optimizer
    >>> largest_rate(optimizer("sgd"), 20)
    (0.1, '2 / L')
    >>> largest_rate(optimizer("momentum"), 20)
    (0.19, '2 (1 + 0.9) / L')
    >>> largest_rate(optimizer("adam"), 20) is None
    True
    """
    if not isinstance(optimizer, SGD) or not curvature > 0:
        return None
    told = dataclasses.asdict(optimizer)
    decay = told.pop("weight_decay")
    product = reach(**told)
    if product is None:
        return None
    b, below = f"{optimizer.momentum:g}", f"(L + {decay:g})" if decay else "L"
    above = f"2 (1 + {b})" if optimizer.momentum else "2"
    if optimizer.nesterov:
        below = f"((1 + 2 * {b}) {below})"
    elif optimizer.momentum and optimizer.dampening:
        below = f"((1 - {optimizer.dampening:g}) {below})"
    return product / (curvature + decay), f"{above} / {below}"
