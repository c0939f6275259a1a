"""Many trainings on a Ray cluster: one that is there, or one on this machine for the purpose."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Final

import cloudpickle  # loky brings it

from lrkit.errors import DataError, LoopError, LrkitError
from lrkit.lab.engines.contract import Evaluated, Event, Stepped, Training
from lrkit.lab.engines.frame import Frame
from lrkit.lab.engines.trainings import ended

START: Final = 120.0  # seconds that a cluster has to answer, or to start
GRACE: Final = 30.0  # seconds the trainings have to end, and a local cluster to shut down
ENVIRONMENT: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # How long a cluster whose head does not answer may take to come back.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "20",
}
LOCAL: Final = {
    # A cluster for one machine listens on 127.0.0.1, as Ray does by itself on other systems.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}

_ERROR: Final = re.compile(
    r"^\[[^]]* E [^]]*\] \S+: (.+)$|^\w+(?:\.\w+)*(?:Error|Exception): .+$", re.M
)
"""A line of the log that tells an error: by Ray's C++ part, or the end of a traceback."""


def _environment(address: str | None) -> dict[str, str]:
    """Return the variables of a bridge to the cluster at *address*, None for a local one."""
    found = os.environ | ENVIRONMENT
    if address is None and "RAY_AUTH_MODE" not in os.environ:
        # Who may use our cluster is known to it alone, and nothing is left in the user's home.
        found |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    if address is None or address.rpartition(":")[0] in ("127.0.0.1", "localhost"):
        found |= LOCAL
    return found


@dataclass(frozen=True)
class Plan:
    """How the bridge is to be built: the cluster's *address*, or a local one in *folder*."""

    address: str | None
    workers: int | None
    ship: bool
    folder: Path
    cwd: str


class Ray(Frame):
    """Runs trainings on a Ray cluster, each on a CPU of its own (or on a share of a GPU).

    - *address* is a cluster's "host:port", "auto" or "ray://host:port"; None: a cluster of
      *workers* CPUs (None: all) is started on this machine, open to this machine alone, and shut
      down by `close`.
    - A run's folder that the worker's machine shares is written there. Otherwise, and with *ship*,
      the run is kept on that machine and sent here: journal and checkpoints, with each checkpoint
      and at the end.
    - A training whose worker dies goes on from its last checkpoint on another, 3 times in all.
      When the cluster itself is gone, what is under way ends with a `DataError`.

    Every machine needs lrkit of this version, and the user's own task where it can be imported.

    Raises `LrkitError` where Ray is not installed, `DataError` when no cluster answers.
    """

    name = "ray"

    def __init__(
        self, workers: int | None = None, *, address: str | None = None, ship: bool = False
    ) -> None:
        super().__init__()
        if importlib.util.find_spec("ray") is None:
            raise LrkitError(
                "this engine needs ray, which is not installed; pip install 'lrkit[ray]'"
            )
        self._address = address
        self._folder = Path(tempfile.mkdtemp(prefix="lrkit-"))
        self._numbers: dict[Path, int] = {}
        self._trainings: dict[int, Training] = {}
        self._count = 0
        self._events: list[Event] = []
        self._gone = ""
        self._closed = False
        self._process, self._line = self._start(workers, ship)
        try:
            self._slots = self._ready()
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> int:
        """The CPUs of the cluster, or *workers* of them."""
        return self._slots

    def submit(self, training: Training) -> None:
        """Take *training* in; it begins as soon as the cluster has a CPU for it."""
        if self._closed:
            raise LoopError("a closed engine takes no trainings; make a new one")
        if self._gone:
            raise DataError(self._gone)
        self._take(training)
        self._count += 1
        self._numbers[training.folder] = self._count
        self._trainings[self._count] = training
        self._send("submit", self._count, cloudpickle.dumps(training))

    def poll(self, timeout: float = 0.2) -> list[Event]:
        """Return what happened since the last call, waiting up to *timeout* seconds for it."""
        end = time.monotonic() + timeout
        stepped: dict[int, Event] = {}
        with self._lost():
            # All that is there, and no longer than until there is something to tell.
            while self._trainings and self._line.poll(
                0 if self._events else max(0.0, end - time.monotonic())
            ):
                kind, number, content = self._line.recv()
                if kind == "stepped":
                    stepped[number] = Stepped(self._trainings[number], *content)
                else:
                    self._take_in(kind, number, content)
        found = [*stepped.values(), *self._events]
        self._events = []
        return found

    def stop(self, training: Training) -> None:
        """Stop *training* between two updates; what has ended stays as it is."""
        number = self._numbers.get(training.folder)
        if number is not None and not self._gone:
            self._send("stop", number, None)

    def close(self) -> None:
        """Let the trainings end, leave the cluster, and shut it down where it is ours."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._line.send(("close", 0, None))
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._line.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, workers: int | None, ship: bool) -> tuple[subprocess.Popen[bytes], Connection]:
        ours, theirs = Pipe()
        with open(self._folder / "bridge.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "lrkit.lab.engines.bridge", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(self._address),
                start_new_session=True,  # Ctrl-C is for us; we tell the bridge
            )
        theirs.close()
        ours.send(Plan(self._address, workers, ship, self._folder, os.getcwd()))
        return process, ours

    def _ready(self) -> int:
        """Wait until the cluster answers; return how many trainings fit into it."""
        where = "a local Ray cluster" if self._address is None else f"the cluster {self._address}"
        why = ""
        with contextlib.suppress(EOFError, OSError):
            if self._line.poll(START):
                kind, slots, why = self._line.recv()
                if kind == "ready":
                    return int(slots)
            else:
                why = f"it takes more than {START:.0f} s"
        remedy = "see its logs" if self._address is None else "start it with `ray start --head`"
        if "InvalidAuthToken" in self._log():
            why, remedy = "it asks for a token", "set RAY_AUTH_MODE=token and give it Ray's way"
        raise DataError(f"{where} must answer, it does not: {why or self._last_words()}; {remedy}")

    def _take_in(self, kind: str, number: int, content: Any) -> None:
        training = self._trainings[number]
        if kind == "evaluated":
            self._events.append(Evaluated(training, *content))
            return
        error = content if isinstance(content, LrkitError) else None
        self._end(number, began=content is True, error=error)

    def _end(self, number: int, began: bool, error: LrkitError | None = None) -> None:
        training = self._trainings.pop(number)
        del self._numbers[training.folder]
        self._taken.discard(training.folder)
        self._events.append(ended(training, began, error))

    def _send(self, kind: str, number: int, content: Any) -> None:
        with self._lost():
            self._line.send((kind, number, content))

    @contextlib.contextmanager
    def _lost(self) -> Iterator[None]:
        """Where the bridge has fallen, and with it the cluster for us, end what is under way."""
        try:
            yield
        except (EOFError, OSError):
            which = "the local one" if self._address is None else self._address
            self._gone = (
                f"the Ray cluster must stay, {which} is gone ({self._last_words()}); what is "
                "finished is kept, and the same command goes on when it is back"
            )
            for number in list(self._trainings):
                self._end(number, began=False, error=DataError(self._gone))

    def _last_words(self) -> str:
        """Return the last error that the bridge wrote down, or how it ended."""
        said = [match[1] or match[0] for match in _ERROR.finditer(self._log())]
        if said:
            return " ".join(said[-1].partition(". ")[0].split())[:200]
        with contextlib.suppress(subprocess.TimeoutExpired):
            return f"its process ended with code {self._process.wait(1.0)}"
        return "it does not answer"

    def _log(self) -> str:
        with contextlib.suppress(OSError):
            return (self._folder / "bridge.log").read_text(errors="replace")
        return ""
