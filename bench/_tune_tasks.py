"""The tasks that schedules are tuned on, beside the lab's own: three-way split, any optimizer.

A factory is `(seed, device, holdout, optimizer, momentum, weight_decay)`, as the lab's tasks are:
the training data less the share *holdout* to train on, that share to choose by, the test data to
judge the choice by.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from bench._range_tasks import (
    CharModel,
    Tensors,
    cancer_data,
    diabetes_data,
    digits_data,
    fitted_task,
    mlp,
    text_data,
)
from lrkit.lab import Task
from lrkit.lab.holdout import held_out
from lrkit.lab.optimizers import SGD, optimizer_of

Loss = Callable[[Tensor, Tensor], Tensor]
Data = tuple[Tensors, Tensors]


def digits_mlp(
    seed: int,
    device: str,
    holdout: float = 0.0,
    optimizer: str = SGD,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    norm: bool = False,
) -> Task:
    """64 - 64 - 64 - 10 on the digits, in batches of 32, by the accuracy."""
    made = _of(
        seed, mlp((64, 64, 64, 10), norm), nn.functional.cross_entropy, digits_data(), 32, holdout
    )
    return _with("digits-mlp", made, optimizer, momentum, weight_decay)


def cancer_logistic(
    seed: int,
    device: str,
    holdout: float = 0.0,
    optimizer: str = SGD,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> Task:
    """Logistic regression on the breast cancer set, in batches of 16, by the loss."""
    loss = nn.functional.cross_entropy
    made = _of(seed, nn.Linear(30, 2), loss, cancer_data(), 16, holdout)
    made = replace(made, score="loss", higher_is_better=False)
    return _with("cancer-logistic", made, optimizer, momentum, weight_decay)


def diabetes_mlp(
    seed: int,
    device: str,
    holdout: float = 0.0,
    optimizer: str = SGD,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> Task:
    """10 - 32 - 1 on the diabetes set (y standardised), in batches of 16, by the loss."""
    model, loss = mlp((10, 32, 1), norm=False), nn.functional.mse_loss
    made = _of(seed, model, loss, diabetes_data(), 16, holdout, classes=False)
    return _with("diabetes-mlp", made, optimizer, momentum, weight_decay)


def char_model(
    seed: int,
    device: str,
    holdout: float = 0.0,
    optimizer: str = SGD,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> Task:
    """The next character of scikit-learn's data set descriptions, in batches of 64, by the loss."""
    train, test, characters = text_data()
    model, loss = CharModel(characters), nn.functional.cross_entropy
    made = _of(seed, model, loss, (train, test), 64, holdout, classes=False)
    return _with("char-model", made, optimizer, momentum, weight_decay)


def autoencoder(
    seed: int,
    device: str,
    holdout: float = 0.0,
    optimizer: str = SGD,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> Task:
    """64 - 32 - 8 - 32 - 64 with tanh on the digits, in batches of 32, by the squared error."""
    (train, _), (test, _) = digits_data()
    sizes = (64, 32, 8, 32, 64)
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.Tanh()]
    model = nn.Sequential(*layers[:-1])
    data = ((train, train), (test, test))
    made = _of(seed, model, nn.functional.mse_loss, data, 32, holdout, classes=False)
    return _with("autoencoder", made, optimizer, momentum, weight_decay)


def _of(
    seed: int,
    model: nn.Module,
    loss: Loss,
    data: Data,
    batch_size: int,
    holdout: float,
    classes: bool = True,
) -> Task:
    (x, y), test = data
    labels = y.numpy() if y.dtype == torch.int64 and classes else len(y)
    index, kept = (torch.from_numpy(part) for part in held_out(labels, holdout))
    judged = (x[kept], y[kept]) if holdout else test
    return fitted_task(seed, model, loss, (x[index], y[index]), judged, batch_size, classes)


def _with(name: str, made: Task, optimizer: str, momentum: float, weight_decay: float) -> Task:
    """Name the task, and give it the optimizer."""
    parameters = made.model.parameters()
    return replace(
        made,
        name=name,
        optimizer=optimizer_of(optimizer, parameters, 0.1, momentum, weight_decay),
    )
