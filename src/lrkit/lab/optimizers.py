"""The optimizers of the built-in tasks by name, and the peak that people give each by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import torch
from torch import Tensor

from lrkit.errors import SpecError

SGD: Final = "sgd"
OPTIMIZERS: Final = (SGD, "adam", "adamw")
ADAM_PEAK: Final = 0.001
"""The rate that Adam's authors and its implementations have as default (Kingma and Ba 2015)."""


def optimizer_of(
    name: str,
    parameters: Iterable[Tensor] | Iterable[dict[str, Any]],
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """Return the optimizer called *name*: "sgd", "adam" or "adamw", otherwise torch's defaults.

    - *parameters* are tensors or groups of them, as torch's optimizers take them.
    - *momentum*, in [0, 1), is SGD's; Adam's counterpart is beta1, which stays at 0.9.
    - *weight_decay*, >= 0: sgd and adam add it times the weight to the gradient, adamw takes the
      rate times it off the weight itself.

    Raises `SpecError` for another name, a number out of its range, and a momentum with Adam.

    >>> type(optimizer_of("adamw", [torch.zeros(1, requires_grad=True)], 0.1)).__name__
    'AdamW'
    """
    _check(name, momentum, weight_decay)
    if name == SGD:
        return torch.optim.SGD(parameters, lr, momentum=momentum, weight_decay=weight_decay)
    kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    return kind(parameters, lr, weight_decay=weight_decay)


def peak_of(name: str, sgd: float) -> float:
    """Return the peak of a task's own schedule: *sgd*, its rate for SGD, or Adam's usual 0.001."""
    return sgd if name == SGD else ADAM_PEAK


def _check(name: str, momentum: float, weight_decay: float) -> None:
    if name not in OPTIMIZERS:
        raise SpecError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, got {name!r}")
    for what, value, top in (("momentum", momentum, 1.0), ("weight_decay", weight_decay, None)):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value < (top or float("inf")):
            rule = f"0 <= {what} < 1" if top else f"{what} >= 0"
            raise SpecError(f"`{rule}` must hold, got {value!r}; 0 is without")
    if momentum and name != SGD:
        raise SpecError(
            f"momentum is SGD's, {name} keeps a mean of its own (beta1 = 0.9), got {momentum!r}; "
            "leave momentum out or use optimizer=sgd"
        )
