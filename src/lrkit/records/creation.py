"""How a run folder comes into the world: whole, with its first line in it, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

from lrkit.errors import DataError
from lrkit.records.files import disk_errors, sync_folder
from lrkit.records.lock import RunLock
from lrkit.records.writer import JOURNAL, Writer


def free_name(folder: str | os.PathLike[str]) -> Path:
    """Return *folder*, or the first of `<folder>-2`, `<folder>-3`, ... that does not exist.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "a").mkdir()
    >>> free_name(root / "a").name, free_name(root / "b").name
    ('a-2', 'b')
    """
    path = Path(folder)
    count = 2
    while os.path.lexists(path):
        path = Path(folder).with_name(f"{Path(folder).name}-{count}")
        count += 1
    return path


def refuse_existing(target: Path) -> None:
    """Raise the `DataError` that names a free folder when *target* is taken."""
    if os.path.lexists(target):
        free = free_name(target).name
        raise DataError(
            f"a run starts in a folder of its own, {target} exists; `{free}` is free, "
            "or resume or remove the old run"
        )


def build(target: Path, header: bytes) -> Writer:
    """Make the run folder under another name and give it its own when the header is in it."""
    with disk_errors(target, "create"):
        fresh = target.with_name(f".{target.name[:100]}.{os.getpid()}.{time.time_ns()}.new")
        fresh.mkdir()
        writer: Writer | None = None
        try:
            (fresh / "inbox").mkdir()
            writer = Writer(fresh / JOURNAL, RunLock(fresh))
            writer.add(header)
            writer.sync()
            sync_folder(fresh)
            _take_name(fresh, target)
        except BaseException as error:
            if writer is not None:
                writer.abandon()
            shutil.rmtree(fresh, ignore_errors=True)
            if isinstance(error, DataError):  # of the name that was asked for, please
                raise DataError(str(error).replace(str(fresh), str(target))) from error
            raise
    writer.path = target / JOURNAL
    return writer


def _take_name(fresh: Path, target: Path) -> None:
    refuse_existing(target)  # rename would take the place of an empty folder
    try:
        os.rename(fresh, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another was faster
            refuse_existing(target)
        raise
    sync_folder(target.parent)
