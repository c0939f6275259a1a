"""A range test as a file that grows while it is made: a line a point, and the outcome at the end.

Format 1, one JSON object a line, written in the journal's way (`lrkit.records.format`):

    {"kind": "range", "format": 1, "time": 1760000000.5, "about": {"task": "poly-tanh", ...}}
    {"kind": "point", "repeat": 0, "update": 12, "rate": 0.001, "loss": 2.25}
    {"kind": "end", "time": 1760000009.5, "status": "found", "reason": "", ...}

The first line says what is tested; a point is the loss of one update, and where measured
`validation` and `dead`. A repeat that is begun again (further down, because the loss rose at
once) starts at update 0 once more, which makes void what it had measured. `status` of the last
line is "found", "nothing" (the curve does not say), "stopped" or "failed", with the reason, and
what was found beside it: "suggestion", "schedules" and "curve".

Every line is handed to the operating system as it is written, so a kill loses the one that was
under way at most; a file without its last line is of a test that goes on, or was killed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

import msgspec

from lrkit.errors import DataError
from lrkit.records.files import disk_errors, write_all
from lrkit.records.format import UNREADABLE, decode_event, encode_event

FORMAT: Final = 1

Ending: TypeAlias = Literal["found", "nothing", "stopped", "failed"]


@dataclass(frozen=True)
class Point:
    """What a range test measured before one update: *loss* at *rate*, in *repeat* at *update*.

    *validation* and *dead* (the share of dead units) are None where they were not measured.
    """

    repeat: int
    update: int
    rate: float
    loss: float
    validation: float | None = None
    dead: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, what was not measured left out."""
        return {name: value for name, value in vars(self).items() if value is not None}


class PointsWriter:
    """Writes a range test to *path* while it is made; call it with each `Point`.

    An old file there is emptied. *about* goes into the first line. Raises `DataError` where the
    file cannot be written.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/range.jsonl"
    >>> with PointsWriter(path, task="poly-tanh", repeats=1) as write:
    ...     write(Point(0, 0, 0.001, 2.5))
    ...     write.end("stopped", "interrupted")
    >>> test = read_points(path)
    >>> test.about["task"], len(test.points), test.ending["reason"]
    ('poly-tanh', 1, 'interrupted')
    """

    def __init__(self, path: str | os.PathLike[str], **about: Any) -> None:
        self.path: Final = Path(os.path.abspath(path))
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o666)
        try:
            self._write("range", {"format": FORMAT, "time": time.time(), "about": about})
        except BaseException:
            self.close()
            raise

    def __call__(self, point: Point) -> None:
        """Write *point*."""
        self._write("point", point.to_dict())

    def end(self, status: Ending, reason: str = "", **found: Any) -> None:
        """Write the last line: how the test ended, why, and what it *found*."""
        self._write("end", {"time": time.time(), "status": status, "reason": reason} | found)

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, kind: str, fields: Mapping[str, Any]) -> None:
        with disk_errors(self.path):
            write_all(self._descriptor, encode_event(kind, fields))


@dataclass(frozen=True)
class RangeTest:
    """A range test as far as its file tells it.

    *about* says what is tested, *points* are those that count, in the order measured, *restarts*
    how often a repeat was begun again; *ending* is the last line, None while the test goes on, or
    where it was killed.
    """

    about: Mapping[str, Any]
    points: tuple[Point, ...] = ()
    restarts: int = 0
    ending: Mapping[str, Any] | None = None


@dataclass
class PointsReader:
    """Reads a range test's file again and again: each look takes in what has come since the last.

    Raises `DataError` for a file that is none, or has a damaged line; a last line that is still
    being written (or was torn by a kill) waits for its end.
    """

    path: Path
    _place: int = 0
    _line: int = 0
    _number: int = 0
    _about: Mapping[str, Any] = field(default_factory=dict)
    _points: list[Point] = field(default_factory=list)
    _restarts: int = 0
    _ending: Mapping[str, Any] | None = None

    def look(self) -> RangeTest:
        """Return the test as it is now."""
        with disk_errors(self.path, "read"), open(self.path, "rb") as file:
            state = os.fstat(file.fileno())
            if self._number not in (0, state.st_ino) or state.st_size < self._place:
                self._begin()  # another test has taken the file's place
            self._number = state.st_ino
            file.seek(self._place)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].splitlines():
            self._line += 1
            self._take(line)
        self._place += whole
        return RangeTest(self._about, tuple(self._points), self._restarts, self._ending)

    def _begin(self) -> None:
        self._place = self._line = self._restarts = 0
        self._about, self._points, self._ending = {}, [], None

    def _take(self, line: bytes) -> None:
        try:
            event = decode_event(line)
            kind = event.pop("kind")
            if self._line == 1:
                self._about = _checked(kind, event, self.path)
            elif kind == "point":
                self._add(msgspec.convert(event, Point))
            elif kind == "end":
                self._ending = event
        except UNREADABLE as error:
            raise DataError(
                f"line {self._line} of {self.path} is damaged ({error}); make the test again"
            ) from error

    def _add(self, point: Point) -> None:
        if point.update == 0 and self._points and self._points[-1].repeat == point.repeat:
            self._restarts += 1
            self._points = [one for one in self._points if one.repeat != point.repeat]
        self._points.append(point)


def read_points(path: str | os.PathLike[str]) -> RangeTest:
    """Return the range test that `PointsWriter` wrote to *path*, as far as it is; see there."""
    return PointsReader(Path(path)).look()


def _checked(kind: str, event: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return what the first line of *path* says is tested."""
    if kind != "range" or not isinstance(event.get("format"), int):
        raise DataError(f"a range test opens with a `range` line, {path} does not; it is not one")
    if event["format"] > FORMAT:
        raise DataError(
            f"{path} is in format {event['format']}, this lrkit reads up to {FORMAT}; update lrkit"
        )
    return msgspec.convert(event.get("about"), dict[str, Any])
