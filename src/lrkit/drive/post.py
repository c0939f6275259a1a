"""What rank 0 finds in the inbox reaches every rank at the same step.

Choice: in every step all ranks would have to meet for a letter that comes once an hour, so they
meet as often as costs a hundredth of the training, and at least once a second: where a meeting
takes 0.1 ms and a step 10 ms or longer that is every step, with steps of 1 ms every tenth. Rank 0
measures, and says at each meeting when the next one is, so all of them wait for the same one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import torch.distributed as dist

SHARE: Final = 0.01
LONGEST: Final = 1.0  # seconds between two meetings

T = TypeVar("T")


def alone() -> bool:
    """Return whether this process trains by itself."""
    return not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1)


class Post:
    """Carries values from rank 0 to all ranks; every rank makes the same calls.

    It has a gloo group of its own where the training talks over another one: a meeting must not
    wait for a device.
    """

    def __init__(self) -> None:
        self.alone: Final = alone()
        #: Whether this is the rank that reads and writes for all.
        self.leads: Final = self.alone or dist.get_rank() == 0
        self._group: Any = None
        if not self.alone and dist.get_backend() != "gloo":
            self._group = dist.new_group(backend="gloo")
        self._gap = self._left = 1
        self._met = time.perf_counter()

    def share(self, value: T) -> T:
        """Return rank 0's *value* on every rank."""
        if self.alone:
            return value
        box: list[Any] = [value]
        dist.broadcast_object_list(box, src=0, group=self._group)
        shared: T = box[0]
        return shared

    def collect(self, poll: Callable[[], Sequence[T]]) -> Sequence[T]:
        """Return what *poll*, called on rank 0 alone, has found; nothing between two meetings."""
        if self.alone:
            return poll()
        self._left -= 1
        if self._left > 0:
            return ()
        found = poll() if self.leads else ()
        began = time.perf_counter()
        found, gap = self.share((found, self._gap))
        self._gap = self._left = gap
        now = time.perf_counter()
        # The first steps may be nothing like the rest; doubling keeps a wrong guess from costing
        # more than the time that has passed already.
        self._gap = min(2 * gap, next_gap(now - began, (began - self._met) / gap))
        self._met = now
        return found


def next_gap(meeting: float, step: float) -> int:
    """Return how many steps lie between meetings that take *meeting* seconds, given a step's."""
    step = max(step, 1e-9)
    return max(1, min(math.ceil(meeting / (SHARE * step)), math.ceil(LONGEST / step)))
