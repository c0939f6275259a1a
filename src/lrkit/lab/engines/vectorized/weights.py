"""The weights of K models as one matrix: a row a model, the columns in the optimizer's groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lrkit.lab.contract import Task

ALIGNED = 32
"""Columns that a parameter's first is a multiple of: kernels want addresses that are round."""


@dataclass(frozen=True)
class Slot:
    """The columns *start*, ..., *stop* - 1 of a parameter called *name*."""

    name: str
    start: int
    stop: int
    shape: torch.Size


class Weights:
    """What K models train, and what they have besides: parameters that are frozen, and buffers.

    `leaves[name]` is the parameter of all models, a view of `flat`, whose first dimension counts
    the models; `frozen` and `buffers` have that first dimension too.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        first = tasks[0]
        names = {id(p): name for name, p in first.model.named_parameters()}
        self.slots: list[Slot] = []
        #: The columns of each group of the optimizer.
        self.groups: list[slice] = []
        end = 0
        for group in first.optimizer.param_groups:
            start = end
            for p in group["params"]:
                self.slots.append(Slot(names[id(p)], end, end + p.numel(), p.shape))
                end += -(-p.numel() // ALIGNED) * ALIGNED
            self.groups.append(slice(start, end))
        kind = first.optimizer.param_groups[0]["params"][0]
        self.flat = torch.zeros((len(tasks), end), dtype=kind.dtype, device=kind.device)
        trained = {slot.name for slot in self.slots}
        parameters = [dict(task.model.named_parameters()) for task in tasks]
        buffers = [dict(task.model.named_buffers()) for task in tasks]
        self.frozen = _stacked(
            [{k: v for k, v in p.items() if k not in trained} for p in parameters]
        )
        self.buffers = _stacked(buffers)
        self._look()
        for row, own in enumerate(parameters):
            for name, leaf in self.leaves.items():
                leaf.data[row].copy_(own[name].detach())

    def keep(self, rows: Tensor) -> None:
        """Forget the models that are not among *rows*."""
        self.flat = self.flat.index_select(0, rows)
        self.frozen = {k: v.index_select(0, rows) for k, v in self.frozen.items()}
        self.buffers = {k: v.index_select(0, rows) for k, v in self.buffers.items()}
        self._look()

    def views(self, matrix: Tensor) -> dict[str, Tensor]:
        """Return the columns of *matrix*, which is like `flat`, in the shapes of the parameters."""
        return {s.name: matrix[:, s.start : s.stop].view(len(matrix), *s.shape) for s in self.slots}

    @torch.no_grad()
    def give(self, row: int, task: Task) -> None:
        """Give the model of *task* the weights and the buffers of *row*."""
        own = dict(task.model.named_parameters())
        pairs: list[tuple[Tensor, Tensor]] = [
            (own[name], leaf[row]) for name, leaf in self.leaves.items()
        ]
        buffers = dict(task.model.named_buffers())
        pairs += [(buffers[name], value[row]) for name, value in self.buffers.items()]
        if pairs:
            torch._foreach_copy_([mine for mine, _ in pairs], [yours for _, yours in pairs])

    def _look(self) -> None:
        self.leaves = {
            name: view.detach().requires_grad_() for name, view in self.views(self.flat).items()
        }


def _stacked(each: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([one[name].detach() for one in each]) for name in each[0]}
