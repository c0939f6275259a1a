"""Writing a run's journal."""

from __future__ import annotations

import operator
import os
import socket
import sys
import time
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

import msgspec

from lrkit.errors import DataError, LrkitError, SpecError
from lrkit.records.creation import build, refuse_existing
from lrkit.records.files import disk_errors
from lrkit.records.format import FORMAT, decode_event, encode_event, spell
from lrkit.records.lock import RunLock
from lrkit.records.outlets import Outlets, Sink
from lrkit.records.provenance import provenance
from lrkit.records.replay import replay
from lrkit.records.scan import cut_torn_tail, read_header
from lrkit.records.writer import JOURNAL, Writer

End: TypeAlias = Literal["done", "failed", "stopped"]

DURABLE: Final = frozenset({"edit", "refused", "checkpoint", "evaluation", "resume", "end"})
ENDS: Final = ("done", "failed", "stopped")
FLUSH_SECONDS: Final = 0.5
SLOW_SECONDS: Final = 0.05
FLUSH_BYTES: Final = 1 << 20
_COLUMNS: Final = frozenset({"step", "time"})
_ENVELOPE: Final = frozenset({"kind", "time"})
_HEADER: Final = frozenset({"kind", "format", "time", "name", "pid", "host"})

_encode = msgspec.json.Encoder().encode


class Journal:
    """The journal of one run, open for writing.

    Made by `Journal.create` or `Journal.resume`; a context manager that ends the run "done",
    or "stopped" after Ctrl-C, or "failed" with the error when the block raises.

    A killed process loses at most the metrics of its last half second. Edits, refusals,
    checkpoints and evaluations are on the disk before `append` returns.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp() + "/first"
    >>> with Journal.create(folder, spec="0.1 * cosine()", seed=1) as journal:
    ...     journal.metrics(0, loss=2.5, rate=0.1)
    ...     journal.append("evaluation", step=1, accuracy=0.5)
    >>> from lrkit.records import replay
    >>> run = replay(folder)
    >>> run.status, run.metrics["loss"].tolist(), run.evaluations[0]["accuracy"]
    ('done', [2.5], 0.5)
    """

    def __init__(
        self,
        folder: Path,
        writer: Writer,
        header: dict[str, Any],
        repaired: str,
        sinks: Outlets,
    ) -> None:
        self.folder: Final = folder
        self.header: Final = header
        #: What `resume` had to cut from the end of the file, in a sentence; "" when nothing.
        self.repaired: Final = repaired
        self._writer = writer
        self._sinks = sinks
        #: Evaluations need not wait for the disk; a checkpoint and the end bring them there.
        self.hasty = False
        self._flushed = self._last = time.monotonic()
        # Flushes at the end of the interpreter what a script that never closed has buffered.
        weakref.finalize(self, _close_at_last, writer, sinks)

    @classmethod
    def create(
        cls, folder: str | os.PathLike[str], *, sinks: Iterable[Sink] = (), **header: Any
    ) -> Self:
        """Start a new run in *folder*, with *header* as its first line.

        The header gets `kind`, `format`, `time`, `name`, `pid` and `host`, which are ours, and
        `versions`, `git`, `script` and `command` unless given. By custom it carries `spec` (the
        schedule, as text or as `to_dict()`), `seed`, `horizon` and `task`. The folder appears
        with its first line in it or not at all. *sinks* are told of all that is written.

        Raises `DataError` when *folder* exists (it names a free one) or cannot be written.
        """
        target = Path(os.path.abspath(folder))
        outlets = Outlets(sinks)
        if reserved := sorted(_HEADER & header.keys()):
            raise SpecError(f"`{reserved[0]}` is lrkit's own header field; use another name")
        if not target.name:
            raise DataError(f"a run needs a folder of its own, got {folder}; name one inside it")
        refuse_existing(target)
        own = {"kind": "run", "format": FORMAT, "time": time.time(), "name": target.name}
        own |= {"pid": os.getpid(), "host": socket.gethostname()}
        full = own | header | {k: v for k, v in provenance().items() if k not in header}
        line = encode_event("run", full)
        with disk_errors(target, "create"):
            target.parent.mkdir(parents=True, exist_ok=True)
        writer = build(target, line)
        journal = cls(target, writer, decode_event(line), "", outlets)
        outlets.open(target, journal.header, None, None)
        return journal

    @classmethod
    def resume(
        cls,
        folder: str | os.PathLike[str],
        step: int | None = None,
        *,
        edits: Iterable[Any] | None = None,
        sinks: Iterable[Sink] = (),
        **fields: Any,
    ) -> Self:
        """Go on writing the run in *folder*, with *step* as the next update.

        Metrics of steps >= *step*, evaluations of steps > *step* and edits of controllers and
        loops (`source` "controller", "loop") that are in the journal already will come again, and
        are left out by `replay` from now on; `None` keeps all. *edits* are those that the state
        to go on from knows, so they do not come again; without them it is taken to know the
        edits of steps < *step*. Edits by hand and checkpoints are always kept.

        A torn last line (the process was killed, or the disk was full) is cut off; `repaired`
        says so, as does the journal. *sinks* are told what still counts, and all that follows.

        Raises `DataError` when there is no run, another process is writing to it, or its format
        is newer than this lrkit.
        """
        target = Path(os.path.abspath(folder))
        path = target / JOURNAL
        outlets = Outlets(sinks)
        header = read_header(path)
        lock = RunLock(target)
        try:
            torn = cut_torn_tail(path)
            writer = Writer(path, lock)
        except BaseException:
            lock.release()
            raise
        repaired = f"{path} ended in the middle of a line; {len(torn)} bytes cut" if torn else ""
        journal = cls(target, writer, header, repaired, outlets)
        fields |= {"pid": os.getpid(), "host": socket.gethostname()}
        if torn:
            fields["torn"] = torn[:200].decode(errors="replace")
        try:
            journal._go_back(step, edits, fields)
        except BaseException:
            writer.abandon()
            raise
        return journal

    def rewind(self, step: int, *, edits: Iterable[Any] | None = None, **fields: Any) -> None:
        """Go back to *step* within one program, as `resume` does after it: a rollback."""
        self._go_back(step, edits, fields)

    def metrics(self, step: int, /, **values: float) -> None:
        """Record *values* (numbers, 0-d arrays or tensors; NaN and infinity too) of update *step*.

        Costs a few microseconds: events that come faster than 20 a second are gathered and
        leave this process together, at the first event half a second after the last time.

        Raises `SpecError` for what is no number, `DataError` when the disk is full.
        """
        now = time.monotonic()
        numbers: dict[str, float | str] = {}
        try:
            index = operator.index(step)
            for name, value in values.items():
                number = numbers[name] = float(value)
                if number - number != 0.0:  # NaN or infinite; this test is faster than isfinite
                    numbers[name] = spell(number)
        except (TypeError, ValueError) as error:
            raise SpecError(
                f"a metrics event is a whole step and numbers, got step {step!r} and {values!r}; "
                "put anything else in append('note', ...)"
            ) from error
        if not _COLUMNS.isdisjoint(values):
            raise SpecError("`step` and `time` are lrkit's own columns; use another name")
        wall = time.time()
        line = {"kind": "metrics", "step": index, "time": wall, "values": numbers}
        self._writer.add(_encode(line) + b"\n")
        if self._sinks.open_ones:
            plain = {name: float(number) for name, number in numbers.items()}
            self._sinks.metrics(index, wall, plain)
        slow = now - self._last > SLOW_SECONDS
        self._last = now
        if slow or now - self._flushed > FLUSH_SECONDS or len(self._writer.tail[1]) > FLUSH_BYTES:
            self._hand_over()

    def append(self, kind: str, /, **fields: Any) -> None:
        """Record an event: "evaluation", "edit", "checkpoint", "note" or another word.

        *fields* are plain data, or values with `to_dict()`. Evaluations, edits and checkpoints
        are on the disk when this returns; others have at least left this process.
        """
        if kind in ("run", "metrics", "resume", "end") or not kind:
            raise SpecError(
                f"`kind` must be an event's, got {kind!r}; use create, metrics, rewind, close"
            )
        self._event(kind, fields)

    def flush(self) -> None:
        """Hand all that is buffered to the operating system, where a kill cannot reach it."""
        self._hand_over()
        self._sinks.flush()

    def close(self, status: End = "done", reason: str = "") -> None:
        """End the run as "done", "failed" or "stopped" and release it; a second call does nothing.

        Raises `DataError` when the disk is full; the run then counts as dead, with all that was
        written before.
        """
        if status not in ENDS:
            raise SpecError(f"`status` must be one of {', '.join(ENDS)}, got {status!r}")
        if not self._writer.open:
            return
        try:
            self._event("end", {"status": status, "reason": reason})
        finally:
            self._writer.close()
            self._sinks.close(status, reason)

    @property
    def closed(self) -> bool:
        """Whether the journal takes no more events (also in a forked child)."""
        return not self._writer.open

    def _event(self, kind: str, fields: Mapping[str, Any]) -> None:
        if reserved := sorted(_ENVELOPE & fields.keys()):
            raise SpecError(f"`{reserved[0]}` is lrkit's own event field; use another name")
        line = encode_event(kind, {"time": time.time()} | dict(fields))
        self._writer.add(line)
        if kind in DURABLE and not (self.hasty and kind == "evaluation"):
            self._flushed = time.monotonic()
            self._writer.sync()
        else:
            self._hand_over()
        if self._sinks.open_ones and kind not in ("resume", "end"):
            told = decode_event(line)
            self._sinks.event(told.pop("kind"), told)

    def _go_back(
        self, step: int | None, edits: Iterable[Any] | None, fields: dict[str, Any]
    ) -> None:
        known = {} if edits is None else {"edits": list(edits)}
        self._event("resume", fields | {"step": step} | known)
        if self._sinks.attached:
            run = replay(self.folder, damaged="skip")
            self._sinks.open(self.folder, self.header, step, run)

    def _hand_over(self) -> None:
        self._flushed = time.monotonic()
        self._writer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close("done")
        elif isinstance(error, (KeyboardInterrupt, GeneratorExit)):
            self._close_after(error, "stopped", "interrupted")
        else:
            reason = (
                str(error) if isinstance(error, LrkitError) else f"{type(error).__name__}: {error}"
            )
            self._close_after(error, "failed", reason)

    def _close_after(self, error: BaseException, status: End, reason: str) -> None:
        try:
            self.close(status, reason)
        except DataError as full:  # the block's own error matters more than a full disk
            error.add_note(str(full))


def _close_at_last(writer: Writer, sinks: Outlets) -> None:
    """Close what its owner has dropped without a word, or left open at the end of the program."""
    if not writer.open:  # closed before, or the copy of a forked child
        return
    try:
        writer.close()
    except DataError as error:  # nobody is left to raise it to
        sys.stderr.write(f"lrkit: {error}\n")
    sinks.close("dead", "")
