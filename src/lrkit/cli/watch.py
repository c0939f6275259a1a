"""`lrkit watch`: a run while it goes."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lrkit.cli.errors import FOUND, OK
from lrkit.cli.places import RUNS, Root, RunName, folder_of
from lrkit.cli.screen import colours, say, say_json_line, say_table
from lrkit.errors import DataError, SpecError

if TYPE_CHECKING:
    from lrkit.cli.frames import View
    from lrkit.records import Follower

SIZE: Final = (100, 30)
"""Columns and rows of a frame that goes to no terminal."""
FASTEST: Final = 0.1


def watch(
    name: RunName,
    root: Root = RUNS,
    once: Annotated[bool, typer.Option("--once", help="Show how it is now, and leave.")] = False,
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", help="How often to look.")
    ] = 1.0,
    json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each update of the view.")
    ] = False,
) -> None:
    """Watch a run: rate, loss, scores, edits, speed and time left, until it ends.

    It reads the run's journal and nothing else, so it may watch from another terminal or another
    machine that sees the folder. Where the output is no terminal, each update is a line.

    Exit codes: 0 the run ended well (or --once), 1 it failed or died, 2 there is no such run.
    """
    from lrkit.records import Follower

    if not every >= FASTEST:
        raise SpecError(f"`--every >= {FASTEST}` must hold, got {every:g}; a look takes time")
    views = _views(Follower(folder_of(root, name)), every)
    if once:
        last = next(views)
        if json:
            say_json_line(last.plain())
        else:
            say_table(last.frame(*shutil.get_terminal_size(SIZE), colours()))
        raise typer.Exit
    if sys.stdout.isatty() and not json:
        last = _live(views)
        say_table(last.frame(*shutil.get_terminal_size(SIZE), colours()))
    else:
        last = _lines(views, json)
    raise typer.Exit(FOUND if last.run.status in ("failed", "dead") else OK)


def _views(follower: Follower, every: float) -> Iterator[View]:
    """Yield the run at each look, the last when it has ended."""
    from lrkit.cli.frames import View
    from lrkit.records import course_of, progress_of

    edits, course = -1, None
    while True:
        run = follower.look()
        if edits != len(run.edits):
            edits = len(run.edits)
            try:
                course = course_of(run)
            except (DataError, SpecError):
                course = None  # a run of other hands; its rates are in its metrics
        yield View(run, course, progress_of(run, course))
        if run.status != "running":
            return
        time.sleep(every)


def _live(views: Iterator[View]) -> View:
    """Show *views* in place of each other on the whole terminal; return the last."""
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for view in views:
            live.update(view.frame(*console.size, colours()), refresh=True)
    return view


def _lines(views: Iterator[View], json: bool) -> View:
    """Print a line for each of *views* that differs from the one before; return the last."""
    shown = None
    for view in views:
        fresh = view.plain()
        if fresh != shown:
            shown = fresh
            if json:
                say_json_line(fresh)
            else:
                say(view.line())
    return view
