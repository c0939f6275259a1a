"""Who is told how a training goes; the bar of a single one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

EVERY: Final = 0.1  # seconds between two looks of the bar


class Watcher(Protocol):
    """Told of every update; raising `KeyboardInterrupt` in it stops the training."""

    def started(self, updates: int) -> None:
        """The training has this many updates to make."""

    def stepped(self, done: int, loss: float) -> None:
        """So many updates are done, the last with this loss."""

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        """An epoch is over, with these scores."""


class Bar:
    """A progress bar for one training; on what is no terminal it says nothing."""

    def __init__(self, name: str, console: Console | None = None) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
            refresh_per_second=5,
        )
        self._task = self._progress.add_task(name, total=1, state="")
        self._shown = 0.0
        self._done = 0
        self._scores = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Leave the terminal to the block, where somebody types."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def started(self, updates: int) -> None:
        """Show an empty bar."""
        self._progress.update(self._task, total=updates)

    def stepped(self, done: int, loss: float) -> None:
        """Move the bar, ten times a second at most."""
        self._done = done
        now = time.monotonic()
        if now - self._shown > EVERY:
            self._shown = now
            state = f"loss {loss:.4g}{self._scores}"
            self._progress.update(self._task, completed=done, state=state)

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Show the scores beside the loss."""
        self._scores = "".join(f"  {name} {value:.4g}" for name, value in scores.items())
        self._progress.update(self._task, completed=self._done, state=self._scores.strip())
