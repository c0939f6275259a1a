"""`lrkit landscape descend`: descents on a function of two variables, as text and as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lrkit.cli import complete
from lrkit.cli.errors import FOUND, OK
from lrkit.cli.screen import bar, new_table, remark, say, say_json, say_table
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.landscape import Function
    from lrkit.landscape.races import Race

STILLS: Final = (".png", ".svg", ".pdf")
MOVING: Final = (".gif", ".mp4")
DATA: Final = (".json", ".csv")
SUFFIXES: Final = (*STILLS, *MOVING, ".html", *DATA)


def descend(
    function: Annotated[
        str,
        typer.Argument(
            metavar="FUNCTION",
            help="A function of `lrkit landscape functions`, or a formula of x and y.",
            autocompletion=complete.surfaces,
        ),
    ],
    schedule: Annotated[
        list[str],
        typer.Option(
            "--schedule",
            "-s",
            metavar="SCHEDULE",
            help="The learning rate. Repeatable: several descend side by side.",
            autocompletion=complete.schedules,
        ),
    ],
    optimizer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="sgd, momentum, nesterov, rmsprop, adam or adamw (default: sgd). Repeatable.",
            autocompletion=complete.optimizers,
        ),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", "-n", metavar="N", help="Updates.")] = 200,
    start: Annotated[
        str | None, typer.Option(metavar="X,Y", help="Where to begin (default: the function's).")
    ] = None,
    knob: Annotated[
        list[str] | None,
        typer.Option("--knob", "-k", metavar="NAME=VALUE", help="Turn a knob of the function."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="NAME=VALUE",
            help="Set an option of the optimizer: momentum, beta1, weight_decay, ...",
        ),
    ] = None,
    noise: Annotated[
        float, typer.Option(metavar="SIZE", help="Standard deviation of noise on the gradient.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(metavar="N", help="Decides the noise.")] = 0,
    box: Annotated[
        str | None,
        typer.Option(metavar="X0,X1,Y0,Y1", help="What to look at (default: the function's)."),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Write .png, .svg, .pdf, .gif, .mp4, .html (needs lrkit\\[plots]), .csv or "
            ".json, by the name. Repeatable.",
        ),
    ] = None,
    surface: Annotated[
        bool, typer.Option("--surface", help="Draw a surface in place of contours.")
    ] = False,
    frames: Annotated[int, typer.Option(metavar="N", help="Pictures of an animation.")] = 120,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Let optimizers descend on a function of two variables under schedules, and show the way.

    A formula has numbers, x, y, pi, e, + - * / **, brackets, and sin, cos, tan, exp, log, sqrt,
    abs, sinh, cosh, tanh, atan, hypot. Nothing is trained, and torch is not needed.

    Exit codes: 0 done, 1 done and a descent diverged, 2 wrong input.
    """  # fmt: skip
    from lrkit.landscape.races import race
    from lrkit.schedules import parse

    files = list(out or ())
    _check(files)
    ran = race(
        _function(function, knob or (), box),
        [parse(text) for text in schedule],
        optimizer or ["sgd"],
        options=_numbers("--option", option or ()),
        start=None if start is None else _point(start),
        steps=steps,
        noise=noise,
        seed=seed,
    )
    for file in files:
        remark(f"wrote {_write(ran, file, surface, frames)}")
    if json:
        say_json(ran.to_dict())
    else:
        _tell(ran, picture=not files)
    gone = any(runner.descent.status == "diverged" for runner in ran.runners)
    raise typer.Exit(FOUND if gone else OK)


def _function(text: str, knobs: Sequence[str], box: str | None) -> Function:
    from dataclasses import replace

    from lrkit.landscape import from_text, function
    from lrkit.landscape.functions import NAMES
    from lrkit.landscape.surface import Box, checked_box

    sides = None if box is None else checked_box(Box(*_split("--box", box, 4)))
    turned = _numbers("--knob", knobs)
    if text in NAMES:
        named = function(text, **turned)
        return named if sides is None else replace(named, box=sides)
    if turned:
        raise SpecError("a formula has no knobs, --knob turns one; write the number into the text")
    return from_text(text, box=sides)


def _write(ran: Race, file: Path, surface: bool, frames: int) -> Path:
    """Write *ran* to *file* as its name says."""
    suffix = file.suffix.lower()
    if suffix in STILLS:
        from lrkit.landscape.pictures import draw_race

        return draw_race(ran, file, surface=surface)
    if suffix in MOVING:
        from lrkit.landscape.animation import animate_race

        with bar(f"drawing {file.name}") as progress:
            return animate_race(ran, file, surface=surface, frames=frames, progress=progress)
    if suffix == ".html":
        from lrkit.landscape.interactive import race_page

        return race_page(ran, file)
    if suffix == ".csv":
        from lrkit.records import write_columns

        return write_columns(file, ran.columns())
    import msgspec

    from lrkit.records import write_file

    return write_file(file, msgspec.json.encode(ran.to_dict(paths=True)))


def _tell(ran: Race, *, picture: bool) -> None:
    """Print the outcome, and the losses as a chart unless there are pictures."""
    from lrkit.landscape.scene import limits, loss_chart, title
    from lrkit.plots import terminal_chart

    function = ran.function
    if picture:
        say(terminal_chart(loss_chart(ran)))
    say(f"{title(ran)}: {function.text}")
    for limit, formula in limits(ran):
        names = ", ".join(
            dict.fromkeys(r.optimizer for r in ran.runners if r.limit == (limit, formula))
        )
        bound = f"{formula} = {limit:.6g}"
        say(f"L = {function.curvature:g}: {names} at a constant rate converges below {bound}")
    table = new_table("descent", "outcome", "loss>", "best>", "at step>", "ends at", "off by>")
    outcomes = ran.to_dict()["descents"]
    for told in outcomes:
        numbers = [f"{told[key]:.4g}" for key in ("loss", "best_loss")]
        off = "" if told["minimum"] is None else f"{told['minimum'][3]:.2g}"
        place = f"({told['x']:.4g}, {told['y']:.4g})"
        table.add_row(told["label"], told["status"], *numbers, f"{told['best_step']:,}", place, off)
    say_table(table)
    for told in outcomes:
        if told["status"] == "diverged":
            say(f"{told['label']} diverged at step {told['diverged_at']:,}: {told['reason']}")


def _check(files: Sequence[Path]) -> None:
    """Refuse names that say nothing before anything is done for them."""
    for file in files:
        if file.suffix.lower() not in SUFFIXES:
            raise SpecError(f"--out takes a file that ends in {', '.join(SUFFIXES)}, got {file}")


def _point(text: str) -> tuple[float, float]:
    x, y = _split("--start", text, 2)
    return x, y


def _split(name: str, text: str, count: int) -> list[float]:
    """Return the *count* numbers of *text*, which commas part."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise SpecError(f"{name} takes {count} numbers with commas between, got {text!r}")
    return numbers


def _numbers(name: str, pairs: Sequence[str]) -> dict[str, float]:
    """Return NAME=VALUE pairs as numbers by name."""
    found = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        try:
            found[key.strip()] = float(value)
        except ValueError:
            raise SpecError(
                f"{name} takes NAME=VALUE with a number, got {pair!r}; e.g. {name} k=20"
            ) from None
    return found
