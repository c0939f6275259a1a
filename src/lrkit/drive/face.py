"""What torch, and the libraries on top of it, look for in an `LRScheduler`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from lrkit.drive.rules import RATE
from lrkit.drive.writer import Writer


class Face(LRScheduler):
    """torch's interface in terms of ours; the names are torch's.

    torch's constructor is never called: it writes "initial_lr" into the groups, wraps
    `optimizer.step` (which fails on a compiled one), and writes rates before any are known.
    """

    _writer: Writer
    _extra_count: int

    @abstractmethod
    def seek(self, step: int) -> None:
        """Go to *step*."""

    @property
    def position(self) -> int:
        """The step whose values are set now: that of the next update, counted from 0."""
        return self._writer.position

    def get_last_lr(self) -> list[float | Tensor]:
        """Return the rates in use, one per group: a float, or a copy where it is a tensor."""
        rates: list[Any] = [group.get(RATE) for group in self._writer.optimizer.param_groups]
        return [rate.clone() if isinstance(rate, Tensor) else rate for rate in rates]

    def get_lr(self) -> list[float | Tensor]:
        """Return what `get_last_lr` does; torch's schedulers compute the next rates here."""
        return self.get_last_lr()

    @property
    def last_epoch(self) -> int:
        """The position; setting it is `seek`."""
        return self.position

    @last_epoch.setter
    def last_epoch(self, step: int) -> None:
        self.seek(step)

    @property
    def base_lrs(self) -> list[float | Tensor]:  # type: ignore[override]
        """The rates that the groups had of their own when they joined."""
        return list(self._writer.owns)

    @property
    def _last_lr(self) -> list[float | Tensor]:  # type: ignore[override]
        return self.get_last_lr()

    @property
    def _step_count(self) -> int:
        return self.position + 1 + self._extra_count

    @_step_count.setter
    def _step_count(self, count: int) -> None:
        # Accelerate adds to it for the batches between two updates; the schedule does not move.
        self._extra_count = count - self.position - 1
