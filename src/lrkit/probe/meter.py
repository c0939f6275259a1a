"""A progress bar for a range test that takes longer than two seconds."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

PATIENCE: Final = 2.0
EARLY: Final = 0.5  # seconds after which the rest can be foretold
EVERY: Final = 0.1


class Meter:
    """Shows a bar once the test is known to take over two seconds; on no terminal, nothing."""

    def __init__(self, wanted: bool, total: int) -> None:
        console = Console(stderr=True)
        self._console = console if wanted and console.is_terminal else None
        self._total = total
        self._done = 0
        self._bar: Progress | None = None
        self._began = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def skip_to(self, done: int) -> None:
        """So many updates of the whole are done or will never be made."""
        self._done = done

    def stepped(self, rate: float, loss: float) -> None:
        """One more update is done, at *rate*, with *loss*."""
        self._done += 1
        now = time.monotonic()
        if self._console is None or now - self._shown < EVERY:
            return
        self._shown = now
        spent = now - self._began
        if self._bar is None:
            foretold = spent * self._total / self._done
            if spent < EARLY or (foretold < PATIENCE and spent < PATIENCE):
                return
            self._bar = Progress(
                TextColumn("range test"),
                BarColumn(),
                TextColumn("{task.completed:.0f}/{task.total:.0f}"),
                TextColumn("{task.fields[state]}"),
                TimeRemainingColumn(),
                console=self._console,
                refresh_per_second=5,
                transient=True,
            )
            self._bar.add_task("", total=self._total, state="")
            self._bar.start()
        state = f"rate {rate:.3g}  loss {loss:.4g}"
        task = self._bar.task_ids[0]
        self._bar.update(task, completed=min(self._done, self._total), state=state)
