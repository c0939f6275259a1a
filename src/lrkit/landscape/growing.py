"""Results that grow line by line: an append-only file of JSON lines that is read while it grows.

The first line is the header. A line counts when its end has come, so a killed writer loses at
most the result it was writing. The writer holds the file's lock, which the operating system
releases when it dies.
"""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from lrkit.errors import DataError
from lrkit.records.files import disk_errors, write_all

FORMAT: Final = 1


class Growing:
    """A growing result, open for writing; a context manager that lets go of the file.

    *identity* says of what the file is the result. A new file gets it in its header, with all
    that *describe* returns. A file that is there must be of the same identity: `header` and
    `events` then hold what was written before, and a torn last line is cut off.

    Raises `DataError` when another process is writing the file, when it holds another result,
    and when it cannot be written.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/a.jsonl"
    >>> for _ in range(2):
    ...     with Growing(path, "slice", {"of": "a"}, dict) as file:
    ...         seen = file.events
    ...         file.add("point", i=0, loss=math.inf)
    >>> seen
    [{'kind': 'point', 'i': 0, 'loss': None}]
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        kind: str,
        identity: Mapping[str, Any],
        describe: Callable[[], Mapping[str, Any]],
    ) -> None:
        self.path: Final = Path(path)
        self.header: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self.path, flags, 0o666)
        try:
            self._lock()
            try:
                with disk_errors(self.path):
                    self._begin(kind, identity, describe)
            except BaseException:
                if not os.fstat(self._descriptor).st_size:
                    self.path.unlink(missing_ok=True)  # nothing was begun
                raise
        except BaseException:
            os.close(self._descriptor)
            raise

    def add(self, kind: str, **fields: Any) -> None:
        """Append an event; numbers that are not finite become null."""
        with disk_errors(self.path):
            write_all(self._descriptor, _line({"kind": kind} | fields))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"one writer a file: {self.path} is being computed by another process; "
                "look at it while it grows, or wait"
            ) from None

    def _begin(
        self, kind: str, identity: Mapping[str, Any], describe: Callable[[], Mapping[str, Any]]
    ) -> None:
        size = os.fstat(self._descriptor).st_size
        raw = os.pread(self._descriptor, size, 0)
        whole = raw.rfind(b"\n") + 1
        os.ftruncate(self._descriptor, whole)
        os.lseek(self._descriptor, whole, os.SEEK_SET)
        if not whole:
            first = {"kind": kind, "format": FORMAT, "time": time.time(), "identity": identity}
            line = _line(first | dict(describe()))
            self.header = msgspec.json.decode(line)
            write_all(self._descriptor, line)
            return
        self.header, *self.events = _decoded(raw[:whole], self.path)
        if self.header.get("identity") != msgspec.json.decode(_line(identity)):
            raise DataError(
                f"{self.path} holds another result than is asked for; give another name"
            )


def read_growing(path: str | os.PathLike[str], kind: str) -> list[dict[str, Any]]:
    """Return header and events of the growing result at *path*, whose header must be of *kind*.

    Raises `DataError` for a file that cannot be read, is none of that kind, or of a newer format.
    """
    events, _ = more_of(path, 0)
    if not events or events[0].get("kind") != kind:
        raise DataError(f"{os.fspath(path)} is no {kind} of `lrkit landscape`; compute it anew")
    if events[0].get("format") != FORMAT:
        raise DataError(
            f"{os.fspath(path)} is in format {events[0].get('format')!r}, this lrkit reads "
            f"{FORMAT}; update lrkit"
        )
    return events


def more_of(path: str | os.PathLike[str], place: int) -> tuple[list[dict[str, Any]], int]:
    """Return what has come to the file at *path* since byte *place*, and the place to go on from.

    A line that is still being written is left for the next time.
    """
    with disk_errors(path, "read"), open(path, "rb") as file:
        file.seek(place)
        raw = file.read()
    whole = raw.rfind(b"\n") + 1
    return _decoded(raw[:whole], path), place + whole


def is_growing(path: str | os.PathLike[str]) -> bool:
    """Return whether some process is writing the file at *path*."""
    with disk_errors(path, "read"):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def number(value: Any) -> float:
    """Return the number that an event holds; null, which was not finite, is infinity."""
    return math.inf if value is None else float(value)


def _line(event: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(event) + b"\n"


def _decoded(raw: bytes, path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    try:
        events = [msgspec.json.decode(line, type=dict[str, Any]) for line in raw.splitlines()]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(
            f"{os.fspath(path)} is damaged ({error}); remove it and compute it anew"
        ) from error
    return events
