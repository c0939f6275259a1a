"""Several processes that make one training: data-parallel, under torchrun.

Every rank has the whole task and makes each update from its share of the batch; the gradients,
weighted by the shares, are summed. Choices:

- The update is that of the whole batch: shares need not be even, and a rank may have none (a
  last batch of one sample). `DistributedDataParallel` averages over ranks instead, which weights
  the samples of an uneven batch unevenly. Its overlap of communication with the backward pass is
  not had here; the lab's tasks are small.
- As under `DistributedDataParallel`, batch normalisation sees a rank's own share, and the running
  statistics are those of rank 0.
- Rank 0 alone evaluates, writes the journal and the checkpoints, and asks. Whatever one rank
  knows and the others must (an answer, an error, a signal) travels by `share` and `any_of`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")


class Ranks:
    """The processes of one training, this one among them; a world of one asks nobody."""

    def __init__(self) -> None:
        together = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        self.size = dist.get_world_size() if together else 1
        self.rank = dist.get_rank() if together else 0
        self._group: Any = None
        if together and dist.get_backend() != "gloo":
            self._group = dist.new_group(backend="gloo")  # for what is not on a device

    @property
    def alone(self) -> bool:
        """Whether there is no other rank."""
        return self.size == 1

    @property
    def leads(self) -> bool:
        """Whether this is rank 0, which reads and writes for all."""
        return self.rank == 0

    def seed(self, seed: int) -> int:
        """Return the seed of this rank's random states: the training's own on rank 0.

        Ranks that drew the same dropout masks for different samples would make a smaller sample.
        """
        if self.rank == 0:
            return seed
        return int(np.random.SeedSequence((seed, self.rank)).generate_state(1, np.uint64)[0] >> 1)

    # What one rank finds out for all.

    def share(self, find: Callable[[], T]) -> T:
        """Return on every rank what *find* gives on rank 0, or raise what it raises there."""
        if self.alone:
            return find()
        box: list[Any] = [None, None]
        if self.leads:
            try:
                box[0] = find()
            except Exception as error:  # the other ranks wait for the answer
                box[1] = error
        dist.broadcast_object_list(box, src=0, group=self._group)
        if box[1] is not None:
            raise box[1]
        found: T = box[0]
        return found

    def lead(self, do: Callable[[], T]) -> T | None:
        """Return what *do* gives on rank 0, None on the others; what it raises, all raise."""
        done: list[T] = []
        self.share(lambda: done.append(do()))
        return done[0] if done else None

    def all_of(self, value: T) -> list[T]:
        """Return the *value* of every rank, by rank."""
        if self.alone:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value, group=self._group)
        return found

    def any_of(self, *facts: bool) -> tuple[bool, ...]:
        """Return for each of *facts* whether it is so on any rank."""
        if self.alone:
            return facts
        counts = torch.tensor(facts, dtype=torch.float64)
        dist.all_reduce(counts, group=self._group)
        return tuple(count > 0 for count in counts.tolist())

    # One update.

    def part(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
        """Return this rank's share of the batch *x*, *y*, and what part of the whole it is."""
        if self.alone:
            return x, y, 1.0
        whole = len(x)
        start, stop = self.rank * whole // self.size, (self.rank + 1) * whole // self.size
        return x[start:stop], y[start:stop], (stop - start) / whole

    def add_up(self, parameters: Sequence[Tensor], loss: Tensor | None) -> Tensor:
        """Sum the gradients of *parameters* over the ranks, in place, and return the whole loss.

        Where no rank has a gradient there is none afterwards, as in a training by one process.
        """
        here = [p.grad is not None for p in parameters]
        facts = torch.tensor(
            [0.0 if loss is None else float(loss), *map(float, here)], dtype=torch.float64
        )
        dist.all_reduce(facts, group=self._group)
        wanted = [p for p, count in zip(parameters, facts[1:].tolist(), strict=True) if count]
        kinds = dict.fromkeys((p.dtype, p.device) for p in wanted)
        for kind in kinds:
            self._sum([p for p in wanted if (p.dtype, p.device) == kind])
        return facts[0]

    def _sum(self, parameters: Sequence[Tensor]) -> None:
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([grad.reshape(-1) for grad in grads])
        dist.all_reduce(flat)
        pieces = torch.split(flat, [grad.numel() for grad in grads])
        for parameter, grad, piece in zip(parameters, grads, pieces, strict=True):
            grad.copy_(piece.view(grad.shape))
            parameter.grad = grad

    # What must be the same everywhere.

    def same_weights(self, model: nn.Module) -> None:
        """Give every rank the parameters and buffers of rank 0."""
        if not self.alone:
            self._same([p.detach() for p in model.parameters()])
            self.same_buffers(model)

    def same_buffers(self, model: nn.Module) -> None:
        """Give every rank the buffers of rank 0: running statistics, as a rule."""
        if not self.alone:
            self._same(list(model.buffers()))

    def _same(self, tensors: Sequence[Tensor]) -> None:
        for tensor in tensors:
            own = tensor.contiguous()
            dist.broadcast(own, src=0)
            if own is not tensor:
                tensor.copy_(own)


@contextmanager
def joined() -> Iterator[Ranks]:
    """Join the other processes of `torchrun` for the block, over gloo, and yield the ranks.

    Where the caller has joined them already, or there is no torchrun, that is left as it is.
    """
    ours = (
        dist.is_available()
        and not dist.is_initialized()
        and "TORCHELASTIC_RUN_ID" in os.environ
        and int(os.environ.get("WORLD_SIZE", "1")) > 1
    )
    if not ours:
        yield Ranks()
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if torch.cuda.is_available() and local < torch.cuda.device_count():
        torch.cuda.set_device(local)
    dist.init_process_group("gloo")
    try:
        yield Ranks()
    finally:
        dist.destroy_process_group()
