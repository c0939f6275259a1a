"""Engines by name, and which one is the fastest here."""

from __future__ import annotations

import difflib
from typing import Final

from lrkit.errors import SpecError
from lrkit.lab.engines.contract import Engine, Training

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
    if name not in ENGINES:
        near = difflib.get_close_matches(name, ENGINES, n=1) or [", ".join(ENGINES)]
        raise SpecError(f"no engine is called {name!r}; did you mean {near[0]}?")
    if name == "serial":
        from lrkit.lab.engines.serial import Serial

        return Serial()
    from lrkit.lab.engines.processes import Processes

    return Processes(workers)
