"""Curve files: named columns of numbers as CSV, in and out."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrkit.errors import DataError, SpecError
from lrkit.records.files import disk_errors, write_file
from lrkit.records.overview import Overview
from lrkit.records.replay import Run


def read_columns(
    path: str | os.PathLike[str],
    columns: Mapping[str, str] | Sequence[str],
    *,
    empty: float | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Return columns of numbers from the CSV file at *path*.

    *columns* lists the columns wanted by the names in the file's first row, or maps our name to
    the file's: `{"step": "iteration", "lr": "learning_rate"}`. Comma, semicolon and tab are told
    apart by the first row. "nan" and "inf" are numbers; an empty field is not, but counts as
    *empty* where that is given.

    Raises `DataError` for a missing file or column, and for a field that is no number, with its
    row (the first row of numbers is row 2, as an editor counts).
    """
    wanted = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    with disk_errors(path, "read"), open(path, newline="", encoding="utf-8-sig") as file:
        try:
            text = file.read()
        except UnicodeDecodeError as error:
            raise DataError(
                f"{os.fspath(path)} is no UTF-8 text ({error.reason} at byte {error.start}); "
                "save it as CSV"
            ) from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    names = [name.strip() for name in next(rows, [])]
    places = {ours: _place(theirs, names, path) for ours, theirs in wanted.items()}
    found: dict[str, list[float]] = {ours: [] for ours in wanted}
    try:
        for row in rows:
            if not row:
                continue  # a blank line, at the end as a rule
            for ours, place in places.items():
                blank = place >= len(row) or not row[place].strip()
                if blank and empty is not None:
                    found[ours].append(empty)
                else:
                    found[ours].append(_number(row, place, rows.line_num, names, path))
    except csv.Error as error:
        raise DataError(f"row {rows.line_num} of {os.fspath(path)} is no CSV: {error}") from error
    return {ours: np.array(values, dtype=np.float64) for ours, values in found.items()}


def read_curve(
    path: str | os.PathLike[str], *, step: str = "step", lr: str = "lr", loss: str = "loss"
) -> dict[str, NDArray[np.float64]]:
    """Return "step", "lr" and "loss" from a CSV file whose columns have the names given.

    Besides what `read_columns` refuses, steps must rise: `DataError` names the first row where
    they do not.
    """
    curve = read_columns(path, {"step": step, "lr": lr, "loss": loss})
    steps = curve["step"]
    if len(steps) == 0:
        raise DataError(f"a curve needs rows of numbers, {os.fspath(path)} has none")
    falls = np.flatnonzero(~(np.diff(steps) > 0))
    if len(falls):
        row = int(falls[0])
        raise DataError(
            f"steps must rise, in {os.fspath(path)} {steps[row + 1]:g} follows {steps[row]:g} "
            f"(number {row + 2} of column {step!r}); sort the rows, or keep one run a file"
        )
    return curve


def write_columns(path: str | os.PathLike[str], columns: Mapping[str, ArrayLike]) -> Path:
    """Write *columns* of one length as a CSV file to *path*, and return the path.

    Numbers are written so that reading them gives the same numbers again.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/curve.csv"
    >>> columns = {"step": [0, 1], "lr": [0.1, 0.05], "loss": [2.3, float("nan")]}
    >>> print(write_columns(path, columns).read_text(), end="")
    step,lr,loss
    0,0.1,2.3
    1,0.05,nan
    >>> read_curve(path)["lr"].tolist()
    [0.1, 0.05]
    """
    arrays = {name: np.asarray(column) for name, column in columns.items()}
    lengths = {name: column.shape for name, column in arrays.items()}
    if len(set(lengths.values())) > 1 or any(len(shape) != 1 for shape in lengths.values()):
        raise SpecError(f"columns must be flat and of one length, got shapes {lengths}")
    lists = [column.tolist() for column in arrays.values()]
    return write_file(path, _csv(arrays, zip(*lists, strict=True)))


def write_csv(run: Run, path: str | os.PathLike[str]) -> Path:
    """Write the metrics of *run* as a CSV file to *path*, and return the path.

    Columns `step`, `time` and the metrics in the order they came up; a field is empty where an
    event lacks that metric, and "nan" where it was NaN.
    """
    names = list(run.metrics)
    lists: list[list[Any]] = []
    for name in names:
        values: list[Any] = run.metrics[name].tolist()
        if name not in ("step", "time"):
            here = run.recorded(name).tolist()
            values = [v if there else "" for v, there in zip(values, here, strict=True)]
        lists.append(values)
    return write_file(path, _csv(names, zip(*lists, strict=True)))


def csv_lines(overview: Overview) -> Iterator[str]:
    """Return the file that `write_csv` writes of the run of *overview*, in parts.

    It is read as it is sent, in constant memory, as far as *overview* has looked. Metrics that
    an overview leaves out are not in it.
    """
    names = list(overview.metrics.metrics)
    rows = overview.rows()

    def parts() -> Iterator[str]:
        yield _csv(["step", "time", *names], ())
        for block in rows:
            lists: list[list[Any]] = [block.steps.tolist(), block.times.tolist()]
            for name in names:
                column, here = block.values.get(name, (None, None))
                values: list[Any] = [""] * len(block.steps) if column is None else column.tolist()
                if here is not None:
                    values = [v if there else "" for v, there in zip(values, here, strict=True)]
                lists.append(values)
            yield _lines(zip(*lists, strict=True))

    return parts()


def _lines(rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _csv(names: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    return _lines([list(names)]) + _lines(rows)


def _place(name: str, names: Sequence[str], path: str | os.PathLike[str]) -> int:
    if names.count(name) == 1:
        return names.index(name)
    has = ", ".join(names) or "no first row"
    count = "no" if name not in names else "more than one"
    raise DataError(
        f"{os.fspath(path)} has {count} column {name!r} (it has {has}); name the column to read"
    )


def _number(
    row: Sequence[str], place: int, line: int, names: Sequence[str], path: str | os.PathLike[str]
) -> float:
    text = row[place].strip() if place < len(row) else ""
    try:
        return float(text)
    except ValueError:
        raise DataError(
            f"row {line} of {os.fspath(path)} has {text!r} in column {names[place]!r}; "
            "a number must stand there"
        ) from None
