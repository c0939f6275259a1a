"""Reading a journal back: the state of a run is a fold over its lines."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lrkit.errors import DataError, SpecError
from lrkit.records.files import disk_errors
from lrkit.records.format import (
    METRICS_PREFIX,
    UNREADABLE,
    MetricsLine,
    decode_event,
    decode_metrics,
)
from lrkit.records.lock import is_locked
from lrkit.records.scan import parse_header, read_header
from lrkit.records.writer import JOURNAL

Status: TypeAlias = Literal["running", "done", "failed", "stopped", "dead"]
Column: TypeAlias = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Run:
    """A run as its journal tells it; a value that cannot write.

    `metrics` maps "step" (int64), "time" (seconds since 1970) and each metric's name to columns
    of one length, read-only, in the order written; where an event lacks a metric its column holds
    NaN, and `series` tells that from a NaN that was recorded. `evaluations`, `edits`, `refused`,
    `checkpoints` and `notes` are the events of that kind as dicts, `events` all that are not
    metrics, in order. `events_lost` counts lines that could not be read.

    `status` is "done", "failed" or "stopped" as the run ended, with its `reason`; without an end
    it is "running" while a process holds the run's lock, else "dead".
    """

    name: str
    folder: Path
    header: Mapping[str, Any]
    status: Status
    reason: str
    metrics: Mapping[str, Column]
    events: tuple[dict[str, Any], ...]
    events_lost: int
    _recorded: Mapping[str, NDArray[np.bool_]] = field(repr=False)

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        """The evaluations, each with `step`, `time` and its fields."""
        return self._of_kind("evaluation")

    @property
    def edits(self) -> list[dict[str, Any]]:
        """The accepted edits, in the order accepted."""
        return self._of_kind("edit")

    @property
    def refused(self) -> list[dict[str, Any]]:
        """The letters that were refused, each with its id in `letter` and a `reason`."""
        return self._of_kind("refused")

    @property
    def checkpoints(self) -> list[dict[str, Any]]:
        """The finished checkpoints."""
        return self._of_kind("checkpoint")

    @property
    def notes(self) -> list[dict[str, Any]]:
        """The notes."""
        return self._of_kind("note")

    @property
    def spec(self) -> Any:
        """The schedule as the header gives it, or None."""
        return self.header.get("spec")

    def series(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the steps at which metric *name* was recorded, and its values.

        Raises `SpecError` when it never was.
        """
        here = self.recorded(name)
        return self.metrics["step"][here], self.metrics[name][here]

    def recorded(self, name: str) -> NDArray[np.bool_]:
        """Return where the column of metric *name* was recorded, as a mask over the rows."""
        if name not in self._recorded:
            known = ", ".join(self._recorded) or "none"
            raise SpecError(f"`name` must be a metric of run {self.name} ({known}), got {name!r}")
        return self._recorded[name]

    def _of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]


def replay(folder: str | os.PathLike[str], *, damaged: Literal["raise", "skip"] = "raise") -> Run:
    """Return the run in *folder* as its journal tells it, also while it is being written.

    A torn last line is left out. A damaged line before it raises `DataError` with its number;
    with `damaged="skip"` such lines are left out and counted in `events_lost`.

    Metrics, evaluations and controllers' edits that a resume has made void (see `Journal.resume`)
    are left out.
    """
    if damaged not in ("raise", "skip"):
        raise SpecError(f"`damaged` must be 'raise' or 'skip', got {damaged!r}")
    target = Path(os.path.abspath(folder))
    path = target / JOURNAL
    read_header(path)  # for its errors
    fold = Fold(path, skip=damaged == "skip")
    # The lock first: a run that ends between the two is then seen to have ended, not to be dead.
    locked = is_locked(target)
    with disk_errors(path, "read"), open(path, "rb") as file:
        header = parse_header(file.readline(), path)
        fold.feed(file)
    return run_of(target, header, fold, locked)


def run_of(target: Path, header: Mapping[str, Any], fold: Fold, locked: bool) -> Run:
    """Return the run in *target* as *fold* has it; *locked* says whether it is being written."""
    status, reason = fold.ending or ("running" if locked else "dead", "")
    metrics, recorded = fold.columns()
    return Run(
        name=target.name,
        folder=target,
        header=header,
        status=status,
        reason=reason,
        metrics=metrics,
        events=tuple(fold.kept_events()),
        events_lost=fold.lost,
        _recorded=recorded,
    )


class Fold:
    """The state of a replay; `feed` it lines, in order, as often as there are more."""

    def __init__(self, path: Path, *, skip: bool) -> None:
        self.path: Final = path
        self.skip: Final = skip
        self.line_number = 1
        self.lost = 0
        self.ending: tuple[Status, str] | None = None
        self.events: list[dict[str, Any]] = []
        self.steps = array("q")
        self.times = array("d")
        # Columns are gathered by the set of names an event has: few sets, many events.
        self.groups: dict[tuple[str, ...], tuple[array[int], array[float]]] = {}
        # (metrics so far, events so far, the event) at each resume that said from which step.
        self.resumes: list[tuple[int, int, dict[str, Any]]] = []

    def feed(self, lines: Iterable[bytes]) -> None:
        """Take in *lines*; the last may be torn."""
        add = self._add_metrics
        for line in lines:
            self.line_number += 1
            try:
                if line.startswith(METRICS_PREFIX):
                    add(decode_metrics(line))
                else:
                    self._add_event(decode_event(line), line)
            except UNREADABLE as error:
                self._damaged(line, error)

    def _damaged(self, line: bytes, error: Exception) -> None:
        torn = not line.endswith(b"\n")
        if not torn and not self.skip:
            raise DataError(
                f"line {self.line_number} of {self.path} is damaged ({error}); restore the file "
                "from a copy, or read what is left with replay(..., damaged='skip')"
            ) from error
        self.lost += 1

    def _add_metrics(self, line: MetricsLine) -> None:
        values = line.values
        names = tuple(values)
        if (group := self.groups.get(names)) is None:
            group = self.groups[names] = (array("q"), array("d"))
        rows, flat = group
        self.steps.append(line.step)
        self.times.append(line.time)
        rows.append(len(self.steps) - 1)
        whole = len(flat)
        try:
            flat.extend(values.values())  # type: ignore[arg-type]
        except TypeError:  # one is NaN or infinite, and so a word; rare
            del flat[whole:]
            flat.extend(map(float, values.values()))

    def _add_event(self, event: dict[str, Any], line: bytes) -> None:
        kind = event["kind"]
        if kind == "metrics":  # written by another hand, in another order
            return self._add_metrics(decode_metrics(line))
        if kind == "end":
            self.ending = (event.get("status", "done"), event.get("reason", ""))
        elif kind == "resume":
            self.ending = None
            if isinstance(event.get("step"), int):
                self.resumes.append((len(self.steps), len(self.events), event))
        self.events.append(event)
        return None

    def kept_events(self) -> list[dict[str, Any]]:
        """Return the events that no later resume has made void."""
        void: set[int] = set()
        for _, before, resume in self.resumes:
            known = list(resume.get("edits", ()))
            for index, event in enumerate(self.events[:before]):
                if index not in void and comes_again(event, resume, known):
                    void.add(index)
        # A letter that a resume has taken in again stands where it came among the other edits.
        letters: dict[str, int] = {}
        for index, event in enumerate(self.events):
            if event["kind"] == "edit" and (letter := event.get("letter")):
                void.update([letters[letter]] if letter in letters else [])
                letters[letter] = index
        return [event for index, event in enumerate(self.events) if index not in void]

    def columns(self) -> tuple[dict[str, Column], dict[str, NDArray[np.bool_]]]:
        """Return the columns of the metrics that count, and where each was recorded."""
        steps = np.array(self.steps, dtype=np.int64)
        keep = np.ones(len(steps), dtype=np.bool_)
        for before, _, resume in self.resumes:
            keep[:before] &= steps[:before] < resume["step"]
        metrics: dict[str, Column] = {"step": steps, "time": np.array(self.times, dtype=np.float64)}
        recorded: dict[str, NDArray[np.bool_]] = {}
        for names, (rows, flat) in self.groups.items():
            table = np.array(flat, dtype=np.float64).reshape(-1, max(len(names), 1))
            for name, column in zip(names, table.T, strict=False):
                if name not in recorded:
                    metrics[name] = np.full(len(steps), np.nan)
                    recorded[name] = np.zeros(len(steps), dtype=np.bool_)
                metrics[name][rows] = column
                recorded[name][rows] = True
        return (
            {name: _sealed(column[keep]) for name, column in metrics.items()},
            {name: _sealed(here[keep]) for name, here in recorded.items()},
        )


def comes_again(event: dict[str, Any], resume: dict[str, Any], known: list[Any]) -> bool:
    """Return whether a run that goes on at *resume* will write *event* again.

    *known* are the edits that it still knows, in order; those found are taken off.
    """
    if not isinstance(step := event.get("step"), (int, float)):
        return False
    if event["kind"] == "evaluation":
        return bool(step > resume["step"])
    # A hand's edit was accepted for good; a controller decides again from what it sees, and a
    # loop that applies an edit by itself does that again.
    if event["kind"] != "edit" or event.get("source") not in ("controller", "loop"):
        return False
    if "edits" not in resume:
        return bool(step >= resume["step"])
    for place, edit in enumerate(known):
        if isinstance(edit, dict) and all(event.get(name) == edit[name] for name in edit):
            del known[place]
            return False
    return True


def _sealed(column: Column) -> Column:
    column.setflags(write=False)
    return column
