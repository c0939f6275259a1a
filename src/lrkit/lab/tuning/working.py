"""`tune`: from nothing to a tuned schedule."""

from __future__ import annotations

import math
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from lrkit.errors import DataError
from lrkit.lab.comparison import only_one
from lrkit.lab.engines import Engine, Training, check_engine
from lrkit.lab.engines import engine as make_engine
from lrkit.lab.tuning.aims import Aim, Terms, settled, terms_of
from lrkit.lab.tuning.choosing import decide
from lrkit.lab.tuning.conducting import Conductor
from lrkit.lab.tuning.display import Display
from lrkit.lab.tuning.laws import told_by_law
from lrkit.lab.tuning.outcomes import Outcome, Request
from lrkit.lab.tuning.plan import Batch, Finding, State
from lrkit.lab.tuning.ranging import Ranged, range_of
from lrkit.lab.tuning.tuned import Tuned
from lrkit.records import write_file

FILE: Final = "tune.json"
MOST_BUDGET: Final = 200.0
"""Full runs that a time may buy: beyond it nothing is left to find."""
TEST_SEED: Final = 1000
"""The first of the seeds of the final test: none of those that chose."""


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tuning keeps of itself: its settings, and how many trainings run at once.

    *width* is 0 until the time that they take is asked for.
    """

    format: int
    aim: Aim
    width: int = 0


def tune(
    task: str,
    *,
    out: str | os.PathLike[str],
    engine: str = "auto",
    workers: int | None = None,
    address: str | None = None,
    progress: bool = True,
    console: Console | None = None,
    **settings: Any,
) -> Tuned:
    """Find a schedule for *task*, on a budget of a few full trainings, and return how it came out.

    - *settings* are the fields of `Aim`: budget=3.0 full runs (or minutes=20), total, options,
      seed, test, holdout, clip, accumulate, amp, device.
    - *out* is a folder for all of it. A tuning that was cut short goes on there by the same call,
      also after a kill: what was decided follows from the settings and the finished trainings.
      A larger *budget* goes on from what is there, too.
    - *engine*, *workers* and *address* are those of `lrkit.lab.engines.engine`: how the trainings
      are run, which does not change what is decided.

    What is done: a short range test brackets the peak; whole trainings of a ninth of the length
    at peaks a factor apart find the best one between two others; trainings of a third, of several
    shapes where the budget allows, find how it moves with the length; full trainings, fewer of
    them with more seeds each, confirm the winner against the runner-up. Between them stands a
    `Belief`: a posterior over the best peak, from which the peak of least expected loss is taken.

    The same settings give the same answer on the same machine.

    Raises `SpecError` for settings that break a rule, `DataError` where *out* is used by another
    tuning, and `LoopError` for a task that never learns.

    >>> import tempfile
    >>> tuned = tune("poly-tanh", out=tempfile.mkdtemp(), total="4ep", budget=2.5,
    ...     engine="serial", device="cpu", progress=False)
    >>> tuned.spent <= 2.5, len(tuned.full())
    (True, 1)

    Source: the stages are those of successive halving (Jamieson and Talwalkar,
    arXiv 1502.07943) with lengths as the resource; peaks move between shapes by Schaipp et al.,
    arXiv 2501.18965.
    """
    started = time.monotonic()
    aim = settled(Aim(task=task, **settings))
    check_engine(engine, workers, address)
    terms = terms_of(aim)
    folder = Path(os.path.abspath(out))
    screen = console or Console(stderr=True, quiet=not progress)
    with only_one(folder, "tuning"), ExitStack() as stack:
        display = stack.enter_context(Display(screen, terms.updates, aim.budget, terms.score_name))
        work = _Work(aim, terms, folder, (engine, workers, address), stack, display)
        return work.run(started)


@dataclass
class _Work:
    """One call of `tune`."""

    aim: Aim
    terms: Terms
    folder: Path
    how: tuple[str, int | None, str | None]
    stack: ExitStack
    display: Display
    engine: Engine | None = None

    def run(self, started: float) -> Tuned:
        width = self._kept()
        ranged = range_of(self.aim, self.terms, self.folder)
        self.display.ranged(ranged)
        conductor = Conductor(self.aim, self.terms, self.folder, self._engine, self.display.hear)
        finding = self._find(conductor, ranged, width)
        tests = self._test(conductor, finding)
        name = "none: all was there" if self.engine is None else self.engine.name
        return Tuned(
            self.aim, self.terms, ranged, finding, time.monotonic() - started,
            conductor.replayed, name, tests, self.folder, told_by_law(finding, self.terms),
        )  # fmt: skip

    def _find(self, conductor: Conductor, ranged: Ranged, width: int) -> Finding:
        terms, aim = self.terms, self.aim
        state = State(terms.updates, aim.budget, terms.higher_is_better, aim.seed, ranged)
        deciding = decide(state)
        batch = next(deciding)
        while True:
            self.display.begin(batch)
            outcomes = conductor.run(batch)
            self.display.ended(outcomes)
            if aim.minutes is not None and batch.stage == "short":
                width = width or self._keep(1 if self.engine is None else self.engine.slots)
                state.budget = self._afforded(outcomes, width) or state.budget
                self.display.budget(state.budget)
            try:
                batch = deciding.send(outcomes)
            except StopIteration as end:
                finding: Finding = end.value
                return finding

    def _test(self, conductor: Conductor, finding: Finding) -> tuple[Outcome, ...]:
        """Train with the winner on all of the training data, and score on the test data."""
        if not self.aim.test:
            return ()
        seeds = range(TEST_SEED + self.aim.seed, TEST_SEED + self.aim.seed + self.aim.test)
        requests = tuple(Request(finding.winner, self.terms.updates, s, "test") for s in seeds)
        words = "on all of the training data, scored on the test data: outside the budget"
        batch = Batch("test", f"`{finding.winner.text}` {words}", requests)
        self.display.begin(batch)
        outcomes = conductor.run(batch, final=True)
        self.display.ended(outcomes)
        return tuple(outcomes)

    def _engine(self, like: Training) -> Engine:
        if self.engine is None:
            name, workers, address = self.how
            made = make_engine(name, workers=workers, address=address, like=like)
            self.engine = self.stack.enter_context(made)
            if why := getattr(self.engine, "why", ""):
                self.display.say(why)
        return self.engine

    def _afforded(self, outcomes: list[Outcome], width: int) -> float | None:
        """Return how many full runs the time buys, by the trainings so far."""
        timed = [o for o in outcomes if math.isfinite(o.seconds) and o.finite]
        if not timed or self.aim.minutes is None:
            return None
        each = sum(o.seconds for o in timed) / sum(o.cost for o in timed) * self.terms.updates
        return min(max(60 * self.aim.minutes / each * width, 0.5), MOST_BUDGET)

    def _kept(self) -> int:
        """Return the width kept in the folder, 0 for none, and see that the tuning is this one.

        Raises `DataError` where it is another one's.
        """
        path = self.folder / FILE
        if not path.exists():
            return self._keep(0)
        try:
            kept = msgspec.json.decode(path.read_bytes(), type=Kept)
        except msgspec.DecodeError as error:
            raise DataError(
                f"{path} is damaged or of another program ({error}); choose another folder"
            ) from error
        same = (kept.aim.identity, kept.aim.total, kept.aim.seed)
        if same != (self.aim.identity, self.aim.total, self.aim.seed):
            raise DataError(
                f"one tuning a folder: {self.folder} has that of {kept.aim.task} with other "
                "settings; give another --out, or call it as it was begun"
            )
        return kept.width

    def _keep(self, width: int) -> int:
        kept = msgspec.json.encode(Kept(1, self.aim, width))
        write_file(self.folder / FILE, msgspec.json.format(kept))
        return width
