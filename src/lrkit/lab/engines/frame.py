"""What every engine has around it: the `with` block, and SIGTERM as a reason to stop in order."""

from __future__ import annotations

import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from lrkit.errors import SpecError
from lrkit.lab.engines.contract import Ended, Engine, Event, Training


class Frame(ABC):
    """An engine but for how it runs its trainings.

    In its `with` block a SIGTERM that nobody else handles raises `KeyboardInterrupt`, as Ctrl-C
    does; when the engine is closed and the journals with it, the process ends by it.
    """

    name: str = ""
    why: str = ""

    def __init__(self) -> None:
        self._taken: set[Path] = set()
        self._before: Any = None
        self._terminated = False

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many trainings are worth having under way at once."""

    @abstractmethod
    def submit(self, training: Training) -> None:
        """Take *training* in."""

    @abstractmethod
    def poll(self, timeout: float = 0.2) -> list[Event]:
        """Return what happened since the last call."""

    @abstractmethod
    def stop(self, training: Training) -> None:
        """End *training* between two updates."""

    @abstractmethod
    def close(self) -> None:
        """Stop what is under way and give everything back."""

    def _take(self, training: Training) -> None:
        """Note that *training* is here; two in one folder would write over each other."""
        if training.folder in self._taken:
            raise SpecError(
                f"every training needs a folder of its own, {training.folder} comes twice; "
                "choose another"
            )
        self._taken.add(training.folder)

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            self._before = signal.signal(signal.SIGTERM, self._terminate)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        finally:
            if self._before is not None:
                signal.signal(signal.SIGTERM, self._before)
                self._before = None
            if self._terminated:
                signal.raise_signal(signal.SIGTERM)

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        if self._terminated:
            return  # it is being closed already
        self._terminated = True
        raise KeyboardInterrupt


def follow(engine: Engine, trainings: Iterable[Training]) -> Iterator[Event]:
    """Submit *trainings* to *engine* and yield what happens until the last one has ended."""
    left = 0
    for training in trainings:
        engine.submit(training)
        left += 1
    while left:
        for event in engine.poll():
            left -= isinstance(event, Ended)
            yield event
