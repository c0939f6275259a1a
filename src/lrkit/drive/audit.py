"""The audit: compares the scheduler's calls with the optimizer's updates, and warns once each.

It costs the training next to nothing: the updates are counted by a hook on the optimizer, and the
calls are looked at after 1, 2, 4, ... 1024 of them and then every 1024.

Choices:

- A call without an update before it is no fault by itself: under a GradScaler the first updates
  are skipped, often several in a row, and schedules are stepped alone to be looked at. Only a
  window of 8 calls or more with at most half as many updates, but some, is taken for a fault.
- Two updates per call or more, twice running, are taken for per-epoch use; so is a first call
  after exactly an epoch's updates.
"""

from __future__ import annotations

import math
import sys
import warnings
from types import FrameType

from lrkit.errors import LoopWarning

WIDEST = 1024
NEVER = 100
"""Updates without a single call that are too many to be the first of several epochs' worth."""


def warn(message: str) -> None:
    """Warn with the line of the caller's loop, not one of ours or of torch."""
    level, frame = 1, sys._getframe()
    while frame.f_back and _module(frame).startswith(("lrkit.drive", "torch.")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, LoopWarning, stacklevel=level)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


class Audit:
    """Counts updates and calls, and says what is wrong with the loop."""

    __slots__ = (
        "alarm", "base", "calls", "end", "next", "said", "seen", "steps_per_epoch", "thin",
        "unit", "updates", "watches_rates",
    )  # fmt: skip

    def __init__(self, unit: str, total: float, steps_per_epoch: float | None) -> None:
        self.unit = unit
        self.steps_per_epoch = steps_per_epoch
        self.said: set[str] = set()
        self.watches_rates = True
        self.updates = 0
        self.alarm = math.inf
        self.follow(total, 0)
        if unit == "step":
            half = self.end / 2
            self.alarm = max(2, math.ceil(half)) if half < NEVER else NEVER

    def follow(self, total: float, position: int) -> None:
        """Watch from *position* on, towards an end at *total* steps."""
        self.end = math.ceil(total) if math.isfinite(total) else math.inf
        self.base = self.next = position
        self.calls = self.seen = self.thin = 0
        self.updates = 0
        self._plan(position)

    def until(self, total: float) -> None:
        """Watch towards an end that an edit has moved to *total* steps."""
        end = math.ceil(total) if math.isfinite(total) else math.inf
        if end != self.end:
            self.end = end
            self.said.discard("past")
            self.next = self.base + self.calls  # look again at once

    def update(self) -> None:
        """Count an update of the optimizer."""
        self.updates += 1
        if self.updates >= self.alarm:
            self.alarm = math.inf
            self._say(
                "never",
                f"the optimizer has made {self.updates} updates and the scheduler not one step; "
                "call sched.step() after each optimizer.step(), or say unit='epoch' if you call "
                "it once an epoch",
            )

    def call(self, position: int) -> None:
        """Look at the loop, now that the scheduler has come to *position*."""
        self.alarm = math.inf
        if position > self.end:
            self._say(
                "past",
                f"the schedule ends after {self.end:.0f} {self.unit}s and the loop goes on; the "
                "last value holds: give the scheduler the total that the loop has",
            )
        calls = position - self.base
        new_calls, new_updates = calls - self.calls, self.updates - self.seen
        if new_calls > 0 and self.unit == "step":
            self._compare(calls, new_calls, new_updates)
        self.calls, self.seen = calls, self.updates
        self._plan(position)

    def someone_else(self, group: str, found: float | None, wrote: float | None) -> None:
        """Say that a rate is not the one that was written; there is no need to look again."""
        self.watches_rates = False
        self._say(
            "foreign",
            f"the rate of group {group} was set to {found!r} by someone else, the schedule says "
            f"{wrote!r} and will set it again; change it through sched.apply(Scale(...)) or "
            "apply(Set(...)), or detach() one of the two schedulers",
        )

    def _compare(self, calls: int, new_calls: int, new_updates: int) -> None:
        if new_updates >= 2 * new_calls:
            self.thin += 1
            whole = calls == 1 and new_updates > 1 and new_updates == self.steps_per_epoch
            if self.thin > 1 or whole:
                self._say(
                    "sparse",
                    f"the horizon is in steps, but the scheduler is stepped once in "
                    f"{new_updates / new_calls:.4g} updates; call sched.step() after every "
                    "optimizer.step(), or say unit='epoch' and give total in epochs",
                )
            return
        self.thin = 0
        if new_calls >= 8 and 0 < new_updates <= new_calls / 2:
            self._say(
                "dense",
                f"the scheduler is stepped {round(new_calls / new_updates)} times per optimizer "
                "update, so the schedule is over before the training; call sched.step() once per "
                "optimizer.step() (Accelerate steps it once per process: use split_batches=True "
                "or step_scheduler_with_optimizer=False; with accumulation, once per update)",
            )

    def _plan(self, position: int) -> None:
        calls = position - self.base
        gap = min(max(calls, 1), WIDEST)
        self.next = position + gap
        if position <= self.end:
            self.next = min(self.next, int(min(self.end + 1, 2**62)))

    def _say(self, key: str, message: str) -> None:
        if key not in self.said:
            self.said.add(key)
            warn(message)
