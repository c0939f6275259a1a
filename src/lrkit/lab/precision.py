"""Mixed precision: what runs in which number format, and a scaled loss where it needs one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


class Precision:
    """Full precision, or bfloat16 by autocast; float16 with a scaled loss on GPUs without bfloat16.

    With float16 an update whose gradient overflowed is left out, as everywhere in PyTorch; the
    schedule counts it all the same.
    """

    def __init__(
        self, device: torch.device, mixed: bool, number: torch.dtype | None = None
    ) -> None:
        self.kind = device.type
        self.mixed = mixed
        self.number = number or _format(device)
        scaled = mixed and self.number is torch.float16
        self._scaler = torch.amp.GradScaler(device.type, enabled=True) if scaled else None

    def context(self) -> AbstractContextManager[object]:
        """Return the context in which the model and the loss are computed."""
        return torch.autocast(self.kind, self.number) if self.mixed else nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of *loss*."""
        scaled = loss if self._scaler is None else self._scaler.scale(loss)
        scaled.backward()  # type: ignore[no-untyped-call]

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Bring the gradients to their true size, for clipping."""
        if self._scaler is not None:
            self._scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """Make the update."""
        if self._scaler is None:
            optimizer.step()
        else:
            self._scaler.step(optimizer)
            self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """Return the scale of the loss and its history; nothing where the loss is not scaled."""
        return {} if self._scaler is None else self._scaler.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from *state*; one of a training without a scaled loss says nothing."""
        if self._scaler is not None and state:
            self._scaler.load_state_dict(dict(state))


def _format(device: torch.device) -> torch.dtype:
    poor = device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.float16 if poor else torch.bfloat16
