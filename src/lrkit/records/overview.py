"""A run for looking at: its curves in buckets, its events, in constant memory and always current.

What a resume or a rollback makes void is left out as `replay` leaves it out: the buckets from its
step on are emptied, and the one it falls into is read again from the journal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from lrkit.errors import SpecError
from lrkit.records.bands import Band, Knots, Mark, area_knots, band_of, mark_of, time_knots
from lrkit.records.blocks import BLOCK, Event, Lost, Rows, blocks, joined, pieces, rows_of
from lrkit.records.buckets import CAPACITY, NOWHERE, Buckets
from lrkit.records.cells import Floats
from lrkit.records.counted import Resume, counted
from lrkit.records.files import disk_errors
from lrkit.records.format import MetricsLine
from lrkit.records.happenings import LAST, Happenings, scores_of
from lrkit.records.lock import is_locked
from lrkit.records.progress import epoch_steps
from lrkit.records.scan import parse_header, read_header
from lrkit.records.writer import JOURNAL

AXES: Final = ("step", "epoch", "time", "area")
_SAME: Final = 256  # first bytes that tell one journal from another: they hold its time and process
TOGETHER: Final = 16
"""Blocks of rows that go into the buckets together."""


class Overview:
    """The run in *folder*, looked at again and again; each `look` reads what has come since.

    `metrics` and `scores` are buckets of the metrics by update and of the evaluations' numbers by
    updates done; `events` are the newest other events. A run of any length takes the same memory:
    at most *buckets* buckets of 256 metrics, 1000 events of a kind. `status`, `reason` and `header`
    are as in `Run`; `lost` counts lines that could not be read; `share` is the part of the
    journal that has been read.

    A torn last line waits until it is whole. A journal that was put in the place of the old one
    is read from its start. Raises `DataError` when there is no run, or it cannot be read.

    >>> import tempfile
    >>> from lrkit.records import Journal
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> with Journal.create(folder) as journal:
    ...     for step in range(5000):
    ...         journal.metrics(step, lr=0.1, loss=1.0 / (step + 1))
    >>> overview = Overview(folder)
    >>> overview.look(), overview.look(), overview.status
    (True, False, 'done')
    >>> band = overview.band("loss", points=4)
    >>> [float(round(x, 1)) for x in band.places], float(band.high[0]), float(band.last[-1])
    ([1023.5, 3071.5, 4547.5], 1.0, 0.0002)
    """

    def __init__(self, folder: str | os.PathLike[str], *, buckets: int = CAPACITY) -> None:
        self.folder: Final = Path(os.path.abspath(folder))
        self._path = self.folder / JOURNAL
        self.header: dict[str, Any] = read_header(self._path)
        self._status = ""
        self._buckets = buckets
        #: Grows when the journal is another: all that was told before is void.
        self.life = 0
        self._forget()
        self._first = b""

    def _forget(self) -> None:
        self.metrics, self.scores = Buckets(self._buckets), Buckets(self._buckets)
        self.events = Happenings()
        self.lost = 0
        self.ending: tuple[str, str] | None = None
        self._place = self._head = self._number = 0
        self._size = 1
        self._resumes: list[Resume] = []
        self._paused = 0.0
        self._heard = self._began = 0.0
        # What has been read and waits to be added; adding costs the same for few and for many.
        self._rows: list[tuple[int, Rows]] = []
        self._scored: list[tuple[int, MetricsLine]] = []

    @property
    def status(self) -> str:
        """How the run is, as in `Run`; "" until its journal has been read once."""
        return self._status

    @property
    def reason(self) -> str:
        """Why it ended."""
        return self.ending[1] if self.ending else ""

    @property
    def share(self) -> float:
        """The part of the journal that has been read, 1.0 when all that was there has been."""
        return min(self._place / self._size, 1.0)

    @property
    def updated(self) -> float:
        """The time of the last event, seconds since 1970."""
        return self._heard

    @property
    def epoch(self) -> float | None:
        """The updates an epoch, None where the header does not tell."""
        return epoch_steps(self.header)

    def look(self, most: int | None = None) -> bool:
        """Read what has come, at most about *most* bytes of it; return whether anything changed."""
        # The lock first: a run that ends between the two is then seen to have ended.
        locked = is_locked(self.folder)
        with disk_errors(self._path, "read"), open(self._path, "rb", buffering=0) as file:
            about = os.fstat(file.fileno())
            another = self._number != about.st_ino or about.st_size < self._place
            if another or os.pread(file.fileno(), len(self._first), 0) != self._first:
                self._begin(file, about.st_ino)
            begin, end = self._place, about.st_size
            if most is not None:
                end = min(end, begin + max(most, BLOCK))
            for offset, block in blocks(file, begin, end):
                self._take(file, block, offset)
                self._place = offset + len(block)
            self._add_waiting()
            self._size = self._place if end == about.st_size else about.st_size
        now = self.ending[0] if self.ending else "running" if locked else "dead"
        if end < about.st_size:
            now = self._status  # how it ended may be written further on
        changed = self._place != begin or now != self._status
        self._status = now
        return changed

    # Its curves.

    def band(
        self,
        name: str,
        points: int = CAPACITY,
        since: Mark | None = None,
        *,
        score: bool = False,
    ) -> Band:
        """Return metric *name*, or an evaluation's *score* of that name, in at most *points* parts.

        With the mark of an earlier band, *since*, it is what has changed: its parts take the
        place of those from its `keep` on. Raises `SpecError` for a name that is not there.
        """
        buckets = self.scores if score else self.metrics
        if name not in buckets.metrics:
            known = ", ".join(buckets.metrics) or "none"
            raise SpecError(
                f"`name` must be a {'score' if score else 'metric'} of run {self.folder.name} "
                f"({known}), got {name!r}"
            )
        return band_of(buckets, name, points, since, self.life)

    def mark(self, points: int = CAPACITY, *, score: bool = False) -> Mark:
        """Return the mark that bands of at most *points* parts have now."""
        return mark_of(self.scores if score else self.metrics, points, self.life)

    def axis(self, axis: str) -> Callable[[Floats], Floats]:
        """Return what *axis* is at given steps: "step", "epoch", "time" or "area".

        Time is in seconds without the pauses between sittings, area the sum of the rates of all
        updates before. Raises `SpecError` for another word, and where the run does not tell.
        """
        return self._knots(axis).at

    def steps_at(self, axis: str, values: Floats) -> Floats:
        """Return the steps at which *axis* has the *values*; errors as for `axis`."""
        return self._knots(axis).back(values)

    def _knots(self, axis: str) -> Knots:
        if axis == "step":
            return Knots.straight(1.0)
        if axis == "epoch":
            if not (per := self.epoch):
                raise SpecError(
                    f"run {self.folder.name} does not say how many steps an epoch has; "
                    "compare it by step"
                )
            return Knots.straight(per)
        if axis == "time":
            return time_knots(self.metrics)
        if axis != "area":
            raise SpecError(f"`axis` must be one of {', '.join(AXES)}, got {axis!r}")
        if "lr" not in self.metrics.metrics:
            raise SpecError(f"run {self.folder.name} has no rates; compare it by step")
        return area_knots(self.metrics)

    def rows(self, begin: int | None = None, end: int | None = None) -> Iterator[Rows]:
        """Return all rows that count, as far as they have been read, from the journal again.

        *begin* and *end* are bytes at which a line begins: what lies between them.
        """
        first = self._head if begin is None else max(begin, self._head)
        last = self._place if end is None else min(end, self._place)
        resumes = tuple(self._resumes)

        def read() -> Iterator[Rows]:
            with disk_errors(self._path, "read"), open(self._path, "rb", buffering=0) as file:
                for _, piece, _ in counted(file, first, last, resumes):
                    if isinstance(piece, Rows):
                        yield piece

        return read()

    # How it reads.

    def _begin(self, file: BinaryIO, number: int) -> None:
        self.life += 1
        self._forget()
        file.seek(0)
        line = b""
        while b"\n" not in line and (more := file.read(1 << 16)):
            line += more
        line = line[: line.find(b"\n") + 1]
        self.header = parse_header(line, self._path)
        self._first = line[:_SAME]
        self._began = self._heard = float(self.header["time"])
        self._place = self._head = len(line)
        self._number = number

    def _take(self, file: BinaryIO, block: bytes, offset: int) -> None:
        for piece in pieces(block, offset):
            if isinstance(piece, Rows):
                self._heard = float(piece.times[-1])
                self._rows.append((offset, self._timed(piece, self._paused)))
            elif isinstance(piece, Lost):
                self.lost += 1
            else:
                self._happened(file, piece)
        if len(self._rows) >= TOGETHER:
            self._add_waiting()

    def _happened(self, file: BinaryIO, event: Event) -> None:
        fields, kind = event.fields, event.fields["kind"]
        if kind == "evaluation":
            self._scored += [(event.offset, line) for line in scores_of(fields)]
        elif kind == "end":
            self.ending = (str(fields.get("status", "done")), str(fields.get("reason", "")))
        elif kind == "resume":
            self.ending = None
            self._resumed(file, event)
        self.events.add(fields)
        if isinstance(time := fields.get("time"), (int, float)):
            self._heard = max(self._heard, float(time))

    def _resumed(self, file: BinaryIO, event: Event) -> None:
        step, time = event.fields.get("step"), event.fields.get("time")
        # Only another sitting says which process it is; a rollback within one is no pause.
        if "pid" in event.fields and isinstance(time, (int, float)):
            self._paused += max(float(time) - self._heard, 0.0)
        self._add_waiting()
        goes_on = min(max(step, -LAST), LAST) if isinstance(step, int) else LAST
        self._resumes.append(Resume(event.offset, goes_on, self._paused))
        if isinstance(step, int):
            self._take_back(file, self.metrics, goes_on, scores=False)
            self._take_back(file, self.scores, goes_on + 1, scores=True)

    def _take_back(self, file: BinaryIO, buckets: Buckets, limit: int, *, scores: bool) -> None:
        """Empty *buckets* of what lies at step *limit* or after it."""
        slot = max(buckets.slot_of(limit), 0)
        if slot >= buckets.used:
            return
        begin = buckets.begin_of(slot)
        if buckets.shift and slot < self._buckets // 4:
            slot, begin = 0, -LAST  # what is left fits narrower buckets
        place = buckets.clear(slot)
        if begin < limit and place != NOWHERE:
            self._read_again(file, buckets, begin, max(place, self._head), scores=scores)

    def _read_again(
        self, file: BinaryIO, buckets: Buckets, begin: int, place: int, *, scores: bool
    ) -> None:
        """Take in what counts of the steps from *begin* on, from byte *place* to the resume."""
        until = self._resumes[-1].offset
        for offset, piece, paused in counted(file, place, until, self._resumes):
            if isinstance(piece, Rows) and not scores:
                late = piece.where(piece.steps >= begin)
                buckets.add(self._timed(late, paused), offset)
            elif isinstance(piece, Event) and scores:
                found = [line for line in scores_of(piece.fields) if line.step >= begin]
                if found:
                    buckets.add(rows_of(found), offset, clock=False)

    def _timed(self, rows: Rows, paused: float) -> Rows:
        """Return *rows* with seconds of training for times."""
        return rows._replace(times=rows.times - (self._began + paused))

    def _add_waiting(self) -> None:
        if self._rows:
            self.metrics.add(joined([rows for _, rows in self._rows]), self._rows[0][0])
            self._rows = []
        if self._scored:
            rows = rows_of([line for _, line in self._scored])
            self.scores.add(rows, self._scored[0][0], clock=False)
            self._scored = []
