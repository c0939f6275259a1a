"""When a training writes a checkpoint, and which ones stay."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from lrkit.errors import LoopError, SpecError
from lrkit.lab.checkpoints import (
    FOLDER,
    DamagedError,
    Saved,
    find_checkpoints,
    read_checkpoint,
    remove_checkpoints,
    write_checkpoint,
)
from lrkit.records import Journal
from lrkit.records.files import disk_errors
from lrkit.records.writer import JOURNAL
from lrkit.schedules import Horizon, as_span

Keep: TypeAlias = int | Literal["all"]

AUTO: Final = "auto"
NONE: Final = "none"
KEEP: Final = 2
QUIET_SECONDS: Final = 10.0
"""Under "auto" no two checkpoints come closer than this ..."""
SHARE: Final = 50
"""... nor closer than this many times what the last one took: 2 % of the time at most."""


class Keeper:
    """Writes the checkpoints of one run, tells its journal, and removes those that may go."""

    def __init__(self, journal: Journal, every: float | None, keep: Keep) -> None:
        self.journal = journal
        self.keep = keep
        #: Updates between two checkpoints; None: by the clock.
        self.every = every
        #: Names of files that stay whatever the retention says: those asked for by hand.
        self.asked: set[str] = set()
        self.saved: Saved | None = None
        #: Trainings that share their time, this one among them, and so the share for checkpoints.
        self.beside = 1
        self._proven = False
        self._cost = 0.0
        self._next: float = 0.0
        self._began = time.monotonic()
        self.plan(0)

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.journal.folder

    def rewind(self, step: int, edits: Iterable[Any], letter: str) -> None:
        """Tell the journal that the training went back to *step*, where it knew *edits*.

        The command of *letter*, if it came as one, asked for it.
        """
        self.journal.rewind(step, edits=edits, why="rollback", obeyed=letter)

    def plan(self, done: int) -> None:
        """Say when the next checkpoint is due, after *done* updates; by updates it is the same
        whether the run was stopped in between or not."""
        if self.every is None:
            self._next = time.monotonic() + max(QUIET_SECONDS, SHARE * self._cost * self.beside)
        else:
            self._next = math.ceil((math.floor(done / self.every) + 1) * self.every)

    def due(self, done: int) -> bool:
        """Return whether a checkpoint is due after *done* updates."""
        return (time.monotonic() if self.every is None else done) >= self._next

    def save(self, step: int, state: Mapping[str, Any], why: str, *, asked: bool = False) -> Saved:
        """Write *state*, the next update being *step*, and remove what need not stay.

        All that the journal holds so far goes to the disk before the file gets its name, so a
        checkpoint never knows more than the journal.
        """
        began = time.monotonic()
        self.journal.flush()
        with disk_errors(self.journal.folder / JOURNAL):
            _bring_to_disk(os.fspath(self.journal.folder / JOURNAL))
        saved = write_checkpoint(self.journal.folder / FOLDER, step, state)
        self._prove(saved)
        size = saved.path.stat().st_size
        self.journal.append(
            "checkpoint", step=step, file=saved.name, bytes=size, why=why, asked=asked
        )
        if asked:
            self.asked.add(saved.name)
        self.saved = saved
        self._retain(saved)
        self._cost = time.monotonic() - began
        self.plan(step)
        return saved

    def _prove(self, saved: Saved) -> None:
        """Read the first checkpoint back: one that cannot be loaded is worth nothing."""
        if self._proven:
            return
        try:
            read_checkpoint(saved)
        except DamagedError as error:
            remove_checkpoints([saved])
            raise LoopError(
                f"the state of this training cannot be read back: {error}; keep only tensors and "
                "plain Python types in the state_dict() of model, optimizer and further parts, "
                "or train with checkpoint='none'"
            ) from error
        self._proven = True

    def _retain(self, newest: Saved) -> None:
        found = find_checkpoints(self.journal.folder)
        # The same step, written before a rollback: no run leads there any more.
        stale = [one for one in found if one.step == newest.step and one.name != newest.name]
        rest = [one for one in found if one not in stale and one.name not in self.asked]
        remove_checkpoints(stale if self.keep == "all" else stale + rest[self.keep :])


class Follower(Keeper):
    """The keeper of a rank that writes nothing: it learns from rank 0 what was saved."""

    def __init__(self, folder: Path) -> None:
        self.asked = set()
        self.saved = None
        self._folder = folder

    @property
    def folder(self) -> Path:
        return self._folder

    def rewind(self, step: int, edits: Iterable[Any], letter: str) -> None:
        pass

    def plan(self, done: int) -> None:
        pass

    def due(self, done: int) -> bool:
        return False


def keeper_of(
    run: Journal | Path, checkpoint: str | float, keep: Keep, horizon: Horizon
) -> Keeper | None:
    """Return the keeper for `train(checkpoint=, keep=)`, None for "none"; see `check_keeping`.

    *run* is the journal, or the run's folder on a rank that writes nothing.
    """
    every = check_keeping(checkpoint, keep, horizon)
    if checkpoint == NONE:
        return None
    return Keeper(run, every, keep) if isinstance(run, Journal) else Follower(run)


def check_keeping(checkpoint: str | float, keep: Keep, horizon: Horizon) -> float | None:
    """Return the updates between two checkpoints, None where the clock decides or there is none.

    *checkpoint* is "auto", "none", or a span on *horizon*, which is in updates. Raises
    `SpecError` for anything else, and for a *keep* that is neither "all" nor >= 1.
    """
    whole = isinstance(keep, int) and not isinstance(keep, bool)
    if keep != "all" and not (whole and int(keep) >= 1):
        raise SpecError(f"keep must be 'all' or a whole number >= 1, got {keep!r}")
    if checkpoint in (AUTO, NONE):
        return None
    every = horizon.steps(as_span(checkpoint, "checkpoint ('auto', 'none', or a span)"))
    if every < 1:
        raise SpecError(
            f"`checkpoint >= 1 update` must hold, got {checkpoint!r}, which is {every:g}; "
            "write 'none' for no checkpoints"
        )
    return every


def _bring_to_disk(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
