"""LeNet on images: the tasks `lenet-digits` and `lenet-fashion`."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lrkit.lab.contract import IndexBatches, Task
from lrkit.lab.fashion import fashion
from lrkit.lab.images import Images, digits
from lrkit.lab.optimizers import SGD, optimizer_of, peak_of
from lrkit.lab.scores import classification


def lenet() -> nn.Sequential:
    """Return LeNet with ReLU and max pooling for images of 28x28 and ten classes.

    conv 6 of 5x5 - pool - conv 16 of 5x5 - pool - 120 - 84 - 10, PyTorch's own initialisation.

    Source: LeCun et al. 1998, in the form of d2l (Zhang et al.), section 10.11.
    """
    # Pooling before the ReLU: the maximum and the ReLU commute, and it is a quarter of the work.
    net = nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5, padding=2),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(6, 16, kernel_size=5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    # A tenth faster on a CPU; with one channel the images are in both layouts already.
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def lenet_digits(
    seed: int,
    device: str,
    batch_size: int = 32,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    optimizer: str = SGD,
    holdout: float = 0.0,
) -> Task:
    """LeNet on scikit-learn's handwritten digits (898 train, 899 test), SGD; real and offline.

    *optimizer* is "sgd", "adam" or "adamw"; *holdout* the share of the training data that is kept
    for choosing, and then scored in the place of the test data.
    """
    model = lenet().to(device)
    return _classify(
        "lenet-digits",
        digits().kept_for_choosing(holdout),
        model,
        optimizer_of(optimizer, model.parameters(), 0.1, momentum, weight_decay),
        batch_size,
        seed,
        epochs=20,
        schedule=f"{peak_of(optimizer, 0.1)} * (warmup(2ep) >> cosine())",
    )


def lenet_fashion(
    seed: int,
    device: str,
    batch_size: int = 256,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    optimizer: str = SGD,
    holdout: float = 0.0,
) -> Task:
    """LeNet on Fashion-MNIST (60,000 train, 10,000 test), SGD, as in d2l 10.11.

    *optimizer* is "sgd", "adam" or "adamw"; *holdout* the share of the training data that is kept
    for choosing, and then scored in the place of the test data.
    """
    model = lenet().to(device)
    return _classify(
        "lenet-fashion",
        fashion().kept_for_choosing(holdout),
        model,
        optimizer_of(optimizer, model.parameters(), 0.1, momentum, weight_decay),
        batch_size,
        seed,
        epochs=30,
        schedule=f"{peak_of(optimizer, 0.3)} * cosine()",
    )


def _classify(
    name: str,
    images: Images,
    model: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    batch_size: int,
    seed: int,
    *,
    epochs: int,
    schedule: str,
) -> Task:
    device = next(model.parameters()).device

    def tensor(pixels: NDArray[np.uint8]) -> Tensor:
        floats = torch.from_numpy(pixels.copy()).to(device, torch.float32)
        return floats.sub_(images.zero).div_(images.unit).unsqueeze_(1)

    labels, test_labels = (
        torch.from_numpy(kinds).to(device) for kinds in (images.train_labels, images.test_labels)
    )
    train = IndexBatches(tensor(images.train), labels, batch_size, seed)
    return Task(
        name=name,
        model=model,
        optimizer=optimizer,
        loss=nn.functional.cross_entropy,
        batches=train,
        evaluate=partial(classification, model, tensor(images.test), test_labels),
        steps_per_epoch=len(train),
        batch_size=batch_size,
        epochs=epochs,
        schedule=schedule,
        score="accuracy",
    )
