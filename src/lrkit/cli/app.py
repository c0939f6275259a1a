"""The `lrkit` command: its commands, and how it begins and ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Final, NoReturn

import typer
from typer.main import get_command

from lrkit.cli import (
    branch,
    compare,
    families,
    find,
    landscape,
    law,
    lint,
    runs,
    search,
    show,
    steer,
    studio,
    tasks,
    train,
    tune,
    watch,
)
from lrkit.cli.errors import OK, exit_code
from lrkit.cli.examples import description, epilog
from lrkit.cli.screen import guarded_stdout, say

COMPLETE: Final = "_LRKIT_COMPLETE"  # set by the shell when Tab is pressed


def lrkit(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version and leave.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Print where an error came from; so does LRKIT_DEBUG=1."),
    ] = False,
) -> None:
    """The workbench for learning rates: write a schedule, look at it, train with it, compare.

    A schedule is written as it is in Python: 0.3 * (warmup(5ep) >> cosine()). Lengths have units:
    500 or 500st steps, 5ep epochs, 10% of the whole, 1e6sa samples, 2e9tok tokens.

    Exit codes: 0 done; 1 done, and lint has findings or a training diverged; 2 wrong input;
    70 a fault of lrkit itself; 130 stopped by Ctrl-C.
    """
    if version:
        from lrkit import __version__

        say(f"lrkit {__version__}")
    elif context.invoked_subcommand is None and (text := context.get_help()):
        say(text)  # Rich prints by itself and gives nothing


app = typer.Typer(name="lrkit", rich_markup_mode="rich", pretty_exceptions_enable=False)
app.callback(invoke_without_command=True, help=description(lrkit))(lrkit)
COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "show": show.show,
    "lint": lint.lint,
    "schedules": families.schedules,
    "find": find.find,
    "train": train.train,
    "watch": watch.watch,
    "steer": steer.steer,
    "branch": branch.branch,
    "compare": compare.compare,
    "tune": tune.tune,
    "search": search.search,
    "studio": studio.studio,
    "tasks": tasks.tasks,
}
for name, function in COMMANDS.items():
    app.command(name, help=description(function), epilog=epilog(name))(function)
app.add_typer(runs.app, name="runs", epilog=epilog("runs"))
app.add_typer(landscape.app, name="landscape", epilog=epilog("landscape"))
app.add_typer(law.app, name="law", epilog=epilog("law"))


def run(arguments: Sequence[str]) -> int:
    """Run `lrkit` with *arguments*, and return the exit code."""
    debug = "--debug" in arguments or os.environ.get("LRKIT_DEBUG", "0") not in ("", "0")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets a "?" in its place, not a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        with guarded_stdout():
            command = get_command(app)
            with command.make_context("lrkit", list(arguments), obj=list(arguments)) as context:
                command.invoke(context)
        return OK
    except BaseException as error:
        return exit_code(error, debug)


def main() -> NoReturn:
    """Run `lrkit` with the arguments of this process, and leave with its exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller: `lrkit ... >&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - open for good
    if COMPLETE in os.environ:
        app(prog_name="lrkit")
    sys.exit(run(sys.argv[1:]))
