"""The files of a run as a value, for machines that share no folder."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import msgspec

from lrkit.lab.checkpoints import FOLDER, find_checkpoints
from lrkit.records import write_file
from lrkit.records.files import disk_errors
from lrkit.records.lock import NAME as LOCK
from lrkit.records.writer import JOURNAL

Parcel: TypeAlias = dict[str, bytes]


def pack(folder: Path) -> Parcel:
    """Return the files of the run in *folder* by name, the journal as far as it is written.

    What vanishes meanwhile (an old checkpoint) or is being written is left out. The journal is
    read last, so it knows of every checkpoint.
    """
    with disk_errors(folder, "read"):
        paths = sorted(p for p in folder.rglob("*") if p.is_file() and _goes(p.name))
        found = {}
        for path in paths:
            try:
                found[str(path.relative_to(folder))] = path.read_bytes()
            except FileNotFoundError:
                continue
    return found


def unpack(folder: Path, parcel: Parcel, moved: dict[str, str] | None = None) -> None:
    """Write the run of *parcel* into *folder*, the journal first; old checkpoints go.

    *moved* says which paths in the journal's header are others here.
    """
    data = parcel.get(JOURNAL)
    if data is None:
        return
    header, line, rest = data.partition(b"\n")
    for there, here in (moved or {}).items():
        header = header.replace(msgspec.json.encode(there), msgspec.json.encode(here))
    write_file(folder / JOURNAL, header + line + rest)
    with disk_errors(folder):
        (folder / "inbox").mkdir(exist_ok=True)
    for name, content in parcel.items():
        if name != JOURNAL:
            write_file(folder / name, content)
    for saved in find_checkpoints(folder):
        if f"{FOLDER}/{saved.path.name}" not in parcel:
            saved.path.unlink(missing_ok=True)


def _goes(name: str) -> bool:
    return name != LOCK and not name.startswith(".")
