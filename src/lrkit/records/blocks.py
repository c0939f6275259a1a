"""A journal block by block: rows of numbers as columns, and the lines that are something else.

A block of a hundred kilobytes is decoded at once and forgotten again, so that a journal of any
length is read in the same memory, and an interpreter that does other things is not held up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter, itemgetter
from typing import Any, BinaryIO, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from lrkit.records.format import (
    METRICS_PREFIX,
    UNREADABLE,
    MetricsLine,
    decode_event,
    decode_metrics,
)

BLOCK: Final = 1 << 17  # bytes; the fastest of 64 kB to 4 MB, as what is decoded stays in the cache

_decode_lines = msgspec.json.Decoder(MetricsLine).decode_lines
_steps, _times, _values = attrgetter("step"), attrgetter("time"), attrgetter("values")


class Rows(NamedTuple):
    """Metrics events as columns, in the order written.

    `values` has for each metric its column and where it was recorded (None: everywhere).
    """

    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    values: dict[str, tuple[NDArray[np.float64], NDArray[np.bool_] | None]]

    def where(self, keep: NDArray[np.bool_]) -> Rows:
        """Return the rows at which *keep* holds."""
        kept = {
            name: (column[keep], here if here is None else here[keep])
            for name, (column, here) in self.values.items()
        }
        return Rows(self.steps[keep], self.times[keep], kept)


class Event(NamedTuple):
    """An event that is no metrics event, and the byte of the journal at which its line begins."""

    fields: dict[str, Any]
    offset: int


class Lost(NamedTuple):
    """A line that could not be read."""

    offset: int


Piece: TypeAlias = Rows | Event | Lost


def blocks(file: BinaryIO, begin: int, end: int, size: int = BLOCK) -> Iterator[tuple[int, bytes]]:
    """Yield the whole lines of *file* from byte *begin* to byte *end*, in blocks with their offset.

    A block has about *size* bytes, or one line where that is longer; what follows the last
    newline is left out.
    """
    rest, place = b"", begin
    while place + len(rest) < end:
        file.seek(place + len(rest))  # whoever takes the blocks may read elsewhere in between
        fresh = file.read(min(size, end - place - len(rest)))
        if not fresh:
            return
        data = rest + fresh
        whole = data.rfind(b"\n") + 1
        if whole:
            yield place, data[:whole]
        rest, place = data[whole:], place + whole


def pieces(block: bytes, offset: int) -> Iterator[Piece]:
    """Yield what the lines of *block* tell, in their order; it begins at byte *offset*.

    >>> line = b'{"kind":"metrics","step":%d,"time":0.5,"values":{"loss":2.5}}'
    >>> found = list(pieces(line % 0 + b"\\n" + line % 1 + b'\\n{"kind":"note"}\\n', 100))
    >>> found[0].steps.tolist(), found[0].values["loss"][0].tolist()
    ([0, 1], [2.5, 2.5])
    >>> found[1]
    Event(fields={'kind': 'note'}, offset=222)
    """
    if (rows := _all_rows(block)) is not None:
        yield rows
        return
    lines = block.splitlines(keepends=True) if b"\r" not in block else _lines(block)
    others = [i for i, line in enumerate(lines) if not line.startswith(METRICS_PREFIX)]
    begin = 0
    for other in [*others, len(lines)]:
        between = lines[begin:other]
        if between:
            yield from _metrics(between, offset)
            offset += sum(map(len, between))
        if other < len(lines):
            piece = _read(lines[other], offset)
            yield rows_of([piece]) if isinstance(piece, MetricsLine) else piece
            offset += len(lines[other])
        begin = other + 1


def joined(parts: Sequence[Rows]) -> Rows:
    """Return *parts*, at least one, as one.

    >>> def row(step, name):
    ...     return Rows(np.array([step]), np.zeros(1), {name: (np.ones(1), None)})
    >>> both = joined([row(0, "a"), row(1, "b")])
    >>> both.steps.tolist(), both.values["b"][1].tolist()
    ([0, 1], [False, True])
    """
    if len(parts) == 1:
        return parts[0]
    values: dict[str, tuple[NDArray[np.float64], NDArray[np.bool_] | None]] = {}
    for name in dict.fromkeys(name for part in parts for name in part.values):
        columns, masks, everywhere = [], [], True
        for part in parts:
            nothing = np.full(len(part.steps), np.nan), np.zeros(len(part.steps), np.bool_)
            column, here = part.values.get(name, nothing)
            columns.append(column)
            masks.append(np.ones(len(column), np.bool_) if here is None else here)
            everywhere = everywhere and here is None
        values[name] = np.concatenate(columns), None if everywhere else np.concatenate(masks)
    steps = np.concatenate([part.steps for part in parts])
    return Rows(steps, np.concatenate([part.times for part in parts]), values)


def rows_of(lines: Sequence[MetricsLine]) -> Rows:
    """Return *lines*, at least one, as columns."""
    count = len(lines)
    steps = np.fromiter(map(_steps, lines), np.int64, count)
    times = np.fromiter(map(_times, lines), np.float64, count)
    values = list(map(_values, lines))
    names = tuple(values[0])
    if sum(map(len, values)) == count * len(names):
        try:
            # NaN and infinity are words there, which NumPy reads as float() does.
            alike = {n: np.fromiter(map(itemgetter(n), values), np.float64, count) for n in names}
            return Rows(steps, times, {name: (column, None) for name, column in alike.items()})
        except KeyError:
            pass  # as many names, but others
    return Rows(steps, times, _mixed(values))


def _mixed(values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the columns of rows that have not all the same names."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, named in enumerate(values):
        groups.setdefault(tuple(named), []).append(row)
    columns: dict[str, Any] = {}
    for names, rows in groups.items():
        for name in names:
            if name not in columns:
                columns[name] = (np.full(len(values), np.nan), np.zeros(len(values), np.bool_))
            column, here = columns[name]
            column[rows] = np.fromiter((values[row][name] for row in rows), np.float64, len(rows))
            here[rows] = True
    return columns


def _all_rows(block: bytes) -> Rows | None:
    """Return the rows of *block*, or None where something else is among its lines."""
    try:
        rows = _decode_lines(block)
        # The decoder passes over empty lines and takes two events on one.
        if len(rows) == block.count(b"\n") and b"\n\n" not in block:
            return rows_of(rows)
    except UNREADABLE:
        return None
    return None


def _metrics(lines: list[bytes], offset: int) -> Iterator[Piece]:
    """Yield what *lines* tell, which begin as metrics events do."""
    if (rows := _all_rows(b"".join(lines))) is not None:
        yield rows
        return
    gathered: list[MetricsLine] = []
    for line in lines:
        piece = _read(line, offset)
        offset += len(line)
        if isinstance(piece, MetricsLine):
            gathered.append(piece)
            continue
        if gathered:
            yield rows_of(gathered)
            gathered = []
        yield piece
    if gathered:
        yield rows_of(gathered)


def _lines(block: bytes) -> list[bytes]:
    # `splitlines` also ends a line at a lone carriage return.
    return [line + b"\n" for line in block.split(b"\n")[:-1]]


def _read(line: bytes, offset: int) -> MetricsLine | Event | Lost:
    try:
        if line.startswith(METRICS_PREFIX):
            row = decode_metrics(line)
        else:
            event = decode_event(line)
            if event["kind"] != "metrics":
                return Event(event, offset)
            row = decode_metrics(line)  # written by another hand, in another order
        return row if -(1 << 63) <= row.step < 1 << 63 else Lost(offset)
    except UNREADABLE:
        return Lost(offset)
