"""Where a search is kept: SQLite in a folder, or a database that several machines share."""

from __future__ import annotations

import contextlib
import logging
import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lrkit.errors import DataError, SpecError
from lrkit.search.optional import need, optuna, quiet

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

FILE: Final = "search.sqlite3"
LOCK: Final = "search.lock"
BUSY_SECONDS: Final = 60.0
FIRST_WAIT, LAST_WAIT = 0.1, 2.0
_ADVISORY: Final = 0x6C726B69  # any number of our own; "lrki"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Place:
    """A storage: its SQLAlchemy *url*, and the *folder* of the file where there is one."""

    url: str
    folder: Path | None

    @property
    def shown(self) -> str:
        """The place for a message, without a password."""
        if self.folder is not None:
            return str(self.folder / FILE)
        from sqlalchemy.engine import make_url

        return make_url(self.url).render_as_string(hide_password=True)


def place_of(place: Path | str) -> Place:
    """Return the storage that *place* means: a folder, or the URL of a database.

    `postgresql://` and `postgres://` are read as SQLAlchemy's `postgresql+psycopg://`. Raises
    `SpecError` for a URL that is none, `LrkitError` where its driver is not installed.
    """
    optuna()
    text = str(place)
    if "://" not in text:
        folder = Path(place)
        if "?" in text:
            raise SpecError(f"a search's folder has no ? in its name, got {text!r}; rename it")
        return Place(f"sqlite:///{folder / FILE}", folder)
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
        url.get_dialect()  # raises for a database that is not known
    except (ArgumentError, ValueError) as error:
        raise SpecError(
            f"a storage is a folder or a URL such as postgresql://user@host/database, got {text!r}"
        ) from error
    if url.get_backend_name() == "sqlite":
        raise SpecError(f"a search in SQLite is kept in a folder, got {text!r}; write its path")
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername == "postgresql+psycopg":
        need("psycopg", "a search in PostgreSQL")
    return Place(url.render_as_string(hide_password=False), None)


def exists(place: Place) -> bool:
    """Return whether there may be a search in *place*; a database is asked later."""
    return place.folder is None or (place.folder / FILE).exists()


def connect(place: Place, heartbeat: float = 10.0, grace: float = 60.0) -> RDBStorage:
    """Return Optuna's storage in *place*, made where there is none.

    Heartbeats are every *heartbeat* seconds and missed after *grace*. Raises `DataError` where
    the folder cannot be written, or the database not be reached.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    damaged = sqlite3.DatabaseError
    failures: tuple[type[Exception], ...]
    failures = (*lost(), damaged, OSError, RuntimeError, ImportError)
    try:
        with alone(place), quiet():
            storage: RDBStorage = optuna().storages.RDBStorage(
                place.url.replace("{", "{{").replace("}", "}}"),  # Optuna formats it
                engine_kwargs=_engine(place),
                heartbeat_interval=max(1, math.ceil(heartbeat)),
                grace_period=max(1, math.ceil(grace)),
            )
    except failures as error:
        raise DataError(
            f"the search's storage {place.shown} cannot be opened: {said(error)}; "
            "see that it is there and may be written"
        ) from error
    if place.folder is not None:
        _in_turns(storage)
    return storage


def patiently(work: Callable[[], _T], patience: float, place: Place, kept: str) -> _T:
    """Return what *work* returns, trying again for *patience* seconds while the storage is away.

    Then raises `DataError`: what is *kept*, and how to go on.
    """
    gone, wait = time.monotonic() + patience, FIRST_WAIT
    while True:
        try:
            with quiet():
                return work()
        except lost() as error:
            left = gone - time.monotonic()
            if left <= 0:
                raise DataError(
                    f"the search's storage {place.shown} fails ({said(error)}); {kept}; "
                    "once it works again, start the same search again, which goes on"
                ) from error
        time.sleep(min(wait, left))
        wait = min(2 * wait, LAST_WAIT)


def lost() -> tuple[type[Exception], ...]:
    """Return the exceptions that mean that a storage is away, full or busy."""
    from sqlalchemy.exc import DBAPIError

    return DBAPIError, sqlite3.OperationalError, optuna().exceptions.StorageInternalError


def said(error: BaseException) -> str:
    """Return the first line of what the driver said."""
    if error.__cause__ is not None and not hasattr(error, "orig"):
        return said(error.__cause__)
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _engine(place: Place) -> dict[str, Any]:
    if place.folder is not None:
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    # A server that was started anew has closed the connections that lie ready.
    return {"pool_pre_ping": True}


@contextlib.contextmanager
def alone(place: Place) -> Iterator[None]:
    """Let one process at a time make the tables: Optuna's way of doing it is not atomic."""
    if place.folder is not None:
        place.folder.mkdir(parents=True, exist_ok=True)
        # SQLite's own lock, which ends with the process that holds it; nothing is written.
        lock = sqlite3.connect(place.folder / LOCK, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            lock.execute("BEGIN EXCLUSIVE")
            _write_ahead(place.folder / FILE)
            yield
        finally:
            lock.close()
        return
    from sqlalchemy import create_engine, text

    engine = create_engine(place.url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_lock({_ADVISORY})"))
            yield
    finally:
        engine.dispose()


def _write_ahead(file: Path) -> None:
    """Let readers and a writer work at once; the file remembers it."""
    connection = sqlite3.connect(file, timeout=BUSY_SECONDS)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _in_turns(storage: RDBStorage) -> None:
    """Let every transaction of SQLite begin by taking the write lock.

    Optuna reads a trial's state and then writes it, and relies on SELECT ... FOR UPDATE, which
    SQLite has not: two workers would both take the trial.
    """
    from sqlalchemy import event

    @event.listens_for(storage.engine, "connect")
    def by_hand(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        # With the log written ahead it stands against a killed process; against a power cut, the
        # last moments are what may be missing, and the runs' own journals have them.
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(storage.engine, "begin")
    def immediately(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    storage.engine.dispose()  # connections made before are not told
