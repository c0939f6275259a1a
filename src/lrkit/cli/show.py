"""`lrkit show`: a plot of schedules and what is worth knowing of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrkit.cli import complete
from lrkit.cli.horizon import BatchSize, Length, StepsPerEpoch, TokensPerStep, Total
from lrkit.cli.screen import colours, remark, say, say_json
from lrkit.control import Steered, steered
from lrkit.errors import SpecError
from lrkit.schedules import Curve, as_span

if TYPE_CHECKING:
    from lrkit.schedules import Facts


@dataclass(frozen=True)
class Files:
    """The files to write, and how their axis is drawn."""

    png: Path | None
    svg: Path | None
    html: Path | None
    csv: Path | None
    log: bool
    sweep: str
    open_ends: list[str]


def show(
    context: typer.Context,
    schedules: Annotated[
        list[str],
        typer.Argument(
            metavar="SCHEDULE",
            help="One or several schedules, drawn on one axis.",
            autocompletion=complete.schedules,
        ),
    ],
    total: Total = None,
    steps_per_epoch: StepsPerEpoch = None,
    batch_size: BatchSize = None,
    tokens_per_step: TokensPerStep = None,
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="STEP", help="Print the rate there: 1175, 5ep, 10%. Repeatable."),
    ] = None,
    vary: Annotated[
        str,
        typer.Option(
            metavar="NAME=VALUE,...",
            help="Draw the schedule once for each value, put where the text says {NAME}.",
        ),
    ] = "",
    log: Annotated[bool, typer.Option("--log", help="A logarithmic axis of rates.")] = False,
    png: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the plot as PNG (needs lrkit\\[plots])."),
    ] = None,
    svg: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the plot as SVG (needs lrkit\\[plots])."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write an interactive page that works offline (needs lrkit\\[plots]).",
        ),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the rate of every update as CSV.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the facts as JSON instead of the plot.")
    ] = False,
) -> None:
    """Draw schedules in the terminal, with their peak, area, joints and warnings.

    Nothing is trained, and torch is not needed; of controllers after a | the names are
    told, and where they decide the end, no warning is about it. A
    span in epochs, samples or tokens needs to know how many updates that is; when a number is
    missing the error shows the command that has it.
    """
    texts, sweep = _varied(schedules, vary)
    length = Length(total, steps_per_epoch, batch_size, tokens_per_step)
    written = [steered(text) for text in texts.values()]
    placed = length.curves([one.schedule for one in written], context.obj)
    curves = dict(zip(texts, placed, strict=True))
    shown = [
        Shown(
            curve,
            curve.facts(open_end=one.open_end),
            {place: _value(curve, place) for place in at or ()},
            one,
        )
        for curve, one in zip(placed, written, strict=True)
    ]
    if json:
        say_json({"format": 1, "schedules": [one.plain() for one in shown]})
    else:
        from lrkit.plots import terminal

        say(terminal(curves, log=log, sweep=sweep))
        for one in shown:
            say(one.block())
    open_ends = [label for label, one in zip(texts, written, strict=True) if one.open_end]
    _write(curves, Files(png, svg, html, csv, log, sweep, open_ends))


@dataclass(frozen=True)
class Shown:
    """A curve, its facts, the rates that were asked for, and what was written, controllers too."""

    curve: Curve
    facts: Facts
    at: dict[str, float]
    written: Steered

    def plain(self) -> dict[str, Any]:
        """Return all of it as JSON types."""
        return {
            "text": self.facts.schedule,
            "schedule": self.curve.schedule.to_dict(),
            "horizon": dataclasses.asdict(self.curve.horizon) | {"total": self.curve.total},
            "facts": self.facts.to_dict(),
            "at": self.at,
            "controllers": [controller.to_dict() for controller in self.written.controllers],
        }

    def block(self) -> str:
        """Return the facts as lines, warnings in colour where there are colours."""
        rows = [f"{f'at {place}':<9} {value:.10g}" for place, value in self.at.items()]
        rows += [f"{'steered':<9} by {controller}" for controller in self.written.controllers]
        rows += [f"{'end':<9} as controllers decide"] if self.written.open_end else []
        block = "\n".join(["", str(self.facts), *rows])
        if colours():
            block = block.replace("\nwarning ", "\n\x1b[33mwarning\x1b[0m ")
        return block


def _varied(schedules: Sequence[str], vary: str) -> tuple[dict[str, str], str]:
    """Return the text of each schedule by its label, and the name of what varies."""
    if not vary:
        return {text: text for text in schedules}, ""
    name, _, listed = vary.partition("=")
    values = [value.strip() for value in listed.split(",")]
    if not name.isidentifier() or not all(values):
        raise SpecError(f"--vary is written NAME=VALUE,VALUE,..., got {vary!r}")
    slot = f"{{{name}}}"
    for text in schedules:
        if slot not in text:
            raise SpecError(
                f"--vary {name} puts its values where a schedule says {slot}, got {text!r}"
            )
    if len(schedules) == 1:
        return {value: schedules[0].replace(slot, value) for value in values}, name
    return {t: t for text in schedules for v in values for t in [text.replace(slot, v)]}, ""


def _value(curve: Curve, place: str) -> float:
    """Return the rate at *place*, a span from the start."""
    return curve(curve.horizon.steps(as_span(place, "--at")))


def _write(curves: Mapping[str, Curve], files: Files) -> None:
    """Write the files asked for, and say so."""
    for wanted, suffix in ((files.png, ".png"), (files.svg, ".svg")):
        if wanted is not None:
            from lrkit.plots import figure

            if wanted.suffix.lower() != suffix:
                raise SpecError(f"--{suffix[1:]} takes a file called *{suffix}, got {wanted}")
            remark(f"wrote {figure(curves, wanted, log=files.log, sweep=files.sweep)}")
    if files.html is not None:
        from lrkit.plots import page

        how: dict[str, Any] = {"sweep": files.sweep, "open_ends": files.open_ends}
        remark(f"wrote {page(curves, files.html, log=files.log, **how)}")
    if files.csv is not None:
        import numpy as np

        from lrkit.records import write_columns

        names = ["lr"] if len(curves) == 1 else list(curves)
        steps = np.arange(max(curve.steps for curve in curves.values()))
        columns = {name: c(steps) for name, c in zip(names, curves.values(), strict=True)}
        remark(f"wrote {write_columns(files.csv, {'step': steps, **columns})}")
