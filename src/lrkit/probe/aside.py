"""Validation and dead units: what is measured beside the training loss, and leaves no trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lrkit.errors import LoopError, SpecError
from lrkit.probe.keep import keep
from lrkit.probe.randomness import RandomState
from lrkit.probe.stream import moved

Loss = Callable[[Any], Tensor]
Validation = Callable[[], float | Mapping[str, float]] | Iterable[Any]

RELUS = (torch.ops.aten.relu.default, torch.ops.aten.relu_.default)
IMAGES = 4  # axes from which on the units are the channels


class Validator:
    """Calls the caller's own function, or takes the mean loss over batches in evaluation mode."""

    def __init__(
        self,
        given: Validation,
        name: str,
        model: nn.Module,
        loss: Loss,
        device: torch.device | None,
    ) -> None:
        if not callable(given) and isinstance(given, Iterator):
            raise SpecError(
                "`validation` is used again and again, and what is used up by reading is empty "
                "the second time; pass the list or DataLoader, or a function without arguments"
            )
        self.given, self.name = given, name
        self.model, self.loss, self.device = model, loss, device

    def __call__(self) -> float:
        """Return the score now."""
        with _untouched(self.model):
            return self._called(self.given) if callable(self.given) else self._mean(self.given)

    def _called(self, function: Callable[[], float | Mapping[str, float]]) -> float:
        found = function()
        if not isinstance(found, Mapping):
            return float(found)
        if self.name not in found:
            raise LoopError(
                f"the validation must give {self.name!r}, it gave {', '.join(found) or 'nothing'}; "
                "pass validation_name="
            )
        return float(found[self.name])

    def _mean(self, batches: Iterable[Any]) -> float:
        count = 0
        total = 0.0
        self.model.eval()
        with torch.no_grad():
            for batch in batches:
                here = batch if self.device is None else moved(batch, self.device)
                total, count = total + float(self.loss(here)), count + 1
        if not count:
            raise LoopError("the validation has no batch; pass a list or DataLoader with some")
        return total / count


class DeadUnits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The share of ReLU units that are 0 for every sample of *batches*.

    It sees every ReLU that runs, as a module or a function, by the operation itself, so nothing
    is hooked into the model; ReLU6 and leaky ones are other operations. A unit is a channel where
    the activation has four axes or more, else an element of its last axis. The forward pass is in
    the model's own mode (batch normalisation normalises as in the training), and leaves nothing.
    """

    def __init__(self, model: nn.Module, loss: Loss, batches: list[Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.model, self.loss, self.batches = model, loss, batches
        self._alive: list[Tensor] = []
        self._place = 0

    def __call__(self) -> float:
        """Return the share now, from 0 to 1."""
        self._alive = []
        buffers = keep({f"{i}": b for i, b in enumerate(self.model.buffers())}, {})
        try:
            # A compiled graph has no ReLU to be seen.
            with _untouched(self.model), torch.no_grad(), torch.compiler.set_stance("force_eager"):
                for batch in self.batches:
                    self._place = 0
                    with self:
                        self.loss(batch)
        finally:
            buffers()
        if not self._alive:
            raise LoopError("no ReLU ran in the forward pass; leave dead out for this model")
        alive = torch.cat([units.flatten() for units in self._alive])
        return 1.0 - float(alive.double().mean())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the operation, and look at its result where it is a ReLU."""
        result = func(*args, **(kwargs or {}))
        if func in RELUS and result.dim() > 0:
            units = 1 if result.dim() >= IMAGES else result.dim() - 1
            others = [axis for axis in range(result.dim()) if axis != units]
            positive = result > 0
            alive = positive.any(others) if others else positive
            if self._place == len(self._alive):
                self._alive.append(alive)
            else:  # a further batch: alive in any of them
                self._alive[self._place] = self._alive[self._place] | alive
            self._place += 1
        return result


@contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
    """Put modes and random states back, so that what is measured does not change the test."""
    modes = [(part, part.training) for part in model.modules()]
    random_state = RandomState.now()
    gradients = torch.is_grad_enabled()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
        random_state.restore()
        torch.set_grad_enabled(gradients)
