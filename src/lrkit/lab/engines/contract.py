"""What an engine is: many trainings, each a value, and what is told of them while they run.

The caller submits trainings and polls for what happened; every training writes the run's journal
in its own folder, whichever engine it is run by, so what is finished outlives any engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeAlias

from lrkit.control import Edit, Steered
from lrkit.errors import LrkitError
from lrkit.lab.result import RunResult
from lrkit.schedules import SpanLike

Shape: TypeAlias = Literal["linear", "cosine", "one_minus_sqrt"]


@dataclass(frozen=True)
class Cooldown:
    """Where a training leaves another one, and how it takes the rate down; see `lab.branch`.

    The *parent* is a run's folder. It must have ended, and has a checkpoint at or before *at*.
    """

    parent: Path
    at: SpanLike
    span: SpanLike = "20%"
    shape: Shape = "linear"
    to: float = 0.0


@dataclass(frozen=True)
class Training:
    """One training: all that decides what it computes, and the folder in which its run is kept.

    - *task* is a name for `lab.task`, with *options* and *seed*; *spec* is its schedule with the
      controllers behind it; *total* its length (None: the task's own budget).
    - *cooldown* makes it a branch of another run: then *spec* and *total* come from there.
    - *checkpoint* and *keep* are those of `lab.train`; *edits* are made when their moment comes.
    - *header* goes into the journal, beside what `lab.train` writes there.

    Where *folder* holds the begun run of the same training, the engine goes on with it.
    """

    task: str
    spec: Steered | None
    folder: Path
    total: str | float | None = None
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    per: Literal["step", "epoch"] = "step"
    clip: float | None = None
    accumulate: int = 1
    amp: bool = False
    edits: tuple[tuple[SpanLike, Edit], ...] = ()
    cooldown: Cooldown | None = None
    checkpoint: str | float = "auto"
    keep: int | Literal["all"] = 1
    header: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stepped:
    """So many of *updates* are done, the last with this loss; told now and then."""

    training: Training
    updates: int
    done: int
    loss: float


@dataclass(frozen=True)
class Evaluated:
    """An epoch is over: *done* updates are made, and the scores are these."""

    training: Training
    epoch: int
    done: int
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Ended:
    """A training is over: with a result (done, failed by divergence, or stopped), or by an error.

    *error* is what the task, the disk or a dead worker raised; the journal stays as it is. One
    that was stopped before it began has neither.
    """

    training: Training
    result: RunResult | None
    error: LrkitError | None = None


Event: TypeAlias = Stepped | Evaluated | Ended


class Engine(Protocol):
    """Runs trainings beside each other; used in a `with` block, which closes it."""

    name: str
    why: str
    """What "auto" says of its choice, in a line; "" of an engine asked for by name."""

    @property
    def slots(self) -> int:
        """How many trainings are worth having under way at once."""
        ...

    def submit(self, training: Training) -> None:
        """Take *training* in; it starts as soon as there is room.

        Raises `SpecError`, at once, for what this engine cannot run.
        """
        ...

    def poll(self, timeout: float = 0.2) -> list[Event]:
        """Return what happened since the last call, waiting up to *timeout* seconds for it.

        Every submitted training has exactly one `Ended`, its evaluations come before it. Those
        that its run had before it was submitted are not told again; the result has them.
        """
        ...

    def stop(self, training: Training) -> None:
        """End *training* between two updates, as "stopped"; one not begun never begins.

        It has its `Ended` all the same.
        """
        ...

    def close(self) -> None:
        """Stop what is under way, let the journals be closed, and give everything back."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
