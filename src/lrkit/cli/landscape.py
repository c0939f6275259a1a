"""`lrkit landscape`: descents on functions of two variables, and slices of real networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lrkit.cli import descend, points, slices
from lrkit.cli.examples import description, epilog
from lrkit.cli.screen import new_table, say, say_json, say_table

if TYPE_CHECKING:
    from lrkit.landscape import Function


def functions(
    json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List the functions of two variables, with their knobs and what each of them shows."""
    from lrkit.landscape import catalog

    if json:
        say_json({"format": 1, "functions": [plain(one) for one in catalog()]})
        return
    table = new_table("function", "formula", "knobs", "what it shows")
    for one in catalog():
        knobs = ", ".join(f"{k.name}={k.value:g} ({k.low:g} to {k.high:g})" for k in one.knobs)
        table.add_row(one.name, one.text, knobs or "none", one.about)
    say_table(table)
    say('Or write your own: lrkit landscape descend "x**2 + 3*sin(y)**2" -s "constant(0.1)"')


def plain(one: Function) -> dict[str, Any]:
    """Return a function in plain JSON types."""
    return {
        "name": one.name,
        "formula": one.text,
        "about": one.about,
        "box": list(one.box),
        "start": list(one.start),
        "knobs": [knob._asdict() for knob in one.knobs],
        "minima": [minimum._asdict() for minimum in one.minima],
        "curvature": one.curvature,
        "source": one.source,
    }


app = typer.Typer(
    help="Explore loss surfaces: descents on functions of two variables, slices of networks.",
    rich_markup_mode="rich",
    no_args_is_help=True,
)
COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "descend": descend.descend,
    "functions": functions,
    "plane": slices.plane,
    "line": slices.line,
    "sharpness": slices.sharpness,
    "weights": points.weights,
    "start": points.start,
}
for name, command in COMMANDS.items():
    app.command(name, help=description(command), epilog=epilog(f"landscape {name}"))(command)
