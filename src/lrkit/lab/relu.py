"""How many ReLU units die: the task `relu-digits`."""

from __future__ import annotations

import math
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn

from lrkit.errors import SpecError
from lrkit.lab.contract import IndexBatches, Task
from lrkit.lab.images import digits
from lrkit.lab.optimizers import SGD, optimizer_of, peak_of
from lrkit.lab.scores import classification

INITS: Final = ("default", "normal", "kaiming")
NORMS: Final = ("none", "batch")
PIXELS: Final = 64


def relu_digits(
    seed: int,
    device: str,
    batch_size: int = 50,
    width: int = 128,
    depth: int = 3,
    init: str = "default",
    norm: str = "none",
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    optimizer: str = SGD,
    holdout: float = 0.0,
) -> Task:
    """A ReLU network on the 8x8 handwritten digits (898 train, 899 test), SGD; counts dead units.

    `dead` among its scores is the share of the hidden units that are 0 for every image to test:
    no gradient reaches the weights into such a unit from these. *depth* hidden layers of *width*.
    *init*: "default" is PyTorch's (uniform within 1/sqrt(n), n the number of inputs), "normal" has
    deviation 0.01 as in Caffe's networks, "kaiming" sqrt(2/n); biases are 0 in the last two.
    *norm* "batch" puts batch normalisation before each ReLU; its last batch of an epoch should not
    be small, and 898 images leave 48 at the default batch size (32 would leave 2).
    *optimizer* is "sgd", "adam" or "adamw"; *holdout* the share of the training data that is kept
    for choosing, and then scored in the place of the test data.
    """
    for name, value, known in (("init", init, INITS), ("norm", norm, NORMS)):
        if value not in known:
            raise SpecError(f"{name} must be one of {', '.join(known)}, got {value!r}")
    for name, size in (("width", width), ("depth", depth)):
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise SpecError(f"{name} must be a whole number >= 1, got {size!r}")
    images = digits().kept_for_choosing(holdout)

    def tensor(pixels: Tensor) -> Tensor:
        # Every third pixel, past the border of two: the 8x8 ones as they were before `digits`
        # drew each as a block of 3x3.
        small = pixels[:, 2:26:3, 2:26:3].flatten(1).to(device, torch.float32)
        return small.sub_(small.mean()).div_(small.std())

    model = network(width, depth, init, norm).to(device)
    train = IndexBatches(
        tensor(torch.from_numpy(images.train)),
        torch.from_numpy(images.train_labels).to(device),
        batch_size,
        seed,
    )
    test = tensor(torch.from_numpy(images.test))
    labels = torch.from_numpy(images.test_labels).to(device)
    return Task(
        name="relu-digits",
        model=model,
        optimizer=optimizer_of(optimizer, model.parameters(), 0.1, momentum, weight_decay),
        loss=nn.functional.cross_entropy,
        batches=train,
        evaluate=partial(_scores, model, test, labels),
        steps_per_epoch=len(train),
        batch_size=batch_size,
        epochs=20,
        schedule=f"constant({peak_of(optimizer, 0.1)})",
    )


def network(width: int, depth: int, init: str, norm: str) -> nn.Sequential:
    """Return *depth* hidden layers of *width* ReLU units between 64 pixels and ten classes."""
    layers: list[nn.Module] = []
    inputs = PIXELS
    for _ in range(depth):
        layers.append(_line(inputs, width, init))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.ReLU())
        inputs = width
    return nn.Sequential(*layers, _line(inputs, 10, init))


def _line(inputs: int, outputs: int, init: str) -> nn.Linear:
    line = nn.Linear(inputs, outputs)
    if init != "default":
        nn.init.normal_(line.weight, std=0.01 if init == "normal" else math.sqrt(2 / inputs))
        nn.init.zeros_(line.bias)
    return line


@torch.inference_mode()
def _scores(model: nn.Sequential, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Return accuracy, mean loss and the share of dead units."""
    found = classification(model, images, labels)
    dead: list[Tensor] = []
    x = images
    for layer in model:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            dead.append((x == 0).all(0))
    return found | {"dead": torch.cat(dead).double().mean().item()}
