"""Regression of a polynomial with a small tanh network: the task `poly-tanh`."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from lrkit.lab.contract import IndexBatches, Task
from lrkit.lab.holdout import held_out
from lrkit.lab.optimizers import SGD, optimizer_of, peak_of

WEIGHTS = (2.0, -1.0, 3.0, 1.0, 2.0)
SAMPLES = 1000
DATA_SEED = 20  # arbitrary; the data are the same for every seed of the training


def poly_tanh(
    seed: int,
    device: str,
    batch_size: int = 20,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    optimizer: str = SGD,
    holdout: float = 0.0,
) -> Task:
    """Regression of y = 2a^2 - b^2 + 3c^2 + d^2 + 2e^2 (1,000 train, 1,000 test), tanh, SGD, MSE.

    x = (a, b, c, d, e) is uniform in [-1, 1]^5. The network is 5 - 32 - 32 - 1, with batch
    normalisation before each tanh. *optimizer* is "sgd", "adam" or "adamw"; *holdout* the share of
    the training data that is kept for choosing, and then scored in the place of the test data.
    """
    generator = torch.Generator().manual_seed(DATA_SEED)
    x = torch.rand((2 * SAMPLES, len(WEIGHTS)), generator=generator) * 2 - 1
    y = (x.square() @ torch.tensor(WEIGHTS)).unsqueeze(1)
    x, y = x.to(device), y.to(device)
    index, kept = (torch.from_numpy(part).to(device) for part in held_out(SAMPLES, holdout))
    tested = (x[kept], y[kept]) if len(kept) else (x[SAMPLES:], y[SAMPLES:])
    model = nn.Sequential(
        nn.Linear(len(WEIGHTS), 32),
        nn.BatchNorm1d(32),
        nn.Tanh(),
        nn.Linear(32, 32),
        nn.BatchNorm1d(32),
        nn.Tanh(),
        nn.Linear(32, 1),
    ).to(device)
    train = IndexBatches(x[index], y[index], batch_size, seed)
    return Task(
        name="poly-tanh",
        model=model,
        optimizer=optimizer_of(optimizer, model.parameters(), 0.01, momentum, weight_decay),
        loss=nn.functional.mse_loss,
        batches=train,
        evaluate=partial(_scores, model, *tested),
        steps_per_epoch=len(train),
        batch_size=batch_size,
        epochs=30,
        schedule=f"constant({peak_of(optimizer, 0.01)})",
        score="mse",
        higher_is_better=False,
    )


@torch.inference_mode()
def _scores(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Return the mean squared error over *x*."""
    model.eval()
    return {"mse": nn.functional.mse_loss(model(x), y).item()}
