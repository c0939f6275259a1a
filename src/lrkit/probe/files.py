"""Range curves as files: JSON holds all of a curve, CSV its columns."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from lrkit.errors import DataError, SpecError
from lrkit.probe.curve import Kind, RangeCurve
from lrkit.records import read_columns, write_columns, write_file
from lrkit.records.files import disk_errors

TABLES = ("loss", "validation", "dead")


def write_range(curve: RangeCurve, path: str | os.PathLike[str]) -> Path:
    """Write *curve* to *path*, as JSON or CSV by the name's ending, and return the path.

    A CSV file has a row for each rate and the columns `rate`, `loss`, `validation` and `dead`;
    several repeats are `loss/0`, `loss/1`, ...: names, endings and notes stay behind.

    Raises `SpecError` for another ending and `DataError` when the file cannot be written.

    >>> import tempfile
    >>> curve = RangeCurve([0.01, 0.1, 1.0], [2.3, 2.1, float("nan")])
    >>> print(write_range(curve, tempfile.mkdtemp() + "/range.csv").read_text(), end="")
    rate,loss
    0.01,2.3
    0.1,2.1
    1.0,nan
    """
    if _ending(path) == ".json":
        return write_file(path, msgspec.json.format(msgspec.json.encode(curve.to_dict())))
    columns = {"rate": curve.rates}
    for name, table in zip(TABLES, (curve.losses, curve.validation, curve.dead), strict=True):
        for index, row in enumerate(() if table is None else table):
            columns[name if curve.repeats == 1 else f"{name}/{index}"] = row
    return write_columns(path, columns)


def read_range(
    path: str | os.PathLike[str], *, rate: str = "rate", loss: str = "loss"
) -> RangeCurve:
    """Return the range curve in the file at *path*, as `write_range` or anyone else wrote it.

    *rate* and *loss* name the columns of a CSV file, for one that another tool wrote. Whether its
    rates are spaced evenly or by a factor is read off the rates.

    Raises `DataError` for a file that cannot be read or is damaged, `SpecError` for a curve that
    breaks a rule (see `RangeCurve`).
    """
    if _ending(path) == ".json":
        with disk_errors(path, "read"):
            raw = Path(path).read_bytes()
        try:
            return RangeCurve.from_dict(msgspec.json.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{os.fspath(path)} is no JSON: {error}; measure it again") from error
    names = _first_row(path)
    wanted = {"rate": rate}
    for ours, theirs in (("loss", loss), ("validation", "validation"), ("dead", "dead")):
        many = [name for name in names if name.partition("/")[0] == theirs and "/" in name]
        if theirs in names or (ours == "loss" and not many):
            wanted[ours] = theirs
        wanted |= {f"{ours}/{i}": name for i, name in enumerate(many)}
    columns = read_columns(path, wanted)
    tables = {name: _stacked(name, columns) for name in TABLES}
    return RangeCurve(
        columns["rate"],
        tables["loss"] if tables["loss"] is not None else (),
        kind=_kind(columns["rate"]),
        validation=tables["validation"],
        dead=tables["dead"],
    )


def _ending(path: str | os.PathLike[str]) -> str:
    ending = Path(path).suffix.lower()
    if ending not in (".json", ".csv"):
        raise SpecError(f"a range curve is a .json or .csv file, got {os.fspath(path)}; rename it")
    return ending


def _first_row(path: str | os.PathLike[str]) -> list[str]:
    with disk_errors(path, "read"), open(path, newline="", encoding="utf-8-sig") as file:
        first = file.readline().rstrip("\r\n") if os.path.getsize(path) else ""
    delimiter = max(",;\t", key=first.count)
    return [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]


def _stacked(name: str, columns: dict[str, NDArray[np.float64]]) -> NDArray[np.float64] | None:
    rows = [column for key, column in columns.items() if key.partition("/")[0] == name]
    return np.stack(rows) if rows else None


def _kind(rates: NDArray[np.float64]) -> Kind:
    if len(rates) < 3 or not (rates > 0).all():
        return "exponential"
    factors, steps = np.diff(np.log(rates)), np.diff(rates)
    even = factors.std() / abs(factors.mean() or 1) <= steps.std() / abs(steps.mean() or 1)
    return "exponential" if even else "linear"
