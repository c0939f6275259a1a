"""What a classifier is worth on data held out."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

EVALUATION_BATCH: Final = 1000


@torch.inference_mode()
def classification(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Return the accuracy and the mean loss over *images*."""
    model.eval()
    right = torch.zeros((), device=labels.device)
    loss = torch.zeros((), device=labels.device)
    parts = (torch.split(tensor, EVALUATION_BATCH) for tensor in (images, labels))
    for x, y in zip(*parts, strict=True):
        output = model(x)
        loss += nn.functional.cross_entropy(output, y, reduction="sum")
        right += (output.argmax(1) == y).sum()
    return {"accuracy": right.item() / len(labels), "loss": loss.item() / len(labels)}
