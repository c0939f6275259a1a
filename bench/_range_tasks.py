"""Small real tasks, each with an optimizer, on which a suggested peak is put to the test.

A pair is a factory `(seed) -> Task` with the nine rates of its grid. The data are scikit-learn's
own (digits, breast cancer, diabetes, and the prose of its data sets' descriptions) and the lab's.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sklearn.datasets
import torch
from torch import Tensor, nn

from lrkit.lab import IndexBatches, Task, task

Tensors = tuple[Tensor, Tensor]
Make = Callable[[nn.Module], torch.optim.Optimizer]
OPTIMIZERS: Mapping[str, Make] = {
    "SGD": lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
    "momentum": lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
    "Adam": lambda model: torch.optim.Adam(model.parameters()),
    "AdamW": lambda model: torch.optim.AdamW(model.parameters(), weight_decay=0.1),
}
# Nine rates, half a decade apart: from far too small to far too large for the optimizer.
GRIDS: Mapping[str, tuple[float, float]] = {
    "SGD": (1e-3, 10.0),
    "momentum": (1e-4, 1.0),
    "Adam": (1e-5, 1e-1),
    "AdamW": (1e-5, 1e-1),
}


@dataclass(frozen=True)
class Pair:
    """A task and an optimizer; *fitted* pairs were looked at while the peak rule was chosen."""

    name: str
    what: str
    optimizer: str
    epochs: int
    fitted: bool

    @property
    def grid(self) -> list[float]:
        """The nine rates that the suggested peak is held against."""
        return [float(rate) for rate in np.geomspace(*GRIDS[self.optimizer], 9)]

    def make(self, seed: int) -> Task:
        """Return a fresh task whose weights and batches come from *seed*."""
        torch.manual_seed(seed)
        made = FACTORIES[self.what](seed)
        return dataclasses.replace(
            made, name=self.name, optimizer=OPTIMIZERS[self.optimizer](made.model)
        )


def mlp(sizes: tuple[int, ...], norm: bool) -> nn.Sequential:
    """Return linear layers with ReLU between them, with batch normalisation before it if *norm*."""
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(a, b), *([nn.BatchNorm1d(b)] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def fitted_task(
    seed: int,
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    tensors: Tensors,
    held_out: Tensors,
    batch_size: int,
    classes: bool,
) -> Task:
    """Return a task on tensors in memory, scored by accuracy (*classes*) or by the loss."""

    @torch.inference_mode()
    def evaluate() -> dict[str, float]:
        model.eval()
        output = model(held_out[0])
        scores = {"loss": float(loss(output, held_out[1]))}
        if classes:
            right = output.argmax(1) == held_out[1]
            scores["accuracy"] = float(right.double().mean())
        return scores

    batches = IndexBatches(*tensors, batch_size, seed)
    return Task(
        name="",
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        loss=loss,
        batches=batches,
        evaluate=evaluate,
        steps_per_epoch=len(batches),
        batch_size=batch_size,
        score="accuracy" if classes else "loss",
        higher_is_better=classes,
    )


def split(x: Any, y: Any, seed: int = 0) -> tuple[Tensors, Tensors]:
    """Return two random halves as tensors, standardised by the first; the same for every seed."""
    order = np.random.default_rng(seed).permutation(len(x))
    x = torch.from_numpy(np.asarray(x, dtype=np.float32)[order])
    y = torch.from_numpy(np.asarray(y)[order])
    half = len(x) // 2
    mean, deviation = x[:half].mean(0), x[:half].std(0)
    x = (x - mean) / torch.where(deviation > 0, deviation, 1.0)
    return (x[:half], y[:half]), (x[half:], y[half:])


def digits_data() -> tuple[Tensors, Tensors]:
    """Return the digits of 64 pixels, to train and to test."""
    data = sklearn.datasets.load_digits()
    return split(data.data / 16, data.target.astype(np.int64))


def cancer_data() -> tuple[Tensors, Tensors]:
    """Return the breast cancer set, to train and to test."""
    data = sklearn.datasets.load_breast_cancer()
    return split(data.data, data.target.astype(np.int64))


def diabetes_data() -> tuple[Tensors, Tensors]:
    """Return the diabetes set with its target standardised, to train and to test."""
    data = sklearn.datasets.load_diabetes()
    target = ((data.target - data.target.mean()) / data.target.std()).astype(np.float32)
    return split(data.data, target[:, None])


def text_data() -> tuple[Tensors, Tensors, int]:
    """Return windows of eight characters with the next one, and how many characters there are."""
    loads = ("digits", "breast_cancer", "diabetes", "iris", "wine", "linnerud")
    text = "".join(getattr(sklearn.datasets, f"load_{name}")().DESCR for name in loads)
    known = sorted(set(text))
    codes = torch.tensor([known.index(c) for c in text])
    windows = codes.unfold(0, 9, 1)
    cut = int(0.8 * len(windows))
    train, test = (
        (part[:, :8].contiguous(), part[:, 8].contiguous())
        for part in (windows[:cut:2], windows[cut::2])
    )
    return train, test, len(known)


def digits_mlp(seed: int, norm: bool) -> Task:
    """64 - 64 - 64 - 10 on the digits, in batches of 32."""
    train, test = digits_data()
    model = mlp((64, 64, 64, 10), norm)
    return fitted_task(seed, model, nn.functional.cross_entropy, train, test, 32, classes=True)


def cancer_logistic(seed: int) -> Task:
    """Logistic regression on the breast cancer set, in batches of 16, scored by accuracy."""
    train, test = cancer_data()
    model = nn.Linear(30, 2)
    return fitted_task(seed, model, nn.functional.cross_entropy, train, test, 16, classes=True)


def diabetes_mlp(seed: int) -> Task:
    """10 - 32 - 1 on the diabetes set (y standardised), in batches of 16, scored by the loss."""
    train, test = diabetes_data()
    model = mlp((10, 32, 1), norm=False)
    return fitted_task(seed, model, nn.functional.mse_loss, train, test, 16, classes=False)


class CharModel(nn.Module):
    """The next character from the last eight: embeddings of 16, a layer of 128, GELU."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(characters, 16)
        self.hidden = nn.Sequential(nn.Linear(8 * 16, 128), nn.LayerNorm(128), nn.GELU())
        self.out = nn.Linear(128, characters)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of the next character."""
        return self.out(self.hidden(self.embed(x).flatten(1)))  # type: ignore[no-any-return]


def char_model(seed: int) -> Task:
    """The next character of scikit-learn's data set descriptions, in batches of 64, by the loss."""
    train, test, characters = text_data()
    model = CharModel(characters)
    return fitted_task(seed, model, nn.functional.cross_entropy, train, test, 64, classes=False)


def of_the_lab(name: str, seed: int) -> Task:
    """Return a task of the lab."""
    return task(name, seed, "cpu")


FACTORIES: Mapping[str, Callable[[int], Task]] = {
    "lenet-digits": partial(of_the_lab, "lenet-digits"),
    "poly-tanh": partial(of_the_lab, "poly-tanh"),
    "digits-mlp": partial(digits_mlp, norm=False),
    "digits-mlp-bn": partial(digits_mlp, norm=True),
    "cancer-logistic": cancer_logistic,
    "diabetes-mlp": diabetes_mlp,
    "char-model": char_model,
}
PAIRS = (
    Pair("lenet-digits, SGD", "lenet-digits", "SGD", 10, True),
    Pair("lenet-digits, Adam", "lenet-digits", "Adam", 10, True),
    Pair("digits MLP with BN, momentum", "digits-mlp-bn", "momentum", 8, True),
    Pair("poly-tanh, SGD", "poly-tanh", "SGD", 15, True),
    Pair("char model, AdamW", "char-model", "AdamW", 2, True),
    Pair("lenet-digits, momentum", "lenet-digits", "momentum", 10, False),
    Pair("digits MLP, AdamW", "digits-mlp", "AdamW", 8, False),
    Pair("cancer logistic, SGD", "cancer-logistic", "SGD", 10, False),
    Pair("diabetes MLP, momentum", "diabetes-mlp", "momentum", 10, False),
    Pair("poly-tanh, Adam", "poly-tanh", "Adam", 15, False),
)
