"""A scheduler's run: what it writes down, the letters it takes in, and how it ends."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from lrkit.control import Command, Controller, Edit, GroupKey, State
from lrkit.drive.book import WRONG, Book, End, Source, edit_of_event, end_at_last, ending_of
from lrkit.drive.book import read_letter as edit_in
from lrkit.drive.header import header_of, redeclared
from lrkit.drive.lanes import Column, named_rates
from lrkit.drive.panel import Panel
from lrkit.drive.post import Post
from lrkit.drive.rules import RATE, ParamGroup
from lrkit.drive.stepper import Stepper
from lrkit.errors import DataError, LoopError, SpecError
from lrkit.records import Letter
from lrkit.schedules import Curve

RESERVED = (RATE, "step", "time")


class Running(Stepper):
    """The part of `Scheduler` that makes a training watchable and steerable."""

    _book: Book | None
    _post: Post | None

    def _watch(self, book: Book | None) -> None:
        """Keep *book* from the first update on; None for a scheduler without a run."""
        self._book, self._post = book, None
        #: Letters accepted, each with the position at which it was.
        self._letters: list[tuple[int, Edit]] = []
        self._returning: list[tuple[int, Edit]] = []
        #: Commands that were obeyed, by letter where they came as one.
        self._taken: set[str | Edit] = set()
        self._early: list[tuple[Edit, Source]] = []
        self._loaded = False
        self._policy = ""
        self._rates: list[tuple[str, ParamGroup, Column | None]] = []
        self._rates_of: object = None
        self._writer.watched = book is not None
        self._go(self.position)

    # What it says of the run.

    @property
    def total(self) -> float:
        """Where the run ends, in calls of `step()`, edits included; infinite where it has no end.

        A schedule that ends at its peak, as a warm-up alone does, and that was given no *total*,
        has no end: its last value holds for as long as the training goes on.
        """
        return self._writer.end

    @property
    def stop_asked(self) -> str | None:
        """Why the training is asked to stop now, or None; a loop that heeds it saves and leaves."""
        return self._writer.stop_asked

    @property
    def finished(self) -> bool:
        """Whether the training is to end here: the total is reached, or somebody asked to stop.

        A loop that ends by it follows every edit: `while not sched.finished: ...`.
        """
        return self._writer.finished

    def course(self, group: GroupKey | None = None) -> Curve:
        """Return what the rate of *group* follows, edits included, as one schedule.

        *group* is a name or an index; None: the first group whose rate is driven. On the curve's
        own horizon, which edits may have changed, it gives every rate of the run, bit for bit.
        Raises `SpecError` for a group whose rate is not driven.
        """
        for track in self._writer.tracks:
            known = (None, track.index, self._writer.names[track.index])
            if track.hyper == RATE and group in known:
                return track.followed
        raise SpecError(f"the rate of group {group!r} is not driven here; name another")

    def header(self) -> dict[str, Any]:
        """Return how the run was declared, as the header of its journal has it.

        `spec`, `schedule`, `horizon`, `controllers`, `per` ("step" or "epoch"), and `groups`
        (name, own rate that the schedule multiplies, schedule, horizon) where there are several
        or where the group has a rate of its own.
        """
        return header_of(self._plan, self._writer)

    def take_command(self) -> Edit | None:
        """Return the next command that is due (`Stop`, `Checkpoint`, `Rollback`), once each.

        Commands leave the rate alone: the loop obeys them. One that was taken does not come again
        when a state from before it was due is loaded, as a rollback does. A loop that never asks
        for them still sees `finished` after a `Stop`.
        """
        writer = self._writer
        for command in writer.asked:
            if (command.step or 0) <= writer.position:
                writer.asked.remove(command)
                self._taken.add(command.letter or command)
                return command
        return None

    def obeyed(self, letter: str) -> None:
        """Take the command of *letter* as obeyed, by the program that wrote the state loaded."""
        self._taken.add(letter)
        self._writer.forget(self._taken)

    @property
    def controllers(self) -> tuple[Controller, ...]:
        """The controllers that watch the metrics."""
        return self._panel.controllers

    def controller_states(self) -> list[State]:
        """Return what the controllers remember, for `carry`."""
        return [dict(state) for state in self._panel.states]

    def carry(self, states: list[State]) -> None:
        """Give the controllers *states*, from `controller_states`: after a rollback they go on
        from what they knew, not from what they knew at the checkpoint.
        """
        if len(states) != len(self._panel.states):
            raise LoopError(
                f"a state for each of the {len(self._panel.states)} controllers is needed, got "
                f"{len(states)}; pass what controller_states() returned"
            )
        self._panel = Panel(self._plan, states)

    # How it begins and ends.

    def open(self) -> None:
        """Begin the run, or go on with it, now instead of with the first update.

        Letters that wait are taken in. A training that may have no update left to make asks for
        it: a letter may give it more. Under torch.distributed every rank has to make the call.
        """
        self._opened()

    def close(self, status: End | None = None, reason: str = "") -> None:
        """End the run that `run=` began; the schedule goes on, but nothing more is written.

        *status* is "done", "stopped" or "failed"; without it the run is "done" where the total
        was reached and "stopped" before it. `with Scheduler(...) as sched:` calls it, and so does
        the end of the program; a process that is killed leaves a run that can be resumed.
        A run that begins only with the first update does not exist before it; then nothing is
        done. Raises `DataError` when the disk is full.
        """
        if self._book is not None:
            so_far, why = self._writer.ending()
            self._book.close(status or so_far, reason or (why if status in (None, so_far) else ""))

    def __enter__(self) -> Self:
        """Return the scheduler; its run ends with the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the run: "failed" with the error, "stopped" after Ctrl-C, else as `close` says."""
        if error is None:
            self.close()
            return
        try:
            self.close(*ending_of(error))
        except DataError as full:  # the block's own error matters more than a full disk
            error.add_note(str(full))

    # What happens with every step.

    def _opened(self) -> Book | None:
        """Return the book, begun with the first call."""
        book = self._book
        if book is not None and self._post is None:
            self._open(book)
        return book

    def _open(self, book: Book) -> None:
        """Begin the run, or go on with it, on all ranks alike."""
        self._post = post = Post()
        early = {id(edit) for edit, _ in self._early}
        known = [edit for edit in self._writer.edits if id(edit) not in early]
        letters: list[dict[str, Any]] = []
        trouble: Exception | None = None
        if post.leads:
            try:
                letters = book.open(self.header, self.position, self._loaded, known)
            except (DataError, LoopError, SpecError) as error:
                trouble = error  # the other ranks wait for it
        trouble, letters = post.share((trouble, letters))
        if trouble is not None:
            self._writer.watched, self._book = False, None
            raise trouble
        if post.leads:
            if not book.fresh:
                self._redeclare()
            end_at_last(self, book, self._writer.ending)
            for edit, source in self._early:
                book.edit(edit, source, self.position)
        self._early = []
        self._letters = [
            (int(event.get("at", event["step"])), edit_of_event(event)) for event in letters
        ]
        self._call_back({edit.letter for edit in known})
        self._receive()

    def _call_back(self, known: set[str]) -> None:
        """Let the letters accepted from here on, and not *known*, be accepted again in their place.

        A command is not: it was for the training that was.
        """
        here = self.position
        self._returning = [
            (at, edit)
            for at, edit in self._letters
            if at >= here and edit.letter not in known and not isinstance(edit, Command)
        ]

    def _came_back(self, known: set[str], policy: str) -> None:
        """A state was loaded that knows the letters *known*; *policy* settled a difference."""
        self._loaded, self._early = True, []
        self._writer.forget(self._taken)
        self._policy = policy
        if self._post is not None:
            self._call_back(known)
            self._moved()
            self._redeclare()

    def _redeclare(self) -> None:
        """Write down what took the place of the plan that the journal began with."""
        book = self._book
        if book is not None and book.owned and book.journal and self._policy in ("new", "stretch"):
            for edit in redeclared(self._writer, self._policy, book.journal.header):
                book.edit(edit, "hand", self.position)
        self._policy = ""

    def _moved(self) -> None:
        if self._book is not None and self._post is not None:
            self._book.rewind(self.position, self._writer.edits)

    def _record(self, step: int, measured: dict[str, float], rates: bool) -> None:
        book = self._opened()
        if book is None or not (book.owned and book.writing):
            return
        used: dict[str, Any] = {}
        if rates:
            writer = self._writer
            if self._rates_of is not writer.lanes:
                self._rates = named_rates(writer.lanes, writer.groups, writer.names)
                self._rates_of = writer.lanes
            row = writer.index
            used = {
                name: group[RATE] if column is None else column.values[row]
                for name, group, column in self._rates
            }
        clash = [name for name in measured if name in RESERVED or name.startswith("lr/")]
        if clash:
            raise LoopError(
                f"{clash[0]!r} is lrkit's own in the journal; call the metric something else"
            )
        book.record(step, used, measured)

    def _receive(self) -> None:
        """Take in the letters that have come, those of before a crash in their old places."""
        book = self._opened()
        if book is None or self._post is None:
            return
        while self._returning and self._returning[0][0] <= self.position:
            at, edit = self._returning.pop(0)
            self._accept(edit, again=True)
            book.edit(edit, "hand", at)  # once more: its place is among those decided again
        for letter in self._post.collect(book.poll):
            self._answer(book, letter)

    def _answer(self, book: Book, letter: Letter) -> None:
        at = self.position
        try:
            edit = self._accept(edit_in(letter), careful=True)
        except WRONG as error:
            book.refuse(letter, at, str(error) or type(error).__name__)
        else:
            self._letters.append((at, edit))
            book.edit(edit, "hand", at)
        book.done(letter)

    def _note(self, edit: Edit, source: Source) -> None:
        if self._book is None:
            return
        if self._post is None:  # the run begins with the first update
            self._early.append((edit, source))
        else:
            if source == "hand":
                self._letters.append((self.position, edit))
            self._book.edit(edit, source, self.position)
