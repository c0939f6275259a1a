"""The heart of a worker: a thread that says, every few seconds, which trials it is running."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

from lrkit.search.storage import lost


class Heart:
    """Records a heartbeat of each trial that is held, every *interval* seconds, until closed.

    *missed* is when, by `time.monotonic`, the storage last was away; -inf for never.
    """

    def __init__(self, storage: RDBStorage, interval: float) -> None:
        self._storage, self._interval = storage, interval
        self._held: set[int] = set()
        self.missed = -math.inf
        self._guard, self._closing = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._beat, name="search heartbeat", daemon=True)
        self._thread.start()

    def hold(self, trial: int) -> None:
        """Beat for *trial*, the storage's id, from now on; the first beat is the caller's."""
        with self._guard:
            self._held.add(trial)

    def drop(self, trial: int) -> None:
        """Beat for *trial* no more."""
        with self._guard:
            self._held.discard(trial)

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._closing.wait(self._interval):
            with self._guard:
                held = sorted(self._held)
            try:
                # Asked even with nothing to say: how long the storage was away matters to whoever
                # judges others by their silence.
                with self._storage.engine.connect() as connection:
                    connection.exec_driver_sql("SELECT 1")
                for trial in held:
                    self._storage.record_heartbeat(trial)
            except lost():
                # The worker's own next call finds that the storage is away, and says so; the
                # heart goes on, since it may come back.
                self.missed = time.monotonic()
        self._storage.remove_session()
