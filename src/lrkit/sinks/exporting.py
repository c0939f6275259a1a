"""A run on disk, for another tool."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, overload

from lrkit.errors import SpecError
from lrkit.records import Run, Sink, replay
from lrkit.records.files import disk_errors
from lrkit.sinks.board import TensorBoard
from lrkit.sinks.feeding import feed
from lrkit.sinks.tables import CSV

#: What a run can be exported to by name.
EXPORTS: Final[dict[str, Callable[[Path], Sink]]] = {"tensorboard": TensorBoard, "csv": CSV}


@overload
def export(run: Run | str | os.PathLike[str], to: str, target: Any = None) -> Path: ...
@overload
def export(run: Run | str | os.PathLike[str], to: Sink) -> None: ...
def export(
    run: Run | str | os.PathLike[str],
    to: str | Sink,
    target: str | os.PathLike[str] | None = None,
) -> Path | None:
    """Play *run*, a `Run` or its folder, into *to*: "tensorboard", "csv" or a sink of your own.

    By name, the files go into the folder *target* (`RUN/tensorboard` or `RUN/csv` if None), which
    is returned; files of an earlier export are replaced. A sink of your own is told the run as if
    it happened now: `open`, every `metrics` and `event` in order, `close`.

    Raises `SpecError` for another name, `DataError` for what is no run or cannot be written, and
    what a sink of your own raises.

    >>> import tempfile
    >>> from lrkit.records import Journal
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> with Journal.create(folder) as journal:
    ...     journal.metrics(0, lr=0.1, loss=2.5)
    >>> sorted(path.name for path in export(folder, "csv").iterdir())
    ['metrics.csv']
    """
    source = run if isinstance(run, Run) else replay(run)
    if isinstance(to, str):
        if to not in EXPORTS:
            raise SpecError(f"a run is exported to {' or '.join(EXPORTS)}, got {to!r}")
        place = source.folder / to if target is None else Path(os.path.abspath(target))
        if source.status == "running" and target is None:
            raise SpecError(
                f"{source.name} is still being written and may write {place} itself; name a target"
            )
        sink = EXPORTS[to](place)
        with disk_errors(place):
            # With the run given, it starts again from it, in place of an earlier export.
            sink.open(source.folder, source.header, None, source)
            sink.close(source.status, source.reason)
        return place
    if target is not None:
        raise SpecError(f"a sink knows where it writes, got target {os.fspath(target)!r} too")
    to.open(source.folder, source.header, None, None)
    feed(source, to)
    to.close(source.status, source.reason)
    return None
