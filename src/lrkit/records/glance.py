"""A first sight of a long run: its shape, from parts spread evenly over the journal."""

from __future__ import annotations

import mmap
import os
from typing import Any, BinaryIO, Final

from lrkit.records.blocks import Rows, rows_of
from lrkit.records.counted import Resume, counted
from lrkit.records.files import disk_errors
from lrkit.records.format import UNREADABLE, decode_event
from lrkit.records.happenings import LAST, scores_of
from lrkit.records.overview import Overview

PARTS: Final = 96
PART: Final = 1 << 14
"""Bytes of a part; with all of them read, a curve has as many stretches of a hundred updates."""
_RESUME: Final = b'\n{"kind":"resume",'


class Glance(Overview):
    """The run in *folder* as parts of its journal tell it, with the first and the last updates.

    A thousandth of the time that an `Overview` of a run of 10,000,000 steps takes. What lies
    between the parts is not seen, extremes and edits among it; `share` says how much was read.
    What resumes have made void is left out all the same. A journal that is no longer than its
    parts is read whole.

    >>> import tempfile
    >>> from lrkit.records import Journal
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> with Journal.create(folder) as journal:
    ...     for step in range(50_000):
    ...         journal.metrics(step, loss=1.0 / (step + 1))
    >>> glance = Glance(folder)
    >>> glance.look(), 0.2 < glance.share < 0.5, glance.metrics.last_step
    (True, True, 49999)
    """

    def look(self, most: int | None = None) -> bool:
        """Read the parts; *most* is without meaning here. Return True."""
        with disk_errors(self._path, "read"), open(self._path, "rb", buffering=0) as file:
            self._begin(file, os.fstat(file.fileno()).st_ino)
            self.life = -1  # its marks are none of an overview's
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                end = data.rfind(b"\n") + 1  # a torn last line does not count
                self._resumes = _resumes(data, end)
                read, done = 0, self._head
                for part in range(PARTS):
                    begin = self._head + (end - self._head - PART) * part // (PARTS - 1)
                    begin = max(data.find(b"\n", max(begin, 1) - 1) + 1, done)
                    done = max(data.rfind(b"\n", begin, min(begin + PART, end)) + 1, begin)
                    self._see(file, begin, done)
                    read += done - begin
                # The last update tells how far the run is.
                last = max(data.rfind(b"\n", done, end - 1) + 1, done)
                self._see(file, last, end)
        self._place, self._size = self._head + read + end - last, max(end, 1)
        return True

    def _see(self, file: BinaryIO, begin: int, end: int) -> None:
        for offset, piece, paused in counted(file, begin, end, self._resumes):
            if isinstance(piece, Rows):
                self.metrics.add(self._timed(piece, paused), offset)
            elif found := scores_of(piece.fields):
                self.scores.add(rows_of(found), offset, clock=False)


def _resumes(data: mmap.mmap, end: int) -> list[Resume]:
    """Return all resumes in *data*, found without reading what is between them."""
    found: list[Resume] = []
    paused, at = 0.0, data.find(_RESUME, 0, end)
    while at >= 0:
        event = _event(data[at + 1 : data.find(b"\n", at + 1)])
        before = _event(data[data.rfind(b"\n", 0, at) + 1 : at])
        if "pid" in event and (heard := _time(before)):
            paused += max(_time(event) - heard, 0.0)
        step = event.get("step")
        goes_on = min(max(step, -LAST), LAST) if isinstance(step, int) else LAST
        found.append(Resume(at + 1, goes_on, paused))
        at = data.find(_RESUME, at + 1, end)
    return found


def _event(line: bytes) -> dict[str, Any]:
    try:
        return decode_event(line)
    except UNREADABLE:
        return {}  # a damaged line; whoever reads it all counts it


def _time(event: dict[str, Any]) -> float:
    time = event.get("time")
    return float(time) if isinstance(time, (int, float)) else 0.0
