"""Mixed precision: what runs in which number format, and a scaled loss where it needs one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


class Precision:
    """Full precision, or bfloat16 by autocast; float16 with a scaled loss on GPUs without bfloat16.

    A *scaler* of the caller's means float16 with its scale. With float16 an update whose gradient
    overflowed is left out, as everywhere in PyTorch; the schedule counts it all the same.
    """

    def __init__(
        self,
        device: torch.device,
        mixed: bool,
        number: torch.dtype | None = None,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        self.kind = device.type
        self.mixed = mixed
        self.number = number or (torch.float16 if scaler is not None else _format(device))
        if scaler is None and mixed and self.number is torch.float16:
            scaler = torch.amp.GradScaler(device.type, enabled=True)
        self.scaler = scaler

    @property
    def scale(self) -> float:
        """What the loss is multiplied by; it falls after an update that was left out."""
        return 1.0 if self.scaler is None else float(self.scaler.get_scale())

    def context(self) -> AbstractContextManager[object]:
        """Return the context in which the model and the loss are computed."""
        return torch.autocast(self.kind, self.number) if self.mixed else nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of *loss*."""
        scaled = loss if self.scaler is None else self.scaler.scale(loss)
        scaled.backward()  # type: ignore[no-untyped-call]

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Bring the gradients to their true size, for clipping."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """Make the update."""
        if self.scaler is None:
            optimizer.step()
        else:
            self.scaler.step(optimizer)
            self.scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """Return the scale of the loss and its history; nothing where the loss is not scaled."""
        return {} if self.scaler is None else self.scaler.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from *state*; one of a training without a scaled loss says nothing."""
        if self.scaler is not None and state:
            self.scaler.load_state_dict(dict(state))


def _format(device: torch.device) -> torch.dtype:
    poor = device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.float16 if poor else torch.bfloat16
