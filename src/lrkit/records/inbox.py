"""Edits from outside: one file a letter in the run's `inbox/`, written whole or not at all."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lrkit.errors import DataError
from lrkit.records.files import disk_errors, write_file
from lrkit.records.format import UNREADABLE, decode_event, encode_event
from lrkit.records.scan import read_header
from lrkit.records.writer import JOURNAL

FOLDER: Final = "inbox"
SETTLED: Final = 50_000_000  # nanoseconds; longer than any clock tick of a file system


@dataclass(frozen=True)
class Letter:
    """An edit that waits: its `id` (unique, and in order of sending) and its fields.

    `problem` says why when the file is no letter; `fields` is empty then.
    """

    id: str
    fields: dict[str, Any]
    problem: str = ""


def submit(folder: str | os.PathLike[str], fields: Mapping[str, Any]) -> str:
    """Put an edit with *fields* into the inbox of the run in *folder*, and return its id.

    The file appears whole or not at all, also across a power cut. Raises `DataError` when there
    is no such run or the disk is full.
    """
    target = Path(os.path.abspath(folder))
    read_header(target / JOURNAL)
    # The time first: by name is by time of sending. The rest keeps two senders apart.
    name = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}"
    write_file(target / FOLDER / f"{name}.json", encode_event("letter", fields))
    return name


class Inbox:
    """The receiving end of a run's inbox.

    `poll` costs one `stat` while nothing arrives. A letter stays in the inbox until `done`, so
    nothing is lost in a crash; journal its id with the edit and pass the ids found there as
    *accepted* on resume, and nothing happens twice either.
    """

    def __init__(self, folder: str | os.PathLike[str], accepted: Collection[str] = ()) -> None:
        self.folder: Final = Path(os.path.abspath(folder)) / FOLDER
        self._path = os.fspath(self.folder)
        self._seen = set(accepted)
        self._changed = -1

    def poll(self) -> tuple[Letter, ...]:
        """Return the letters that have arrived since the last call, in the order sent."""
        try:
            changed = os.stat(self._path).st_mtime_ns
        except FileNotFoundError:
            return ()
        if changed == self._changed:
            return ()
        # A letter that arrives within the same clock tick does not change the time again, so a
        # time is only trusted once it is old.
        self._changed = changed if time.time_ns() - changed > SETTLED else -1
        with disk_errors(self.folder, "read"):
            names = sorted(name[:-5] for name in os.listdir(self._path) if _is_letter(name))
        fresh = [name for name in names if name not in self._seen]
        self._seen.update(fresh)
        return tuple(self._read(name) for name in fresh)

    def done(self, letter: Letter) -> None:
        """Remove *letter*: it has been journaled, or refused."""
        with disk_errors(self.folder, "change"):
            (self.folder / f"{letter.id}.json").unlink(missing_ok=True)

    def _read(self, name: str) -> Letter:
        try:
            with disk_errors(self.folder / name, "read"):
                event = decode_event((self.folder / f"{name}.json").read_bytes())
        except (*UNREADABLE, DataError) as error:
            return Letter(name, {}, f"{name}.json is no letter ({error}); send the edit again")
        return Letter(name, {k: v for k, v in event.items() if k != "kind"})


def _is_letter(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")
