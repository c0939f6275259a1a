"""The options that say how long a training is, and the command that works when one is missing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Final

import typer

from lrkit.errors import HorizonError, SpecError
from lrkit.schedules import Curve, Schedule

Total = Annotated[
    str | None,
    typer.Option(
        "--total",
        "-t",
        metavar="SPAN",
        help="Length of the whole training: 7050 (steps), 30ep, 1e6sa, 2e9tok.",
    ),
]
StepsPerEpoch = Annotated[
    float | None,
    typer.Option("--steps-per-epoch", "-e", metavar="N", help="Updates in an epoch."),
]
BatchSize = Annotated[
    float | None,
    typer.Option("--batch-size", "-b", metavar="N", help="Samples in an update."),
]
TokensPerStep = Annotated[
    float | None,
    typer.Option("--tokens-per-step", metavar="N", help="Tokens in an update."),
]

EXAMPLES: Final[tuple[dict[str, str], ...]] = (
    {"total": "30ep"},
    {"total": "10000"},
    {"total": "30ep", "steps_per_epoch": "235"},
    {"steps_per_epoch": "235"},
    {"batch_size": "256"},
    {"tokens_per_step": "524288"},
)
"""What may be added to a command that lacks a number, likely ones first."""


@dataclass(frozen=True)
class Length:
    """What the options say about the length of the training; None where they say nothing."""

    total: str | None = None
    steps_per_epoch: float | None = None
    batch_size: float | None = None
    tokens_per_step: float | None = None

    def curve(self, schedule: Schedule) -> Curve:
        """Return *schedule* placed on this length; `HorizonError` when it has no end."""
        curve = schedule.over(
            self.total,
            steps_per_epoch=self.steps_per_epoch,
            batch_size=self.batch_size,
            tokens_per_step=self.tokens_per_step,
        )
        if curve.total == float("inf"):
            raise HorizonError(f"`{schedule}` has no end of its own, and the total is missing")
        return curve

    def curves(self, schedules: Sequence[Schedule], arguments: Sequence[str]) -> list[Curve]:
        """Return all of *schedules* placed on this length.

        Where a number is missing the `HorizonError` shows the command, made of *arguments*, that
        has it.
        """
        try:
            return [self.curve(schedule) for schedule in schedules]
        except HorizonError as error:
            for more in self._additions():
                if self._works(more, schedules):
                    raise HorizonError(
                        f"{error.reason.partition(';')[0]}; type for example: "
                        f"{shlex.join(['lrkit', *arguments, *_options(more)])}"
                    ) from None
            raise

    def _additions(self) -> Iterator[dict[str, str]]:
        """Yield what could be added to the options given, few numbers first."""
        free = [more for more in EXAMPLES if all(getattr(self, name) is None for name in more)]
        found = [
            {name: value for more in several for name, value in more.items()}
            for count in range(1, len(free) + 1)
            for several in combinations(free, count)
            if sum(map(len, several)) == len({name for more in several for name in more})
        ]
        yield from sorted(found, key=len)

    def _works(self, more: dict[str, str], schedules: Sequence[Schedule]) -> bool:
        numbers = {name: float(value) for name, value in more.items() if name != "total"}
        length = Length(
            more.get("total", self.total),
            numbers.get("steps_per_epoch", self.steps_per_epoch),
            numbers.get("batch_size", self.batch_size),
            numbers.get("tokens_per_step", self.tokens_per_step),
        )
        try:
            for schedule in schedules:
                length.curve(schedule)
        except SpecError:
            return False
        return True


def _options(more: dict[str, str]) -> list[str]:
    return [word for name, value in more.items() for word in (f"--{name.replace('_', '-')}", value)]
