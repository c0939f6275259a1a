"""One writer per run: a lock the operating system releases when its holder dies.

`flock` rather than a file that is there or not: it needs no clean-up after a kill and no guess
from process numbers, which are reused and mean nothing in another container. `flock` rather than
`lockf`: POSIX record locks vanish when *any* descriptor of the file is closed, so asking whether
a run is running would end its lock. (POSIX systems only, as `fcntl` is.)
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from pathlib import Path

from lrkit.errors import DataError
from lrkit.records.files import disk_errors

NAME = "journal.lock"
ATTEMPTS = 5
PAUSE = 0.01  # seconds


class RunLock:
    """The right to write to one run folder, held from construction to `release`."""

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        with disk_errors(path, "lock"):
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self.descriptor = os.open(path, flags, 0o666)
            try:
                _take(self.descriptor)
            except BlockingIOError:
                holder = os.pread(self.descriptor, 200, 0).decode(errors="replace").strip()
                os.close(self.descriptor)
                raise DataError(
                    f"one writer a run: {folder} is being written by {holder or 'another'}; "
                    "wait until it ends, stop it, or choose another name"
                ) from None
            except BaseException:
                os.close(self.descriptor)
                raise
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, holder_text().encode(), 0)

    def release(self) -> None:
        """Let the next writer in."""
        os.close(self.descriptor)


def _take(descriptor: int) -> None:
    # `is_locked` holds the lock for an instant to ask; that is no reason to refuse a writer.
    for _ in range(ATTEMPTS):
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE)
    return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def holder_text() -> str:
    """Return what the lock file says about this process."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def is_locked(folder: Path) -> bool:
    """Return whether some process is writing to the run in *folder*."""
    path = folder / NAME
    with disk_errors(path, "read"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False  # copied here without its lock: nobody writes to it
        try:
            # Shared, so that two who only ask do not see each other as writers.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
                return False  # where no lock can be kept, nobody can write a run
            raise
        finally:
            os.close(descriptor)
    return False
