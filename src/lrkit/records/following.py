"""Following a run while it is written: each look reads only what has come since the last one."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Final

from lrkit.records.files import disk_errors
from lrkit.records.lock import is_locked
from lrkit.records.replay import Fold, Run, run_of
from lrkit.records.scan import parse_header, read_header
from lrkit.records.tail import Tail
from lrkit.records.writer import JOURNAL

BLOCK: Final = 1 << 23
"""Bytes read at a time: a long journal is not held in memory to be read."""


class Follower:
    """Looks at the run in *folder* again and again; `look` returns it as `replay` would.

    Lines that cannot be read are left out and counted in `events_lost`. A line that is still
    being written is taken in with the first look that finds it whole. A journal that was put in
    the place of the old one (the run was removed and begun anew) is read from its start.

    With *last* only so many of the last metrics are kept, and memory stays constant however long
    the run is: `metrics` of the runs it returns then begin late. The events are all there.

    Raises `DataError` when there is no run, or its journal cannot be read.

    >>> import tempfile
    >>> from lrkit.records import Journal
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> journal = Journal.create(folder)
    >>> follower = Follower(folder)
    >>> follower.look().status
    'running'
    >>> journal.metrics(0, loss=2.5)
    >>> journal.close()
    >>> run = follower.look()
    >>> run.status, run.metrics["loss"].tolist()
    ('done', [2.5])
    """

    def __init__(self, folder: str | os.PathLike[str], *, last: int | None = None) -> None:
        self.folder: Final = Path(os.path.abspath(folder))
        self._last: Final = last
        self._path = self.folder / JOURNAL
        self._begin()

    def _begin(self) -> None:
        self._header = read_header(self._path)
        last = self._last
        self._fold = Fold(self._path, skip=True) if last is None else Tail(self._path, last)
        self._place = self._number = 0
        self._shown: Run | None = None
        self._locked = False

    def look(self) -> Run:
        """Return the run as it is now; the same value as the last time where nothing has come."""
        # The lock first: a run that ends between the two is then seen to have ended.
        locked = is_locked(self.folder)
        fresh = self._read()
        shown = self._shown
        turned = self._fold.ending is None and self._locked != locked
        if fresh or turned or shown is None:
            self._locked = locked
            shown = self._shown = run_of(self.folder, self._header, self._fold, locked)
        return shown

    def _read(self) -> bool:
        """Take in the whole lines that have come; return whether there were any."""
        with disk_errors(self._path, "read"), open(self._path, "rb") as file:
            about = os.fstat(file.fileno())
            if self._number not in (0, about.st_ino) or about.st_size < self._place:
                self._begin()
            self._number = about.st_ino
            file.seek(self._place)
            fresh = False
            while data := file.read(BLOCK):
                data += file.readline()  # a block ends with a line, or where the file does
                fresh |= self._take(data)
                if not data.endswith(b"\n"):
                    break  # its last line is being written; the next look begins there
            return fresh

    def _take(self, data: bytes) -> bool:
        """Take in the whole lines of *data*; return whether there were any."""
        whole = data.rfind(b"\n") + 1
        lines = io.BytesIO(data[:whole]).readlines()
        found = bool(lines)
        if not self._place and lines:
            self._header = parse_header(lines.pop(0), self._path)
        self._place += whole
        self._fold.feed(lines)
        return found
