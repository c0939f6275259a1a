"""A PostgreSQL server of the tests' own: from Debian's packages, in a folder that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path


class NoServerError(Exception):
    """There is no server here, and this is why."""


class Server:
    """A server on 127.0.0.1 and a free port, without a password; to be stopped and started."""

    def __init__(self) -> None:
        self._programs = _programs()
        self._user = _user()
        self.port = _free_port()
        # Under /tmp and not pytest's own folder, which another user may not enter.
        self.folder = Path(tempfile.mkdtemp(prefix="lrkit-postgresql-"))
        if self._user is not None:
            os.chown(self.folder, self._user, -1)
        self._call("initdb", "-D", "data", "-U", "lrkit", "-A", "trust", "--no-sync")

    @property
    def url(self) -> str:
        """The address of the database that every server has."""
        return f"postgresql://lrkit@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -F"
        self._call("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        """Stop the server at once, whoever is connected."""
        self._call("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    @property
    def runs(self) -> bool:
        """Whether it has been started, and not stopped."""
        return (self.folder / "data" / "postmaster.pid").exists()

    def remove(self) -> None:
        """Stop the server if it runs, and remove its folder."""
        if self.runs:
            self.stop()
        shutil.rmtree(self.folder)

    def _call(self, program: str, *arguments: str) -> None:
        # Not captured: the server would keep the pipe open, and the call would never end.
        with open(self.folder / "calls", "a") as out:
            done = subprocess.run(
                [self._programs / program, *arguments],
                cwd=self.folder,
                stdout=out,
                stderr=out,
                user=self._user,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
                timeout=60,
                check=False,
            )
        if done.returncode:
            raise NoServerError(f"{program} failed: {(self.folder / 'calls').read_text()[-500:]}")


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if found:
        return found[-1].parent
    if path := shutil.which("pg_ctl"):
        return Path(path).parent
    raise NoServerError("no PostgreSQL server is installed (apt-get install postgresql)")


def _user() -> int | None:
    """Return who the server is to run as: it refuses to be root's."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise NoServerError("a PostgreSQL server does not run as root, and there is no other user")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
