"""Whether the engine `vectorized` gives what `serial` gives, on a device: prints and goes on.

    NVIDIA_TF32_OVERRIDE=0 python -m bench._engines_check [cuda]

Without the variable a GPU convolves in TF32, and what is compared is its rounding.
"""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lrkit.control import steered
from lrkit.lab.engines.contract import Ended, Engine, Training
from lrkit.lab.engines.serial import Serial
from lrkit.lab.engines.vectorized import Vectorized
from lrkit.lab.result import RunResult

CASES: tuple[tuple[str, float, str, dict[str, Any]], ...] = (
    ("lenet-digits", 0.05, "60st", {}),
    ("lenet-digits", 0.05, "60st", {"options": {"momentum": 0.9, "weight_decay": 1e-3}}),
    ("bench._engines_tasks:lenet_adam", 5e-4, "60st", {}),
    ("poly-tanh", 0.02, "60st", {"clip": 1.0, "accumulate": 2}),
    ("bench._engines_tasks:normed", 1e-3, "60st", {}),
)
SEEDS = 8


def results(engine: Engine, root: Path, case: Any, device: str) -> list[RunResult]:
    """Return what *engine* makes of *case*, by seed; the last seed leaves the finite numbers."""
    name, rate, total, more = case
    trainings = [
        Training(
            name,
            steered(f"{1e9 if seed == SEEDS - 1 else rate * 0.9**seed} * cosine()"),
            root / str(seed),
            total=total,
            seed=seed,
            device=device,
            **more,
        )
        for seed in range(SEEDS)
    ]
    found: dict[Path, RunResult] = {}
    with engine:
        for training in trainings:
            engine.submit(training)
        while len(found) < len(trainings):
            for event in engine.poll():
                if isinstance(event, Ended):
                    if event.result is None:
                        raise event.error or RuntimeError("no result")
                    found[event.training.folder] = event.result
    return [found[training.folder] for training in trainings]


def check(case: Any, device: str) -> None:
    """Print how far the two engines are apart in *case*."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        a = results(Serial(), Path(folder, "serial"), case, device)
        middle = time.perf_counter()
        b = results(Vectorized(), Path(folder, "vectorized"), case, device)
        end = time.perf_counter()
        again = results(Serial(), Path(folder, "again"), case, device)
    same = all(np.array_equal(x.rates[: y.rates.size], y.rates) for x, y in zip(a, b, strict=True))
    reasons = [x.reason == y.reason and x.status == y.status for x, y in zip(a, b, strict=True)]
    apart = [
        float(np.nanmax(np.abs(x.losses - y.losses) / np.abs(x.losses)))
        for x, y in zip(a[:-1], b[:-1], strict=True)
    ]
    repeats = all(
        np.array_equal(x.losses, y.losses, equal_nan=True) for x, y in zip(a, again, strict=True)
    )
    scores = [abs(x.score - y.score) for x, y in zip(a[:-1], b[:-1], strict=True)]
    print(
        f"{case[0]} {case[3]}: rates equal {same}, endings equal {reasons}, losses apart "
        f"by {', '.join(f'{v:.1e}' for v in apart)} at most, scores by {max(scores):.2g}; "
        f"serial repeats bit for bit {repeats}; "
        f"serial {middle - began:.1f} s, vectorized {end - middle:.1f} s; {b[-1].reason}",
        flush=True,
    )


def main() -> None:
    """Check every case."""
    device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
    torch.set_num_threads(1)
    for case in CASES:
        try:
            check(case, device)
        except Exception:
            print(case, flush=True)
            traceback.print_exc()


if __name__ == "__main__":
    main()
