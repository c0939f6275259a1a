"""The fold of a journal that keeps all events and only the last metrics: for who steers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lrkit.records.format import METRICS_PREFIX, UNREADABLE, MetricsLine, decode_metrics
from lrkit.records.replay import Column, Fold

LAST: Final = 4096
"""Metrics events kept: what is told of the speed and the last values looks no further back."""


class Tail(Fold):
    """A `Fold` in constant memory but for the events: of the metrics the last *keep* remain.

    They are kept as lines and read when they are asked for, so a million of them cost a fraction
    of a second; one that cannot be read is left out.
    """

    def __init__(self, path: Path, keep: int = LAST) -> None:
        super().__init__(path, skip=True)
        self._tail: deque[bytes] = deque(maxlen=keep)

    def feed(self, lines: Iterable[bytes]) -> None:
        """Take in *lines*; the last may be torn."""
        for line in lines:
            if line.startswith(METRICS_PREFIX):
                self.line_number += 1
                self._tail.append(line)
            else:
                super().feed([line])

    def _add_event(self, event: dict[str, Any], line: bytes) -> None:
        if event["kind"] == "metrics":  # written by another hand, in another order
            self._tail.append(line)
            return
        super()._add_event(event, line)
        if event["kind"] == "resume" and isinstance(step := event.get("step"), int):
            kept = [line for row, line in self._rows() if row.step < step]
            self._tail.clear()
            self._tail.extend(kept)

    def _rows(self) -> list[tuple[MetricsLine, bytes]]:
        """Return the rows kept, each with its line."""
        found = []
        for line in self._tail:
            try:
                found.append((decode_metrics(line), line))
            except UNREADABLE:
                continue  # damaged, or the torn end of a crash
        return found

    def columns(self) -> tuple[dict[str, Column], dict[str, NDArray[np.bool_]]]:
        """Return the columns of the last metrics that count, and where each was recorded."""
        plain = Fold(self.path, skip=True)
        plain.feed(line for _, line in self._rows())
        return plain.columns()
