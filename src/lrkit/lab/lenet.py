"""LeNet on images: the tasks `lenet-digits` and `lenet-fashion`."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from lrkit.lab.contract import IndexBatches, Task
from lrkit.lab.fashion import fashion
from lrkit.lab.images import Images, digits
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
    seed: int, device: str, batch_size: int = 32, momentum: float = 0.0, weight_decay: float = 0.0
) -> Task:
    """LeNet on scikit-learn's handwritten digits (898 train, 899 test), SGD; real and offline."""
    return _classify(
        "lenet-digits",
        digits(),
        seed,
        device,
        batch_size,
        momentum,
        weight_decay,
        epochs=20,
        schedule="0.1 * (warmup(2ep) >> cosine())",
    )


def lenet_fashion(
    seed: int, device: str, batch_size: int = 256, momentum: float = 0.0, weight_decay: float = 0.0
) -> Task:
    """LeNet on Fashion-MNIST (60,000 train, 10,000 test), SGD, as in d2l 10.11."""
    return _classify(
        "lenet-fashion",
        fashion(),
        seed,
        device,
        batch_size,
        momentum,
        weight_decay,
        epochs=30,
        schedule="0.3 * cosine()",
    )


def _classify(
    name: str,
    images: Images,
    seed: int,
    device: str,
    batch_size: int,
    momentum: float,
    weight_decay: float,
    *,
    epochs: int,
    schedule: str,
) -> Task:
    def tensor(raw: Images, part: str) -> Tensor:
        pixels = torch.from_numpy(getattr(raw, part).copy()).to(device, torch.float32)
        return pixels.sub_(raw.zero).div_(raw.unit).unsqueeze_(1)

    model = lenet().to(device)
    train = IndexBatches(
        tensor(images, "train"),
        torch.from_numpy(images.train_labels).to(device),
        batch_size,
        seed,
    )
    test, labels = tensor(images, "test"), torch.from_numpy(images.test_labels).to(device)
    return Task(
        name=name,
        model=model,
        optimizer=torch.optim.SGD(
            model.parameters(), lr=0.1, momentum=momentum, weight_decay=weight_decay
        ),
        loss=nn.functional.cross_entropy,
        batches=train,
        evaluate=partial(classification, model, test, labels),
        steps_per_epoch=len(train),
        batch_size=batch_size,
        epochs=epochs,
        schedule=schedule,
        score="accuracy",
    )
