"""Runs the peers that install here: torch, transformers and optax."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tests.parity.row import Row

if TYPE_CHECKING:
    import torch

LONGEST = 160


def read(optimizer: torch.optim.Optimizer, hyper: str) -> float:
    group = optimizer.param_groups[0]
    return float(group["betas"][0] if hyper == "betas[0]" else group[hyper])


def optimizer_for(row: Row) -> torch.optim.Optimizer:
    import torch

    parameter = torch.nn.Parameter(torch.zeros(1))
    if row.hyper == "betas[0]":
        return torch.optim.Adam([parameter], lr=row.lr)
    return torch.optim.SGD([parameter], lr=row.lr, momentum=0.9)


def torch_values(row: Row) -> NDArray[np.float64]:
    import torch

    names = {n: getattr(torch.optim.lr_scheduler, n) for n in torch.optim.lr_scheduler.__all__}
    return stepped(row, names)


def transformers_values(row: Row) -> NDArray[np.float64]:
    from transformers.optimization import get_scheduler

    return stepped(row, {"get_scheduler": get_scheduler})


def stepped(row: Row, names: dict[str, object]) -> NDArray[np.float64]:
    """Return the rates a torch scheduler leaves in the optimizer, step by step."""
    opt = optimizer_for(row)
    opt.step()  # torch warns when the first step of the scheduler comes before the optimizer's
    with warnings.catch_warnings():
        # A sequence in a sequence steps its parts while it is built, and torch scolds itself.
        warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step", UserWarning)
        scheduler = eval(row.call, {**names, "opt": opt, "math": math})
    out = [read(opt, row.hyper)]
    for seen in row.metrics or [None] * (row.steps - 1):
        opt.step()
        scheduler.step(*([] if seen is None else [seen]))
        out.append(read(opt, row.hyper))
    return np.array(out)


def optax_values(row: Row) -> NDArray[np.float64]:
    """Return the schedule's answers in float64, each operation as it is written.

    All rows ask for as many counts, because JAX compiles each operation anew for another number.
    """
    import jax
    import jax.numpy as jnp
    import optax.schedules

    with jax.enable_x64(True):
        schedule = eval(row.call, dict(vars(optax.schedules)))
        counts = jnp.arange(LONGEST, dtype=jnp.int64)
        return np.asarray(jax.vmap(schedule)(counts))[: row.steps]


def optax_compiled(row: Row) -> NDArray[np.float64]:
    """Return the schedule's answers for int32 counts under jit, as a training asks for them."""
    import jax
    import jax.numpy as jnp
    import optax.schedules

    schedule = eval(row.call, dict(vars(optax.schedules)))
    values = jax.jit(jax.vmap(schedule))(jnp.arange(row.steps, dtype=jnp.int32))
    return np.asarray(values, dtype=np.float64)
