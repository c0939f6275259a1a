"""The runs of a folder: finding, listing and removing them."""

from __future__ import annotations

import difflib
import mmap
import os
import shutil
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lrkit.errors import DataError
from lrkit.records.files import disk_errors
from lrkit.records.format import UNREADABLE, decode_event, decode_metrics
from lrkit.records.lock import RunLock, is_locked
from lrkit.records.scan import read_header
from lrkit.records.writer import JOURNAL

LOOK_BACK: Final = 4 << 20  # bytes searched for the last event of a kind


@dataclass(frozen=True)
class RunSummary:
    """A run in one line of a list: its header and its last events, without a whole replay.

    `status` is as in `Run`, or "damaged" with the `problem` when the journal cannot be read.
    `started` and `updated` are seconds since 1970; `step` is the last step with metrics, -1 when
    there is none; `metrics` and `evaluation` are the last of their kind.
    """

    name: str
    folder: Path
    status: str
    reason: str = ""
    started: float = 0.0
    updated: float = 0.0
    step: int = -1
    metrics: dict[str, float] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict, repr=False)
    problem: str = ""


def list_runs(root: str | os.PathLike[str]) -> list[RunSummary]:
    """Return the runs directly in folder *root*, oldest first; none when it does not exist.

    A journal that cannot be read is listed as "damaged" with the problem, not left out. Folders
    without a journal are no runs; symbolic links are followed to read, never to remove.
    """
    folder = Path(os.path.abspath(root))
    if not folder.exists():
        return []
    with disk_errors(folder, "read"):
        runs = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
        found = [summary_of(run) for run in runs if (run / JOURNAL).is_file()]
    return sorted(found, key=lambda run: (run.started, run.name))


def find_run(root: str | os.PathLike[str], name: str) -> Path:
    """Return the folder of the run called *name* in folder *root*.

    Raises `DataError` when there is none (with the nearest names), and for a name that would
    lead out of *root*.
    """
    folder = Path(os.path.abspath(root))
    if not name or name in (".", "..") or "/" in name or "\0" in name:
        raise DataError(f"a run's name is the name of a folder in {folder}, got {name!r}")
    if (folder / name / JOURNAL).is_file():
        return folder / name
    names = [run.name for run in list_runs(folder)]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "list them with `lrkit runs`"
    raise DataError(f"no run {name!r} in {folder}; {hint}")


def remove_run(folder: str | os.PathLike[str]) -> None:
    """Remove the run in *folder* with all that is in it.

    Refuses (`DataError`) what is no run folder, a symbolic link, and a run that is being written.
    Links inside are removed, what they point to is not touched.
    """
    target = Path(os.path.abspath(folder))
    with disk_errors(target, "remove"):
        is_folder = os.path.lexists(target) and stat.S_ISDIR(os.lstat(target).st_mode)
        # A folder without a journal may be anything, a folder of runs for one.
        if not is_folder or not (target / JOURNAL).is_file() or (target / JOURNAL).is_symlink():
            raise DataError(
                f"only a run's own folder is removed, {target} is not one "
                f"(no link, and a {JOURNAL} in it); remove it by hand if you mean it"
            )
        lock = RunLock(target)  # refuses while it is written, and keeps others from resuming it
        try:
            # Out of the list in one step: a removal cut short leaves no half run behind.
            doomed = target.with_name(f".{target.name[:100]}.{time.time_ns()}.removed")
            os.rename(target, doomed)
            shutil.rmtree(doomed)
        finally:
            lock.release()


def summary_of(folder: Path) -> RunSummary:
    """Return the run in *folder* in one line; "damaged" where its journal cannot be read."""
    try:
        return _read_summary(folder, folder / JOURNAL)
    except (DataError, OSError, *UNREADABLE) as error:
        return RunSummary(folder.name, folder, "damaged", problem=str(error))


def _read_summary(folder: Path, path: Path) -> RunSummary:
    header = read_header(path)
    locked = is_locked(folder)  # before the end is looked for, as in `replay`
    last = _last_events(path, ("metrics", "evaluation", "end", "resume"))
    ending = _decode(last, "end") if last["end"][0] > last["resume"][0] else {}
    metrics = decode_metrics(last["metrics"][1]) if last["metrics"][1] else None
    return RunSummary(
        name=folder.name,
        folder=folder,
        status=ending.get("status", "running" if locked else "dead"),
        reason=ending.get("reason", ""),
        started=float(header.get("time", 0.0)),
        updated=path.stat().st_mtime,
        step=metrics.step if metrics else -1,
        metrics={k: float(v) for k, v in metrics.values.items()} if metrics else {},
        evaluation=_decode(last, "evaluation"),
        header=header,
    )


def _decode(last: dict[str, tuple[int, bytes]], kind: str) -> dict[str, Any]:
    return decode_event(last[kind][1]) if last[kind][1] else {}


def _last_events(path: Path, kinds: tuple[str, ...]) -> dict[str, tuple[int, bytes]]:
    """Return place and line of the last whole event of each kind; (-1, b"") where there is none."""
    found: dict[str, tuple[int, bytes]] = {}
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        end = data.rfind(b"\n") + 1  # a torn last line does not count
        start = max(0, end - LOOK_BACK)
        for kind in kinds:
            at = data.rfind(b'\n{"kind":"%s",' % kind.encode(), start, end)
            found[kind] = (at, data[at + 1 : data.find(b"\n", at + 1)] if at >= 0 else b"")
    return found
