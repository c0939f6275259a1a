"""Engines by name, and which one is the fastest here."""

from __future__ import annotations

import difflib
from functools import partial
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
    - "vectorized" trains up to *workers* models as one (None: as many as are worth it).
    - "ray" runs them on *workers* CPUs (None: all) of the Ray cluster at *address*, or of one on
      this machine that is started for them.
    - "auto" makes updates of the first training, or of *like*, on each of these for two seconds
      together ("ray" where there is an *address*), and takes the fastest; its `why` says so.

    Losses, rates and weights are the same bit for bit on "serial", "processes" and "ray", whose
    trainings run on one thread each; on "vectorized" they agree within rounding.

    Raises `SpecError` for another name and for arguments that it does not take, `LrkitError` for
    what is not installed, and `DataError` when no cluster answers.

    >>> with engine("serial") as one:
    ...     one.slots
    1
    """
    check_engine(name, workers, address)
    if name == "auto":
        from lrkit.lab.engines.automatic import Auto

        names = ["serial", "processes", "vectorized"] + ["ray"] * (address is not None)
        return Auto({n: partial(_made, n, workers, address) for n in names}, like=like)
    return _made(name, workers, address)


def _made(name: str, workers: int | None, address: str | None) -> Engine:
    with installed():
        if name == "serial":
            from lrkit.lab.engines.serial import Serial

            return Serial()
        if name == "processes":
            from lrkit.lab.engines.processes import Processes

            return Processes(workers)
        if name == "vectorized":
            from lrkit.lab.engines.vectorized import Vectorized

            return Vectorized(width=workers)
        from lrkit.lab.engines.cluster import Ray

        return Ray(workers, address=address)


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
