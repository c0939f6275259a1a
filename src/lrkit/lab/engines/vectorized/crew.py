"""The trainings of one stack, from stride to stride: updates together, all else each by itself."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

import numpy as np
import torch

from lrkit.errors import InternalError, LoopError
from lrkit.lab.contract import IndexBatches, Task
from lrkit.lab.engines.contract import Event, Training
from lrkit.lab.engines.vectorized.feeding import MEMORY, Batch, Feed, Indexed, Taken, parts_of
from lrkit.lab.engines.vectorized.members import Member
from lrkit.lab.engines.vectorized.stack import WINDOW, Stack

T = TypeVar("T")
log: Final = logging.getLogger("lrkit.lab")
FIRST: Final = 2
STRIDE: Final = 0.25
"""Seconds that a stride is to take at most: between two strides the caller is heard."""


class Crew:
    """Members whose updates are made by one `Stack`; *news* takes what is told."""

    def __init__(self, members: Sequence[Member], news: list[Event]) -> None:
        self.members = list(members)
        self._news = news
        self._feeds: dict[tuple[int, ...], Indexed] = {}
        self._batches: dict[int, Iterator[list[Batch]]] = {}
        self._queues: dict[int, deque[list[Batch]]] = {}
        self._orders: dict[int, tuple[int, torch.Tensor]] = {}
        self._each = 0.0
        #: Whether the members know of all updates that the stack has made.
        self.whole = True
        self._build()

    def __len__(self) -> int:
        return len(self.members)

    @property
    def joinable(self) -> bool:
        """Whether a training that begins an epoch may join now."""
        return self.whole and all(member.offset == 0 for member in self.members)

    def join(self, members: Sequence[Member]) -> None:
        """Take *members* in, at the beginning of an epoch."""
        for member in self.members:
            member.bring(True)
        self.members += members
        self._build()

    def stride(self) -> None:
        """Make some updates of all members, and do what is due then."""
        members = self.members
        count = min(WINDOW, *(member.left for member in members))
        # The first stride shows how long an update takes.
        count = max(1, min(count, int(STRIDE / self._each) if self._each else FIRST))
        rates = self._each_alone(lambda member: member.rates(count))
        feed = self._feed(count) if rates else None
        if rates is None or feed is None:
            return  # some have left; the others go on with the next stride
        count = feed.count
        began = time.monotonic()
        self.whole = False
        losses = self._stack.run(feed, np.stack(rates, axis=2)[:, :count].transpose(1, 0, 2))
        self._each = (time.monotonic() - began) / count
        made = iter(zip(rates, zip(*losses, strict=True), strict=True))
        self._each_alone(lambda member: member.take(*next(made)))
        self.whole = True
        self.settle()

    def settle(self) -> None:
        """Let every member do what is due; those that are over leave."""
        over = self._each_alone(Member.settle)
        if over and any(over):
            for member in [m for m, ends in zip(self.members, over, strict=True) if ends]:
                self._news.append(member.end())
            self._keep([row for row, ends in enumerate(over) if not ends])

    def _each_alone(self, do: Callable[[Member], T]) -> list[T] | None:
        """Return what *do* gives for each member; None where it raised for some, which then end.

        The others go on: what is one's own fault is no fault of theirs.
        """
        found: list[T] = []
        stay: list[int] = []
        for row, member in enumerate(self.members):
            try:
                found.append(do(member))
                stay.append(row)
            except Exception as error:
                self._news.append(member.end(error))
        whole = len(stay) == len(self.members)
        self._keep(stay)
        return found if whole else None

    def close(self) -> None:
        """End all: with a checkpoint, where no update was cut short."""
        for member in self.members:
            if self.whole:
                member.leave()
            else:
                member.abandon()
        self.members = []

    def fail(self, error: BaseException) -> None:
        """End all members for *error*, which the updates raised."""
        if isinstance(error, torch.OutOfMemoryError):
            task, count = self.members[0].task, len(self.members)
            small = LoopError(
                f"{count} models of task {task.name!r} do not fit into the memory of "
                f"{task.device} as one; give the engine a width below {count}"
            )
            small.__cause__ = error
            error = small
        for member in self.members:
            self._news.append(member.end(error))
        self.members = []

    def find(self, training: Training) -> Member | None:
        """Return the member of *training*, where there is one."""
        return next((m for m in self.members if m.training.folder == training.folder), None)

    # The stack.

    def _build(self) -> None:
        tasks = [member.task for member in self.members]
        clips = [member.loop.options.clip for member in self.members]
        self._stack = Stack(tasks, clips, self._say)
        self._renumber()

    def _keep(self, rows: list[int]) -> None:
        if len(rows) == len(self.members):
            return
        stay = [self.members[row] for row in rows]
        for member in self.members:
            if member not in stay:
                self._queues.pop(id(member), None)
                self._batches.pop(id(member), None)
                self._orders.pop(id(member), None)
        self.members = stay
        if rows:
            self._stack.keep(rows)
            self._renumber()

    def _renumber(self) -> None:
        self._feeds = {}
        for row, member in enumerate(self.members):
            member.bring = partial(self._bring, row, member.task)
            if (keeper := member.conductor.keeper) is not None:
                keeper.beside = len(self.members)

    def _bring(self, row: int, task: Task, everything: bool) -> None:
        (self._stack.save if everything else self._stack.give)(row, task)

    def _say(self, text: str) -> None:
        log.warning("%s", text)
        for member in self.members:
            if member.journal is not None:
                member.journal.append("note", step=member.loop.place.done, text=text)

    # The batches.

    def _feed(self, count: int) -> Feed | None:
        """Return the batches of *count* updates, or of fewer; None where some have left."""
        first = self.members[0].task.batches
        for member in self.members:
            own = member.task.batches
            if not (isinstance(own, IndexBatches) and isinstance(first, IndexBatches)):
                return self._taken(count)
            if own.x is not first.x or own.y is not first.y:
                return self._taken(count)
            if len(own) != member.task.steps_per_epoch:
                return self._taken(count)  # which says what is wrong
        return self._indexed(count)

    def _indexed(self, count: int) -> Feed:
        first = self.members[0]
        batches = first.task.batches
        if not isinstance(batches, IndexBatches):
            raise InternalError("only batches by index are fed by index")
        accumulate, offset = first.loop.options.accumulate, first.offset
        sizes = parts_of(batches, accumulate, offset)
        while count > 1 and parts_of(batches, accumulate, offset + count - 1) != sizes:
            count -= 1
        start, samples = offset * accumulate * batches.batch_size, sum(sizes)
        index = torch.stack(
            [
                self._order(member)[start : start + count * samples].view(count, samples)
                for member in self.members
            ],
            dim=1,
        )
        if sizes not in self._feeds:
            self._feeds[sizes] = Indexed(batches.x, batches.y, WINDOW, sizes, len(self.members))
        self._feeds[sizes].put(index)
        return self._feeds[sizes]

    def _order(self, member: Member) -> torch.Tensor:
        epoch = member.loop.place.epoch
        known = self._orders.get(id(member))
        if known is None or known[0] != epoch:
            batches = member.task.batches
            if not isinstance(batches, IndexBatches):
                raise InternalError("only batches by index have an order")
            known = self._orders[id(member)] = (epoch, batches.order(epoch))
        return known[1]

    def _taken(self, count: int) -> Feed | None:
        """Take the batches from the tasks' own iterators, each in its own random state."""
        queues = self._each_alone(lambda member: self._pulled(member, count))
        if queues is None:
            return None
        count = min(count, *(len(queue) for queue in queues))
        return Taken([[queue.popleft() for queue in queues] for _ in range(count)])

    def _pulled(self, member: Member, count: int) -> deque[list[Batch]]:
        """Return the next *count* groups of batches of *member*, or as many as memory allows."""
        queue = self._queues.setdefault(id(member), deque())
        if len(queue) >= count:
            return queue
        with member.own_randomness():
            if id(member) not in self._batches or (member.offset == 0 and not queue):
                keeps = member.conductor.keeper is not None
                self._batches[id(member)] = member.loop.batches(remember=keeps)
            while len(queue) < count:
                queue.append(next(self._batches[id(member)]))
                each = sum(x.nbytes + y.nbytes for x, y in queue[-1])
                if each * len(self.members) * (len(queue) + 1) > MEMORY:
                    break
            if member.offset + len(queue) == member.loop.per_epoch:
                next(self._batches[id(member)], None)  # there must be no more
        return queue
