"""`lrkit tasks`: what there is to train."""

from __future__ import annotations

from typing import Annotated

import typer

from lrkit.cli.screen import new_table, say, say_json, say_table


def tasks(
    json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List the tasks that are built in, with their options; your own is package.module:factory."""
    from lrkit.lab import tasks as built_in

    found = built_in()
    if json:
        say_json({"format": 1, "tasks": [vars(one) for one in found]})
        return
    table = new_table("task", "what it is", "options")
    for one in found:
        options = ", ".join(f"{name}={value}" for name, value in one.options.items())
        table.add_row(one.name, one.summary, options)
    say_table(table)
    say("Your own task is a function: `lrkit train package.module:factory`.")
