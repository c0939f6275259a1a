"""A whole search: made ready, worked on, confirmed."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from lrkit.control import steered
from lrkit.errors import SpecError
from lrkit.lab.engines import Engine, Training
from lrkit.lab.engines import engine as make_engine
from lrkit.lab.searching.confirming import confirm, confirmations, made_already
from lrkit.lab.searching.display import Display
from lrkit.lab.searching.order import FILE, Order, keep_order, read_order
from lrkit.lab.searching.outcome import Outcome
from lrkit.lab.searching.preparing import Prepared, prepare
from lrkit.lab.searching.trying import RUNS
from lrkit.lab.searching.working import Worker
from lrkit.records.files import disk_errors
from lrkit.search import Search

BEGIN_LOCK: Final = ".begin.lock"
CONFIRM_LOCK: Final = ".confirm.lock"


def search(
    order: Order,
    out: str | os.PathLike[str],
    *,
    storage: str | None = None,
    engine: str = "auto",
    workers: int | None = None,
    address: str | None = None,
    confirm_seeds: int = 3,
    timeout: float | None = None,
    grace: float = 60.0,
    patience: float = 30.0,
    progress: bool = True,
    console: Console | None = None,
) -> Outcome:
    """Search the space of *order* on its task, and return all that was found.

    - *out* is the folder of the search; its trainings are runs in `out/runs`. *storage* is the
      URL of a PostgreSQL database for several machines (None: SQLite in *out*).
    - *engine* says what runs the trainings, *workers* of them at once (None: as the engine has
      room), *address* where the cluster of the engine "ray" is.
    - *confirm_seeds* is how many fresh seeds the best trial and the runner-up are trained with
      when the trials are over, on all of the training data and scored on the test data; 0: none.
    - *timeout* in seconds ends the trials; what is under way then goes back, to go on later.
    - *grace* is for how many seconds a worker may be silent until its trials are run by another,
      *patience* for how many a storage that is away is waited for.
    - *progress* shows on *console* (stderr) what is being tried.

    The same call goes on with a search that was stopped or killed, and works along with one that
    is going, in the same folder or on the same database: there are `order.trials` in all.

    Raises `SpecError`, `LoopError` and `DataError` before the first trial where it can;
    `DataError` where *out* has another search, or storage or disk fail; `LoopError` when the
    first trials all fail. What is finished is kept.

    >>> import tempfile
    >>> order = Order(task="poly-tanh", space="~log(1e-3, 0.1) * cosine()", trials=2, total="2ep")
    >>> found = search(order, tempfile.mkdtemp(), engine="serial", progress=False)
    >>> len(found.results.trials), len(found.confirmed)
    (2, 2)
    """
    _check(confirm_seeds, timeout, grace)
    folder = Path(os.path.abspath(out))
    prepared = prepare(order)
    with _alone(folder / BEGIN_LOCK, wait=True):
        keep_order(prepared.order, folder)
    until = math.inf if timeout is None else time.monotonic() + timeout
    display = Display(prepared, console or Console(stderr=True, quiet=not progress))
    engines = _Engines(engine, workers, address)
    with _opened(prepared, folder, storage, grace, patience) as found, engines, display:
        work = _Work(prepared, folder, found, engines, display)
        complete = work.try_all(until)
        if not complete:
            display.say("time is over: what was under way goes on with the same command")
        return work.ended(confirm_seeds)


def outcome_of(out: str | os.PathLike[str], storage: str | None = None) -> Outcome | None:
    """Return what the search in *out* has come to so far, without training; None before its start.

    Raises `DataError` where the storage cannot be read.
    """
    folder = Path(os.path.abspath(out))
    if not (folder / FILE).exists():
        return None
    prepared = prepare(read_order(folder))
    place, name = storage or folder, _name(prepared, storage)
    if Search.stored(place, name) is None:
        return None
    results = Search.read(place, name)
    return Outcome(prepared, results, note="the search was stopped")


class _Work:
    """A search in its folder: its trials first, then what confirms them."""

    def __init__(
        self,
        prepared: Prepared,
        folder: Path,
        search: Search,
        engines: _Engines,
        display: Display,
    ) -> None:
        self._prepared = prepared
        self._folder = folder
        self._search = search
        self._engines = engines
        self._display = display

    def try_all(self, until: float) -> bool:
        """Work on the trials until all are over, or time is; return whether all are."""
        count = self._search.progress()
        if not count.left and not count.running and not count.elsewhere:
            return True
        engine = self._engines.get(self._like())
        return Worker(
            self._search, engine, self._prepared, self._folder, self._display, until
        ).run()

    def ended(self, seeds: int) -> Outcome:
        """Confirm the best of what there is with *seeds* seeds each, and return the outcome."""
        results = self._search.results()
        found = Outcome(self._prepared, results)
        finalists = found.finalists
        if not seeds or not finalists:
            note = "no trial was finished" if seeds else "it was not asked for"
            return Outcome(self._prepared, results, note=note)
        with _alone(self._folder / CONFIRM_LOCK, wait=False) as mine:
            if not mine:
                note = "another worker is at it; the same command shows what it comes to"
                self._display.say(f"the winner is not confirmed here: {note}")
                return Outcome(self._prepared, results, note=note)
            wanted = confirmations(finalists, self._prepared, self._folder, seeds)
            every = [training for trainings in wanted.values() for training in trainings]
            engine = None if made_already(every) else self._engines.get(every[0])
            confirmed = confirm(finalists, wanted, engine, self._display)
        return Outcome(self._prepared, results, confirmed)

    def _like(self) -> Training:
        """Return a training like those that are to come, for an engine to be chosen by."""
        prepared, order = self._prepared, self._prepared.order
        point = prepared.space.grid(1)[0]
        return Training(
            task=order.task,
            spec=steered(point.text),
            folder=self._folder / RUNS / ".example",
            total=order.total,
            seed=order.seeds[0],
            options=prepared.options(point),
            device=prepared.device,
            per=order.per,
            clip=order.clip,
            accumulate=order.accumulate,
            amp=order.amp,
        )


class _Engines:
    """The engine, made when the first training needs it, and closed at the end of the block."""

    def __init__(self, name: str, workers: int | None, address: str | None) -> None:
        self._how: dict[str, Any] = {"name": name, "workers": workers, "address": address}
        self._stack = contextlib.ExitStack()
        self._made: Engine | None = None

    def get(self, like: Training) -> Engine:
        """Return the engine, chosen for trainings like *like*."""
        if self._made is None:
            self._made = self._stack.enter_context(make_engine(**self._how, like=like))
        return self._made

    def __enter__(self) -> _Engines:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)


def _opened(
    prepared: Prepared, folder: Path, storage: str | None, grace: float, patience: float
) -> Search:
    order = prepared.order
    return Search.open(
        storage or folder,
        prepared.space,
        trials=order.trials,
        direction=prepared.direction,
        sampler=order.sampler,
        pruner=order.pruner,
        steps=prepared.epochs,
        seed=order.sampler_seed,
        grid=order.grid,
        name=_name(prepared, storage),
        heartbeat=min(grace / 6, 10.0),
        grace=grace,
        patience=patience,
    )


def _name(prepared: Prepared, storage: str | None) -> str | None:
    """Return what the search is called in a database, which may have many: by what it is."""
    return f"{prepared.order.task} {prepared.order.identity}" if storage else None


def _check(confirm_seeds: int, timeout: float | None, grace: float) -> None:
    if confirm_seeds < 0:
        raise SpecError(f"`confirm >= 0` must hold, got {confirm_seeds}; 0 confirms nothing")
    if timeout is not None and not (math.isfinite(timeout) and timeout > 0):
        raise SpecError(f"timeout must be finite and > 0, got {timeout}")
    if not (math.isfinite(grace) and grace >= 1):
        raise SpecError(f"`grace >= 1` must hold, got {grace}; it is in seconds")


@contextlib.contextmanager
def _alone(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock *path*; yield False where another holds it and it is not waited for."""
    with disk_errors(path.parent, "write to"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
