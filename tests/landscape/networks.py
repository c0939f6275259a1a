"""Small real networks and their runs, for the tests of slices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from lrkit.lab import IndexBatches, Task, train
from lrkit.lab.images import digits


def perceptron(seed: int, device: str, samples: int = 200, momentum: float = 0.0) -> Task:
    """A tanh network on *samples* digits, all in one batch, mean squared error: smooth."""
    raw = digits()
    x = torch.from_numpy(raw.train[:samples].reshape(samples, -1)).float().to(device) / 255
    x = x - x.mean(0)
    y = nn.functional.one_hot(torch.from_numpy(raw.train_labels[:samples]).long(), 10).float()
    y = y.to(device)
    model = nn.Sequential(nn.Linear(x.shape[1], 24), nn.Tanh(), nn.Linear(24, 10)).to(device)

    @torch.inference_mode()
    def scores() -> dict[str, float]:
        return {"mse": float(nn.functional.mse_loss(model(x), y))}

    return Task(
        name="perceptron",
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum),
        loss=nn.functional.mse_loss,
        batches=IndexBatches(x, y, samples, seed),
        evaluate=scores,
        steps_per_epoch=1,
        batch_size=samples,
        score="mse",
        higher_is_better=False,
    )


def poly_run(folder: Path, epochs: int = 6, **more: Any) -> Path:
    """Train poly-tanh, which has batch normalisation, and return its run with all checkpoints."""
    how = {"options": {"batch_size": 100}, "checkpoint": "1ep", "keep": "all", "device": "cpu"}
    train("poly-tanh", "0.05 * cosine()", epochs=epochs, run=folder, **(how | more))
    return folder
