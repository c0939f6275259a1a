"""What a run declared and what it followed, as curves of the schedule algebra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrkit.control import Edit, courses, edit_from_dict, steered
from lrkit.control.edits import GroupKey
from lrkit.errors import DataError, SpecError
from lrkit.records.replay import Run
from lrkit.schedules import Curve, Horizon, Schedule, from_dict

#: Fields of an edit's event that are the journal's, not the edit's.
JOURNALED = frozenset({"kind", "time", "source", "at"})


def declared_of(run: Run, group: GroupKey | None = None) -> Curve:
    """Return the schedule that *run* began with, on the horizon it began with.

    *group* is a parameter group's name or index, of a run whose groups have schedules or rates of
    their own; None means the first that is driven. The clock is the scheduler's: it counts epochs
    where the run is stepped once an epoch.

    Raises `DataError` when the journal does not say, `SpecError` for a group that is not there.
    """
    _, curves, _ = _groups(run)
    return _chosen(run, group, curves)


def course_of(run: Run, group: GroupKey | None = None, *, more: Sequence[Edit] = ()) -> Curve:
    """Return what *run* follows: its schedule with all accepted edits in it, as one expression.

    Bit for bit the rates of the run, on the horizon that the edits left; arguments and errors as
    for `declared_of`. *more* are edits that it would have besides, each with its step.

    >>> import tempfile
    >>> from lrkit.records import Journal, replay
    >>> from lrkit.control import Scale
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> with Journal.create(folder, spec="0.1 * cosine()", horizon={"total": 100}) as journal:
    ...     journal.append("edit", **Scale(0.5, step=50).to_dict())
    >>> print(course_of(replay(folder)).schedule)
    0.1 * cosine() * table([1, 0.5], [0st, 50st], kind=step)
    """
    names, curves, owns = _groups(run)
    return _chosen(run, group, courses([*edits_of(run), *more], names, curves, owns))


def edits_of(run: Run) -> list[Edit]:
    """Return the accepted edits of *run* that count, in the order accepted.

    Raises `DataError` for one that this lrkit does not know.
    """
    found = []
    for event in run.edits:
        try:
            found.append(edit_from_dict({k: v for k, v in event.items() if k not in JOURNALED}))
        except (SpecError, TypeError) as error:
            raise DataError(
                f"run {run.name} has an edit at step {event.get('step')} that is none of lrkit's "
                f"({error}); its course cannot be told"
            ) from error
    return found


def courses_of(run: Run, *, more: Sequence[Edit] = ()) -> dict[int, Curve]:
    """Return what each driven parameter group of *run* follows, by its index; see `course_of`."""
    names, curves, owns = _groups(run)
    found = courses([*edits_of(run), *more], names, curves, owns)
    return {i: curve for i, curve in enumerate(found) if curve is not None}


@dataclass(frozen=True)
class Group:
    """A parameter group whose rate is driven: its index, its name where it has one, its own rate.

    *own* is what its schedule multiplies (1 where schedules are absolute).
    """

    index: int
    name: str | None
    own: float


def groups_of(run: Run) -> list[Group]:
    """Return the parameter groups that *run* drives, in order; errors as for `declared_of`."""
    names, curves, owns = _groups(run)
    return [Group(i, names[i], owns[i]) for i, curve in enumerate(curves) if curve is not None]


_Groups = tuple[list[str | None], list[Curve | None], list[float]]


def _groups(run: Run) -> _Groups:
    """Return name, declared curve (None: not driven) and own rate of each group."""
    rows = run.header.get("groups")
    if not rows:  # one schedule for all
        return [None], [_whole(run).over(_horizon(run))], [1.0]
    names: list[str | None] = []
    curves: list[Curve | None] = []
    owns: list[float] = []
    for row in rows:
        own = 1.0 if row.get("own") is None else float(row["own"])
        curve = None
        if row.get("schedule") is not None:
            schedule = _read(run, row["schedule"])
            curve = (schedule if own == 1.0 else own * schedule).over(_horizon(run, row))
        names.append(row.get("name"))
        owns.append(own)
        curves.append(curve)
    return names, curves, owns


def _chosen(run: Run, group: GroupKey | None, curves: list[Curve | None]) -> Curve:
    rows = run.header.get("groups")
    driven = {i: curve for i, curve in enumerate(curves) if curve is not None}
    for i, curve in driven.items():
        if group is None or not rows or group in (i, rows[i].get("name")):
            return curve
    known = ", ".join(str(rows[i].get("name") or i) for i in driven) if rows else ""
    raise SpecError(
        f"`group` must be one that run {run.name} drives ({known or 'none'}), got {group!r}"
    )


def _whole(run: Run) -> Schedule:
    header = run.header
    if header.get("schedule") is not None:
        return _read(run, header["schedule"])
    if header.get("spec") is None:
        raise DataError(
            f"the journal of run {run.name} does not say which schedule it followed; "
            "its rates are in its metrics"
        )
    return _read(run, header["spec"])


def _read(run: Run, written: Any) -> Schedule:
    try:
        return steered(written).schedule if isinstance(written, str) else from_dict(written)
    except (SpecError, TypeError, AttributeError) as error:
        raise DataError(
            f"the schedule in the journal of run {run.name} cannot be read: {error}"
        ) from error


def _horizon(run: Run, row: Mapping[str, Any] | None = None) -> Horizon:
    """Return the horizon of *run*, or that of a group's *row* where it has one of its own."""
    written = (row or {}).get("horizon", run.header.get("horizon"))
    if written is None:
        return Horizon()
    try:
        if not isinstance(written, Mapping):
            return Horizon.of(written)
        return Horizon(**written)
    except (SpecError, TypeError) as error:
        raise DataError(
            f"the horizon in the journal of run {run.name} cannot be read: {error}"
        ) from error
