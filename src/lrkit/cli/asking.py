"""`lrkit train --ask`: what is asked in the training's own terminal when a stage is over."""

from __future__ import annotations

import contextlib
import math
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from lrkit.cli.screen import remark
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.control import Edit
    from lrkit.lab import Stage
    from lrkit.lab.progress import Bar

ROWS: Final = 14  # of the charts
PLAN: Final = "plan"
T = TypeVar("T")


class Ended(Exception):  # noqa: N818 - what was typed, no error
    """Ctrl-D or Ctrl-C at the prompt: the training ends here."""


class Asker:
    """Shows a stage and asks how to go on; the answers are edits."""

    def __init__(self, bar: Bar | None) -> None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise SpecError(
                "--ask needs a terminal to ask in, standard input and error are not one; "
                "steer with `lrkit steer` from another"
            )
        self._bar = bar

    def __call__(self, stage: Stage) -> Sequence[Edit]:
        """Return the edits that the person at the terminal asks for."""
        with contextlib.nullcontext() if self._bar is None else self._bar.hidden(), _own_ctrl_c():
            show(stage)
            try:
                edits = answered(stage)
            except (Ended, KeyboardInterrupt):
                remark("\nthe training ends here")
                edits = ended(stage)
            for edit in edits:
                remark(f"  {edit}")
            return edits


@contextlib.contextmanager
def _own_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C reach who is typing; the training would only note it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def show(stage: Stage) -> None:
    """Draw loss and score so far, and say where the training is."""
    from rich.console import Console

    from lrkit.cli.frames import charts_grid, measured_chart

    per = stage.steps_per_epoch
    charts = [
        measured_chart("loss", (np.arange(len(stage.losses)) + 1) / per, stage.losses, "epoch")
    ]
    if stage.evaluations:
        x = np.array([e["step"] for e in stage.evaluations]) / per
        y = np.array([e[stage.score_name] for e in stage.evaluations], dtype=float)
        charts.append(measured_chart(stage.score_name, x, y, "epoch"))
    console = Console(stderr=True, highlight=False)
    grid = charts_grid(charts, shutil.get_terminal_size().columns, ROWS, not console.no_color)
    console.print("" if grid is None else grid)
    score = f", {stage.score_name} {charts[-1].lines[0].y[-1]:.5g}" if stage.evaluations else ""
    remark(
        f"{stage.step:,} updates done, {stage.step / per:.4g} epochs{score}; "
        f"the next rate is {stage.rate:.6g}"
    )


def answered(stage: Stage) -> list[Edit]:
    """Return the edits that the answers ask for; raises `Ended` for Ctrl-D."""
    per = stage.steps_per_epoch
    left = stage.total * (per if stage.per == "epoch" else 1) - stage.step
    planned = "none, this is the end" if stage.over else f"{left / per:.4g}, as planned"
    more = _ask(f"How many epochs more? [{planned}; 0 ends] ", _epochs(stage))
    if more == 0 or (more is None and stage.over):
        return ended(stage)
    edits = [] if more is None else [_longer(stage, more)]
    return [*edits, *_ask(f"At what rate? {_offered(stage)} ", _rate(stage))]


def ended(stage: Stage) -> list[Edit]:
    """Return the edits that end the training here."""
    from lrkit.control import Stop
    from lrkit.records import login_name

    return [] if stage.over else [Stop(author=login_name(), reason="ended at the prompt")]


def _offered(stage: Stage) -> str:
    if stage.over:
        return f"[{stage.rate:.6g}, held]" if stage.rate > 0 else "[it is 0 now]"
    return f"[as planned, {stage.rate:.6g} now; {PLAN}: back to the schedule]"


def _longer(stage: Stage, epochs: float) -> Edit:
    """Return the edit that ends the training *epochs* from now."""
    from lrkit.control import Extend

    now = stage.step / stage.steps_per_epoch
    if stage.per == "epoch":
        total = f"{round(now + epochs)}ep"
    else:
        total = f"{stage.step + math.ceil(epochs * stage.steps_per_epoch)}st"
    return Extend(total, how="keep", **_who(stage))


def _who(stage: Stage) -> dict[str, Any]:
    from lrkit.records import login_name

    now = stage.step / stage.steps_per_epoch
    return {"author": login_name(), "reason": f"answered after {now:.4g} epochs"}


def _epochs(stage: Stage) -> Callable[[str], float | None]:
    def read(text: str) -> float | None:
        if not text:
            return None
        number = _number(text, "a number of epochs")
        if not 0 <= number < math.inf:
            raise SpecError(f"`epochs >= 0` must hold, got {text}")
        if stage.per == "epoch" and number != int(number):
            raise SpecError(f"the rate is set per epoch, so whole epochs are needed, got {text}")
        return number

    return read


def _rate(stage: Stage) -> Callable[[str], list[Edit]]:
    def read(text: str) -> list[Edit]:
        from lrkit.control import Release, Set

        if text == PLAN:
            return [Release(**_who(stage))]
        if text:
            return [Set(_number(text, "a rate"), **_who(stage))]
        if stage.over and stage.rate == 0:
            raise SpecError("the schedule has ended at 0, where nothing is learned; give a rate")
        return []

    return read


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SpecError(f"{what} is needed, got {text!r}") from None


def _ask(question: str, read: Callable[[str], T]) -> T:
    """Return what *read* makes of the answer, asked until it is one."""
    while True:
        sys.stderr.write(question)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise Ended
        try:
            return read(line.strip())
        except SpecError as error:
            remark(f"  {error}")
