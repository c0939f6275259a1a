"""Convolutions of many models as matrix products.

With weights of their own for each model `vmap` makes a convolution in groups of it, which the
libraries of GPUs are slow at where a group has few channels. Unfolded, it is a batch of products.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class Unfolded(TorchFunctionMode):
    """In its block plain convolutions in two dimensions are products of unfolded images."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is torch.conv2d and _plain(*args, **kwargs):
            return unfolded(*args, **kwargs)
        return function(*args, **kwargs)


def unfolded(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Return `torch.conv2d` of the same arguments, with one group."""
    count, _, height, width = x.shape
    outputs, _, *kernel = weight.shape
    sizes = zip((height, width), kernel, *map(_pair, (stride, padding, dilation)), strict=True)
    space = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes]
    columns = nn.functional.unfold(
        x, tuple(kernel), dilation=dilation, padding=padding, stride=stride
    )
    out = weight.reshape(outputs, -1) @ columns
    if bias is not None:
        out = out + bias[:, None]
    return out.reshape(count, outputs, *space)


def _plain(
    x: Tensor,
    weight: Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> bool:
    return groups == 1 and x.dim() == 4 and not isinstance(padding, str)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)
