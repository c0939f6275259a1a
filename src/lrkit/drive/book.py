"""The book of a run: its journal and inbox, as a scheduler keeps them.

Choices:

- What the disk does not take stays in memory and is written as soon as it does; a full disk is
  said once and costs nobody the training. A letter leaves the inbox when its edit is on the disk.
- A letter that is wrong is answered in the journal ("refused", with the reason); it never raises
  into the training.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from lrkit.control import Edit, edit_from_dict
from lrkit.drive.audit import warn
from lrkit.errors import DataError, LoopError, LrkitError, SpecError
from lrkit.records import Inbox, Journal, Letter, Sink, free_name, replay

Source: TypeAlias = Literal["hand", "controller", "loop"]
"""Who made an edit: a letter, a controller, or the training loop's own call of `apply`."""

End: TypeAlias = Literal["done", "failed", "stopped"]
RunLike: TypeAlias = str | os.PathLike[str] | Journal
RETRY: Final = 0.5
"""Seconds between two attempts to write what the disk did not take."""

#: What reading a letter's fields may raise: they come from outside, and anything may stand there.
WRONG: Final = (
    LoopError, SpecError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
    ValueError,
)  # fmt: skip


class Book:
    """Writes one run's journal and reads its inbox; owned where a folder was given."""

    def __init__(self, run: RunLike, sinks: Iterable[Sink] = ()) -> None:
        self.owned: Final = not isinstance(run, Journal)
        self.sinks: Final = tuple(sinks)
        if isinstance(run, Journal):
            if self.sinks:
                raise SpecError(
                    "a journal has sinks of its own; pass them to Journal.create(..., sinks=...)"
                )
            self.path = run.folder
        elif isinstance(run, (str, os.PathLike)) and os.fspath(run):
            self.path = Path(os.path.abspath(run))
        else:
            raise SpecError(f"run must be a folder or a Journal, got {run!r}; write 'runs/mine'")
        self.journal: Journal | None = run if isinstance(run, Journal) else None
        #: Whether the run began here, and not with an earlier program.
        self.fresh = False
        self._inbox: Inbox | None = None
        self._unsettled: list[Letter] = []
        self._tried = 0.0
        self._warned = False

    def open(
        self,
        header: Callable[[], dict[str, Any]],
        position: int,
        loaded: bool,
        edits: Sequence[Edit],
    ) -> list[dict[str, Any]]:
        """Begin the run, or go on with it at *position*; return the letters' edits in its journal.

        *edits* are those that the scheduler knows. Raises `LoopError` for a folder that exists
        when no state was *loaded*, `DataError` where the disk or another writer is in the way.
        """
        known = [edit.to_dict() for edit in edits]
        self.fresh = fresh = self.journal is None and not os.path.lexists(self.path)
        if self.journal is None and not fresh and not loaded:
            raise LoopError(
                f"a run starts in a folder of its own, {self.path} exists; "
                f"run={str(free_name(self.path))!r} is free, or load the scheduler's state "
                "before the first update to go on with it"
            )
        if fresh:
            self.journal = Journal.create(self.path, sinks=self.sinks, **header())
            for edit in known:
                source = "hand" if edit.get("letter") else "loop"
                self.journal.append("edit", **edit, source=source, at=position)
        elif self.journal is None:
            self.journal = Journal.resume(self.path, position, edits=known, sinks=self.sinks)
        letters: list[dict[str, Any]] = []
        accepted: set[str] = set()
        if not fresh and (loaded or not self.owned):
            run = replay(self.path, damaged="skip")
            letters = [e for e in run.edits if e.get("source") == "hand" and e.get("letter")]
            accepted = {str(e["letter"]) for e in [*letters, *run.refused] if e.get("letter")}
        accepted |= {str(edit["letter"]) for edit in known if edit.get("letter")}
        self._inbox = Inbox(self.path, accepted)
        self._clear(accepted)
        return letters

    @property
    def writing(self) -> bool:
        """Whether there is a journal that takes events; not on ranks other than 0."""
        return self.journal is not None and not self.journal.closed

    def poll(self) -> tuple[Letter, ...]:
        """Return the letters that have arrived; the disk's trouble is told once."""
        if self._inbox is None or not self.writing:
            return ()
        if self._unsettled:
            self._settle()
        try:
            return self._inbox.poll()
        except (DataError, OSError) as error:
            self._trouble(error)
            return ()

    def record(self, step: int, rates: Mapping[str, float], measured: Mapping[str, float]) -> None:
        """Write down the rates of update *step* and what was measured with it."""
        if self.journal is None or self.journal.closed or not self.owned:
            return
        try:
            self.journal.metrics(step, **rates, **measured)
        except DataError as error:
            self._trouble(error)

    def edit(self, edit: Edit, source: Source, at: int) -> None:
        """Write down that *edit* was accepted when the next update was *at*."""
        self._append("edit", **edit.to_dict(), source=source, at=at)

    def refuse(self, letter: Letter, at: int, reason: str) -> None:
        """Write down that *letter* was refused, and why."""
        self._append("refused", step=at, letter=letter.id, reason=reason, fields=letter.fields)

    def done(self, letter: Letter) -> None:
        """Take *letter* out of the inbox as soon as what became of it is on the disk."""
        if self.writing:
            self._unsettled.append(letter)
            self._settle(now=True)

    def rewind(self, position: int, edits: Sequence[Edit]) -> None:
        """Tell the journal that the training has gone to another step."""
        if self.journal is not None and self.owned and not self.journal.closed:
            try:
                self.journal.rewind(position, edits=[edit.to_dict() for edit in edits])
            except DataError as error:
                self._trouble(error)

    def flush(self) -> None:
        """Hand what is buffered to the operating system, where a kill cannot reach it."""
        if self.journal is not None and not self.journal.closed:
            try:
                self.journal.flush()
            except DataError as error:
                self._trouble(error)

    def close(self, status: End, reason: str = "") -> None:
        """End the run, where it is ours; a second call does nothing."""
        if self.journal is not None and self.owned:
            self.journal.close(status, reason)

    def _append(self, kind: str, **fields: Any) -> None:
        if self.journal is not None and not self.journal.closed:
            try:
                self.journal.append(kind, **fields)
            except DataError as error:  # the event waits in the journal's buffer
                self._trouble(error)
                self._tried = time.monotonic()

    def _settle(self, now: bool = False) -> None:
        if not self.writing or self.journal is None or self._inbox is None:
            return
        behind = bool(self._tried)
        if behind and not now and time.monotonic() - self._tried < RETRY:
            return
        try:
            if behind:
                self.journal.flush()
                self._tried = 0.0
            while self._unsettled:
                self._inbox.done(self._unsettled[0])
                self._unsettled.pop(0)
        except DataError as error:
            self._trouble(error)
            self._tried = time.monotonic()

    def _clear(self, accepted: Iterable[str]) -> None:
        """Take out letters that were accepted just before a crash."""
        for letter in accepted:
            self._unsettled.append(Letter(letter, {}))
        self._settle()

    def _trouble(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            warn(
                f"the run in {self.path} cannot be kept on the disk: {error}; the training goes "
                "on, and what was not written waits in memory"
            )


def book_of(run: RunLike | None, sinks: Sequence[Sink] | Sink, tensorboard: bool) -> Book | None:
    """Return the book of the arguments of `Scheduler`; None where no run is kept."""
    views = [sinks] if isinstance(sinks, Sink) else list(sinks)
    if run is None:
        if views or tensorboard:
            raise SpecError("sinks and tensorboard show a run; say where it is kept: run='runs/a'")
        return None
    if tensorboard:
        from lrkit.sinks import TensorBoard  # an optional install

        views.append(TensorBoard())
    return Book(run, views)


def read_letter(letter: Letter) -> Edit:
    """Return the edit that *letter* asks for; raises one of `WRONG` where it is none."""
    if letter.problem:
        raise SpecError(letter.problem)
    fields = {k: v for k, v in letter.fields.items() if k not in ("time", "source", "at")}
    return edit_from_dict(fields | {"letter": letter.id})


def edit_of_event(event: Mapping[str, Any]) -> Edit:
    """Return the edit of a journal's event."""
    return edit_from_dict(
        {k: v for k, v in event.items() if k not in ("kind", "time", "source", "at")}
    )


def end_at_last(owner: object, book: Book, ending: Callable[[], tuple[End, str]]) -> None:
    """End the run of *book* when *owner* is dropped or the program ends; *ending* says how."""
    weakref.finalize(owner, _end, book, ending)
    # Registered after the line above, so it runs before what that line does at the exit.
    atexit.register(_exits)


_exiting = False


def _exits() -> None:
    global _exiting
    _exiting = True


def _end(book: Book, ending: Callable[[], tuple[End, str]]) -> None:
    if not book.writing or not book.owned:  # closed before, or the copy of a forked child
        return
    status, reason = ending()
    fatal = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if status != "done" and _exiting and fatal is not None:
        status, reason = ending_of(fatal)
    try:
        book.close(status, reason)
    except DataError as error:  # nobody is left to raise it to
        sys.stderr.write(f"lrkit: {error}\n")


def ending_of(error: BaseException) -> tuple[End, str]:
    """Return how a run ends that *error* has ended, and the reason to write down."""
    if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
        return "stopped", "interrupted"
    if isinstance(error, SystemExit):
        return "stopped", f"the program ended itself ({error})"
    return "failed", str(error) if isinstance(error, LrkitError) else (
        f"{type(error).__name__}: {error}"
    )
