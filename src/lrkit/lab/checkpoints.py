"""Checkpoint files: written whole or not at all, named after what is in them, loaded safely.

A file is called `step-00001200-<first 12 hex digits of its SHA-256>.pt`, so a name that is there
belongs to a file that is whole, and one bit that has changed since is found before it is used.
It is written under another name, brought to the disk and then given its own. What it holds are
tensors and plain Python types, read by `torch.load(weights_only=True)`: a checkpoint from
elsewhere cannot run code.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import torch

from lrkit.errors import DataError, LoopError
from lrkit.lab.contract import first_line
from lrkit.records.files import disk_errors, sync_folder, write_all

FOLDER: Final = "checkpoints"
FORMAT: Final = 1
BLOCK: Final = 1 << 20
ASIDE: Final = ".damaged"
_NAME: Final = re.compile(r"step-(\d{8,})-([0-9a-f]{12})\.pt")


@dataclass(frozen=True)
class Saved:
    """A checkpoint file by its name: the update that comes next, and the hash it must have."""

    path: Path
    step: int
    digest: str

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name


class DamagedError(DataError):
    """A checkpoint that is not what its name says, or not of this run."""


def write_checkpoint(folder: Path, step: int, state: Mapping[str, Any]) -> Saved:
    """Write *state* as the checkpoint of *step* into *folder*, and return it.

    Raises `DataError` when the disk takes no more; the checkpoints that were there stay as they
    are, and no half file is left.
    """
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
    fresh = folder / f".{secrets.token_hex(6)}.tmp"
    try:
        with disk_errors(folder / f"step-{step:08d}.pt"):
            digest = _save(fresh, {"format": FORMAT, "step": step} | dict(state))
            target = folder / f"step-{step:08d}-{digest}.pt"
            os.replace(fresh, target)
            sync_folder(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise
    return Saved(target, step, digest)


def read_checkpoint(saved: Saved) -> dict[str, Any]:
    """Return what is in the checkpoint *saved*, all tensors on the CPU.

    Raises `DamagedError`, with the name and the remedy, for a file that is not whole or no
    checkpoint of ours, and `DataError` for one that cannot be read or is of a newer format.
    """
    with disk_errors(saved.path, "read"):
        found = _digest(saved.path)
    if found != saved.digest:
        raise DamagedError(
            f"checkpoint {saved.name} is damaged: its SHA-256 begins with {found}; "
            "use one before it, or restore the file from a copy"
        )
    try:
        state = torch.load(saved.path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its readers do
        raise DamagedError(
            f"checkpoint {saved.name} cannot be loaded ({first_line(error)}); use one before it"
        ) from error
    if not isinstance(state, dict) or state.get("step") != saved.step:
        raise DamagedError(
            f"checkpoint {saved.name} is not one of lrkit's for that step; remove it"
        )
    if state.get("format") != FORMAT:
        raise DataError(
            f"checkpoint {saved.name} is in format {state.get('format')!r}, this lrkit reads "
            f"{FORMAT}; update lrkit"
        )
    return state


def find_checkpoints(run: str | os.PathLike[str]) -> list[Saved]:
    """Return the checkpoints of the run in folder *run* by their names, the newest first.

    Nothing is read. Other files are left out, those of a write that was cut short among them.
    """
    folder = Path(os.path.abspath(run)) / FOLDER
    found: list[tuple[int, int, Saved]] = []
    if not folder.is_dir():
        return []
    with disk_errors(folder, "read"), os.scandir(folder) as entries:
        for entry in entries:
            if (match := _NAME.fullmatch(entry.name)) and entry.is_file():
                step = int(match[1])
                # After a rollback a step may be written again; the later file is the true one.
                written = entry.stat().st_mtime_ns
                found.append((step, written, Saved(Path(entry.path), step, match[2])))
    return [saved for _, _, saved in sorted(found, key=lambda one: one[:2], reverse=True)]


def set_aside(saved: Saved) -> Path:
    """Rename a damaged checkpoint so that it is no longer found, and return its new path."""
    target = saved.path.with_name(saved.name + ASIDE)
    with disk_errors(saved.path, "rename"):
        os.replace(saved.path, target)
    return target


def remove_checkpoints(saved: Iterable[Saved]) -> None:
    """Remove the files of *saved*; one that is gone already is no fault."""
    for one in saved:
        with disk_errors(one.path, "remove"):
            one.path.unlink(missing_ok=True)


def clear_leftovers(run: Path) -> None:
    """Remove the half files that a killed process left while it wrote a checkpoint."""
    folder = run / FOLDER
    with disk_errors(folder, "clear"):
        for path in folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)


class _Hashing:
    """A file that takes the hash of what is written to it, and keeps the disk's own error.

    torch turns an `OSError` of the file it writes to into a RuntimeError about its archive.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.hash = hashlib.sha256()
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        try:
            write_all(self.file.fileno(), data)
        except OSError as error:
            self.error = error
            raise
        return len(data)

    def flush(self) -> None:
        pass  # nothing is buffered


def _save(path: Path, state: Mapping[str, Any]) -> str:
    # Unbuffered: a full disk is then found at the write it is about, not in a destructor.
    with open(path, "xb", buffering=0) as raw:
        file = _Hashing(raw)
        try:
            torch.save(state, file)  # type: ignore[arg-type]
        except Exception as error:
            if file.error is not None:
                raise file.error from error
            raise LoopError(
                f"the state of the training cannot be saved ({first_line(error)}); see that "
                "torch.save takes the state_dict() of model, optimizer and further parts"
            ) from error
        os.fsync(raw.fileno())
    return file.hash.hexdigest()[:12]


def _digest(path: Path) -> str:
    hashed = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            hashed.update(block)
    return hashed.hexdigest()[:12]
