"""The trainings that wait for a stack, and which of them make the next one together."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrkit.lab.contract import Task
from lrkit.lab.engines.contract import Ended, Event, Training
from lrkit.lab.engines.trainings import as_error, check_same, finished
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
from lrkit.records import replay
from lrkit.records.writer import JOURNAL


class _Waits(Exception):  # noqa: N818 - no error
    """A training waits for a stack that it fits into."""


class Waiting:
    """What waits, in its order; *news* takes what is told, *device* is the engine's."""

    def __init__(self, device: str, news: list[Event]) -> None:
        self._device = device
        self._news = news
        self._trainings: deque[Training] = deque()
        #: Trainings that are open already, and that no stack has fitted so far.
        self._open: list[Member] = []
        self._shared = Shared()
        #: Tasks made already, and where tasks come from, by folder.
        self._made: dict[Path, Task] = {}
        self._sources: dict[Path, tuple[str, int, Mapping[str, Any]]] = {}
        self._tried: set[Any] = set()

    def __len__(self) -> int:
        return len(self._trainings) + len(self._open)

    def check(self, training: Training) -> str:
        """Raise `SpecError` for what cannot be stacked; return the device it would run on.

        The first of a kind is made now, and an update of two of it is tried.
        """
        check_training(training)
        kind = self._kind(training)
        if kind not in self._tried:
            try_out(self._task(training), training.seed)
            self._tried.add(kind)
        return str(kind[0])

    def add(self, training: Training) -> None:
        """Take *training* in, behind the others."""
        self._trainings.append(training)

    def stop(self, training: Training) -> None:
        """Let *training* go, where it waits; it is told."""
        for one in [one for one in self._trainings if one.folder == training.folder]:
            self._trainings.remove(one)
            self._forget(one)
            self._news.append(Ended(one, None))
        for member in [m for m in self._open if m.training.folder == training.folder]:
            self._open.remove(member)
            self._news.append(member.leave())

    def close(self) -> None:
        """Close what is open; nothing else begins."""
        for member in self._open:
            member.leave()
        self._open = []
        self._trainings.clear()
        self._made.clear()

    def gather(self, like: Member | None, room: int) -> list[Member]:
        """Return up to *room* members that make one stack, with *like* where there is one.

        Those that do not fit wait for another; what has ended already is told.
        """
        found: list[Member] = []
        for ready in list(self._open):
            first = like or (found[0] if found else None)
            if len(found) < room and (first is None or _together(first, ready)):
                self._open.remove(ready)
                found.append(ready)
        left: list[Training] = []
        while self._trainings and len(found) < room:
            training = self._trainings.popleft()
            first = like or (found[0] if found else None)
            try:
                member = self._opened(training, first)
            except _Waits:
                left.append(training)
                continue
            except Exception as error:
                self._news.append(Ended(training, None, as_error(error)))
                self._forget(training)
                continue
            if member is not None:
                (found if first is None or _together(first, member) else self._open).append(member)
        self._trainings.extendleft(reversed(left))
        return found

    def _opened(self, training: Training, first: Member | None) -> Member | None:
        """Return *training*, begun; None where it has ended.

        Raises `_Waits` where it is seen before that it does not fit to *first*.
        """
        if (training.folder / JOURNAL).exists():
            run = replay(training.folder)
            check_same(training, run)
            if (result := finished(run)) is not None:
                self._news.append(Ended(training, result))
                self._forget(training)
                return None
        if first is not None and self._kind(training)[:2] != self._kind(first.training)[:2]:
            raise _Waits
        made = self._task(training)
        check_task(made)
        if first is not None and not twins(first.task, made):
            raise _Waits
        self._forget(training)
        member = Member(training, sitting_of(training, made), self._news)
        try:
            member.open()
            over = member.conductor.over and member.settle()
        except Exception as error:
            self._news.append(member.end(error))
            return None
        if over:  # all of its updates were made before
            self._news.append(member.end())
            return None
        return member

    # Tasks.

    def _kind(self, training: Training) -> tuple[Any, ...]:
        """Return what decides whether a task can be stacked: all but the options' numbers."""
        name, _, options = self._source(training)
        words = tuple(
            (key, value if isinstance(value, str | bool) else type(value))
            for key, value in sorted(options.items())
        )
        return device_of(training, self._device), name, words

    def _source(self, training: Training) -> tuple[str, int, Mapping[str, Any]]:
        if training.folder not in self._sources:
            self._sources[training.folder] = source_of(training)
        return self._sources[training.folder]

    def _task(self, training: Training) -> Task:
        if training.folder not in self._made:
            name, seed, options = self._source(training)
            device = device_of(training, self._device)
            self._made[training.folder] = self._shared.task(name, seed, device, options)
        return self._made[training.folder]

    def _forget(self, training: Training) -> None:
        self._made.pop(training.folder, None)
        self._sources.pop(training.folder, None)


def _together(a: Member, b: Member) -> bool:
    """Return whether *a* and *b*, of which one may be under way, make the same updates next."""
    return (
        a.offset == b.offset
        and a.loop.options.accumulate == b.loop.options.accumulate
        and twins(a.task, b.task)
    )
