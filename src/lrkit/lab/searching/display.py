"""The live display of a search: how far it is, the best so far, and what is being tried."""

from __future__ import annotations

import math
from typing import Final

from rich.console import Console
from rich.markup import escape

from lrkit.lab.bars import Bars
from lrkit.lab.searching.preparing import Prepared
from lrkit.search import Asked, Trial
from lrkit.search import Progress as Count

WIDEST: Final = 56  # letters of a schedule in a line that has a bar


class Display(Bars[int]):
    """A bar for the whole and one for each trial under way; a line for each that is over.

    On what is no terminal only the lines are printed.
    """

    def __init__(self, prepared: Prepared, console: Console) -> None:
        self._score_name = prepared.score_name
        self._sign = 1.0 if prepared.higher_is_better else -1.0
        self._names = {parameter.name for parameter in prepared.space.parameters}
        self._best = math.nan
        self._said = ""
        super().__init__(console, width=24)
        self._whole = self._progress.add_task("[bold]all", total=1, unit="trials", state="")

    @property
    def console(self) -> Console:
        """Where the lines go."""
        return self._progress.console

    def say(self, text: str) -> None:
        """Print *text*, once while nothing else is said."""
        if text and text != self._said:
            self._said = text
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def best(self, best: Trial | None) -> None:
        """Take in what is the best so far, of all workers."""
        self._best = math.nan if best is None or best.score is None else best.score

    def counted(self, count: Count, total: int) -> None:
        """Bring the bar of the whole up to date."""
        state = [] if math.isnan(self._best) else [f"best {self._score_name} {self._best:.4g}"]
        for name in ("pruned", "failed", "elsewhere"):
            if number := getattr(count, name):
                state.append(f"{number} {name}")
        over = count.done + count.pruned + count.failed
        self._progress.update(self._whole, completed=over, total=total, state=", ".join(state))

    def begun(self, asked: Asked, updates: int) -> None:
        """Give the trial *asked* a bar, of *updates* over all of its seeds."""
        text = asked.point.text
        shown = text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}\N{HORIZONTAL ELLIPSIS}"
        self._bars[asked.number] = self._progress.add_task(
            f"{asked.origin} {escape(shown)}", total=updates, unit="updates", state=""
        )

    def moved(self, asked: Asked, done: int, state: str) -> None:
        """Say how far a trial is."""
        self._progress.update(self._bars[asked.number], completed=done, state=state)

    def over(self, asked: Asked, words: str, score: float = math.nan) -> None:
        """Take the bar of a trial away, and say what it came to."""
        if asked.number in self._bars:
            self._progress.remove_task(self._bars.pop(asked.number))
        star = ""
        if not math.isnan(score) and not self._sign * score <= self._sign * self._best:
            self._best, star = score, " (the best so far)"
        chosen = {k: v for k, v in asked.point.options.items() if k in self._names}
        options = "".join(f", {k}={v}" for k, v in chosen.items())
        self._said = ""
        self.say(f"trial {asked.origin}: {words}{star}  {asked.point.text}{options}")
