"""Caffe's network for CIFAR-10: the task `cifar10-quick`."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from lrkit.lab.cifar import cifar10
from lrkit.lab.contract import IndexBatches, Task
from lrkit.lab.optimizers import SGD, optimizer_of
from lrkit.lab.scores import classification

ALPHA: Final = 5e-5
BETA: Final = 0.75
LAST_DECAY: Final = 250.0
BIAS_RATE: Final = 2.0
MOMENTUM: Final = 0.9
DECAY: Final = 0.004


class Centred(nn.Module):
    """Turns pixels (n, height, width, 3), uint8, into floats (n, 3, height, width) less *mean*.

    The images stay bytes in memory, a quarter of the floats, and a batch comes out in the layout
    (channels last) that the convolutions are fastest in.
    """

    mean: Tensor

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)

    def forward(self, x: Tensor) -> Tensor:
        """Return the centred images."""
        return (x - self.mean).permute(0, 3, 1, 2)


class WithinChannel(nn.Module):
    """Local response normalisation in each channel: y = x / (1 + alpha m)^(3/4).

    m is the mean of x^2 over the 3x3 pixels around, those beyond the border counting as 0.

    Source: Caffe, LRNLayer with norm_region WITHIN_CHANNEL.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised channels."""
        # Squares of pixels leave the range of float16.
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        mean = nn.functional.avg_pool2d(wide * wide, kernel_size=3, stride=1, padding=1)
        # Two roots are cheaper than a power.
        root = (1 + ALPHA * mean).rsqrt()
        return x * (root * root.sqrt()).to(x.dtype)


def cifar10_full(mean: Tensor) -> nn.Sequential:
    """Return Caffe's network: three convolutions, pooled by overlapping 3x3 windows, and a line.

    Weights are normal with deviations 1e-4, 0.01, 0.01 and 0.01, biases 0. Windows that reach
    over the border hold what is there, as Caffe's do.

    Source: Caffe, examples/cifar10/cifar10_full_train_test.prototxt.
    """
    first, second, third = (
        nn.Conv2d(n, m, kernel_size=5, padding=2) for n, m in ((3, 32), (32, 32), (32, 64))
    )
    last = nn.Linear(64 * 4 * 4, 10)
    for layer, deviation in ((first, 1e-4), (second, 0.01), (third, 0.01), (last, 0.01)):
        nn.init.normal_(layer.weight, std=deviation)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    net = nn.Sequential(
        Centred(mean),
        *(first, nn.MaxPool2d(3, 2, ceil_mode=True), nn.ReLU(), WithinChannel()),
        *(second, nn.ReLU(), nn.AvgPool2d(3, 2, ceil_mode=True), WithinChannel()),
        *(third, nn.ReLU(), nn.AvgPool2d(3, 2, ceil_mode=True), nn.Flatten(), last),
    )
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def cifar10_quick(
    seed: int,
    device: str,
    batch_size: int = 100,
    momentum: float | None = None,
    weight_decay: float | None = None,
    optimizer: str = SGD,
    holdout: float = 0.0,
) -> Task:
    """Caffe's cifar10_full network on CIFAR-10 (50,000 train, 10,000 test), SGD with momentum.

    Pixels go from 0 to 255, less the mean of the images to train. The schedule is the rate of the
    weights; the biases of the first two convolutions and of the last layer have twice that, and
    the last layer has 250 times the weight decay on its weights and none on its biases: Caffe's
    lr_mult and decay_mult. Two things are PyTorch's and not Caffe's: images are shuffled every
    epoch, and the rate multiplies the momentum's sum instead of entering it, which is the same
    while the rate stands still.

    *optimizer* is "sgd", "adam" or "adamw"; None is Caffe's momentum 0.9 and weight decay 0.004
    for SGD, and none for the others. *holdout* is the share of the training data that is kept for
    choosing, and then scored in the place of the test data; the mean stays that of them all.
    """
    caffe = optimizer == SGD
    momentum = (MOMENTUM if caffe else 0.0) if momentum is None else momentum
    weight_decay = (DECAY if caffe else 0.0) if weight_decay is None else weight_decay
    images = cifar10()
    mean = images.train.mean(axis=0, dtype=np.float64).astype(np.float32)
    images = images.kept_for_choosing(holdout)
    model = cifar10_full(torch.from_numpy(mean)).to(device)
    train = IndexBatches(
        torch.from_numpy(images.train).to(device),
        torch.from_numpy(images.train_labels).to(device),
        batch_size,
        seed,
    )
    test = torch.from_numpy(images.test).to(device)
    labels = torch.from_numpy(images.test_labels).to(device)
    return Task(
        name="cifar10-quick",
        model=model,
        optimizer=optimizer_of(
            optimizer, _groups(model, weight_decay), 1.0, momentum, weight_decay
        ),
        loss=nn.functional.cross_entropy,
        batches=train,
        evaluate=partial(classification, model, test, labels),
        steps_per_epoch=len(train),
        batch_size=batch_size,
        epochs=20,
        schedule="0.001 * (hold(80%) >> linear())",
        score="accuracy",
    )


def _groups(model: nn.Sequential, weight_decay: float) -> list[dict[str, Any]]:
    """Return the parameters in groups with Caffe's multipliers; the first is the schedule's."""
    first, second, third, last = (m for m in model if isinstance(m, nn.Conv2d | nn.Linear))
    return [
        {
            "name": "convolutions",
            "params": [first.weight, second.weight, third.weight, third.bias],
        },
        {"name": "biases", "params": [first.bias, second.bias], "lr": BIAS_RATE},
        {"name": "last", "params": [last.weight], "weight_decay": LAST_DECAY * weight_decay},
        {"name": "last bias", "params": [last.bias], "lr": BIAS_RATE, "weight_decay": 0.0},
    ]
