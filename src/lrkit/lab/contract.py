"""What a task is: everything of a training but the schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from lrkit.errors import LoopError, SpecError


class Stateful(Protocol):
    """A part of a training with a memory of its own, as torch's modules and optimizers are."""

    def state_dict(self) -> Any:
        """Return the memory as tensors and plain Python types."""
        ...

    def load_state_dict(self, state: Any, /) -> Any:
        """Take up the memory that `state_dict` returned."""
        ...


@dataclass(eq=False)
class Task:
    """Everything of a training but the schedule: model, optimizer, batches, loss, evaluation.

    - `model` is on its device; `optimizer` holds its parameters. The scheduler sets the rates, so
      the rate the optimizer was built with does not matter; of groups built with different rates
      the first with one above 0 follows the schedule, and the others keep their ratio to it.
    - `loss(output, y)` gives the mean loss of a batch, a scalar.
    - `batches(epoch)` gives the batches `(x, y)` of epoch 0, 1, ..., `steps_per_epoch` of them,
      on the device, the same ones whenever it is asked. They may draw from the global random
      states of Python, NumPy and torch. A resume within an epoch runs through the batches before,
      so what batch k holds must not depend on what the model has drawn meanwhile.
    - `evaluate()` gives the scores after an epoch, `score` among them, from data held out.
    - `epochs` and `schedule` are the budget and the schedule for those who name none.
    - `data` says which data these are, where they may differ from place to place: it goes into the
      journal, and a run is only gone on with where it is the same.
    - `parts` are further things with a memory, by name: an average of the weights, a sampler.
      Checkpoints hold model, optimizer, random states and these.

    A training uses its task up: the weights are then trained.

    Raises `LoopError` when an epoch has no batch.
    """

    name: str
    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[Tensor, Tensor], Tensor]
    batches: Callable[[int], Iterable[tuple[Tensor, Tensor]]]
    evaluate: Callable[[], Mapping[str, float]]
    steps_per_epoch: int
    batch_size: int
    epochs: int = 10
    schedule: str = "0.1 * cosine()"
    score: str = "accuracy"
    higher_is_better: bool = True
    parts: Mapping[str, Stateful] = field(default_factory=dict)
    data: Mapping[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("steps_per_epoch", "batch_size", "epochs"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise LoopError(
                    f"`{name} >= 1` must hold, task {self.name!r} has {value!r}; "
                    "give it data, and a batch size no larger than the data"
                )

    @property
    def device(self) -> torch.device:
        """Where the model's parameters are."""
        parameter = next(self.model.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device


@dataclass(frozen=True, eq=False)
class IndexBatches:
    """Shuffled batches of tensors that are in memory, by index: no loader, no copy per sample.

    The order of an epoch depends on (seed, epoch) alone, so any epoch can be had at any time.
    The last batch holds what is left.
    """

    x: Tensor
    y: Tensor
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        if isinstance(self.batch_size, bool) or not isinstance(self.batch_size, int):
            raise SpecError(f"batch_size must be a whole number, got {self.batch_size!r}")
        if not 1 <= self.batch_size <= len(self.x):
            raise SpecError(
                f"batch_size must be from 1 to the {len(self.x)} samples there are, "
                f"got {self.batch_size}"
            )

    def __len__(self) -> int:
        return -(-len(self.x) // self.batch_size)

    def order(self, epoch: int) -> Tensor:
        """Return the samples of *epoch* by index, in the order they are taken, on the CPU."""
        state = np.random.SeedSequence((self.seed, epoch)).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state))
        return torch.randperm(len(self.x), generator=generator)

    def __call__(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        order = self.order(epoch).to(self.x.device)
        for start in range(0, len(order), self.batch_size):
            index = order[start : start + self.batch_size]
            yield self.x.index_select(0, index), self.y.index_select(0, index)


def first_line(error: BaseException, limit: int = 200) -> str:
    """Return the type and the message of *error* in one line."""
    words = " ".join(str(error).split())
    name = type(error).__name__
    return f"{name}: {words[:limit]}" if words else name
