"""Whether two trainings are the same, bit for bit."""

from __future__ import annotations

from typing import Any

import torch

from lrkit.lab import RunResult


def plain(result: RunResult) -> list[dict[str, Any]]:
    """Return the evaluations without what depends on the clock."""
    own = ("seconds", "kind", "time")
    return [{k: v for k, v in e.items() if k not in own} for e in result.evaluations]


def equal(a: Any, b: Any) -> bool:
    """Return whether two values made of tensors and plain types are equal bit for bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b) and a.dtype == b.dtype
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)
