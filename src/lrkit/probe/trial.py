"""One repeat of a range test: up the ramp, an update at each rate, until the loss is lost."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer

from lrkit.drive import Scheduler
from lrkit.errors import LoopError, SpecError
from lrkit.probe.aside import DeadUnits, Validator
from lrkit.probe.curve import Ending
from lrkit.probe.ending import Watch
from lrkit.probe.meter import Meter
from lrkit.probe.patience import Patience
from lrkit.probe.precision import Precision
from lrkit.probe.ramp import Ramp
from lrkit.probe.restore import drop_gradients
from lrkit.records.points import Point

LOOK_ON = 8  # updates beyond the high end that a test goes on when the loss is no longer good
AT_ONCE = 0.1  # a test that ends in this part of its ramp began too high


@dataclass
class Found:
    """What one repeat measured before each update."""

    losses: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    dead: list[float] = field(default_factory=list)
    ending: Ending = "end"
    still_good: bool = False
    left_out: int = 0

    def point(self, repeat: int, rate: float) -> Point:
        """Return what was measured last, at *rate* in *repeat*."""
        beside = [values[-1] for values in (self.validation, self.dead)]
        validation, dead = (None if math.isnan(value) else value for value in beside)
        return Point(repeat, len(self.losses) - 1, rate, self.losses[-1], validation, dead)

    def too_high(self, steps: int) -> bool:
        """Whether the loss rose at once, at the lowest rates."""
        shortest = max(8, math.ceil(AT_ONCE * steps))
        return self.ending != "end" and len(self.losses) <= shortest


@dataclass
class Trial:
    """Everything that a repeat needs, besides the rates."""

    model: nn.Module
    optimizer: Optimizer
    loss: Callable[[Any], Tensor]
    batches: Iterator[Any]
    shares: dict[int, float]
    precision: Precision
    accumulate: int
    clip: float | None
    stop: bool
    meter: Meter
    patience: Patience
    validator: Validator | None = None
    every: int = 1
    dead: bool = False
    also: tuple[Any, ...] = ()
    on_point: Callable[[Point], None] | None = None

    def run(self, ramp: Ramp, repeat: int = 0) -> Found:
        """Go up *ramp* and return what was measured; the caller restores what that changes."""
        rates = ramp.rates().tolist()
        scheduler = Scheduler(
            self.optimizer,
            lr={index: share * ramp.schedule for index, share in self.shares.items()},
            total=ramp.length,
        )
        found, watch = Found(), Watch()
        units: DeadUnits | None = None
        lost = 0
        for step, rate in enumerate(rates):
            self.patience.check()
            lost = 0 if watch.still_good else lost + 1
            if step >= ramp.steps and lost > LOOK_ON:
                break
            group = list(islice(self.batches, self.accumulate))
            if self.dead and units is None:
                units = DeadUnits(self.model, self.loss, group)
            found.validation.append(self._validated(step))
            found.dead.append(_mean_over_ranks(units()) if units is not None else math.nan)
            scale = self.precision.scale
            loss = self._update(group, watch, found, step)
            self.meter.stepped(rate, loss)
            if self.on_point is not None:
                self.on_point(found.point(repeat, rate))
            if found.ending != "end":
                break
            found.left_out += self.precision.scale < scale
            scheduler.step()
        scheduler.detach()
        found.still_good = found.ending == "end" and watch.still_good
        return found

    def _validated(self, step: int) -> float:
        if self.validator is None or step % self.every:
            return math.nan
        return _mean_over_ranks(self.validator())

    def _update(self, group: list[Any], watch: Watch, found: Found, step: int) -> float:
        """Make an update from the batches of *group*, unless the test ends; return the loss."""
        if needs_closure(self.optimizer):
            values: list[float] = []

            def closure() -> float:
                values.append(self._backward(group))
                return values[-1]

            self.optimizer.step(closure)
            value = _mean_over_ranks(values[0])
        else:
            value = _mean_over_ranks(self._backward(group))
        finite = math.isfinite(value)
        found.losses.append(value if finite else math.inf)
        if finite:
            watch.add(value)
        if not finite:
            found.ending = "not finite"
            if step == 0:
                raise LoopError(
                    f"the loss of the first batch must be finite, got {value} before any update; "
                    "see that the loss, the data and the weights are in order"
                )
        elif self.stop and watch.diverged:
            found.ending = "diverged"
        elif not needs_closure(self.optimizer):
            if self.clip is not None:
                self.precision.unscale(self.optimizer)
                nn.utils.clip_grad_norm_(self._parameters(), self.clip)
            self.precision.step(self.optimizer)
        return value

    def _backward(self, group: list[Any]) -> float:
        """Compute the gradients of the mean loss over *group*, and return that loss."""
        drop_gradients((self.model, self.optimizer, *self.also))
        total = 0.0
        for batch in group:
            loss = self.loss(batch)
            if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
                got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
                raise LoopError(
                    f"a loss must be one number that weights can be trained by, got {got}; "
                    "return the mean over the batch as a tensor, not detached"
                )
            self.precision.backward(loss.reshape(()) / len(group))
            total += float(loss.detach()) / len(group)
        return total

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]


def needs_closure(optimizer: Optimizer) -> bool:
    """Whether the optimizer computes the loss itself, several times an update, as LBFGS does."""
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def check_closure(optimizer: Optimizer, clip: float | None, scaled: bool) -> None:
    """Raise `SpecError` for what cannot be combined with an optimizer that needs a closure."""
    if needs_closure(optimizer) and (clip is not None or scaled):
        raise SpecError(
            f"{type(optimizer).__name__} computes its gradients itself, so they can be neither "
            "clipped nor scaled; leave clip and scaler out"
        )


def _mean_over_ranks(value: float) -> float:
    """Return the mean over the ranks of torch.distributed, so that all of them end together."""
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return value
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    whole = torch.tensor([value], dtype=torch.float64, device=device)
    dist.all_reduce(whole)
    return float(whole) / dist.get_world_size()
