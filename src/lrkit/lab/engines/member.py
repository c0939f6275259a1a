"""What runs in a worker of a Ray cluster: one training after the other, looked at meanwhile."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from lrkit.errors import LrkitError
from lrkit.lab.checkpoints import find_checkpoints
from lrkit.lab.engines.contract import Training
from lrkit.lab.engines.parcels import Parcel, pack, unpack
from lrkit.lab.engines.trainings import as_error, run_training


@dataclass(frozen=True)
class Marker:
    """A file beside the runs; who sees it with its *token* shares their folder."""

    path: Path
    token: str

    def seen(self) -> bool:
        """Return whether this machine shares the folder."""
        try:
            return self.path.read_text() == self.token
        except OSError:
            return False


@dataclass(frozen=True)
class Look:
    """What a training has come to since the last look; *parcel* is its run where it is shipped."""

    updates: int
    done: int
    loss: float
    evaluated: tuple[tuple[int, int, dict[str, float]], ...]
    parcel: Parcel | None = None
    moved: Mapping[str, str] | None = None


class Member:
    """A worker: `train` makes a training in one thread while others `look` at it or `stop` it."""

    def __init__(self, folder: str) -> None:
        if os.path.isdir(folder):
            os.chdir(folder)  # where a user's own task is found
        self._lock = threading.Lock()
        self._watcher = _Watcher()
        self._shipped: Path | None = None
        self._moved: dict[str, str] = {}
        self._sent = ""

    def ready(self) -> str:
        """Return the name of this machine, once it is there."""
        return os.uname().nodename

    def train(
        self,
        training: Training,
        marker: Marker | None,
        begun: Parcel | None,
        parent: Parcel | None,
    ) -> tuple[bool | LrkitError, Look]:
        """Make *training*, or the rest of what has *begun*; return how it ended, and a last look.

        Without a *marker*, or where it is not seen, the training runs in a folder of this machine
        and its run is shipped; the *parent* of a cooldown is shipped here.
        """
        torch.set_num_threads(1)
        watcher = self._watcher
        home = None if marker is not None and marker.seen() else tempfile.mkdtemp(prefix="lrkit-")
        try:
            if home is not None:
                training = self._move(training, Path(home), begun, parent)
            if watcher.stopping:
                return False, self._look(over=True)
            try:
                run_training(training, watcher)
            except Exception as error:
                return as_error(error), self._look(over=True)
            return True, self._look(over=True)
        finally:
            self._shipped, self._moved, self._sent = None, {}, ""
            self._watcher = _Watcher()
            if home is not None:
                shutil.rmtree(home, ignore_errors=True)

    def look(self) -> Look:
        """Return what has happened since the last look."""
        return self._look()

    def stop(self) -> None:
        """Stop the training that is under way."""
        self._watcher.stopping = True

    def _move(
        self, training: Training, home: Path, begun: Parcel | None, parent: Parcel | None
    ) -> Training:
        """Return *training* as one in *home*, with what it needs laid there."""
        folder = home / training.folder.name
        if begun:
            unpack(folder, begun)
        cooldown = training.cooldown
        if cooldown is not None and parent is not None:
            place = home / "parent" / cooldown.parent.name
            unpack(place, parent)
            self._moved = {str(place): str(cooldown.parent)}
            training = replace(training, cooldown=replace(cooldown, parent=place))
        self._shipped = folder
        return replace(training, folder=folder)

    def _look(self, over: bool = False) -> Look:
        with self._lock:
            watcher, parcel = self._watcher, None
            evaluated = []
            while watcher.evaluations:
                evaluated.append(watcher.evaluations.popleft())
            if self._shipped is not None and self._shipped.is_dir():
                saved = find_checkpoints(self._shipped)
                newest = saved[0].name if saved else ""
                if over or newest != self._sent:
                    parcel, self._sent = pack(self._shipped), newest
            return Look(
                watcher.updates,
                watcher.done,
                watcher.loss,
                tuple(evaluated),
                parcel,
                dict(self._moved),
            )


class _Watcher:
    """Notes how far a training is, and stops it when told to."""

    def __init__(self) -> None:
        self.stopping = False
        self.updates = self.done = 0
        self.loss = 0.0
        self.evaluations: deque[tuple[int, int, dict[str, float]]] = deque()

    def started(self, updates: int) -> None:
        """Note how many updates there are to make."""
        self.updates = updates

    def stepped(self, done: int, loss: float) -> None:
        """Note how many are done."""
        self.done, self.loss = done, loss
        if self.stopping:
            raise KeyboardInterrupt

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Note the scores."""
        self.evaluations.append((epoch, self.done, dict(scores)))
        if self.stopping:
            raise KeyboardInterrupt
