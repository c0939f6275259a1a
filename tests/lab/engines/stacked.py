"""Tasks in float64 for the engine `vectorized`: what it computes is then told from rounding."""

from __future__ import annotations

import functools
import signal
from typing import Any

import torch
from torch import Tensor, nn

from lrkit.lab import IndexBatches, Task

SAMPLES = 44
BATCH = 8


class Assigned(nn.Module):
    """A module whose buffer is assigned anew instead of written in place."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean()
        return x - self.mean


class Tied(nn.Module):
    """A network that uses one matrix twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 6)
        self.again = nn.Linear(6, 6)
        self.again.weight = self.inner.weight

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.again(self.inner(x).tanh())
        return out


class Branching(nn.Module):
    """A network whose way depends on its input, which no stack can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.line(x)
        return out if out.sum().item() > 0 else -out


def _model(kind: str, dropout: float) -> nn.Module:
    if kind == "branching":
        return Branching().double()
    layers: list[nn.Module] = [nn.Linear(6, 12), nn.BatchNorm1d(12), nn.Tanh()]
    if kind == "convolution":
        layers = [nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, 2), nn.Tanh(), nn.Flatten()]
        layers += [nn.Linear(8, 12)]
    elif kind == "tied":
        layers = [Tied(), nn.Linear(6, 12)]
    elif kind == "assigned":
        layers += [Assigned()]
    elif kind == "frozen":
        layers[0].requires_grad_(False)
    if dropout:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(12, 1)).double()


def _optimizer(name: str, model: nn.Module, groups: bool, numbers: dict[str, Any]) -> Any:
    parameters: Any = [p for p in model.parameters() if p.requires_grad]
    if groups:
        parameters = [
            {"params": parameters[:2], "name": "first"},
            {"params": parameters[2:], "lr": 0.5, "weight_decay": 0.01},
        ]
    return getattr(torch.optim, name)(parameters, lr=1.0, **numbers)


def _scores(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    model.eval()
    with torch.no_grad():
        return {"mse": nn.functional.mse_loss(model(x), y).item()}


def falling(step: float) -> float:
    """Return a rate that is none after 20 updates."""
    return 0.05 - 0.0025 * step


def regression(
    seed: int,
    device: str,
    kind: str = "normed",
    optimizer: str = "SGD",
    groups: bool = False,
    drawn: bool = False,
    dropout: float = 0.0,
    fails: int = -1,
    parts: bool = False,
    batch_size: int = BATCH,
    own_data: bool = False,
    raises: int = 0,
    steps: int = 0,
    **numbers: Any,
) -> Task:
    """A small regression; *drawn* batches are noisy ones that a function draws anew.

    *raises* is a signal that comes with the second epoch of seed 0.
    """
    generator = torch.Generator().manual_seed(seed if own_data else 3)
    x = torch.randn((SAMPLES, 6), generator=generator, dtype=torch.float64).to(device)
    y = x.prod(1, keepdim=True).tanh() + x[:, :1]
    model = _model(kind, dropout).to(device)
    batches: Any = IndexBatches(x, y, batch_size, seed)
    steps = steps or len(batches)
    if drawn:
        whole = batches
        batches = lambda epoch: ((a + 0.1 * torch.randn_like(a), b) for a, b in whole(epoch))  # noqa: E731
    if raises and seed == 0:
        batches = functools.partial(_raising, batches, raises)
    evaluate: Any = functools.partial(_scores, model, x, y)
    if seed == fails:
        evaluate = functools.partial(_raise, "no scores today")
    return Task(
        name="regression",
        model=model,
        optimizer=_optimizer(optimizer, model, groups, numbers),
        loss=nn.functional.mse_loss,
        batches=batches,
        evaluate=evaluate,
        steps_per_epoch=steps,
        batch_size=batch_size,
        epochs=6,
        schedule="0.05 * cosine()",
        score="mse",
        higher_is_better=False,
        parts={"average": nn.Linear(1, 1)} if parts else {},
    )


def _raise(text: str) -> dict[str, float]:
    raise RuntimeError(text)


def _raising(batches: Any, number: int, epoch: int) -> Any:
    if epoch == 1:
        signal.raise_signal(number)
    return batches(epoch)
