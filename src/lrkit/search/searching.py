"""A search: points are asked for, their scores are told, by any number of workers at once."""

from __future__ import annotations

import math
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lrkit.errors import DataError, LoopError, SpecError
from lrkit.search.counting import Progress, progress_of
from lrkit.search.desk import Desk, Held
from lrkit.search.reading import results_of
from lrkit.search.results import Direction, Results
from lrkit.search.settings import GRID, Settings
from lrkit.search.space import Point, Space
from lrkit.search.storage import place_of
from lrkit.search.studies import load

NAME: Final = "search"
SAFE: Final = "what was told is kept"


@dataclass(frozen=True)
class Asked:
    """A point to be tried, as trial *number*; tell its score with it.

    *origin* is the number of the first *attempt* at it, which has begun what this one goes on
    with: name the run's folder by it.
    """

    number: int
    origin: int
    attempt: int
    point: Point


class Search:
    """A search over a space: `ask` for a point, `report` on the way, `tell` its score.

    Made by `Search.open`, used from one thread and in a `with` block, which gives back what is
    not told; several asked points may be under way at once. While it is open, a thread says that
    its trials run; where that is not heard for a while, another worker runs them again.

    >>> import tempfile
    >>> space = Space.parse("~log(1e-3, 1) * cosine()")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Search.open(folder, space, trials=5, sampler="random") as search:
    ...         while (asked := search.ask()) is not None:
    ...             search.tell(asked, -abs(asked.point.values["peak"] - 0.1))
    ...         len(search.results().done)
    5
    """

    def __init__(self, desk: Desk, name: str) -> None:
        self.name, self._desk = name, desk
        self._held: dict[int, Held] = {}

    @classmethod
    def open(
        cls,
        place: Path | str,
        space: Space,
        *,
        trials: int | None = None,
        direction: Direction = "maximize",
        sampler: str = "tpe",
        pruner: str = "none",
        steps: int | None = None,
        seed: int = 0,
        grid: int | dict[str, int] | None = None,
        name: str | None = None,
        worker: str | None = None,
        heartbeat: float = 10.0,
        grace: float = 60.0,
        patience: float = 30.0,
    ) -> Search:
        """Open the search in *place*, begun where there is none; a begun one goes on.

        - *place* is a folder, for SQLite in its file search.sqlite3, or a database's URL such as
          postgresql://user@host/database, which several machines share; there *name* tells
          searches apart.
        - *trials* is how many points are tried, over all workers; None: no end but a grid's. It
          may be another one later; the other settings of a begun search stay.
        - *direction* is that of a better score; *sampler* and *pruner* are names of `SAMPLERS`
          and `PRUNERS`; *steps* is how often a full trial reports, at steps 1 to *steps*; *seed*
          decides all chance; *grid* is the most values of a range for the sampler "grid", see
          `Space.grid`, 5 by default.
        - *worker* is what results call this one, host:process by default. A trial whose worker
          was not heard for *grace* seconds, it beats every *heartbeat*, is run again by another,
          at most twice. *patience* is for how many seconds a storage that is away is waited for.

        Raises `SpecError` for settings that are none, or of another search than the one that is
        there; `DataError` where the storage cannot be opened; `LrkitError` for what is missing.
        """
        if not 0 < heartbeat < grace:
            raise SpecError(f"`0 < heartbeat < grace` must hold, got {heartbeat} and {grace}")
        settings = Settings(
            space, trials, direction, sampler, pruner, steps, seed, GRID if grid is None else grid
        )
        worker = worker or f"{socket.gethostname()}:{os.getpid()}"
        name = name or NAME
        desk = Desk(place_of(place), name, settings, worker, heartbeat, grace, patience)
        return cls(desk, name)

    @staticmethod
    def stored(place: Path | str, name: str | None = None) -> Settings | None:
        """Return the settings of the search in *place*; None where there is none."""
        loaded = load(place_of(place), name or NAME)
        return None if loaded is None else loaded[0]

    @staticmethod
    def read(place: Path | str, name: str | None = None) -> Results:
        """Return the results of the search in *place*; `DataError` where there is none."""
        loaded = load(place_of(place), name or NAME)
        if loaded is None:
            raise DataError(f"there is no search {name or NAME!r} in {place_of(place).shown}")
        return results_of(*loaded)

    @property
    def settings(self) -> Settings:
        """What the search is."""
        return self._desk.settings

    @property
    def worker(self) -> str:
        """What results call this worker."""
        return self._desk.worker

    @property
    def url(self) -> str:
        """The storage's URL, as SQLAlchemy and Optuna's dashboard take it."""
        return self._desk.place.url

    @property
    def total(self) -> int | None:
        """How many points are tried in all; None without end."""
        return self._desk.limit

    def ask(self) -> Asked | None:
        """Return the next point to try; None where all are given out, see `progress`.

        Trials of workers that died come first. Raises `DataError` where the storage is away.
        """
        taken = self._desk.patiently(self._desk.take, SAFE)
        if taken is None:
            return None
        try:
            held = self._desk.patiently(lambda: self._desk.begin(taken), SAFE)
        except BaseException:
            self._desk.drop(taken)
            raise
        self._held[held.number] = held
        return Asked(held.number, held.origin, held.attempt, held.point)

    def report(self, asked: Asked, step: int, score: float) -> None:
        """Report the *score* so far of *asked* at *step* >= 0; what was reported there stays.

        Raises `LoopError` where it was taken over meanwhile.
        """
        held = self._holding(asked)
        if isinstance(step, bool) or not isinstance(step, int) or step < 0:
            raise SpecError(f"`step` must be a whole number >= 0, got {step!r}")
        if step in held.steps:
            return
        value = float(score) if math.isfinite(score) else math.nan
        self._desk.write(held, lambda: held.handle.report(value, step))
        held.steps.add(step)

    def should_prune(self, asked: Asked) -> bool:
        """Return whether the pruner would end *asked* after what it has reported."""
        held = self._holding(asked)
        return self._desk.patiently(lambda: bool(held.handle.should_prune()), SAFE)

    def tell(
        self, asked: Asked, score: float | None = None, *, failed: str = "", pruned: bool = False
    ) -> None:
        """Tell how *asked* ended: by its *score*, as *pruned*, or as *failed* with the reason.

        A score that is no finite number is a failure: by divergence, of which the sampler learns
        as of the worst score so far, once there is one. *failed* alone (no memory, no data)
        teaches it nothing. Raises `LoopError` where it was told before, or taken over meanwhile.
        """
        if sum((score is not None or bool(failed), pruned)) != 1:
            raise SpecError("one of score, failed and pruned must be told, got none or both")
        if failed and score is not None and math.isfinite(score):
            raise SpecError(f"a trial that failed has no score, got {score}; leave one out")
        held = self._holding(asked)
        if score is not None and not math.isfinite(score):
            failed = failed or f"its score is {score}"
            worst = self._desk.patiently(self._desk.worst, SAFE)
            self._end(held, "FAIL" if worst is None else "COMPLETE", worst, failed)
        elif failed:
            self._end(held, "FAIL", None, failed)
        else:
            self._end(held, "PRUNED" if pruned else "COMPLETE", score, "")

    def give_back(self, asked: Asked) -> None:
        """Give *asked* back unfinished: it is given out again, as the same trial."""
        held = self._holding(asked)
        del self._held[asked.number]
        self._desk.put_back(held)

    def progress(self) -> Progress:
        """Return how far the search is, over all workers."""
        attempts = self._desk.patiently(self._desk.attempts, SAFE)
        return progress_of(attempts, set(self._held), self.total, self.settings.sampler)

    def results(self) -> Results:
        """Return what is found so far, by all workers."""
        attempts = self._desk.patiently(self._desk.attempts, SAFE)
        return results_of(self.settings, attempts.trials)

    def _holding(self, asked: Asked) -> Held:
        if asked.number not in self._held:
            raise LoopError(
                f"trial {asked.number} is not under way here; it was told, given back, or taken "
                "over, and a trial is told once"
            )
        return self._held[asked.number]

    def _end(self, held: Held, state: str, score: float | None, reason: str) -> None:
        try:
            self._desk.end(held, state, score, reason)
        except LoopError:
            del self._held[held.number]
            raise
        del self._held[held.number]

    def close(self) -> None:
        """Give back what is not told, and let go of the storage."""
        self._desk.close(list(self._held.values()))
        self._held.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()
