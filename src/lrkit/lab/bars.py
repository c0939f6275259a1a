"""The frame of a live display: bars while it is entered, and lines above them."""

from __future__ import annotations

from collections.abc import Hashable
from types import TracebackType
from typing import Generic, Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

Key = TypeVar("Key", bound=Hashable)


class Bars(Generic[Key]):
    """A bar for the whole, and by key one for each that is under way.

    A bar shows `state`; where they are *counted*, also how many of how many `unit`.
    """

    def __init__(self, console: Console, *, counted: bool = True, width: int | None = 40) -> None:
        self._bars: dict[Key, TaskID] = {}
        count = "{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}"
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=width),
            *([TextColumn(count)] if counted else []),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=console,
            refresh_per_second=5,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for bar in self._bars.values():
            self._progress.remove_task(bar)
        self._progress.stop()
