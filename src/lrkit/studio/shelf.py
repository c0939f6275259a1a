"""The list of runs, kept so that only what has changed is read again."""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from lrkit.records import RunSummary
from lrkit.records.listing import summary_of
from lrkit.records.lock import is_locked
from lrkit.records.progress import epoch_steps
from lrkit.records.writer import JOURNAL
from lrkit.studio.places import inside

FRESH: Final = 0.2
"""Seconds for which a look at the folder is good."""
MOST_GONE: Final = 1000
LONG: Final = 2000
"""Characters of a text that go into the list."""
ENDED: Final = ("done", "failed", "stopped")


class Row(BaseModel):
    """A run in the list: how it stands, what it follows, and the last of its numbers.

    `status` is "running", "done", "stopped", "failed", "dead" or "damaged" (with the `problem`);
    `step` counts the updates done of `updates`; `value` is the last `score`; `started` and
    `updated` are seconds since 1970. None where the journal does not tell.
    """

    name: str
    status: str
    reason: str
    problem: str
    task: str
    schedule: str
    seed: int | None
    started: float
    updated: float
    step: int
    updates: int | None
    epoch: float | None
    rate: float | None
    loss: float | None
    score: str
    value: float | None
    parent: str


@dataclass(frozen=True)
class Changes:
    """What has become of the list since an earlier `mark`: runs that changed, and those gone.

    `whole` says that the rows are all there are.
    """

    mark: int
    rows: list[Row]
    gone: list[str]
    whole: bool


class Shelf:
    """The runs in the folder *root*; `look` as often as wanted, `rows` as they are."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._rows: dict[str, Row] = {}
        self._stamps: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._mark = self._forgot = 0
        self._looked = 0.0

    def rows(self) -> list[Row]:
        """Return the runs as they are now, the newest first."""
        return self.since(None).rows

    def since(self, mark: int | None) -> Changes:
        """Return what has changed since *mark*, all where it is None; the newest runs first."""
        with self._lock:
            self._look()
            whole = mark is None or mark < self._forgot
            since = -1 if whole or mark is None else mark
            rows = [row for name, row in self._rows.items() if self._stamps[name] > since]
            gone = [] if whole else [name for name, at in self._gone.items() if at > since]
            rows.sort(key=lambda row: (-row.started, row.name))
            return Changes(self._mark, rows, gone, whole)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < FRESH:
            return
        found = self._folders()
        for name in self._rows.keys() - found.keys():
            self._mark += 1
            self._gone[name] = self._mark
            if len(self._gone) > MOST_GONE:  # who has not heard of these hears all
                self._gone, self._forgot = {}, self._mark
            del self._rows[name], self._stamps[name], self._seen[name]
        for name, folder in found.items():
            self._read(name, folder)
        self._looked = time.monotonic()

    def _folders(self) -> dict[str, Path]:
        try:
            with os.scandir(self.root) as entries:
                names = [entry.name for entry in entries if not entry.name.startswith(".")]
        except FileNotFoundError:
            return {}  # it need not exist yet
        folders = {name: self.root / name for name in names}
        return {name: f for name, f in folders.items() if (f / JOURNAL).is_file()}

    def _read(self, name: str, folder: Path) -> None:
        """Read the run again where its journal is another or longer, or its writer came or went."""
        try:
            about = os.stat(folder / JOURNAL)
        except FileNotFoundError:
            return  # removed just now; the next look misses it
        old = self._rows.get(name)
        # A run that has ended is taken up again by an event in its journal.
        held = None if old is not None and old.status in ENDED else is_locked(folder)
        seen = (about.st_ino, about.st_size, about.st_mtime_ns, held)
        kept = self._seen.get(name)
        if kept is not None and kept[:3] == seen[:3] and held in (None, kept[3]):
            return
        own = kept is not None and kept[0] == seen[0]
        if not own and not (inside(self.root, folder) and inside(self.root, folder / JOURNAL)):
            return  # a link to the outside is no run of this folder
        self._seen[name] = seen
        row = row_of(summary_of(folder))
        if row != old:
            self._mark += 1
            self._rows[name], self._stamps[name] = row, self._mark
            self._gone.pop(name, None)


def row_of(run: RunSummary) -> Row:
    """Return *run* as the list shows it."""
    header = run.header
    per, score = epoch_steps(header), header.get("score")
    return Row(
        name=text(run.name),
        status=text(run.status),
        reason=text(run.reason),
        problem=text(run.problem),
        task=text(header.get("task") or ""),
        schedule=text(header.get("spec") or ""),
        seed=_whole(header.get("seed")),
        started=run.started,
        updated=run.updated,
        step=run.step + 1,
        updates=_whole(header.get("updates")),
        epoch=(run.step + 1) / per if per else None,
        rate=finite(run.metrics.get("lr")),
        loss=finite(run.metrics.get("loss")),
        score=text(score or ""),
        value=finite(run.evaluation.get(score)) if isinstance(score, str) else None,
        parent=_parent(header.get("parent")),
    )


def text(value: Any) -> str:
    """Return *value* as a text that JSON can hold, not too long."""
    return str(value).encode(errors="replace").decode()[:LONG]


def finite(value: Any) -> float | None:
    """Return *value* as a number; None where it is none that JSON can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return None
    return number if math.isfinite(number) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _parent(parent: Any) -> str:
    """Return where a branch comes from; "" for a run of its own."""
    if not isinstance(parent, dict):
        return ""
    return text(f"{Path(str(parent.get('run'))).name} at {parent.get('step')}")
