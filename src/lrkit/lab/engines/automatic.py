"""The engine that measures the others on the first training, and takes the fastest."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lrkit.errors import LoopError, LrkitError
from lrkit.lab.engines.contract import Ended, Engine, Event, Stepped, Training
from lrkit.lab.engines.frame import Frame

SECONDS: Final = 2.0  # of measuring, all engines together; starting them comes on top
PATIENCE: Final = 60.0  # seconds an engine has to begin, and to end what was measured
SLOWEST: Final = 10.0  # seconds without a word of progress
EXACT: Final = 1.1
"""An engine whose numbers are not bit for bit those of the others must be this much faster."""


class Auto(Frame):
    """Measures each engine of *makers* on the first training, and is the fastest from then on.

    On each, as many copies of that training as are there and as it has room for make updates for
    a share of two seconds; they are kept nowhere. *like* is measured at once; without it the
    choice is made with the first `poll`, for the trainings that are there then. A single one
    runs in this process, without a measurement. "vectorized" must be 1.1 times as fast as the
    fastest of the others, whose numbers are exact.
    """

    def __init__(
        self, makers: Mapping[str, Callable[[], Engine]], *, like: Training | None = None
    ) -> None:
        super().__init__()
        self._makers = dict(makers)
        self._waiting: list[Training] = []
        self._events: list[Event] = []
        self._engine: Engine | None = None
        self._closed = False
        self.name = "auto"
        if like is not None:
            self._choose(like, None)

    @property
    def slots(self) -> int:
        """The slots of the engine taken; 1 before there is one."""
        return 1 if self._engine is None else self._engine.slots

    def submit(self, training: Training) -> None:
        """Take *training* in."""
        if self._closed:
            raise LoopError("a closed engine takes no trainings; make a new one")
        if self._engine is None:
            self._take(training)
            self._waiting.append(training)
        else:
            self._engine.submit(training)

    def poll(self, timeout: float = 0.2) -> list[Event]:
        """Return what happened since the last call; the first measures."""
        if self._engine is None and self._waiting:
            self._choose(self._waiting[0], len(self._waiting))
        found, self._events = self._events, []
        if self._engine is not None:
            found += self._engine.poll(0 if found else timeout)
        return found

    def stop(self, training: Training) -> None:
        """Stop *training*."""
        if self._engine is not None:
            self._engine.stop(training)
        for one in [one for one in self._waiting if one.folder == training.folder]:
            self._waiting.remove(one)
            self._taken.discard(one.folder)
            self._events.append(Ended(one, None))

    def close(self) -> None:
        """Close the engine taken."""
        self._closed = True
        if self._engine is not None:
            self._engine.close()

    def _choose(self, like: Training, count: int | None) -> None:
        """Take an engine for *count* trainings (None: as many as it has room for)."""
        if count == 1:
            self._engine = self._makers["serial"]()
            self.why = "auto took serial: there is one training"
        else:
            self._engine, self.why = _fastest(self._makers, like, count)
        self.name = self._engine.name
        waiting, self._waiting = self._waiting, []
        for training in waiting:
            try:
                self._engine.submit(training)
            except LrkitError as error:
                self._events.append(Ended(training, None, error))


@dataclass(frozen=True)
class _Speed:
    """The updates a second of an engine, or why it made none."""

    name: str
    updates: float
    copies: int = 0
    refused: str = ""

    def __str__(self) -> str:
        if self.refused:
            return f"{self.name} cannot ({self.refused.partition('; ')[0]})"
        return f"{self.name} {self.updates:.4g} ({self.copies} at once)"


def _fastest(
    makers: Mapping[str, Callable[[], Engine]], like: Training, count: int | None
) -> tuple[Engine, str]:
    """Return the fastest engine, and a line that says so."""
    speeds: list[_Speed] = []
    best: tuple[float, Engine] | None = None
    made: list[Engine] = []
    try:
        for name, make in makers.items():
            try:
                one = make()
                made.append(one)
                speed = measured(one, like, count, SECONDS / len(makers))
            except LrkitError as error:
                speed = _Speed(name, 0.0, refused=str(error))
            speeds.append(speed)
            worth = speed.updates / (EXACT if name == "vectorized" else 1.0)
            if not speed.refused and (best is None or worth > best[0]):
                best = (worth, one)
        # Where none could, the trainings themselves say why.
        taken = best[1] if best is not None else made[0]
        made.remove(taken)
    finally:
        for other in made:
            other.close()
    listed = ", ".join(map(str, speeds))
    return taken, f"auto took {taken.name}; updates of {like.task} a second: {listed}"


def measured(one: Engine, like: Training, count: int | None, seconds: float) -> _Speed:
    """Return how many updates a second *one* makes of copies of *like*, begun ones in all slots."""
    copies = min(count or one.slots, one.slots)
    with tempfile.TemporaryDirectory(prefix="lrkit-") as folder:
        clock = _Clock(one, like, Path(folder))
        for _ in range(copies):
            clock.begin()
        clock.poll(PATIENCE, lambda: len(clock.begun) >= copies)
        updates = clock.speed(seconds)
        clock.end()
    return _Speed(one.name, updates, copies)


class _Clock:
    """Counts the updates of copies of a training; one that ends is followed by the next."""

    def __init__(self, one: Engine, like: Training, folder: Path) -> None:
        self._engine = one
        self._like = like
        self._folder = folder
        self._copies: dict[Path, Training] = {}
        self._counts: dict[Path, int] = {}
        self.begun: set[Path] = set()
        self._made = 0

    @property
    def done(self) -> int:
        """The updates made by all copies."""
        return sum(self._counts.values())

    def begin(self) -> None:
        """Submit a copy, with a seed of its own."""
        like, self._made = self._like, self._made + 1
        seed = like.seed + (0 if like.cooldown else self._made - 1)
        folder = self._folder / f"copy-{self._made}"
        copy = replace(like, folder=folder, seed=seed, checkpoint="none", header={})
        self._engine.submit(copy)
        self._copies[folder] = copy

    def poll(self, seconds: float, enough: Callable[[], bool]) -> None:
        """Count for *seconds*, or until there is *enough*; raise the error of a copy."""
        for event in self._events(seconds, enough):
            folder = event.training.folder
            if isinstance(event, Ended):
                del self._copies[folder]
                if event.error is not None:
                    raise event.error
                self.begun.add(folder)
                if event.result is not None:
                    self._counts[folder] = event.result.losses.size
                self.begin()
            else:
                self._counts[folder] = event.done
                if event.done and isinstance(event, Stepped):
                    self.begun.add(folder)

    def speed(self, seconds: float) -> float:
        """Return the updates a second, from one word of progress to another.

        They come now and then and tell of many updates, so the clock begins and ends with one.
        """
        start = self.done
        self.poll(SLOWEST, lambda: self.done > start)
        before, began = self.done, time.monotonic()
        self.poll(seconds, lambda: False)
        start = self.done
        self.poll(SLOWEST, lambda: self.done > start)
        return (self.done - before) / (time.monotonic() - began)

    def end(self) -> None:
        """Stop the copies, and wait until they are over."""
        for copy in list(self._copies.values()):
            self._engine.stop(copy)
        for event in self._events(PATIENCE, lambda: not self._copies):
            if isinstance(event, Ended):
                self._copies.pop(event.training.folder, None)

    def _events(self, seconds: float, enough: Callable[[], bool]) -> Iterator[Event]:
        until = time.monotonic() + seconds
        while not enough() and (left := until - time.monotonic()) > 0:
            yield from self._engine.poll(min(left, 0.1))
