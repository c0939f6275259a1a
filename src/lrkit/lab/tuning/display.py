"""The live display of a tuning: what is tried, why, and how much of the budget is spent."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from lrkit.lab.bars import Bars
from lrkit.lab.engines import Ended, Event, Stepped
from lrkit.lab.tuning.outcomes import Outcome, Request
from lrkit.lab.tuning.plan import Batch
from lrkit.lab.tuning.ranging import Ranged

MOST_BARS = 8


class Display(Bars[Request]):
    """Bars on a terminal; elsewhere the lines alone: a reason for each batch, a line an outcome."""

    def __init__(self, console: Console, total: int, budget: float, score_name: str) -> None:
        self._total = total
        self._budget = budget
        self._score_name = score_name
        self._spent = 0
        super().__init__(console, counted=False)
        self._whole = self._progress.add_task("[bold]budget", total=budget, state="")
        self._show()

    def budget(self, budget: float) -> None:
        """Take another budget, as a time was found to be."""
        self._budget = budget
        self._show()

    def ranged(self, ranged: Ranged) -> None:
        """Say what the range test came to."""
        self._spent += ranged.cost
        self.say(f"range test, {ranged.cost} updates: {ranged.reason}")
        self._show()

    def begin(self, batch: Batch) -> None:
        """Say what is tried now, and why."""
        self.say(f"{batch.stage}: {batch.why}")

    def hear(self, event: Event, request: Request) -> None:
        """Bring the bar of a training up to date."""
        if isinstance(event, Stepped):
            if request not in self._bars and len(self._bars) < MOST_BARS:
                name = escape(f"{request.candidate.text}, seed {request.seed}")
                self._bars[request] = self._progress.add_task(name, total=event.updates, state="")
            if request in self._bars:
                state = f"loss {event.loss:.4g}"
                self._progress.update(self._bars[request], completed=event.done, state=state)
        elif isinstance(event, Ended) and request in self._bars:
            self._progress.remove_task(self._bars.pop(request))

    def ended(self, outcomes: list[Outcome]) -> None:
        """Say what a batch came to; a final test is outside the budget."""
        for outcome in outcomes:
            request = outcome.request
            if request.stage != "test":
                self._spent += outcome.cost
            came = f"{self._score_name} {outcome.score:.4g}" if outcome.finite else outcome.failure
            self.say(
                f"  {request.candidate.text}, {request.updates:,} updates, seed {request.seed}: "
                f"{came}"
            )
        self._show()

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _show(self) -> None:
        spent = self._spent / self._total
        state = f"{spent:.2f} of {self._budget:.3g} full runs"
        self._progress.update(
            self._whole, completed=min(spent, self._budget), total=self._budget, state=state
        )
