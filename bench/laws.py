"""Cost of the laws: fits, predictions and designs in seconds of one core, growth as ratios.

The runs are made by the multi-power law on the published protocol (its schedules and logged
steps), so the benchmark needs no data. The authors' fit of that protocol takes 38 to 83 s, their
design about 38 s.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from bench.table import Row, show
from lrkit.laws import LAWS, Fit, LossCurve, design, fit, loss_curve, predict
from lrkit.laws.fitting import solve
from lrkit.laws.grid import grid_of
from lrkit.laws.predicting import final_losses
from lrkit.schedules import parse

VALUES = {
    "L0": 3.04045406, "A": 0.52468604, "alpha": 0.50786857, "B": 363.78751622,
    "C": 2.06560812, "beta": 0.58279013, "gamma": 0.64142257,
}  # fmt: skip
PUBLISHED = Fit("mpl", VALUES, 0.0, ())
WARM = "3e-4 * (linear(0, 1, 2160st) >> "
PROTOCOL = {
    "cosine_24000": (f"{WARM}cosine(1, 0.1))", 24_000),
    "constant_24000": (f"{WARM}hold())", 24_000),
    "wsdcon_9": (f"{WARM}hold(5840st) >> hold() * 0.3)", 14_145),
}
REPEATS = 3


def seconds(run: Callable[[], object]) -> float:
    """Return the processor time of *run*: one core's, whatever else the machine does."""
    start = time.process_time()
    run()
    return time.process_time() - start


def made(text: str, total: int, every: int = 128, first: int = 2176) -> LossCurve:
    """Return a run of the published law with a noise of 5e-4, logged every *every* updates."""
    steps = np.arange(first, total, every)
    bare = loss_curve(text, steps, np.ones(len(steps)), schedule=text, total=total)
    losses = PUBLISHED.form.losses(VALUES, grid_of([bare], 4))
    noise = 1 + 5e-4 * np.random.default_rng(0).standard_normal(len(steps))
    return loss_curve(text, steps, losses * noise, schedule=text, total=total)


def fits() -> list[Row]:
    runs = [made(text, total) for text, total in PROTOCOL.values()]
    grid, losses = grid_of(runs), np.concatenate([run.losses for run in runs])
    rows = []
    for name, law in LAWS.items():
        first = partial(solve, law, grid, losses, begin=law.starts(grid, losses)[:1])
        one = [seconds(first) for _ in range(REPEATS)]
        every = [seconds(partial(fit, runs, name, trials=False)) for _ in range(REPEATS)]
        rows.append(Row.of(f"fit of {name}, published protocol, one start (s)", one, 1.0))
        rows.append(Row.of(f"fit of {name}, published protocol, all starts (s)", every, 5.0))
    rows.append(Row.of("fit --law auto: six laws, runs held out (s)", [seconds(lambda: fit(runs))]))
    return rows


def predictions() -> list[Row]:
    runs = [made(text, total) for text, total in PROTOCOL.values()]
    fitted = fit(runs, "mpl")
    texts = [f"{WARM}hold() >> linear(1, 0.1, {share / 20:g}%))" for share in range(20, 1020)]
    curves = [parse(text).over(24_000) for text in texts]
    whole = seconds(lambda: [predict(fitted, curve) for curve in curves])
    last = seconds(lambda: final_losses(fitted, curves))
    return [
        Row.of("1,000 schedules of 24,000 steps, curves with intervals (s)", [whole]),
        Row.of("1,000 schedules of 24,000 steps, final losses (s)", [last], 5.0),
        Row.of(
            "design, 24,000 steps, published parameters (s)",
            [
                seconds(lambda: design([PUBLISHED], 24_000, peak=3e-4, warmup=2160))
                for _ in range(REPEATS)
            ],
            3.0,
        ),
    ]


def growth() -> list[Row]:
    law = LAWS["mpl"]
    text, total = PROTOCOL["cosine_24000"]

    def cost(run: LossCurve) -> float:
        grid = grid_of([run])
        return min(seconds(lambda: [law.losses(VALUES, grid) for _ in range(30)]) for _ in range(5))

    twice = cost(made(text, total, 32)) / cost(made(text, total, 64))
    constant, long = f"{WARM}hold())", 1_000_000
    flat = made(constant, long)
    short = made(constant, 24_000)
    per_point = (cost(flat) / len(flat.steps)) / (cost(short) / len(short.steps))
    return [
        Row.of("twice the points and twice the changes / once (linear in both: 4)", [twice], 5.0),
        Row.of("a point of a constant run of 1e6 steps / of 24,000", [per_point], 2.0),
        Row.of("fit of mpl to that run (s)", [seconds(lambda: fit([flat], "mpl"))], 5.0),
    ]


def main() -> int:
    return 0 if show("Laws", [*fits(), *predictions(), *growth()]) else 1


if __name__ == "__main__":
    sys.exit(main())
