"""The newest checkpoint that can be used, whatever has happened to those after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lrkit.lab.checkpoints import (
    DamagedError,
    Saved,
    find_checkpoints,
    read_checkpoint,
    set_aside,
)
from lrkit.lab.snapshots import check_about


def newest_usable(
    run: Path,
    about: Mapping[str, Any],
    say: Callable[[str], None],
    *,
    at_most: float | None = None,
) -> tuple[Saved, dict[str, Any]] | None:
    """Return the newest good checkpoint of *run* and what is in it; None when there is none.

    One that is damaged, or of another training than *about* says, is renamed, so that it is not
    found again, and *say* is told. With *at_most* only steps up to there count.
    """
    for saved in find_checkpoints(run):
        if at_most is not None and saved.step > at_most:
            continue
        try:
            state = read_checkpoint(saved)
            check_about(state, about, saved)
        except DamagedError as error:
            say(f"{error}. It is called {set_aside(saved).name} now")
            continue
        return saved, state
    return None
