"""Loss curves for the laws: from CSV files and their manifest, from runs, from TensorBoard."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lrkit.errors import DataError, LrkitError, SpecError
from lrkit.laws.curves import LossCurve, loss_curve
from lrkit.records.columns import read_columns
from lrkit.records.course import course_of
from lrkit.records.files import disk_errors
from lrkit.records.replay import replay
from lrkit.records.writer import JOURNAL

Array = NDArray[np.float64]

MANIFEST: Final = "manifest.csv"
EVENTS: Final = "events.out.tfevents"
BLOCKS: Final = 600
"""The most points of a run that logs every update; the losses of a block are averaged, because
one batch says little and its noise would drown the rest."""


@dataclass(frozen=True)
class Columns:
    """What the columns (or tags) are called, and what is known of every curve read.

    `schedule` and `total` go to curves whose manifest says nothing.
    """

    step: str = "step"
    lr: str = "lr"
    loss: str = "loss"
    schedule: str | None = None
    total: float | None = None


def read_loss_curves(
    paths: Iterable[str | os.PathLike[str]], columns: Columns | None = None
) -> list[LossCurve]:
    """Return the curves in *paths*, in order.

    A path is a CSV file, the folder of a run, a folder of TensorBoard event files, or a folder of
    CSV files: those its `manifest.csv` lists, or all where it has none. A `manifest.csv` (run,
    schedule, total_steps) beside a CSV file gives the schedule its rates come from.

    Raises `DataError` for what is missing or none of these, and for curves that cannot be used
    (see `loss_curve`).
    """
    named = columns or Columns()
    places = [Path(path) for path in paths]
    beside = {place.parent for place in places if place.name != MANIFEST}
    found: list[LossCurve] = []
    for place in places:
        if place.name != MANIFEST:
            found += _read(place, named)
        elif place.parent not in beside:  # `*.csv` names it among the curves it tells of
            found += _read(place.parent, named)
    if not found:
        raise DataError("at least one curve is needed, got none; give CSV files, runs or folders")
    return _told_apart(found)


def _read(path: Path, columns: Columns) -> list[LossCurve]:
    if not path.is_dir():
        return [_csv(path, columns, _manifest(path.parent).get(path.stem))]
    if (path / JOURNAL).exists():
        return [_run(path, columns)]
    if any(path.glob(f"{EVENTS}*")):
        return [_events(path, columns)]
    rows = _manifest(path)
    files = [path / f"{name}.csv" for name in rows] or sorted(path.glob("*.csv"))
    if not files:
        raise DataError(
            f"{path} must be a run, or hold TensorBoard event files or CSV files; it holds neither"
        )
    return [_csv(file, columns, rows.get(file.stem)) for file in files]


def _manifest(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / MANIFEST
    if not path.exists():
        return {}
    with disk_errors(path, "read"), open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if not row.get("run") or not row.get("schedule"):
            raise DataError(f"{path} needs the columns run, schedule and total_steps in every row")
    return {row["run"]: row for row in rows}


def _csv(path: Path, columns: Columns, row: dict[str, str] | None) -> LossCurve:
    schedule = columns.schedule or (row["schedule"] if row else None)
    total = columns.total
    if total is None and row and row.get("total_steps"):
        try:
            total = float(row["total_steps"])
        except ValueError:
            raise DataError(
                f"total_steps must be a number, got {row['total_steps']!r} for {path.stem} in "
                f"{path.parent / MANIFEST}"
            ) from None
    wanted = {"step": columns.step, "loss": columns.loss}
    if schedule is None:
        wanted["lr"] = columns.lr
    # A logger that writes one row an event leaves the loss or the rate of a row empty.
    table = read_columns(path, wanted, empty=np.nan)
    return loss_curve(
        path.stem, table["step"], table["loss"],
        schedule=schedule, total=total, rates=table.get("lr"),
        rate_steps=table["step"] if "lr" in table else None,
    )  # fmt: skip


def _run(folder: Path, columns: Columns) -> LossCurve:
    """Return the curve of a run, with the rates it followed, edits included."""
    run = replay(folder)
    updates, every = run.series(columns.loss)
    steps, losses, note = _averaged(updates.astype(np.float64), every)
    if columns.schedule is not None:
        curve = loss_curve(run.name, steps, losses, schedule=columns.schedule, total=columns.total)
    elif columns.lr in run.metrics:
        at, rates = run.series(columns.lr)
        whole = np.interp(np.arange(int(steps[-1]) + 1), at, rates)
        curve = loss_curve(run.name, steps, losses, rates=whole[steps.astype(np.int64)])
        # Logged at every update as a rule, so nothing need be guessed between the points.
        curve = replace(curve, rates=whole, notes=(), total=len(whole))
    else:
        course = course_of(run)
        curve = loss_curve(run.name, steps, losses, schedule=course.schedule, total=course.total)
    return replace(curve, notes=(*note, *curve.notes))


def _averaged(steps: Array, losses: Array) -> tuple[Array, Array, tuple[str, ...]]:
    good = np.isfinite(losses)
    steps, losses = steps[good], losses[good]
    size = -(-len(steps) // BLOCKS)
    if size <= 1:
        return steps, losses, ()
    edges = np.arange(0, len(steps), size)
    count = np.diff(np.append(edges, len(steps)))
    note = f"the losses of {size} updates at a time were averaged"
    middle = np.round(np.add.reduceat(steps, edges) / count)
    return middle, np.add.reduceat(losses, edges) / count, (note,)


def _events(folder: Path, columns: Columns) -> LossCurve:
    """Return the curve of a TensorBoard log, by the tags of its scalars."""
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ModuleNotFoundError:
        raise LrkitError(
            f"reading {folder} needs tensorboard; pip install 'lrkit[tensorboard]'"
        ) from None
    log = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    log.Reload()
    loss_steps, losses = _scalars(log, columns.loss, folder)
    steps, values, note = _averaged(loss_steps, losses)
    if columns.schedule is not None:
        curve = loss_curve(
            folder.name, steps, values, schedule=columns.schedule, total=columns.total
        )
    else:
        at, rates = _scalars(log, columns.lr, folder)
        curve = loss_curve(
            folder.name, steps, values, rates=rates, rate_steps=at, total=columns.total
        )
    return replace(curve, notes=(*note, *curve.notes))


def _scalars(log: Any, tag: str, folder: Path) -> tuple[Array, Array]:
    tags = log.Tags()
    if tag in tags["scalars"]:
        events = [(event.step, event.value) for event in log.Scalars(tag)]
    elif tag in tags["tensors"]:
        from tensorboard.util.tensor_util import make_ndarray

        events = [(e.step, float(make_ndarray(e.tensor_proto))) for e in log.Tensors(tag)]
    else:
        known = ", ".join(sorted([*tags["scalars"], *tags["tensors"]])) or "none"
        raise SpecError(f"{folder} has the tags {known}, not {tag!r}; name one with --loss or --lr")
    table = np.array(sorted(dict(events).items()), dtype=np.float64)
    return table[:, 0], table[:, 1]


def _told_apart(curves: list[LossCurve]) -> list[LossCurve]:
    """Return *curves* with different names: a second "run" becomes "run-2"."""
    taken: dict[str, int] = {}
    done = []
    for curve in curves:
        count = taken[curve.name] = taken.get(curve.name, 0) + 1
        done.append(curve if count == 1 else replace(curve, name=f"{curve.name}-{count}"))
    return done
