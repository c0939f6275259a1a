"""The batches of a range test: one endless stream that takes nothing from the training's own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lrkit.errors import LoopError, SpecError

Batches = Iterable[Any] | Callable[[int], Iterable[Any]]


def check_batches(batches: object) -> None:
    """Raise `SpecError` for what is no source of batches, or one that is used up by reading."""
    if callable(batches):
        return
    # Not by iter(batches): a DataLoader draws a seed for it from torch's random state.
    if not (hasattr(batches, "__iter__") or hasattr(batches, "__getitem__")):
        raise SpecError(
            "`batches` must be a list, a DataLoader or a function epoch -> batches, got "
            f"{type(batches).__name__}"
        )
    if isinstance(batches, Iterator):
        raise SpecError(
            f"`batches` must be there to be read again, a {type(batches).__name__} is used up by "
            "reading and cannot be put back; pass the list or DataLoader it comes from, or a "
            "function epoch -> batches"
        )


def stream(batches: Batches, epoch: int, device: torch.device | None) -> Generator[Any, None, None]:
    """Yield batches for ever, on *device*: those of *epoch*, then those of the epochs after it.

    Raises `LoopError` when an epoch has no batch.
    """
    source = _private(batches)
    while True:
        empty = True
        _set_epoch(source, epoch)
        for batch in source(epoch) if callable(source) else source:
            empty = False
            yield batch if device is None else moved(batch, device)
        if empty:
            raise LoopError(
                f"a range test needs batches, epoch {epoch} has none; pass a list, a DataLoader "
                "or a function epoch -> batches that gives some every time"
            )
        epoch += 1


def parts_to_restore(batches: Batches) -> list[Any]:
    """Return what reading *batches* changes, as far as it is known: a loader's generators."""
    found: list[Any] = []
    for owner in _owners(batches):
        generator = getattr(owner, "generator", None)
        if isinstance(generator, torch.Generator):
            found.append(generator)
        if hasattr(owner, "set_epoch") and isinstance(getattr(owner, "epoch", None), int):
            found.append(_Epoch(owner))
    return found


def moved(batch: Any, device: torch.device) -> Any:
    """Return *batch* with its tensors on *device*, inside tuples, lists and mappings too."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(moved(member, device) for member in batch))
    if isinstance(batch, (tuple, list)):
        return type(batch)(moved(member, device) for member in batch)
    if isinstance(batch, dict):
        return type(batch)((key, moved(value, device)) for key, value in batch.items())
    if isinstance(batch, Mapping) and hasattr(batch, "to"):  # transformers' BatchEncoding
        return batch.to(device)
    return batch


class _Epoch:
    """The epoch of a DistributedSampler, with a state of its own."""

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.sampler.epoch}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        self.sampler.set_epoch(state["epoch"])


def _private(batches: Batches) -> Batches:
    """Return a loader of our own: persistent workers serve one reader, maybe the training's."""
    if isinstance(batches, DataLoader) and batches.persistent_workers:
        loader = copy.copy(batches)
        loader._iterator = None
        return loader
    return batches


def _set_epoch(batches: Batches, epoch: int) -> None:
    for owner in _owners(batches):
        if hasattr(owner, "set_epoch") and isinstance(getattr(owner, "epoch", None), int):
            owner.set_epoch(epoch)


def _owners(batches: Batches) -> list[Any]:
    if not isinstance(batches, DataLoader):
        return [batches]
    sampler, outer = batches.sampler, batches.batch_sampler
    inner = getattr(outer, "sampler", None)
    found: list[Any] = [batches]
    for one in (sampler, outer, inner):
        if one is not None and not any(one is other for other in found):
            found.append(one)
    return found
