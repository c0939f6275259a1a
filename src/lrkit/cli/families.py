"""`lrkit schedules`: every family that a schedule can be written with."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lrkit.cli import complete
from lrkit.cli.screen import new_table, say, say_json, say_table
from lrkit.schedules import Family, catalog, family


def schedules(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]", help="A family to read about.", autocompletion=complete.families
        ),
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List every family of schedules with a picture and its parameters, or tell all about one.

    The picture is the family's example over 100 epochs. Families combine: a >> b runs b after a,
    0.3 * a scales, a * b and a + b combine step by step; .clip(floor, ceiling),
    .repeat(times, stretch, shrink, every), .stairs(every), .part(start, stop, of) and
    .warp(at, clock, of) go with any of them.
    """
    chosen = [family(name)] if name else list(catalog())
    if json:
        say_json({"format": 1, "families": [_plain(one) for one in chosen]})
    elif name:
        _tell(chosen[0])
    else:
        _list(chosen)


def _plain(one: Family) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind,
        "signature": one.signature,
        "summary": one.summary,
        "doc": one.doc,
        "example": one.example,
    }


def _list(families: list[Family]) -> None:
    from rich.markup import escape

    from lrkit.plots import thumbnail

    table = new_table("family", "its example", "parameters")
    kind = ""
    for one in families:
        if one.kind != kind:
            table.add_row(f"[bold]{one.kind}[/bold]")
            kind = one.kind
        parameters = one.signature.removeprefix(one.name)[1:-1]
        table.add_row(f"  {one.name}", thumbnail(one.curve(), 24), escape(parameters))
    say_table(table)
    say("All about one: `lrkit schedules NAME`.")


def _tell(one: Family) -> None:
    from lrkit.plots import terminal

    say(f"{one.signature}\n\n{one.doc}\n\nThe example over 100 epochs of 10 steps:\n")
    say(terminal({one.example: one.curve()}))
