"""Engines by name, and which one is the fastest here."""

from __future__ import annotations

import difflib
from typing import Final

from lrkit.errors import SpecError
from lrkit.lab.engines.contract import Engine, Training
from lrkit.lab.extra import installed

ENGINES: Final = ("serial", "processes", "vectorized", "ray", "auto")


def engine(
    name: str = "auto",
    *,
    workers: int | None = None,
    address: str | None = None,
    like: Training | None = None,
) -> Engine:
    """Return an engine by its *name*, for a `with` block.

    - "serial" runs one training after the other in this process.
    - "processes" runs them in *workers* processes of one thread each (None: one a core).
    """
    check_engine(name, workers, address)
    with installed():
        if name == "serial":
            from lrkit.lab.engines.serial import Serial

            return Serial()
        if name == "ray":
            from lrkit.lab.engines.cluster import Ray

            return Ray(workers, address=address)
        from lrkit.lab.engines.processes import Processes

        return Processes(workers)


def check_engine(name: str, workers: int | None = None, address: str | None = None) -> None:
    """Raise `SpecError` for what `engine` would not take."""
    if name not in ENGINES:
        near = difflib.get_close_matches(name, ENGINES, n=1) or [", ".join(ENGINES)]
        raise SpecError(f"no engine is called {name!r}; did you mean {near[0]}?")
    if workers is not None and (isinstance(workers, bool) or workers < 1):
        raise SpecError(f"`workers >= 1` must hold, got {workers!r}")
    if address is not None and name not in ("ray", "auto"):
        raise SpecError(
            f"an address is that of a Ray cluster, got {address!r} for {name}; take ray"
        )
