"""The loss of a batch, from what the caller gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from lrkit.errors import LoopError, SpecError
from lrkit.probe.precision import Precision


def loss_of_batch(
    model: nn.Module,
    loss: Callable[..., Tensor] | None,
    compute: Callable[[Any, Any], Tensor] | None,
    precision: Precision,
) -> Callable[[Any], Tensor]:
    """Return the function that computes a batch's loss, in the right number format."""
    if loss is not None and compute is not None:
        raise SpecError("`loss` and `compute` exclude each other; keep one")
    for name, function in (("loss", loss), ("compute", compute)):
        if function is not None and not callable(function):
            raise SpecError(f"`{name}` must be a function, got {type(function).__name__}")

    def of_batch(batch: Any) -> Tensor:
        with precision.context():
            if compute is not None:
                return compute(model, batch)
            if loss is None:
                return _own_loss(model, batch)
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                raise LoopError(
                    f"loss(output, y) needs batches (x, y), got a {type(batch).__name__}"
                    f"{f' of {len(batch)}' if hasattr(batch, '__len__') else ''}; "
                    "pass compute=lambda model, batch: ... instead"
                )
            return loss(model(batch[0]), batch[1])

    return of_batch


def _own_loss(model: nn.Module, batch: Any) -> Tensor:
    output = model(**batch) if isinstance(batch, Mapping) else model(batch)
    found = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    if found is None:
        raise LoopError(
            f"without `loss` the model must give one, {type(output).__name__} has no `.loss`; "
            "pass loss or compute"
        )
    return found  # type: ignore[no-any-return]
