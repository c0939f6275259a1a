"""Whose loss is sliced: the network of a run with its checkpoints, or of a task, fresh.

The weights that a run began with need no checkpoint: the task makes them again from its seed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from lrkit.errors import DataError, LoopError
from lrkit.lab.catalog import task
from lrkit.lab.checkpoints import DamagedError, Saved, find_checkpoints, read_checkpoint
from lrkit.lab.contract import Task, first_line
from lrkit.lab.resuming import session_of, task_of
from lrkit.lab.snapshots import about_of, check_about, load_model
from lrkit.lab.weights import weights_of
from lrkit.landscape.directions import Array, Part
from lrkit.records import Run, replay

MEMORY: Final = 2 << 30
"""Bytes of weight vectors that are held at a time."""
MOST: Final = 200
"""Checkpoints that are looked at, evenly chosen where there are more."""


NEEDED: Final = ("task", "seed", "updates", "schedule", "horizon")
"""What the header of a run must say for its task to be made again."""
FRESH: Final = "fresh"
"""What the weights that a training begins with are called, as they need no file."""


@dataclass(frozen=True)
class Stop:
    """A moment of the training whose weights can be had: a checkpoint, or (None) the beginning."""

    step: int
    saved: Saved | None

    @property
    def name(self) -> str:
        """The name of its checkpoint, "fresh" for the beginning."""
        return FRESH if self.saved is None else self.saved.name


@dataclass(eq=False)
class Subject:
    """A network whose loss is looked at.

    *task* is freshly made and ours to move. *stops* are the moments of the training that are
    looked at, the oldest first, of the *there* that the run has; a task by itself has none.
    *about* goes into the header of what is computed. *start* are the weights and buffers that the
    training began with.
    """

    task: Task
    about: dict[str, Any]
    run: Run | None = None
    stops: tuple[Stop, ...] = ()
    there: int = 0
    said: list[str] = field(default_factory=list)
    start: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        kept = self.task.model.state_dict()
        self.start = {name: value.detach().clone() for name, value in kept.items()}

    @property
    def name(self) -> str:
        """The name of the run, or of the task."""
        return self.task.name if self.run is None else self.run.name

    def parts(self) -> list[Part]:
        """Return where each parameter that is trained lies in the vector of weights."""
        found, start = [], 0
        for name, parameter in trained(self.task.model):
            stop = start + parameter.numel()
            found.append(Part(name, tuple(parameter.shape), start, stop))
            start = stop
        return found

    def rows(self, stops: Sequence[Stop]) -> Array:
        """Return the weights at *stops*, a row for each.

        Raises `DataError` for one that is damaged, of another training, or does not fit the task.
        """
        parts = self.parts()
        found = np.empty((len(stops), parts[-1].stop))
        for row, stop in zip(found, stops, strict=True):
            model = self.start if stop.saved is None else self.state(stop.saved)["model"]
            row[:] = vector_of(model, parts, stop.name)
        return found

    def load(self, stop: Stop, *, optimizer: bool = False) -> None:
        """Give the task's model the weights and buffers of *stop*.

        With *optimizer* the task's optimizer has the groups and the memory of the checkpoint, too.
        """
        try:
            if stop.saved is None:
                self.task.model.load_state_dict(self.start)
                return
            state = self.state(stop.saved)
            load_model(self.task, state)
            if optimizer:
                self.task.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise DataError(
                f"checkpoint {stop.name} does not fit the task {self.task.name!r} "
                f"({first_line(error)}); see that model and optimizer are built as they were then"
            ) from error

    def find(self, step: int) -> Stop:
        """Return the stop of *step*; raise `DataError` with the steps there are."""
        for stop in self.stops:
            if stop.step == step:
                return stop
        raise DataError(
            f"`step` must be one whose weights run {self.name} has ({self._steps()}), got {step}; "
            "train with --checkpoint 1ep --keep all for more of them"
        )

    def named(self, name: str) -> Stop:
        """Return the stop whose checkpoint is called *name*; raise `DataError` when it is gone."""
        if name == FRESH:
            return Stop(0, None)
        for one in find_checkpoints(self.run.folder) if self.run is not None else ():
            if one.name == name:
                return Stop(one.step, one)
        raise DataError(
            f"the slice is made of checkpoint {name} of run {self.name}, which is gone; "
            "restore it from a copy, or compute a slice of those that are there"
        )

    def rate(self, step: int) -> float:
        """Return the learning rate of update *step* by the journal; of the last one at the end."""
        if self.run is None or "lr" not in self.run.metrics:
            return float("nan")
        steps, rates = self.run.series("lr")
        if not len(steps):
            return float("nan")
        return float(rates[min(int(np.searchsorted(steps, step)), len(rates) - 1)])

    def state(self, saved: Saved) -> dict[str, Any]:
        """Return what is in the checkpoint *saved*, which must be of this training."""
        state = read_checkpoint(saved)
        if self.run is not None:
            check_about(state, about_of(self.run.header), saved)
        return state

    def _steps(self) -> str:
        steps = [f"{stop.step}" for stop in self.stops]
        return ", ".join(steps if len(steps) <= 12 else [*steps[:6], "...", *steps[-5:]]) or "none"


def of_run(
    folder: str | os.PathLike[str],
    *,
    what: Task | str | None = None,
    device: str | None = None,
    most: int = MOST,
) -> Subject:
    """Return the network of the run in *folder*, with its beginning and its checkpoints.

    *what* is the task where the run does not say it, *device* where to compute (None: as the run).
    Damaged checkpoints and those of other trainings are left out, which `said` tells. Of more
    than *most*, or than fit into 2 GiB, evenly chosen ones are taken, first and last among them.

    Raises `DataError` for what is no run of `train`.
    """
    run = replay(folder)
    if missing := [name for name in NEEDED if name not in run.header]:
        raise DataError(
            f"a slice is of a run of `lrkit train`, the journal of {run.folder} has no "
            f"{missing[0]!r}; train with `lrkit train`, or slice the task itself"
        )
    made = task_of(run.header, what, device)
    session_of(made, run.header)  # for its errors: the data must be those of the run
    if (begun := weights_of(run)) is not None:
        begun.put(made.model)
    header = run.header
    about = {
        "run": run.name,
        "folder": str(run.folder),
        "task": made.name,
        "made_by": header.get("made_by"),
        "seed": header.get("seed"),
        "options": dict(header.get("options") or {}),
    }
    subject = Subject(made, about, run)
    good = _good(subject, run.folder)
    subject.there = len(good)
    room = max(3, MEMORY // (8 * max(subject.parts()[-1].stop, 1)))
    count = min(most, room, len(good))
    chosen = np.unique(np.linspace(0, len(good) - 1, count).round().astype(int))
    subject.stops = tuple(good[i] for i in chosen)
    return subject


def of_task(
    what: Task | str, seed: int = 0, device: str = "auto", options: dict[str, Any] | None = None
) -> Subject:
    """Return the network of a task, with the weights that *seed* makes."""
    made = what if isinstance(what, Task) else task(what, seed, device, **(options or {}))
    name = what if isinstance(what, str) else None
    about = {"run": None, "task": made.name, "made_by": name, "seed": seed}
    return Subject(made, about | {"options": dict(options or {})})


def trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Return the parameters of *model* that a training moves, by name.

    Raises `LoopError` where there are none.
    """
    found = [
        (name, p)
        for name, p in model.named_parameters()
        if p.requires_grad and p.is_floating_point()
    ]
    if not found:
        raise LoopError(
            "a slice needs parameters that are trained, the model has none; see requires_grad"
        )
    return found


def vector_of(values: Any, parts: Sequence[Part], where: str = "the model") -> Array:
    """Return the parameters among *values*, tensors by name, as one float64 vector."""
    found = np.empty(parts[-1].stop)
    for part in parts:
        value = values.get(part.name)
        if not isinstance(value, Tensor) or tuple(value.shape) != part.shape:
            raise DataError(
                f"the checkpoints must be of the model as the task builds it, {where} has no "
                f"{part.name} of shape {part.shape}; restore the task"
            )
        found[part.start : part.stop] = value.detach().to("cpu", torch.float64).flatten().numpy()
    return found


def put_vector(model: nn.Module, weights: Array, parts: Sequence[Part]) -> None:
    """Give *model* the *weights* of a vector, rounded to the type of each parameter."""
    parameters = dict(trained(model))
    with torch.no_grad():
        for part in parts:
            values = torch.from_numpy(weights[part.start : part.stop]).view(part.shape)
            parameters[part.name].copy_(values)


def _good(subject: Subject, folder: Path) -> list[Stop]:
    """Return the beginning and the good checkpoints in *folder* in order, one of each step."""
    good: dict[int, Stop] = {0: Stop(0, None)}
    for one in find_checkpoints(folder):
        if one.step in good:  # the beginning, or written before a rollback
            continue
        try:
            subject.state(one)
        except DamagedError as error:
            subject.said.append(f"{error}. It is left out")
            continue
        except DataError:
            if one.path.exists():
                raise
            continue  # a run that goes on has removed it meanwhile
        good[one.step] = Stop(one.step, one)
    return [good[step] for step in sorted(good)]
