"""K models trained as one: their updates, and nothing of what comes between two.

The losses of all models come from one pass through the first one's code, by `torch.func`; as no
model's loss depends on another's weights, the gradient of their sum has the gradient of each.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from lrkit.errors import LoopError
from lrkit.lab.contract import Task
from lrkit.lab.engines.vectorized.feeding import Feed
from lrkit.lab.engines.vectorized.graphs import Graphs
from lrkit.lab.engines.vectorized.rules import Floats, rule_for
from lrkit.lab.engines.vectorized.weights import Weights

WINDOW: Final = 64
"""Updates between two readings of the losses, at most: every reading waits for all queued work."""
TINY: Final = 1e-6
"""As in `torch.nn.utils.clip_grad_norm_`."""


class Stack:
    """Trains the models of *tasks*, which are twins; *clips* are their bounds of the gradient.

    A task's own model is read here and then left alone until `give` or `save`. *say* is told what
    the user should know.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        clips: Sequence[float | None],
        say: Callable[[str], None],
    ) -> None:
        first = tasks[0]
        self.device = first.device
        self._base = copy.deepcopy(first.model).train()
        self._loss = first.loss
        self._say = say
        self.weights = Weights(tasks)
        self.rule = rule_for(first.optimizer)([task.optimizer for task in tasks])
        flat = self.weights.flat
        self._memory = [torch.zeros_like(flat) for _ in self.rule.memories]
        for name, matrix in zip(self.rule.memories, self._memory, strict=True):
            _load(self.weights.views(matrix), name, tasks)
        self._clips = np.array([np.inf if clip is None else clip for clip in clips])
        self._open()

    def __len__(self) -> int:
        return len(self.weights.flat)

    def keep(self, rows: Sequence[int]) -> None:
        """Let go of the models that are not among *rows*; what the others hold is not touched."""
        index = torch.tensor(rows, device=self.device)
        self.weights.keep(index)
        self.rule.keep(rows)
        self._memory = [matrix.index_select(0, index) for matrix in self._memory]
        self._clips = self._clips[list(rows)]
        self._open()

    def run(self, feed: Feed, rates: Floats) -> list[list[float]]:
        """Make an update for each of *rates*, shape (updates, groups, models); return the losses.

        They are of shape (updates, models); *feed* holds the batches of these updates.
        """
        count = len(rates)
        numbers = torch.from_numpy(self.rule.table(rates)).to(self._table.dtype)
        self._table[:count].copy_(numbers)
        self._cursor.zero_()
        self._graphs.run(feed.key, count, lambda: self._update(feed))
        return self._losses[:count].tolist()

    def give(self, row: int, task: Task) -> None:
        """Give the model of *task* what its *row* holds now."""
        self.weights.give(row, task)

    def save(self, row: int, task: Task) -> None:
        """Give *task* all of its *row*: the weights, and the memory of its optimizer."""
        self.give(row, task)
        names = {id(p): name for name, p in task.model.named_parameters()}
        views = [self.weights.views(matrix) for matrix in self._memory]
        for index, group in enumerate(task.optimizer.param_groups):
            for p in group["params"]:
                name = names[id(p)]
                values = {
                    memory: torch.empty_like(p).copy_(view[name][row])
                    for memory, view in zip(self.rule.memories, views, strict=True)
                }
                task.optimizer.state[p] = self.rule.state(row, index, values)

    # One update.

    def _open(self) -> None:
        """Make what has one number for each model anew."""
        flat = self.weights.flat
        groups, models = len(self.weights.groups), len(flat)
        self._grad = torch.zeros_like(flat)
        self._grads = list(self.weights.views(self._grad).values())
        self._table = flat.new_zeros((WINDOW, self.rule.width, groups, models))
        self._cursor = torch.zeros(1, dtype=torch.long, device=self.device)
        self._losses = flat.new_zeros((WINDOW, models))
        self._bound = torch.as_tensor(self._clips, dtype=flat.dtype, device=self.device)
        self._graphs = Graphs(self.device, self._say)

    def _update(self, feed: Feed) -> None:
        losses = self._backward(feed)
        with torch.no_grad():
            if np.isfinite(self._clips).any():
                norm = torch.linalg.vector_norm(self._grad, dim=1)
                self._grad.mul_((self._bound / (norm + TINY)).clamp_(max=1.0)[:, None])
            numbers = self._table.index_select(0, self._cursor)[0].unsqueeze(-1)
            for index, columns in enumerate(self.weights.groups):
                self.rule.update(
                    index,
                    self.weights.flat[:, columns],
                    self._grad[:, columns],
                    [matrix[:, columns] for matrix in self._memory],
                    [numbers[i, index] for i in range(self.rule.width)],
                )
            self._losses.index_copy_(0, self._cursor, losses.detach()[None].to(self._losses.dtype))
            self._cursor.add_(1)

    def _backward(self, feed: Feed) -> Tensor:
        """Put the gradients of all models into their matrix, and return the losses."""
        parts = feed.fetch(self._cursor)
        whole: Tensor | None = None
        for number, (x, y) in enumerate(parts):
            losses = self._forward(x, y, feed.shared)
            if len(parts) > 1:
                losses = losses / len(parts)
            leaves = self.weights.leaves
            grads = torch.autograd.grad(losses.sum(), list(leaves.values()), allow_unused=True)
            unused = [name for name, grad in zip(leaves, grads, strict=True) if grad is None]
            if unused:
                raise LoopError(
                    f"every parameter in the optimizer must take part in the loss, {unused[0]} "
                    "does not; leave it out of the optimizer, or take the engine 'processes'"
                )
            (torch._foreach_add_ if number else torch._foreach_copy_)(self._grads, list(grads))
            whole = losses.detach() if whole is None else whole + losses.detach()
        if whole is None:
            raise LoopError("an update needs a batch, there is none")
        return whole

    def _forward(self, x: Tensor, y: Tensor, shared: bool) -> Tensor:
        weights = self.weights

        def one(parameters: Any, buffers: Any, x: Tensor, y: Tensor) -> Any:
            both = parameters | buffers
            loss = self._loss(functional_call(self._base, both, (x,)), y)
            return loss, {name: both[name] for name in buffers}

        batch = None if shared else 0
        with self._attention():
            losses, buffers = vmap(one, in_dims=(0, 0, batch, batch), randomness="different")(
                weights.leaves | weights.frozen, weights.buffers, x, y
            )
        with torch.no_grad():
            for name, value in buffers.items():
                # A module that writes in place has written already; one that assigns has not.
                if value.data_ptr() != weights.buffers[name].data_ptr():
                    weights.buffers[name].copy_(value)
        return losses  # type: ignore[no-any-return]

    def _attention(self) -> AbstractContextManager[Any]:
        # On a CPU torch maps attention's formula only; its fused kernel would run model by model.
        return sdpa_kernel(SDPBackend.MATH) if self.device.type == "cpu" else nullcontext()


def _load(views: dict[str, Tensor], memory: str, tasks: Sequence[Task]) -> None:
    """Take over what the optimizers of *tasks* remember as *memory*."""
    for row, task in enumerate(tasks):
        for name, p in task.model.named_parameters():
            value = task.optimizer.state.get(p, {}).get(memory)
            if value is not None and name in views:
                views[name][row].copy_(value)
