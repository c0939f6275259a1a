"""Writing so that a reader sees the old file or the new one, never half of one."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from lrkit.errors import DataError

REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "raise the file size limit (ulimit -f)",
    errno.EACCES: "choose a folder you may write to",
    errno.EPERM: "choose a folder you may write to",
    errno.EROFS: "choose a folder that is not mounted read-only",
    errno.ENOENT: "create its folder first, or check the spelling",
    errno.EEXIST: "a file stands where a folder must; choose another path",
    errno.ENOTDIR: "a part of the path is a file; choose another",
    errno.EISDIR: "it is a folder; name a file in it",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOLCK: "its file system keeps no locks; choose a folder on another",
    errno.EOPNOTSUPP: "its file system cannot do that; choose a folder on another",
    errno.ELOOP: "a link in the path leads back to itself; choose another",
}


@contextlib.contextmanager
def disk_errors(path: str | os.PathLike[str], doing: str = "write") -> Iterator[None]:
    """Turn an `OSError` inside the block into a `DataError` that names *path* and a remedy."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        remedy = REMEDIES.get(error.errno or 0, "see that the disk and the path are in order")
        raise DataError(f"cannot {doing} {os.fspath(path)}: {reason}; {remedy}") from error


def write_file(path: str | os.PathLike[str], data: str | bytes) -> Path:
    """Write *data* to *path* whole or not at all, and return the path.

    The data goes to a new file beside it, to the disk, and takes the name in one step; text is
    written as UTF-8. A missing parent folder is made. What is no regular file (a pipe, a
    terminal) is written to directly, and a symbolic link keeps pointing where it points.

    Raises `DataError` with the path and a remedy when the disk is full or the path not writable;
    a file that was there before is then still there, unchanged.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> write_file(folder + "/new/a.txt", "hello").read_text()
    'hello'
    """
    raw = data.encode() if isinstance(data, str) else data
    path = Path(path)
    with disk_errors(path):
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            target.write_bytes(raw)
        else:
            _replace(target, raw)
    return path


def _replace(target: Path, raw: bytes) -> None:
    # A short random name: the target's own may already be as long as the disk allows.
    fresh = target.with_name(f".{secrets.token_hex(6)}.tmp")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            write_all(descriptor, raw)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(fresh, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise
    sync_folder(target.parent)


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write every byte of *data*; the operating system may take it in several helpings."""
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += os.write(descriptor, view[done:])


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Bring the names in *folder* to the disk, so that a new file survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
