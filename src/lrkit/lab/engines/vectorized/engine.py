"""The engine `vectorized`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch

from lrkit.errors import LoopError, SpecError
from lrkit.lab.catalog import pick_device
from lrkit.lab.contract import Task
from lrkit.lab.engines.contract import Ended, Event, Training
from lrkit.lab.engines.frame import Frame
from lrkit.lab.engines.trainings import as_error, check_same, finished
from lrkit.lab.engines.vectorized.crew import Crew
from lrkit.lab.engines.vectorized.members import Member
from lrkit.lab.engines.vectorized.preparing import (
    Shared,
    check_training,
    device_of,
    sitting_of,
    source_of,
    try_out,
)
from lrkit.lab.engines.vectorized.twins import check_task, twins
from lrkit.lab.interrupts import Interrupts
from lrkit.probe.randomness import RandomState, seed_all
from lrkit.records import replay
from lrkit.records.writer import JOURNAL

WIDTH: Final = {"cpu": 32}
WIDEST: Final = 128


class _Waits(Exception):  # noqa: N818 - no error
    """A training waits for a stack that it fits into."""


class Vectorized(Frame):
    """Trains many models as one, each with its own schedule, seed and data order.

    - *device* is where all of them are trained; "auto": where each training says.
    - *width* is the most models in a stack (None: 32 on a CPU, 128 elsewhere). A stack takes what
      it can of the trainings that wait: those whose tasks differ in nothing but numbers. What
      comes later joins at the beginning of an epoch; others have a stack of their own after it.

    A training is the one of the engine `serial`: the same initial weights, the same batches, and
    bit for bit the same rates. Sums are made in another order, so losses and weights agree within
    rounding, which a training amplifies: to 1e-5 of the loss in 50 updates of the built-in tasks
    by SGD, to 1e-4 by Adam (which steps by the sign of a gradient that is rounding alone), and a
    thousand times that where a GPU convolves in TF32, PyTorch's default. Dropout draws other
    masks of the same distribution. Mixed precision, controllers that look at every update,
    rollbacks, optimizers but SGD, Adam and AdamW, tasks with further parts and models that
    `torch.func` cannot map are refused by name.

    Everything runs within `poll`. Several models are one program, so what that raises ends all
    of a stack; one that leaves the finite numbers, or whose evaluation raises, ends alone.
    """

    name = "vectorized"

    def __init__(
        self,
        device: str = "auto",
        width: int | None = None,
    ) -> None:
        super().__init__()
        whole = isinstance(width, int) and not isinstance(width, bool)
        if width is not None and not (whole and width >= 1):
            raise SpecError(f"width must be a whole number >= 1, got {width!r}; leave it out")
        self._device = device
        self._width = width
        self._shared = Shared()
        self._waiting: deque[Training] = deque()
        #: Tasks made already, by folder.
        self._made: dict[Any, Task] = {}
        self._tried: set[Any] = set()
        self._crew: Crew | None = None
        self._news: list[Event] = []
        self._random: RandomState | None = None
        #: Where the last training submitted is to run.
        self._last = "cpu" if device == "auto" else pick_device(device)
        self._sources: dict[Any, tuple[str, int, Mapping[str, Any]]] = {}
        self._closed = False

    @property
    def slots(self) -> int:
        """How many models a stack may have."""
        if self._width is not None:
            return self._width
        return WIDTH.get(torch.device(self._last).type, WIDEST)

    def submit(self, training: Training) -> None:
        """Take *training* in; raise `SpecError` for what cannot be vectorized.

        The first of a task with these options is made now, and an update of two of it is tried.
        """
        if self._closed:
            raise LoopError("a closed engine takes no trainings; make a new one")
        check_training(training)
        kind = self._kind(training)
        if kind not in self._tried:
            made = self._task(training)
            with self._apart():
                try_out(made, training.seed)
            self._tried.add(kind)
        self._take(training)
        self._last = kind[0]
        self._waiting.append(training)

    def poll(self, timeout: float = 0.2) -> list[Event]:
        """Train for *timeout* seconds, or until there is news, and return it."""
        end = time.monotonic() + timeout
        interrupts = Interrupts()
        with self._apart(), interrupts:
            while not self._news and (self._crew or self._waiting):
                self._turn()
                if time.monotonic() >= end or interrupts.caught is not None:
                    break
        interrupts.raise_again()
        found, self._news[:] = list(self._news), []
        for event in found:
            if isinstance(event, Ended):
                self._taken.discard(event.training.folder)
                self._sources.pop(event.training.folder, None)
        return found

    def stop(self, training: Training) -> None:
        """Stop *training* after the updates under way; what has ended stays as it is."""
        member = self._crew.find(training) if self._crew else None
        if member is not None:
            member.stop()
        for one in [one for one in self._waiting if one.folder == training.folder]:
            self._waiting.remove(one)
            self._made.pop(one.folder, None)
            self._news.append(Ended(one, None))

    def close(self) -> None:
        """Stop what is under way, with a checkpoint; what waits never begins."""
        self._closed = True
        self._waiting.clear()
        self._made.clear()
        if self._crew is not None:
            with self._apart():
                self._crew.close()
            self._crew = None

    # Turns.

    def _turn(self) -> None:
        """Make a stride of the stack; make one where there is none, or let others join it."""
        crew = self._crew
        if crew is None or (self._waiting and crew.joinable and len(crew) < self._room(crew)):
            self._gather()
            crew = self._crew
        if crew is None:
            return
        try:
            crew.stride()
        except Exception as error:  # of the program that all share
            crew.fail(error)
        if not len(crew):
            self._crew = None

    def _room(self, crew: Crew) -> int:
        return self._width or WIDTH.get(crew.members[0].task.device.type, WIDEST)

    def _gather(self) -> None:
        """Take what can be stacked together from those that wait, in their order."""
        found: list[Member] = []
        left: list[Training] = []
        like = self._crew.members[0] if self._crew else None
        while self._waiting:
            training = self._waiting.popleft()
            first = found[0] if found else like
            room = self._width or (WIDTH.get(first.task.device.type, WIDEST) if first else WIDEST)
            if len(found) + (len(self._crew) if self._crew else 0) >= room:
                left.append(training)
                break
            try:
                member = self._member(training, first)
            except _Waits:
                left.append(training)
            except Exception as error:
                self._made.pop(training.folder, None)
                self._news.append(Ended(training, None, as_error(error)))
            else:
                found += [] if member is None else [member]
        self._waiting.extendleft(reversed(left))
        if found:
            if self._crew is None:
                seed_all(found[0].session.seed)  # what the models draw is the same every time
                self._crew = Crew(found, self._news)
            else:
                self._crew.join(found)

    def _member(self, training: Training, first: Member | None) -> Member | None:
        """Return *training* as a member beside *first*; None where it has ended, which is told.

        Raises `_Waits` where it must wait for a stack of its own.
        """
        if (training.folder / JOURNAL).exists():
            run = replay(training.folder)
            check_same(training, run)
            if (result := finished(run)) is not None:
                self._made.pop(training.folder, None)
                self._news.append(Ended(training, result))
                return None
            if first is not None:
                raise _Waits  # what goes on may be within an epoch: it has a stack of its own
        if first is not None and not self._fits(training, first):
            raise _Waits
        made = self._task(training)
        check_task(made)
        if first is not None and not twins(first.task, made):
            raise _Waits
        del self._made[training.folder]
        member = Member(training, sitting_of(training, made), self._news)
        try:
            member.open()
        except Exception as error:
            self._news.append(member.end(error))
            return None
        return member

    def _fits(self, training: Training, first: Member) -> bool:
        """Return whether *training* can begin where *first* is, by what it says of itself."""
        mine = (training.accumulate, training.cooldown is None)
        yours = (first.training.accumulate, first.training.cooldown is None)
        return mine == yours and self._kind(training)[:2] == self._kind(first.training)[:2]

    # Tasks.

    def _source(self, training: Training) -> tuple[str, int, Mapping[str, Any]]:
        if training.folder not in self._sources:
            self._sources[training.folder] = source_of(training)
        return self._sources[training.folder]

    def _kind(self, training: Training) -> tuple[Any, ...]:
        """Return what decides whether a task can be stacked: all but the options' numbers."""
        name, _, options = self._source(training)
        words = tuple(
            (key, value if isinstance(value, str | bool) else type(value))
            for key, value in sorted(options.items())
        )
        return device_of(training, self._device), name, words

    def _task(self, training: Training) -> Task:
        if training.folder not in self._made:
            name, seed, options = self._source(training)
            device = device_of(training, self._device)
            self._made[training.folder] = self._shared.task(name, seed, device, options)
        return self._made[training.folder]

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Draw from a stream of the engine's own, and take the same kernels every time."""
        before = RandomState.now()
        if self._random is not None:
            self._random.restore()
        kernels: Any = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
        try:
            with kernels:
                yield
        finally:
            self._random = RandomState.now()
            before.restore()
