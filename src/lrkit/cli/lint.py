"""`lrkit lint`: the warnings of schedules and studies as findings, for CI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import typer

from lrkit.cli import complete
from lrkit.cli.errors import FOUND, OK, WRONG
from lrkit.cli.horizon import BatchSize, Length, StepsPerEpoch, TokensPerStep, Total
from lrkit.cli.screen import say, say_json
from lrkit.control import Steered, steered
from lrkit.errors import DataError, SpecError
from lrkit.schedules import Curve


@dataclass(frozen=True)
class Finding:
    """What is to be said of one schedule; an error has the character where it can."""

    where: str
    kind: Literal["warning", "error"]
    message: str
    text: str | None = None
    position: int | None = None

    def __str__(self) -> str:
        error = SpecError(self.message, self.text, self.position)
        return f"{self.where}: {self.kind}: {error}"


def lint(
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SCHEDULE|STUDY.toml",
            help="Schedules, and studies by their TOML file.",
            autocompletion=complete.schedules_or_studies,
        ),
    ],
    total: Total = None,
    steps_per_epoch: StepsPerEpoch = None,
    batch_size: BatchSize = None,
    tokens_per_step: TokensPerStep = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look for what is probably not meant: a rate of 0, a decay cut short, a floor never reached.

    A study brings its own length, and with a task the task's epochs (needs lrkit[lab]); the
    options are for the schedules. Where controllers after a | decide how the rate ends (plateau,
    greedy), that is not judged.

    Exit codes: 0 nothing found, 1 warnings, 2 errors.
    """
    length = Length(total, steps_per_epoch, batch_size, tokens_per_step)
    found = [finding for source in sources for finding in _findings(source, length, context.obj)]
    if json:
        say_json({"format": 1, "findings": [asdict(finding) for finding in found]})
    else:
        for finding in found:
            say(str(finding))
    kinds = {finding.kind for finding in found}
    raise typer.Exit(WRONG if "error" in kinds else FOUND if kinds else OK)


def _findings(source: str, length: Length, arguments: Sequence[str]) -> Iterator[Finding]:
    try:
        if source.endswith(".toml"):
            placed = _study_curves(source)
        else:
            spec = steered(source)
            placed = {source: (spec, length.curves([spec.schedule], arguments)[0])}
        for where, (spec, curve) in placed.items():
            for warning in curve.facts(open_end=spec.open_end).warnings:
                yield Finding(where, "warning", warning)
    except SpecError as error:
        yield Finding(source, "error", error.reason, error.text, error.position)
    except DataError as error:
        yield Finding(source, "error", str(error))


def _study_curves(path: str) -> dict[str, tuple[Steered, Curve]]:
    """Return a study's schedules and their curves, by file and name."""
    from lrkit.lab import load_study

    study = load_study(path)
    if study.ranged:
        from lrkit.lab.searching.preparing import prepare as prepare_search
        from lrkit.lab.searching.studies import order_of

        prepare_search(order_of(study))  # raises what is wrong with it; its curves are still open
        return {}
    if study.task:
        from lrkit.lab.prepare import prepare

        curves = prepare(study).curves
    else:
        total = study.total if study.epochs is None else f"{study.epochs}ep"
        per_epoch = 1 if study.per == "epoch" else study.steps_per_epoch
        length = Length(str(total), per_epoch, study.batch_size)
        curves = tuple(length.curve(row.schedule) for row in study.rows())
    rows = zip(study.rows(), curves, strict=True)
    return {f"{path}: {row.name}": (row.spec, curve) for row, curve in rows}
