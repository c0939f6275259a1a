"""The batches of K models for some updates: each its own, or one for all where all are equal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Final

import torch
from torch import Tensor

from lrkit.errors import LoopError
from lrkit.lab.contract import IndexBatches

Batch = tuple[Tensor, Tensor]
MEMORY: Final = 64 << 20
"""Bytes of batches that are taken at once, where they are not taken by index."""


class Feed(ABC):
    """The batches of the next updates, in tensors that stay in their place; see `key`."""

    #: Whether all models see the same batches.
    shared: bool
    #: The updates that there are batches for.
    count: int
    #: Equal for updates that are the same kernels on the same tensors; None: none are.
    key: Hashable | None

    @abstractmethod
    def fetch(self, cursor: Tensor) -> list[Batch]:
        """Return the batches of the update *cursor*, a tensor of one number, on the device.

        There is one for each part of the update; x and y have shape (models, samples, ...), or
        (samples, ...) where they are shared.
        """


class Indexed(Feed):
    """Samples of one data set by index: one selection serves all models."""

    def __init__(
        self, x: Tensor, y: Tensor, room: int, sizes: tuple[int, ...], models: int
    ) -> None:
        self._x, self._y = x, y
        self._sizes = sizes
        self._models = models
        self._index = torch.zeros((room, models, sum(sizes)), dtype=torch.long, device=x.device)
        self.shared, self.count = False, 0
        self.key = (sizes, False)

    def put(self, index: Tensor) -> None:
        """Take *index*, shape (updates, models, samples), for the next updates."""
        self.shared = self._models > 1 and bool((index == index[:, :1]).all())
        self.key = (self._sizes, self.shared)
        self.count = len(index)
        self._index[: self.count].copy_(index)

    def fetch(self, cursor: Tensor) -> list[Batch]:
        """Select the samples."""
        index = self._index.index_select(0, cursor)[0]
        if self.shared:
            index = index[0]
        flat = index.reshape(-1)
        x, y = (
            data.index_select(0, flat).view(*index.shape, *data.shape[1:])
            for data in (self._x, self._y)
        )
        if len(self._sizes) == 1:
            return [(x, y)]
        along = index.dim() - 1
        parts = (torch.split(data, list(self._sizes), along) for data in (x, y))
        return list(zip(*parts, strict=True))


class Taken(Feed):
    """Batches that the tasks have made themselves, of all updates of a stride."""

    def __init__(self, updates: Sequence[Sequence[Sequence[Batch]]]) -> None:
        """Take `updates[u][k]`, the batches of update u of model k."""
        self.shared, self.count = False, len(updates)
        self.key = None
        self._parts = [
            [
                (_one([b[0] for b in part]), _one([b[1] for b in part]))
                for part in zip(*models, strict=True)
            ]
            for models in updates
        ]
        self._next = 0

    def fetch(self, cursor: Tensor) -> list[Batch]:
        """Return the batches of the next update."""
        self._next += 1
        return self._parts[self._next - 1]


def _one(tensors: Sequence[Tensor]) -> Tensor:
    if len({t.shape for t in tensors}) > 1:
        raise LoopError(
            "the batches of models trained as one must have one shape, got "
            f"{', '.join(str(tuple(t.shape)) for t in tensors[:2])}; take the engine 'processes'"
        )
    return torch.stack(list(tensors))


def parts_of(batches: IndexBatches, accumulate: int, update: int) -> tuple[int, ...]:
    """Return the sizes of the batches that *update* of an epoch is made of."""
    start = update * accumulate * batches.batch_size
    stop = min(start + accumulate * batches.batch_size, len(batches.x))
    whole, rest = divmod(stop - start, batches.batch_size)
    return (batches.batch_size,) * whole + ((rest,) if rest else ())
