"""The rules of SGD, Adam and AdamW on the parameters of K models at once.

The parameters of a stack are the rows of one matrix, and a parameter group is a range of its
columns. What a rule multiplies by is a number for each update, group and model: it is worked out
in float64 beforehand, as torch does for one model, and put into a table that the device reads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lrkit.errors import SpecError

Floats = NDArray[np.float64]


class Rule(ABC):
    """One kind of optimizer; *optimizers* are those of the models, groups in the same order.

    `numbers[name]` has the hyper-parameter of each group and model, shape (groups, models).
    """

    #: The hyper-parameters that are numbers.
    takes: tuple[str, ...] = ()
    #: How many numbers an update needs, for each group and model.
    width: int = 0
    #: The names in `optimizer.state` of what has the shape of a parameter.
    memories: tuple[str, ...] = ()

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        groups = range(len(optimizers[0].param_groups))
        self.numbers = {
            name: np.array(
                [[self.read(o.param_groups[g], name) for o in optimizers] for g in groups]
            )
            for name in self.takes
        }
        #: The updates that each model's optimizer has made.
        self.made = np.array([self.updates(o) for o in optimizers], dtype=np.int64)
        self.flags = [self.flags_of(group) for group in optimizers[0].param_groups]

    def keep(self, rows: Sequence[int]) -> None:
        """Forget the models that are not among *rows*."""
        self.numbers = {name: values[:, rows] for name, values in self.numbers.items()}
        self.made = self.made[list(rows)]

    def read(self, group: Mapping[str, Any], name: str) -> float:
        """Return the hyper-parameter *name* of *group*."""
        return float(group[name])

    @abstractmethod
    def flags_of(self, group: Mapping[str, Any]) -> Any:
        """Return what is no number and must be the same in all models."""

    @abstractmethod
    def updates(self, optimizer: torch.optim.Optimizer) -> int:
        """Return how many updates *optimizer* has made."""

    @abstractmethod
    def table(self, rates: Floats) -> Floats:
        """Return the numbers of the next updates, shape (updates, width, groups, models).

        *rates* has shape (updates, groups, models); the updates count as made.
        """

    @abstractmethod
    def update(
        self, group: int, p: Tensor, g: Tensor, memory: Sequence[Tensor], c: Sequence[Tensor]
    ) -> None:
        """Make the update of *group*: parameters *p* (models, columns) by the gradient *g*.

        *c* are its numbers, of shape (models, 1) each.
        """

    @abstractmethod
    def state(self, row: int, group: int, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """Return what torch keeps of a parameter of the model *row*, *values* by memory."""

    def _steps(self, count: int) -> Floats:
        """Return the numbers of the next *count* updates, from 1, shape (count, 1, models)."""
        first = self.made.copy()
        self.made = self.made + count
        return (first[None, None, :] + np.arange(1, count + 1)[:, None, None]).astype(np.float64)


class Sgd(Rule):
    """p <- p - r d, d = b + m b' with momentum; see `torch.optim.SGD`."""

    takes = ("momentum", "dampening", "weight_decay")
    width = 5
    memories = ("momentum_buffer",)

    def flags_of(self, group: Mapping[str, Any]) -> Any:
        """Return whether the momentum is Nesterov's."""
        return bool(group["nesterov"])

    def updates(self, optimizer: torch.optim.Optimizer) -> int:
        """Return 1 where there is a momentum already: the first one is the gradient itself."""
        return int(any("momentum_buffer" in s for s in optimizer.state.values()))

    def table(self, rates: Floats) -> Floats:
        """Return rate, decay, momentum, what is kept of the sum and what is added to it."""
        fresh = self._steps(len(rates)) == 1
        momentum, decay = self.numbers["momentum"], self.numbers["weight_decay"]
        whole = np.broadcast_to(momentum, rates.shape)
        kept = np.where(fresh, 0.0, whole)
        added = np.where(fresh | (whole == 0), 1.0, 1.0 - self.numbers["dampening"])
        return np.stack([rates, np.broadcast_to(decay, rates.shape), whole, kept, added], axis=1)

    def update(
        self, group: int, p: Tensor, g: Tensor, memory: Sequence[Tensor], c: Sequence[Tensor]
    ) -> None:
        """Make the update of *group*."""
        rate, decay, momentum, kept, added = c
        if self.numbers["weight_decay"][group].any():
            g = torch.addcmul(g, p, decay)
        if self.numbers["momentum"][group].any():
            (total,) = memory
            total.mul_(kept).addcmul_(g, added)
            g = torch.addcmul(g, total, momentum) if self.flags[group] else total
        p.addcmul_(g, rate, value=-1)

    def state(self, row: int, group: int, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """Return the momentum, where there is one."""
        has = self.numbers["momentum"][group, row] != 0 and self.made[row] > 0
        return dict(values) if has else {}


class Adam(Rule):
    """p <- p - r m / (sqrt(v) + eps), both averages unbiased; see `torch.optim.Adam`, `AdamW`."""

    takes = ("beta1", "beta2", "eps", "weight_decay")
    width = 7
    memories = ("exp_avg", "exp_avg_sq")
    decoupled = False

    def read(self, group: Mapping[str, Any], name: str) -> float:
        """Return the hyper-parameter, the betas by their number."""
        return float(group["betas"][int(name[-1]) - 1] if name.startswith("beta") else group[name])

    def flags_of(self, group: Mapping[str, Any]) -> Any:
        """Return whether the weight decay is apart from the gradient."""
        return bool(group.get("decoupled_weight_decay", self.decoupled))

    def updates(self, optimizer: torch.optim.Optimizer) -> int:
        """Return the largest count of its parameters."""
        return max((int(s["step"]) for s in optimizer.state.values() if "step" in s), default=0)

    def table(self, rates: Floats) -> Floats:
        """Return the step, sqrt(1 - beta2^t), the decay, 1 - beta1, beta2, 1 - beta2 and eps."""
        t = self._steps(len(rates))
        n = {k: np.broadcast_to(v, rates.shape) for k, v in self.numbers.items()}
        step = rates / (1 - n["beta1"] ** t)
        root = np.sqrt(1 - n["beta2"] ** t)
        apart = np.array(self.flags)[None, :, None]
        decay = np.where(apart, 1 - rates * n["weight_decay"], n["weight_decay"])
        rest = (1 - n["beta1"], n["beta2"], 1 - n["beta2"], n["eps"])
        return np.stack([step, root, decay, *rest], axis=1)

    def update(
        self, group: int, p: Tensor, g: Tensor, memory: Sequence[Tensor], c: Sequence[Tensor]
    ) -> None:
        """Make the update of *group*."""
        step, root, decay, fresh, kept, added, eps = c
        mean, square = memory
        if self.numbers["weight_decay"][group].any():
            if self.flags[group]:
                p.mul_(decay)
            else:
                g = torch.addcmul(g, p, decay)
        mean.lerp_(g, fresh)
        square.mul_(kept).addcmul_(g * g, added)
        p.addcmul_(mean / square.sqrt().div_(root).add_(eps), step, value=-1)

    def state(self, row: int, group: int, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """Return the averages and the count."""
        made = int(self.made[row])
        return {"step": torch.tensor(float(made)), **values} if made else {}


class AdamW(Adam):
    """Adam with the weight decay apart from the gradient."""

    decoupled = True


RULES: Final[Mapping[type[torch.optim.Optimizer], type[Rule]]] = {
    torch.optim.SGD: Sgd,
    torch.optim.Adam: Adam,
    torch.optim.AdamW: AdamW,
}
UNKNOWN: Final = ("amsgrad", "maximize", "differentiable")
"""Flags of torch's optimizers that no rule here knows."""


def rule_for(optimizer: torch.optim.Optimizer) -> type[Rule]:
    """Return the rule of *optimizer*; raise `SpecError`, by name, where there is none."""
    kind = type(optimizer)
    if kind not in RULES:
        known = ", ".join(one.__name__ for one in RULES)
        raise SpecError(
            f"the engine 'vectorized' knows {known}, the task has {kind.__name__}; "
            "take the engine 'processes'"
        )
    for group in optimizer.param_groups:
        for flag in UNKNOWN:
            if group.get(flag):
                raise SpecError(
                    f"the engine 'vectorized' knows {kind.__name__} without {flag}=True; "
                    "take the engine 'processes'"
                )
        for name in ("lr", "weight_decay"):
            if isinstance(group[name], Tensor):
                raise SpecError(
                    f"the engine 'vectorized' needs a plain number for {name}, the task's "
                    "optimizer has a tensor; take the engine 'processes'"
                )
    return RULES[kind]
