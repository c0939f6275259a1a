"""What is told of a run while it is written: the protocol of sinks, and the sinks of one journal.

The journal comes first: a sink hears of an event when the journal has taken it, so nothing is
shown that a replay would not give. A sink can fail (its disk is full, its server is gone)
without harm to the training: it is let go with one warning and the journal goes on.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from lrkit.errors import LoopWarning, SpecError

if TYPE_CHECKING:
    from lrkit.records.replay import Run

CALLS: Final = ("open", "metrics", "event", "flush", "close")


@runtime_checkable
class Sink(Protocol):
    """A view of a run that is kept while the run goes: event files, a table, a message to someone.

    Attach it with `Journal.create(folder, sinks=[...])`, or play a finished run into it with
    `lrkit.sinks.export`. The calls come from the training's own thread, in the order of the
    journal: `open` once, then `metrics`, `event` and `flush`, then `close` once. A sink that
    raises is closed and let go with a `LoopWarning`, and the training goes on.

    Subclass it and write the methods you need (the others then do nothing), or write all five
    in a class of your own.
    """

    def open(
        self, folder: Path, header: Mapping[str, Any], resumed: int | None, run: Run | None
    ) -> None:
        """Begin: *folder* is the run's, *header* the first line of its journal.

        *run* is None for a new run. When a run goes on, it is what the journal holds that still
        counts, and *resumed* the next update where the caller said so: what the sink showed of
        steps >= *resumed* will come again. What it wrote last may have been lost in a kill, so
        the sure way is to start again from *run* (`lrkit.sinks.feed` does). A run that goes
        back while it runs (a rollback) opens its sinks again in the same way, without a `close`.
        """
        return

    def metrics(self, step: int, time: float, values: Mapping[str, float]) -> None:
        """Take the metrics of update *step*; *time* is seconds since 1970. Called every step."""
        return

    def event(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Take another event: "evaluation", "edit", "refused", "checkpoint", "note", ...

        *fields* has `time`, as a rule `step`, and what the journal has of it, in JSON types.
        """
        return

    def flush(self) -> None:
        """Bring out what has been gathered; called seldom, by who flushes the journal."""
        return

    def close(self, status: str, reason: str) -> None:
        """End: "done", "failed" or "stopped" with a *reason*, or "dead" where nobody said."""
        return


class Outlets:
    """The sinks of one journal; they hear what follows `open`, and those that fail leave."""

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self.attached = list(sinks)
        self.open_ones: list[Sink] = []
        for sink in self.attached:
            if isinstance(sink, type) or not isinstance(sink, Sink):
                raise SpecError(
                    f"a sink has the methods {', '.join(CALLS)}, got {sink!r}; "
                    "pass an object, and see lrkit.records.Sink"
                )

    def open(
        self, folder: Path, header: Mapping[str, Any], resumed: int | None, run: Run | None
    ) -> None:
        """Open all."""
        self.open_ones = self.attached
        self._tell("open", lambda sink: sink.open(folder, header, resumed, run))

    def metrics(self, step: int, time: float, values: Mapping[str, float]) -> None:
        """Pass the metrics of an update on."""
        for sink in self.open_ones:
            try:
                sink.metrics(step, time, values)
            except Exception as error:  # whatever a sink does wrong
                self._let_go(sink, "metrics", error)

    def event(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Pass an event on."""
        self._tell("event", lambda sink: sink.event(kind, fields))

    def flush(self) -> None:
        """Flush all."""
        self._tell("flush", lambda sink: sink.flush())

    def close(self, status: str, reason: str) -> None:
        """Close all, once."""
        self._tell("close", lambda sink: sink.close(status, reason))
        self.open_ones = self.attached = []

    def _tell(self, call: str, tell: Callable[[Sink], None]) -> None:
        for sink in self.open_ones:
            try:
                tell(sink)
            except Exception as error:  # whatever a sink does wrong
                self._let_go(sink, call, error)

    def _let_go(self, sink: Sink, call: str, error: Exception) -> None:
        # A new list: the loop that called us goes through the old one.
        self.open_ones = self.attached = [s for s in self.attached if s is not sink]
        if call != "close":
            with contextlib.suppress(Exception):  # it has failed already; its files may close
                sink.close("dead", str(error))
        warnings.warn(
            f"a sink must not fail, {type(sink).__name__}.{call} raised "
            f"{type(error).__name__}: {error}; the training goes on without it, and "
            "lrkit.sinks.export can show the run later",
            LoopWarning,
            stacklevel=4,
        )
