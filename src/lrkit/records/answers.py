"""What a run made of a letter: taken at which step, refused why, or still waiting."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from lrkit.records.following import Follower
from lrkit.records.replay import Run
from lrkit.records.tail import LAST
from lrkit.records.wheel import Wheel
from lrkit.records.words import told_of

Outcome: TypeAlias = Literal["taken", "refused", "waiting"]

LOOK: Final = 0.1  # seconds between two looks for the answer


@dataclass(frozen=True)
class Answer:
    """What became of a letter; *told* says it in a sentence.

    *step* is where it was taken or refused, *rate* the rate there, *reason* why it was refused;
    None and "" where that is not known.
    """

    answer: Outcome
    told: str
    step: int | None = None
    rate: float | None = None
    reason: str = ""

    def plain(self) -> dict[str, Any]:
        """Return it as JSON types."""
        found = {"answer": self.answer, "step": self.step, "rate": self.rate, "told": self.told}
        return found | ({"reason": self.reason} if self.answer == "refused" else {})


def answer_of(run: Run, letter: str) -> Answer | None:
    """Return what *run* made of the letter with the id *letter*; None while it has not."""
    for event in run.refused:
        if event.get("letter") == letter:
            reason = str(event.get("reason"))
            told = f"refused at {event.get('step')}: {reason}"
            return Answer("refused", told, _whole(event.get("step")), None, reason)
    for event in run.edits:
        if event.get("letter") == letter:
            step = _whole(event.get("step"))
            rate = None if step is None else Wheel.of(run).rate(step, event.get("group"))
            told = told_of(event)
            told = told if rate is None else f"{told}; the rate there is {rate:.10g}"
            return Answer("taken", told, step, rate)
    return None


def wait_for(run: Run, letter: str, seconds: float) -> Answer:
    """Follow *run* until it has answered *letter*, for at most *seconds*, and return the answer.

    A dead run is not waited for: it takes the letter when it is resumed.
    """
    if run.status == "dead":
        told = f"run {run.name} is dead; it takes the edit when it is resumed"
        return Answer("waiting", told)
    follower, until = Follower(run.folder, last=LAST), time.monotonic() + seconds
    while True:
        now = follower.look()
        answer = answer_of(now, letter)
        if answer is not None:
            return answer
        if now.status != "running" or time.monotonic() >= until:
            break
        time.sleep(min(LOOK, max(until - time.monotonic(), 0.0)))
    if now.status != "running":
        told = f"run {run.name} is {now.status} now and has not taken the edit"
        return Answer("waiting", f"{told}; it takes it when resumed")
    told = f"sent, and not taken within {seconds:g} s"
    return Answer("waiting", f"{told}; `lrkit steer {run.name}` shows when it is")


def _whole(step: Any) -> int | None:
    return step if isinstance(step, int) else None
