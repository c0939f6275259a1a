"""`lrkit law design`: the schedule that a law says is best, and what other laws say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lrkit.cli.law_files import Json, Law, Out, draw, read_law
from lrkit.cli.screen import new_table, say, say_json, say_table

if TYPE_CHECKING:
    from pathlib import Path

    from lrkit.laws.designing import Design


def design(
    law: Law,
    total: Annotated[
        int, typer.Option("--total", "-t", metavar="N", help="Length of the training in updates.")
    ],
    peak: Annotated[
        float | None,
        typer.Option(metavar="RATE", help="The peak (default: chosen, of those seen)."),
    ] = None,
    max_peak: Annotated[
        float | None, typer.Option(metavar="RATE", help="Choose the peak too, up to this one.")
    ] = None,
    warmup: Annotated[
        int | None, typer.Option(metavar="N", help="Updates of the warm-up (default: 2 %).")
    ] = None,
    free: Annotated[
        bool, typer.Option("--free", help="Let the rate rise again after its peak.")
    ] = False,
    out: Out = None,
    json: Json = False,
) -> None:
    """Design the schedule with the lowest predicted final loss.

    Prints it as a table of 48 points and as the nearest warm-up, plateau and cooldown, with what
    the simplification costs, and what every law fitted with this one predicts for both. Laws
    disagree on how late to decay: confirm a design by training it.
    """
    from lrkit.laws.designing import design as design_it

    fits = read_law(law)
    found = design_it(fits, total, peak=peak, max_peak=max_peak, warmup=warmup, free=free)
    _draw(found, out)
    if json:
        say_json({"format": 1, "design": found.to_dict()})
        return
    say(f"{'nearest':<9} {found.nearest}")
    say(f"{'price':<9} {found.price:.2g} of the predicted final loss")
    say(f"{'table':<9} {found.schedule}")
    table = new_table("law", "design>", "90 % interval", "nearest>", "90 % interval")
    for name, (final, low, high) in found.finals.items():
        other, least, most = found.nearest_finals[name]
        table.add_row(
            name, f"{final:.5g}", f"{low:.5g} to {high:.5g}",
            f"{other:.5g}", f"{least:.5g} to {most:.5g}",
        )  # fmt: skip
    say_table(table)
    say(f"{'apart':<9} {found.disagreement:.2g} between the laws, for the design")
    for text in found.warnings:
        say(f"{'warning':<9} {text}")


def _draw(found: Design, out: Path | None) -> None:
    if out is None:
        return
    import numpy as np

    steps = np.linspace(0, found.total - 1, 2000)
    lines = [
        (label, steps, schedule.over(found.total)(steps))
        for label, schedule in (("designed", found.schedule), ("nearest", found.nearest))
    ]
    draw(lines, out, f"designed by {found.law}", ylabel="learning rate")
