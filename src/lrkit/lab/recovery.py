"""The newest checkpoint that can be used, whatever has happened to those after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrkit.control import State
from lrkit.drive import Scheduler
from lrkit.lab.checkpoints import (
    DamagedError,
    Saved,
    find_checkpoints,
    read_checkpoint,
    set_aside,
)
from lrkit.lab.snapshots import check_about
from lrkit.records import Run


def newest_usable(
    run: Path,
    about: Mapping[str, Any],
    say: Callable[[str], None],
    *,
    at_most: float | None = None,
    tidy: bool = True,
) -> tuple[Saved, dict[str, Any]] | None:
    """Return the newest good checkpoint of *run* and what is in it; None when there is none.

    One that is damaged, or of another training than *about* says, is left out, which *say* is
    told, and with *tidy* renamed, so that it is not found again. With *at_most* only steps up to
    there count.
    """
    for saved in find_checkpoints(run):
        if at_most is not None and saved.step > at_most:
            continue
        try:
            state = read_checkpoint(saved)
            check_about(state, about, saved)
        except DamagedError as error:
            renamed = f". It is called {set_aside(saved).name} now" if tidy else ""
            say(f"{error}{renamed}")
            continue
        return saved, state
    return None


@dataclass(frozen=True, eq=False)
class Start:
    """Where a run goes on: a checkpoint and what is in it, or None for the beginning.

    *said* is what had to be said on the way there.
    """

    saved: Saved | None
    state: Mapping[str, Any]
    said: tuple[str, ...]

    @property
    def step(self) -> int:
        """The update that comes next."""
        return 0 if self.saved is None else self.saved.step

    @property
    def edits(self) -> list[Any]:
        """The edits that the state knows."""
        return [] if self.saved is None else list(self.state["scheduler"]["edits"])


def find_start(
    run: Run,
    about: Mapping[str, Any],
    *,
    name: str,
    at_most: float | None = None,
    tidy: bool = True,
) -> Start:
    """Return where *name* goes on from a checkpoint of *run*; see `newest_usable`."""
    said: list[str] = []
    any_there = bool(find_checkpoints(run.folder))
    found = newest_usable(run.folder, about, said.append, at_most=at_most, tidy=tidy)
    if found is None:
        none = (
            "no checkpoint is good or early enough" if any_there else "there is no checkpoint yet"
        )
        said.append(f"{name} starts from the beginning: {none}")
        return Start(None, {}, tuple(said))
    if said:
        said.append(f"{name} goes on from {found[0].name}")
    return Start(found[0], found[1], tuple(said))


def rolled_back(scheduler: Scheduler, now: list[State]) -> list[State]:
    """Return the controllers' memories after a rollback: those of the checkpoint.

    What must outlive it, as the number of rollbacks so far, a controller takes over from *now*.
    """
    pairs = zip(scheduler.controllers, scheduler.controller_states(), now, strict=True)
    return [c.rolled_back(s, n) if hasattr(c, "rolled_back") else s for c, s, n in pairs]
