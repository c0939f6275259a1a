"""What the studio spawns: the command line, in processes that outlive it.

A job is a folder `RUNS/.studio/jobs/ID/` with `job.json` (what was started, and when), `log`
(its output), `exit` (its exit code, where a studio saw it end) and `lock`. The process holds a
lock on the last from its start to its end, so whether it lives is asked of the operating system,
not guessed from a process number; a studio that was killed and started again still knows its jobs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from lrkit.errors import DataError
from lrkit.records import write_file
from lrkit.records.files import disk_errors
from lrkit.studio.errors import BusyError, NotFoundError
from lrkit.studio.settings import Settings

FOLDER: Final = "jobs"
ID: Final = re.compile(r"[0-9]{20}-[0-9a-f]{6}")
AT_ONCE: Final = 6
KEPT: Final = 100
LOG_TAIL: Final = 1 << 16


class Own(str):
    """A word of a command that names a file in the job's own folder."""

    __slots__ = ()


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What `job.json` holds: *kind* and *label* are for the reader, *about* for who started it."""

    id: str
    kind: str
    label: str
    arguments: list[str]
    started: float
    pid: int
    about: dict[str, Any] = {}


@dataclass(frozen=True)
class Job:
    """A spawned command: what was started, whether it lives, and how it ended.

    `status` is "running", "done", "failed" (with the exit `code`), or "ended" where no studio was
    there to see how; the run or the file that it wrote tells then.
    """

    what: Started
    folder: Path
    status: str
    code: int | None

    @property
    def id(self) -> str:
        """The job's name."""
        return self.what.id

    def log(self) -> str:
        """Return the end of its output."""
        with disk_errors(self.folder / "log", "read"), open(self.folder / "log", "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - LOG_TAIL, 0))
            return file.read().decode(errors="replace")

    def plain(self) -> dict[str, Any]:
        """Return it as JSON types."""
        told: dict[str, Any] = msgspec.to_builtins(self.what)
        return told | {"status": self.status, "code": self.code}


class Jobs:
    """The jobs of one folder of runs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder: Final = settings.own / FOLDER
        self._starting = threading.Lock()
        self._watched: set[str] = set()  # those whose end a thread of ours will write down

    def start(
        self, kind: str, arguments: Sequence[str], label: str, about: dict[str, Any] | None = None
    ) -> Job:
        """Run `lrkit ARGUMENTS` in a process of its own, in a session of its own.

        An argument `Own(name)` becomes the path of that file in the job's folder. Raises
        `BusyError` when too many run already, and `DataError` where the disk refuses.
        """
        with self._starting:
            running = [job for job in self.list() if job.status == "running"]
            if len(running) >= AT_ONCE:
                names = ", ".join(job.what.label for job in running)
                raise BusyError(
                    f"up to {AT_ONCE} commands run at once, and these do: {names}; wait for one, "
                    "or stop it"
                )
            self._tidy()
            return self._spawn(kind, list(arguments), label, about or {})

    def _spawn(self, kind: str, arguments: list[str], label: str, about: dict[str, Any]) -> Job:
        name = f"{time.time_ns():020d}-{secrets.token_hex(3)}"
        folder = self.folder / name
        arguments = [str(folder / one) if isinstance(one, Own) else one for one in arguments]
        with disk_errors(folder, "start a command in"):
            folder.mkdir(parents=True)
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                with open(folder / "log", "wb") as log:
                    process = subprocess.Popen(
                        [sys.executable, "-m", "lrkit", *arguments],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        cwd=self.settings.work,
                        env=_environment(),
                        start_new_session=True,  # a Ctrl-C at the studio is not one at trainings
                        pass_fds=(lock,),
                    )
            finally:
                os.close(lock)
        what = Started(
            id=name, kind=kind, label=label, arguments=arguments, started=time.time(),
            pid=process.pid, about=about,
        )  # fmt: skip
        write_file(folder / "job.json", msgspec.json.encode(what))
        self._watched.add(name)
        threading.Thread(target=self._see_end, args=(process, folder), daemon=True).start()
        return Job(what, folder, "running", None)

    def get(self, name: str) -> Job:
        """Return the job called *name*; raise `NotFoundError` where there is none."""
        if not ID.fullmatch(name) or not (self.folder / name / "job.json").is_file():
            raise NotFoundError(f"no command {name!r:.80} was started here")
        return self._read(self.folder / name)

    def list(self) -> list[Job]:
        """Return all jobs, newest first."""
        if not self.folder.is_dir():
            return []
        found = sorted(
            (f for f in self.folder.iterdir() if (f / "job.json").is_file()), reverse=True
        )
        return [self._read(folder) for folder in found]

    def stop(self, name: str, *, kill: bool = False) -> Job:
        """Ask the job to end, as Ctrl-C does, or *kill* it; one that has ended stays as it is."""
        job = self.get(name)
        if job.status == "running":
            with contextlib.suppress(ProcessLookupError):
                os.kill(job.what.pid, signal.SIGKILL if kill else signal.SIGINT)
        return job

    def _tidy(self) -> None:
        """Remove the oldest jobs that have ended, and what a kill has left of a start."""
        ended = [job for job in self.list() if job.status != "running"]
        for job in ended[KEPT:]:
            shutil.rmtree(job.folder, ignore_errors=True)

    def _read(self, folder: Path) -> Job:
        try:
            what = msgspec.json.decode((folder / "job.json").read_bytes(), type=Started)
        except (OSError, msgspec.DecodeError) as error:
            raise DataError(
                f"{folder} does not tell what was started ({error}); remove it"
            ) from error
        if folder.name in self._watched or _is_held(folder / "lock"):
            return Job(what, folder, "running", None)
        try:
            code = int((folder / "exit").read_text())
        except (OSError, ValueError):
            return Job(what, folder, "ended", None)  # nobody was there to see how
        return Job(what, folder, "done" if code in (0, 1) else "failed", code)

    def _see_end(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        code = process.wait()
        with contextlib.suppress(OSError, DataError):  # removed meanwhile, or no disk: it has ended
            write_file(folder / "exit", str(code).encode())
        self._watched.discard(folder.name)


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _environment() -> dict[str, str]:
    # One thread a process, unless the user says otherwise: small trainings beside each other are
    # many times slower with more (see `make`).
    return {"OMP_NUM_THREADS": "1"} | dict(os.environ)
