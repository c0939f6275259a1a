"""Which folder a name means; no path leaves the folder of runs, by links neither."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lrkit.errors import DataError
from lrkit.records import RunSummary, find_run, list_runs
from lrkit.studio.errors import NotFoundError

LONGEST: Final = 255
"""Bytes of a name that file systems take."""


def inside(root: Path, path: Path) -> bool:
    """Return whether *path*, links followed, lies in *root*."""
    return path.resolve().is_relative_to(root.resolve())


def run_folder(root: Path, name: str) -> Path:
    """Return the folder of the run called *name* in *root*.

    Raises `NotFoundError` when there is none, and when it, or its journal, is a link to
    something outside.
    """
    if name.startswith(".") or len(name.encode(errors="replace")) > LONGEST:
        raise NotFoundError(
            f"a run's name has up to {LONGEST} bytes and no dot before it, got {name!r:.80}"
        )
    try:
        folder = find_run(root, name)
    except DataError as error:
        raise NotFoundError(str(error)) from None
    if not _is_own(root, folder):
        raise NotFoundError(
            f"a run lies in {root}, {name!r} is a link to something outside; copy it there"
        )
    return folder


def runs_in(root: Path) -> list[RunSummary]:
    """Return the runs in *root*, oldest first, without those that are links to the outside."""
    return [run for run in list_runs(root) if _is_own(root, run.folder)]


def _is_own(root: Path, folder: Path) -> bool:
    return inside(root, folder) and inside(root, folder / "journal.jsonl")
