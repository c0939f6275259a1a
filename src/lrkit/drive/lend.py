"""Lending an optimizer: whoever drives it stands back, and finds its groups as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lrkit.drive.attach import innermost, stand_back
from lrkit.drive.rules import ParamGroup


@contextmanager
def lent(optimizer: Optimizer) -> Iterator[Optimizer]:
    """Lend *optimizer* for the block, free of any scheduler; then its groups are as before.

    A `Scheduler` may be built on it in the block, whoever drives it outside: that one counts no
    update and writes nothing meanwhile. Afterwards every group holds the very objects that it
    held, tensors with their values, so that neither that scheduler nor one of torch's sees any
    change; also after an exception. Weights and the optimizer's state are the caller's to keep.

    >>> from lrkit import constant
    >>> from lrkit.drive import Scheduler
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    >>> mine = Scheduler(optimizer, lr=constant(0.5))
    >>> with lent(optimizer) as free:
    ...     other = Scheduler(free, lr=constant(0.1))
    ...     free.param_groups[0]["lr"]
    0.1
    >>> optimizer.param_groups[0]["lr"]
    0.5
    """
    inner = innermost(optimizer)
    groups: list[ParamGroup] = inner.param_groups
    kept = [(group, [(key, _Value(value)) for key, value in group.items()]) for group in groups]
    with stand_back(inner):
        try:
            yield inner
        finally:
            inner.param_groups = groups
            groups[:] = [group for group, _ in kept]
            for group, values in kept:
                group.clear()
                group.update((key, value.back()) for key, value in values)


class _Value:
    """A member of a group: the object, and what it holds where it can be written to in place."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.members = [*value] if isinstance(value, list) else None  # the parameters
        inside = value if isinstance(value, (tuple, list)) else (value,)
        tensors = [v for v in inside if isinstance(v, Tensor) and not _is_weight(v)]
        with torch.no_grad():
            self.copies = [(tensor, tensor.detach().clone()) for tensor in tensors]

    def back(self) -> Any:
        if self.members is not None:
            self.value[:] = self.members
        with torch.no_grad():
            for tensor, copy in self.copies:
                # A write in place would look to the tensor's scheduler like someone else's.
                if not torch.equal(tensor, copy):
                    tensor.copy_(copy)
        return self.value


def _is_weight(tensor: Tensor) -> bool:
    return isinstance(tensor, torch.nn.Parameter)
