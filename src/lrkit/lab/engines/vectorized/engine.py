"""The engine `vectorized`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import torch

from lrkit.errors import LoopError, SpecError
from lrkit.lab.catalog import pick_device
from lrkit.lab.engines.contract import Ended, Event, Training
from lrkit.lab.engines.frame import Frame
from lrkit.lab.engines.vectorized.crew import Crew
from lrkit.lab.engines.vectorized.waiting import Waiting
from lrkit.lab.interrupts import Interrupts
from lrkit.probe.randomness import RandomState, seed_all

WIDTH: Final = {"cpu": 32}
WIDEST: Final = 128


class Vectorized(Frame):
    """Trains many models as one, each with its own schedule, seed and data order.

    - *device* is where all of them are trained; "auto": where each training says.
    - *width* is the most models in a stack (None: 32 on a CPU, 128 elsewhere). A stack takes what
      it can of the trainings that wait: those whose tasks differ in nothing but numbers. What
      comes later joins at the beginning of an epoch; others have a stack of their own after it.

    A training is the one of the engine `serial`: the same initial weights, the same batches, and
    bit for bit the same rates. Sums are made in another order, so losses and weights agree within
    rounding, which a training amplifies: on a CPU to 1e-5 of the loss in 50 updates of the
    built-in tasks by SGD, to 1e-4 by Adam (which steps by the sign of a gradient that is rounding
    alone). A GPU convolves a stack by other kernels than a single model; `docs/engines.md` has
    what comes of it. Dropout draws other masks of the same distribution. Mixed precision,
    controllers that look at every update, rollbacks, optimizers but SGD, Adam and AdamW, tasks
    with further parts and models that `torch.func` cannot map are refused by name.

    Everything runs within `poll`. Several models are one program, so what that raises ends all
    of a stack; one that leaves the finite numbers, or whose evaluation raises, ends alone.

    Raises `SpecError` for a width below 1 and a device that torch cannot use here.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from lrkit.control import steered
    >>> from lrkit.lab.engines.frame import follow
    >>> folder = Path(tempfile.mkdtemp())
    >>> trainings = [
    ...     Training("poly-tanh", steered(rate), folder / rate, total="30st")
    ...     for rate in ("0.001", "0.03")
    ... ]
    >>> with Vectorized() as engine:
    ...     ended = [e for e in follow(engine, trainings) if isinstance(e, Ended)]
    >>> best = min(ended, key=lambda e: e.result.score)
    >>> best.training.folder.name, len(best.result.losses)
    ('0.03', 30)

    Source: He and Zou 2021 (functorch, torch.func since), its tutorial on model ensembling.
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
        self._width = width
        self._news: list[Event] = []
        self._waiting = Waiting(device, self._news)
        #: Where the last training submitted is to run.
        self._device = "cpu" if device == "auto" else pick_device(device)
        self._crew: Crew | None = None
        self._random: RandomState | None = None
        self._closed = self._busy = False

    @property
    def slots(self) -> int:
        """How many models a stack may have."""
        if self._width is not None:
            return self._width
        return WIDTH.get(torch.device(self._device).type, WIDEST)

    def submit(self, training: Training) -> None:
        """Take *training* in; raise `SpecError` for what cannot be vectorized.

        The first of a task with these options is made now, and an update of two of it is tried.
        """
        if self._closed:
            raise LoopError("a closed engine takes no trainings; make a new one")
        with self._apart():
            self._device = self._waiting.check(training)
        self._take(training)
        self._waiting.add(training)

    def poll(self, timeout: float = 0.2) -> list[Event]:
        """Train for *timeout* seconds, or until there is news, and return it."""
        end = time.monotonic() + timeout
        interrupts = Interrupts()
        with self._apart(), interrupts:
            while not self._news and (self._crew or self._waiting):
                self._busy = True
                self._turn()
                self._busy = False
                if self._terminated:
                    raise KeyboardInterrupt
                if time.monotonic() >= end or interrupts.caught is not None:
                    break
        interrupts.raise_again()
        found, self._news[:] = list(self._news), []
        for event in found:
            if isinstance(event, Ended):
                self._taken.discard(event.training.folder)
        return found

    def stop(self, training: Training) -> None:
        """Stop *training* after the updates under way; what has ended stays as it is."""
        member = self._crew.find(training) if self._crew else None
        if member is not None:
            member.stop()
        else:
            with self._apart():
                self._waiting.stop(training)

    def close(self) -> None:
        """Stop what is under way, with a checkpoint; what waits never begins."""
        self._closed = True
        with self._apart():
            if self._crew is not None:
                self._crew.close()
                self._crew = None
            self._waiting.close()

    # Turns.

    def _turn(self) -> None:
        """Make a stride of the stack; make one where there is none, or let others join it."""
        crew = self._crew
        if crew is None:
            if not (found := self._waiting.gather(None, self.slots)):
                return
            seed_all(found[0].session.seed)  # what the models draw is the same every time
            crew = self._crew = Crew(found, self._news)
        elif self._waiting and crew.joinable and len(crew) < self.slots:
            found = self._waiting.gather(crew.members[0], self.slots - len(crew))
            if found:
                crew.join(found)
        try:
            crew.stride()
        except Exception as error:  # of the program that all share
            crew.fail(error)
        if not len(crew):
            self._crew = None

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        if self._busy and not self._terminated:
            self._terminated = True  # when the updates under way are made
        else:
            super()._terminate(number, frame)

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
