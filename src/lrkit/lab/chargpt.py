"""A small language model: the task `char-gpt`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from lrkit.errors import SpecError
from lrkit.lab.contract import Task
from lrkit.lab.optimizers import optimizer_of
from lrkit.lab.topics import VOCABULARY, Codes, topics

DEVIATION: Final = 0.02
BETAS: Final = (0.9, 0.95)
DECAY: Final = 0.1
PEAKS: Final = {"sgd": 0.3, "adam": 0.003, "adamw": 0.003}
WINDOWS: Final = 256  # windows scored at a time


class Block(nn.Module):
    """Causal attention and an MLP, each behind a normalisation and added to what comes in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.before_mlp = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output for *x*, (batch, context, width)."""
        three = self.attention(self.before_attention(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = three.permute(2, 0, 3, 1, 4).unbind(0)
        seen = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.attended(seen.transpose(1, 2).flatten(2))
        inner = nn.functional.gelu(self.up(self.before_mlp(x)), approximate="tanh")
        out: Tensor = x + self.down(inner)
        return out


class CharGPT(nn.Module):
    """A decoder-only transformer over characters: codes (batch, n) to logits (batch, n, 97).

    n is at most *context*. Matrices begin with deviation 0.02, those that end in the residual
    stream with 0.02 / sqrt(2 layers), biases at 0. *tied*: the last matrix is the embedding's.

    Source: Radford et al. 2019 (GPT-2), section 2.3; the small sizes are ours.
    """

    def __init__(self, context: int, width: int, heads: int, layers: int, tied: bool) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, width)
        self.position = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.last = nn.LayerNorm(width)
        self.head = None if tied else nn.Linear(width, VOCABULARY, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                ends = name.endswith(("attended.weight", "down.weight"))
                nn.init.normal_(parameter, std=DEVIATION / (math.sqrt(2 * layers) if ends else 1))
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, codes: Tensor) -> Tensor:
        """Return the logits of the character after each of *codes*."""
        x = self.token(codes) + self.position.weight[: codes.shape[-1]]
        for block in self.blocks:
            x = block(x)
        weight = self.token.weight if self.head is None else self.head.weight
        return nn.functional.linear(self.last(x), weight)


@dataclass(frozen=True, eq=False)
class WindowBatches:
    """Batches of windows of a text, x and, one character on, y: both (batch_size, context).

    An epoch cuts the text from a random place within the first window on, so windows differ from
    epoch to epoch, and takes as many whole batches as there are, in random order; place and order
    depend on (seed, epoch) alone.
    """

    codes: Tensor
    context: int
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        most = self._windows
        if not 1 <= self.batch_size <= most:
            raise SpecError(
                f"batch_size must be from 1 to the {most} windows of {self.context} characters "
                f"there are, got {self.batch_size}"
            )

    @property
    def _windows(self) -> int:
        return len(self.codes) // self.context - 1  # also from the latest first place

    def __len__(self) -> int:
        return self._windows // self.batch_size

    def __call__(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        state = np.random.SeedSequence((self.seed, epoch)).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state))
        first = int(torch.randint(self.context, (), generator=generator))
        order = torch.randperm(self._windows, generator=generator)
        begins = (first + self.context * order).to(self.codes.device)
        inside = torch.arange(self.context + 1, device=self.codes.device)
        for batch in range(len(self)):
            begin = begins[batch * self.batch_size : (batch + 1) * self.batch_size]
            window = self.codes[begin.unsqueeze(1) + inside]
            yield window[:, :-1], window[:, 1:]


def char_gpt(
    seed: int,
    device: str,
    layers: int = 2,
    width: int = 64,
    heads: int = 4,
    context: int = 64,
    batch_size: int = 32,
    tied: bool = True,
    optimizer: str = "adamw",
    momentum: float = 0.0,
    weight_decay: float | None = None,
    holdout: float = 0.0,
) -> Task:
    """A small GPT on the characters of Python's own help topics (about 370,000), AdamW; offline.

    Its score `loss` is in nats a character, on a tenth of the text that it is not trained on, cut
    into windows of *context* characters. The text differs a little between versions of Python; the
    run's journal says which it was.

    *layers* blocks of *width*, with *heads* heads; *tied*: the output matrix is the embedding.
    *optimizer* is "adamw", "adam" (both with betas 0.9, 0.95) or "sgd"; *weight_decay* acts on
    matrices alone, and is 0.1 for adamw and 0 for the others where it is None. *holdout* is the
    share of the text to train on that is kept for choosing, and then scored in the place of the
    text to test on.
    """
    _check({"layers": layers, "width": width, "heads": heads, "context": context}, tied)
    text = topics().kept_for_choosing(holdout)
    model = CharGPT(context, width, heads, layers, tied).to(device)
    train = WindowBatches(_codes(text.train, device), context, batch_size, seed)
    peak = PEAKS.get(optimizer, 0.0)
    decay = (DECAY if optimizer == "adamw" else 0.0) if weight_decay is None else weight_decay
    return Task(
        name="char-gpt",
        model=model,
        optimizer=_optimizer(model, optimizer, peak, momentum, decay),
        loss=cross_entropy,
        batches=train,
        evaluate=partial(_scores, model, _codes(text.test, device), context),
        steps_per_epoch=len(train),
        batch_size=batch_size,
        epochs=12,
        schedule=f"{peak} * (warmup(5%) >> cosine(1, 0.1))",
        score="loss",
        higher_is_better=False,
        data=text.facts,
    )


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Return the mean over all characters of -log p, in nats."""
    return nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())


def _check(sizes: dict[str, int], tied: bool) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise SpecError(f"{name} must be a whole number >= 1, got {size!r}")
    if sizes["width"] % sizes["heads"]:
        raise SpecError(
            f"the width must be a multiple of the heads, got {sizes['width']} and "
            f"{sizes['heads']}; change one of them"
        )
    if not isinstance(tied, bool):
        raise SpecError(f"tied must be true or false, got {tied!r}")


def _codes(codes: Codes, device: str) -> Tensor:
    return torch.from_numpy(codes).to(device, torch.long)


def _optimizer(
    model: nn.Module, name: str, rate: float, momentum: float, decay: float
) -> torch.optim.Optimizer:
    """Return the optimizer of two groups with one rate: matrices, and what is not decayed."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "name": "matrices"},
        {"params": others, "name": "others", "weight_decay": 0.0},
    ]
    made = optimizer_of(name, groups, rate, momentum, decay)
    for group in made.param_groups:
        if "betas" in group:
            group["betas"] = BETAS
    return made


@torch.inference_mode()
def _scores(model: nn.Module, codes: Tensor, context: int) -> dict[str, float]:
    """Return the mean loss over the windows of *codes*, which follow on each other."""
    model.eval()
    count = (len(codes) - 1) // context
    x = codes[: count * context].view(count, context)
    y = codes[1 : count * context + 1].view(count, context)
    whole = torch.zeros((), device=codes.device)
    for some_x, some_y in zip(torch.split(x, WINDOWS), torch.split(y, WINDOWS), strict=True):
        whole += cross_entropy(model(some_x), some_y) * len(some_x)
    return {"loss": whole.item() / count}
