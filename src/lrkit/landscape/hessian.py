"""The largest Hessian eigenvalue of a network's loss, by power iteration."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch
from torch import Tensor

from lrkit.errors import DataError, SpecError
from lrkit.lab.contract import Task
from lrkit.landscape.edges import (
    KIND,
    Sharpness,
    bound_words,
    read_sharpness,
    sharpness_of,
    stability_bound,
)
from lrkit.landscape.evaluation import (
    SAMPLES,
    Evaluation,
    Norm,
    evaluation_of,
    set_modes,
    size_of,
    task_errors,
)
from lrkit.landscape.growing import Growing
from lrkit.landscape.slicing import Watcher, default_path
from lrkit.landscape.subjects import Subject, trained
from lrkit.probe.patience import Patience
from lrkit.probe.randomness import seeded
from lrkit.probe.restore import restored

TOLERANCE: Final = 0.01
ITERATIONS: Final = 200
KEPT: Final = 2048
"""Samples whose graph is kept for all products of one Hessian; with more it is built each time."""


@dataclass(frozen=True)
class Top:
    """The largest eigenvalue found, its residual, and the products it took."""

    value: float
    residual: float
    iterations: int


class Hessian:
    """The Hessian of the loss of *task* at the weights it has, as products with vectors.

    A product is a double backward pass: the gradient's derivative along a vector.
    """

    def __init__(
        self, task: Task, evaluation: Evaluation, patience: Patience | None = None
    ) -> None:
        self.task = task
        self.patience = patience
        self.evaluation = evaluation
        self.parameters = [p for _, p in trained(task.model)]
        self.size = sum(p.numel() for p in self.parameters)
        self.loss = 0.0
        self._kept: list[Tensor] | None = None
        if evaluation.samples <= KEPT:
            self._kept = list(self._gradients())
        else:
            for _ in self._gradients():
                pass

    def __call__(self, vector: Tensor) -> Tensor:
        """Return H v for a flat *vector* in float64, on the CPU; Ctrl-C is obeyed before."""
        if self.patience is not None:
            self.patience.check()
        total = torch.zeros(self.size, dtype=torch.float64)
        with task_errors(self.task):
            for gradient in self._kept if self._kept is not None else self._gradients():
                seen = vector.to(gradient.device, gradient.dtype)
                parts = torch.autograd.grad(
                    gradient,
                    self.parameters,
                    seen,
                    retain_graph=self._kept is not None,
                    materialize_grads=True,
                )
                total += torch.cat([part.flatten() for part in parts]).to("cpu", torch.float64)
        return total

    def _gradients(self) -> Iterator[Tensor]:
        """Yield the flat gradient of each batch's share of the mean loss, with its graph."""
        self.loss, whole = 0.0, self.evaluation.samples
        for x, y in self.evaluation.batches:
            with task_errors(self.task), torch.enable_grad():
                loss = self.task.loss(self.task.model(x), y) * (size_of(x, y) / whole)
                parts = torch.autograd.grad(
                    loss, self.parameters, create_graph=True, materialize_grads=True
                )
                self.loss += float(loss.detach())
                yield torch.cat([part.flatten() for part in parts])


def largest_eigenvalue(
    product: Any, start: Tensor, *, tolerance: float = TOLERANCE, iterations: int = ITERATIONS
) -> Top:
    """Return the largest eigenvalue of the symmetric matrix whose `product(v)` is H v.

    Power iteration from *start*: v <- H v / ||H v||, until ||H v - s v|| <= *tolerance* * |s| with
    s = <v, H v>, or *iterations* products. It finds the eigenvalue that is largest in size; where
    that is negative, once more on H - s I, whose largest is the one wanted less s.

    Raises `SpecError` for a tolerance outside (0, 1) and for less than one iteration.

    >>> matrix = torch.diag(torch.tensor([1.0, -5.0, 3.0], dtype=torch.float64))
    >>> top = largest_eigenvalue(lambda v: matrix @ v, torch.ones(3, dtype=torch.float64))
    >>> round(top.value, 3)
    3.0
    """
    if not 0 < tolerance < 1:
        raise SpecError(f"`0 < tolerance < 1` must hold, got {tolerance:g}; write e.g. 0.01")
    if iterations < 1:
        raise SpecError(f"`iterations >= 1` must hold, got {iterations}; write e.g. 200")
    found = _iterated(product, start, 0.0, tolerance, iterations)
    if not found.value < 0:
        return found
    shift = found.value
    again = _iterated(product, start, shift, tolerance, iterations)
    return Top(again.value, again.residual, found.iterations + again.iterations)


def _iterated(product: Any, start: Tensor, shift: float, tolerance: float, iterations: int) -> Top:
    """Return what power iteration on H - shift * I finds, as an eigenvalue of H."""
    vector = start / start.norm()
    for count in range(1, iterations + 1):
        image = product(vector)
        value = float(vector @ image)
        residual = float((image - value * vector).norm())
        if not math.isfinite(residual):
            return Top(math.inf, math.inf, count)
        moved = image - shift * vector
        size = float(moved.norm())
        if residual <= tolerance * abs(value) or not size:
            break
        vector = moved / size
    return Top(value, residual, count)


def sharpness(
    subject: Subject,
    *,
    samples: int | Literal["all"] = SAMPLES,
    bn: Norm | None = None,
    tolerance: float = TOLERANCE,
    iterations: int = ITERATIONS,
    path: str | os.PathLike[str] | None = None,
    watch: Watcher | None = None,
) -> Sharpness:
    """Return the sharpness at each checkpoint of the run of *subject*, beside its bound.

    The Hessian is that of the mean loss on *samples* (see `evaluation_of`); the bound is about
    the loss that the optimizer descends, so it can only be met where they are "all" and the
    training takes them in one batch. *tolerance* and *iterations* are those of
    `largest_eigenvalue`. The file *path* grows a reading at a time (None: in the run's folder).

    Raises `DataError` for a subject that is no run.

    >>> import tempfile
    >>> from lrkit.lab import train
    >>> from lrkit.landscape import of_run
    >>> run = tempfile.mkdtemp() + "/run"
    >>> _ = train("poly-tanh", "constant(0.01)", epochs=1, run=run, device="cpu")
    >>> found = sharpness(of_run(run), samples=200)
    >>> [r.step for r in found.readings], found.readings[0].bound, found.readings[0].value > 5
    ([0, 50], 200.0, True)

    Source: Cohen et al. 2021 (arXiv 2103.00065).
    """
    if subject.run is None:
        raise DataError(
            f"sharpness is taken along a run, {subject.name} is a task; train it with "
            "--checkpoint 1ep --keep all first"
        )
    seed = int(subject.about["seed"] or 0)
    evaluation = evaluation_of(subject.task, samples, bn, seed)
    of = {name: value for name, value in subject.about.items() if name != "folder"}
    identity: dict[str, Any] = {
        "slice": KIND,
        "subject": of,
        "checkpoints": [stop.name for stop in subject.stops],
        "evaluation": evaluation.to_dict(),
        "tolerance": tolerance,
        "most": iterations,
    }
    target = default_path(subject, identity) if path is None else Path(path)

    def describe() -> dict[str, Any]:
        return {
            "subject": subject.about,
            "evaluation": evaluation.to_dict(),
            "tolerance": {"residual": tolerance, "iterations": iterations},
            "steps": [stop.step for stop in subject.stops],
            "rule": bound_words(_optimizer(subject.task)),
        }

    with Growing(target, KIND, identity, describe) as file:
        there = {r.step for r in sharpness_of([file.header, *file.events], target).readings}
        stops = [stop for stop in subject.stops if stop.step not in there]
        with _ready(subject.task, evaluation, seed) as patience:
            # The same start for each, so a reading does not depend on those before it.
            start = _random(subject.parts()[-1].stop, seed)
            for done, stop in enumerate(stops, 1):
                subject.load(stop, optimizer=True)
                set_modes(subject.task.model, evaluation.bn)
                hessian = Hessian(subject.task, evaluation, patience)
                top = largest_eigenvalue(hessian, start, tolerance=tolerance, iterations=iterations)
                _write(file, subject, stop.step, hessian.loss, top)
                if watch is not None:
                    watch(done, len(stops))
    return read_sharpness(target)


def _write(file: Growing, subject: Subject, step: int, loss: float, top: Top) -> None:
    """Write the reading at *step*, where the task now is."""
    rate = subject.rate(step)
    file.add(
        "reading",
        step=step,
        rate=rate,
        loss=loss,
        value=top.value,
        residual=top.residual,
        iterations=top.iterations,
        bound=stability_bound(_optimizer(subject.task), rate),
    )


@contextmanager
def _ready(task: Task, evaluation: Evaluation, seed: int) -> Iterator[Patience]:
    with restored(task.model, task.optimizer) as patience, seeded(seed, task.device):
        set_modes(task.model, evaluation.bn)
        yield patience


def _random(size: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, generator=generator, dtype=torch.float64)


def _optimizer(task: Task) -> dict[str, Any]:
    """Return what the stability of *task*'s optimizer depends on."""
    groups = task.optimizer.param_groups
    first = groups[0]
    names = ("momentum", "dampening", "nesterov", "weight_decay")
    same = all(group.get(name) == first.get(name) for group in groups for name in ("lr", *names))
    found = {name: first[name] for name in names if name in first}
    return {"name": type(task.optimizer).__name__, "rates": 1 if same else len(groups)} | found
