"""Looking at the two ends of a journal without reading what lies between."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from lrkit.errors import DataError
from lrkit.records.files import disk_errors
from lrkit.records.format import UNREADABLE, check_header, decode_event

BLOCK: Final = 1 << 16


def read_header(path: Path) -> dict[str, Any]:
    """Return the first line of the journal at *path*; raise `DataError` when it is not a header."""
    if not path.is_file():
        raise DataError(
            f"a run is a folder with a {path.name} in it, {path.parent} is not one; "
            "list the runs with `lrkit runs`, or check the spelling"
        )
    with disk_errors(path, "read"), open(path, "rb") as file:
        return parse_header(file.readline(), path)


def parse_header(line: bytes, path: Path) -> dict[str, Any]:
    """Return the header written as *line*, the first of *path*."""
    try:
        header = decode_event(line)
    except UNREADABLE as error:
        raise DataError(
            f"the first line of {path} is damaged ({error}); restore the file from a copy, "
            "or remove the run"
        ) from error
    check_header(header, path)
    return header


def cut_torn_tail(path: Path) -> bytes:
    """Cut off a last line without its end, and return what was cut.

    A last line that is whole but for its newline is kept and gets one.
    """
    with disk_errors(path, "repair"), open(path, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        last = b""
        while end > 0 and b"\n" not in last:
            start = max(0, end - BLOCK)
            file.seek(start)
            last = file.read(end - start) + last
            end = start
        torn = last[last.rfind(b"\n") + 1 :]
        if not torn:
            return b""
        if is_whole(torn):
            file.seek(0, os.SEEK_END)
            file.write(b"\n")
            torn = b""
        else:
            file.truncate(file.seek(0, os.SEEK_END) - len(torn))
        file.flush()
        os.fsync(file.fileno())
    return torn


def is_whole(line: bytes) -> bool:
    """Return whether *line* is an event; no proper prefix of one is, as it ends with a brace."""
    try:
        decode_event(line)
    except UNREADABLE:
        return False
    return True
