"""The events of a run that are no metrics: few as a rule, and kept so that they stay few."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from lrkit.records.format import MetricsLine
from lrkit.records.replay import comes_again

MOST: Final = 1000
"""Events of a kind that are kept; the oldest go, and are counted."""
LAST: Final = (1 << 63) - 1
"""The largest step."""
_PLAIN: Final = frozenset({"kind", "time", "step"})


class Happenings:
    """The newest events of each kind, less what a resume has made void.

    `let_go` counts by kind those that had to make room.

    >>> happened = Happenings()
    >>> happened.add({"kind": "edit", "step": 5, "source": "controller"})
    >>> happened.add({"kind": "resume", "step": 3})
    >>> happened.of_kind("edit"), len(happened.of_kind("resume"))
    ([], 1)
    """

    def __init__(self) -> None:
        self._kinds: dict[str, deque[tuple[int, dict[str, Any]]]] = {}
        #: How many have come so far.
        self.changes = 0
        self.let_go: dict[str, int] = {}

    def add(self, event: dict[str, Any]) -> None:
        """Take in *event*; a resume takes out what the run will write again."""
        kind = event["kind"]
        if kind not in self._kinds and len(self._kinds) >= MOST:
            kind = ""  # no program has so many words for what happens; they share a place
        kept = self._kinds.setdefault(kind, deque())
        if kind == "resume" and isinstance(event.get("step"), int):
            self._take_back(event)
        elif kind == "edit" and (letter := event.get("letter")):
            # A letter that a resume has taken in again stands where it came among the others.
            self._kinds[kind] = kept = deque(e for e in kept if e[1].get("letter") != letter)
        self.changes += 1
        kept.append((self.changes, event))
        if len(kept) > MOST:
            kept.popleft()
            self.let_go[kind] = self.let_go.get(kind, 0) + 1

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of *kind* that are kept, in the order written."""
        return [event for _, event in self._kinds.get(kind, ())]

    def all(self) -> list[dict[str, Any]]:
        """Return all events that are kept, in the order written."""
        every = [one for kept in self._kinds.values() for one in kept]
        return [event for _, event in sorted(every, key=lambda one: one[0])]

    def _take_back(self, resume: dict[str, Any]) -> None:
        edits = resume.get("edits", ())
        known = list(edits) if isinstance(edits, (list, tuple)) else []
        for kind in ("evaluation", "edit"):
            kept = self._kinds.get(kind)
            if kept:
                self._kinds[kind] = deque(
                    one for one in kept if not comes_again(one[1], resume, known)
                )


def scores_of(event: dict[str, Any]) -> list[MetricsLine]:
    """Return the numbers of an evaluation as a line of metrics; none where it has no step."""
    step = event.get("step")
    if not isinstance(step, int) or not -LAST <= step < LAST:
        return []
    numbers: dict[str, Any] = {
        name: float(value)
        for name, value in event.items()
        if name not in _PLAIN and isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    return [MetricsLine(step, 0.0, numbers)]
