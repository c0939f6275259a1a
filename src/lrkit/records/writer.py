"""The end of the journal that is being written: a buffer, a descriptor and the lock.

Nothing here runs in the background. The buffer goes to the operating system when half a second
has passed since it last did, when it is large, and when events come slowly; from there on it
outlives a kill of this process. `sync` also brings it to the disk, so it outlives a power cut.
"""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import Final

from lrkit.errors import LoopError
from lrkit.records.files import disk_errors
from lrkit.records.lock import RunLock

JOURNAL: Final = "journal.jsonl"


class Writer:
    """Appends bytes to one journal, exactly once each, whatever interrupts it."""

    def __init__(self, path: Path, lock: RunLock) -> None:
        self.path = path
        self.lock = lock
        self.open = True
        with disk_errors(path, "open"):
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self.descriptor = os.open(path, flags, 0o666)
            size = os.fstat(self.descriptor).st_size
        # (size of the file before the buffer, the buffer), replaced together in one assignment:
        # a Ctrl-C between two statements then neither loses a line nor writes one twice.
        self.tail: tuple[int, bytearray] = (size, bytearray())
        _writers.add(self)

    def add(self, line: bytes) -> None:
        """Put a whole *line* into the buffer."""
        if not self.open:
            raise LoopError(
                f"a closed journal takes no more events, {self.path.parent} is closed; "
                "use Journal.resume to go on"
            )
        self.tail[1].extend(line)

    def flush(self) -> None:
        """Hand the buffer to the operating system; raise `DataError` when it takes no more.

        After an error nothing is lost: what was not taken stays in the buffer for the next call.
        """
        before, buffer = self.tail
        if not buffer:
            return
        with disk_errors(self.path):
            # We are the only writer, so the size of the file says how much of the buffer an
            # interrupted or failed flush has already written.
            done = os.fstat(self.descriptor).st_size - before
            with memoryview(buffer) as view:
                while done < len(view):
                    done += os.write(self.descriptor, view[done:])
        self.tail = (before + done, bytearray())

    def sync(self) -> None:
        """Flush, and wait until the disk has it."""
        self.flush()
        with disk_errors(self.path):
            os.fsync(self.descriptor)

    def close(self) -> None:
        """Flush, then let go of the file and the lock; a second call does nothing."""
        if not self.open:
            return
        try:
            self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the file and the lock and leave the buffer unwritten."""
        if self.open:
            self.open = False
            self.tail = (0, bytearray())
            os.close(self.descriptor)
            self.lock.release()


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()


def _leave_to_parent() -> None:
    # A forked child (a DataLoader worker, say) has a copy of the buffer and of the lock. Writing
    # would put lines in twice; keeping the lock would make a dead run look alive.
    for writer in list(_writers):
        writer.abandon()  # closes the child's copies; the parent's keep the file and the lock


os.register_at_fork(after_in_child=_leave_to_parent)
