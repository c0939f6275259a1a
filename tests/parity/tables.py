"""All tables of parity rows, one for each peer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.parity import (
    rows_composer,
    rows_greedy,
    rows_ignite,
    rows_keras,
    rows_optax,
    rows_papers,
    rows_plateau,
    rows_timm,
    rows_torch,
    rows_torch_composed,
    rows_torch_cycles,
    rows_transformers,
)
from tests.parity.row import Row, Table

GOLDEN = Path(__file__).resolve().parent / "golden"


def golden(name: str) -> tuple[dict, dict[str, list[float]]]:
    """Return the header of a golden file, and its values by the rows' keys."""
    header, *lines = (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return json.loads(header), {row["key"]: row["values"] for row in map(json.loads, lines)}


def from_golden(name: str, rows: tuple[Row, ...], **more: object) -> Table:
    header, _ = golden(name)
    more = {"peer": name, "golden": name} | more
    return Table(version=header["version"], source=header["source"], rows=rows, **more)


TORCH = Table(
    peer="torch",
    version="2.13.0",
    source="torch.optim.lr_scheduler",
    rows=rows_torch.ROWS + rows_torch_composed.ROWS + rows_torch_cycles.ROWS + rows_plateau.TORCH,
    intro="`opt` is an optimizer whose learning rate is the one given beside the call. Step t is "
    "the value after t calls of `scheduler.step()`. A scheduler that goes on for ever is compared "
    "as far as the number of steps says.",
)

TRANSFORMERS = Table(
    peer="transformers",
    version="5.23.0",
    source="transformers.get_scheduler",
    rows=rows_transformers.ROWS + rows_plateau.TRANSFORMERS + rows_greedy.ROWS,
    intro="All its warm-ups but one are t/W and start at 0: `warmup(W, ahead=0)`. lrkit's own "
    "`warmup(W)` is (t+1)/(W+1) and wastes no update.",
)

OPTAX = Table(
    peer="optax",
    version="0.2.8",
    source="optax.schedules, in float64 and operation by operation (jax 0.10.2)",
    rows=rows_optax.ROWS,
    left_out={
        "inject_hyperparams": "not a schedule: lr.Scheduler drives any hyper-parameter.",
        "inject_stateful_hyperparams": "not a schedule.",
        "Schedule": "the type of a schedule.",
    },
)

OPTAX_COMPILED = Table(
    peer="optax compiled",
    version="0.2.8",
    source="optax.schedules, in float32 under jit (jax 0.10.2), as in a training",
    rows=rows_optax.COMPILED,
    numbers="float32",
    left_out=OPTAX.left_out,
)

KERAS = from_golden(
    "keras",
    tuple(replace(row, rtol=1e-6, rounding=1) for row in rows_keras.DECAYS + rows_keras.COSINE),
    numbers="float32",
    intro="Keras computes schedules in float32. Given float64 numbers, all but its cosines compute "
    "in float64, and are then compared to 1e-12 as well.",
)

KERAS_FLOAT64 = from_golden("keras-float64", rows_keras.DECAYS, peer="keras with float64")

TIMM = from_golden(
    "timm",
    rows_timm.ROWS + rows_plateau.TIMM,
    intro="Step t is the value after `scheduler.step(t)`. Its noise (`noise_range_t` and the like) "
    "comes from torch's generator and is left out: lrkit has `noise(...)`, a factor of its own. "
    "Also left out: `WSDLRScheduler(decay_fn='exp')`, a shifted exponential that no shape of lrkit "
    "gives.",
)

COMPOSER = from_golden(
    "composer",
    rows_composer.ROWS,
    intro="Over a training of 5 epochs of 20 batches; composer's values are factors, the learning "
    "rate beside the call multiplies them.",
    left_out={"ComposerScheduler": "the protocol, not a scheduler."},
)

IGNITE = from_golden("ignite", rows_ignite.ROWS, intro="Step t is the value of event t.")

CLR = from_golden(
    "clr",
    rows_papers.CLR,
    peer="CLR",
    intro="The callback of bckenstler/CLR, the first implementation of cyclic rates.",
)

D2L = from_golden(
    "d2l",
    rows_papers.D2L,
    intro="The hand-written schedulers of d2l.ai, chapter Learning Rate Scheduling (10.11 in some "
    "editions, 12.11 in others). The class has a state, so step t is its answer to call t. The "
    "book's training loop asks at the end of epoch t and uses the answer in epoch t + 1.",
)

TABLES = (
    TORCH,
    TRANSFORMERS,
    TIMM,
    OPTAX,
    OPTAX_COMPILED,
    KERAS,
    KERAS_FLOAT64,
    COMPOSER,
    IGNITE,
    CLR,
    D2L,
)
