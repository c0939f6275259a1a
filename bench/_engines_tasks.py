"""The tasks that `bench.engines` trains: small networks on data that are in memory once."""

from __future__ import annotations

import dataclasses
import functools

import torch
from torch import Tensor, nn

from lrkit.lab import IndexBatches, Task, task
from lrkit.lab.images import digits
from lrkit.lab.lenet import lenet
from lrkit.lab.scores import classification

SAMPLES = 60_000
TESTED = 10_000


@functools.cache
def images(device: str) -> tuple[Tensor, Tensor]:
    """Return the digits, repeated until there are as many as in MNIST: time is all that counts."""
    found = digits()
    x = torch.from_numpy(found.train.copy()).to(device, torch.float32).div_(255).unsqueeze_(1)
    y = torch.from_numpy(found.train_labels.copy()).to(device)
    index = torch.arange(SAMPLES, device=device) % len(x)
    return x[index], y[index]


def lenet_large(seed: int, device: str, batch_size: int = 256) -> Task:
    """LeNet on 60,000 images of 28x28, scored on 10,000; SGD with momentum."""
    x, y = images(device)
    model = lenet().to(device)
    batches = IndexBatches(x, y, batch_size, seed)
    return Task(
        name="lenet-large",
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        loss=nn.functional.cross_entropy,
        batches=batches,
        evaluate=functools.partial(classification, model, x[:TESTED], y[:TESTED]),
        steps_per_epoch=len(batches),
        batch_size=batch_size,
    )


def normed(seed: int, device: str) -> Task:
    """The network of `relu-digits` with batch normalisation, Adam, for the check of the results."""
    return adam(task("relu-digits", seed, device, norm="batch"))


def lenet_adam(seed: int, device: str) -> Task:
    """`lenet-digits` with Adam."""
    return adam(task("lenet-digits", seed, device))


def adam(made: Task) -> Task:
    """Return *made* with Adam for its optimizer."""
    return dataclasses.replace(made, optimizer=torch.optim.Adam(made.model.parameters()))
