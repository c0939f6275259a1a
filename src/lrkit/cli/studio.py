"""`lrkit studio`: the local page."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from lrkit.cli.places import RUNS
from lrkit.cli.screen import remark, say, say_json_line
from lrkit.errors import SpecError


def studio(
    runs: Annotated[
        Path, typer.Argument(metavar="[RUNS]", help="The folder that holds the runs.")
    ] = RUNS,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="The port on 127.0.0.1 (default: 8912, or a free one; 0: a free one)."
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show everything, change and start nothing.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the link only.")] = False,
    new_token: Annotated[
        bool,
        typer.Option("--new-token", help="Make a new key: links and pages of before end."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the link as a line of JSON.")] = False,
) -> None:
    """Open the studio: design schedules, watch and steer runs, play on landscapes (lrkit[studio]).

    A page in your browser, served to this machine alone; the link carries the key that every
    request needs. Trainings that it starts are processes of their own and go on without it.
    """
    from lrkit.studio.serving import serve
    from lrkit.studio.settings import OWN, Settings, kept_token

    root = runs.absolute()
    if root.exists() and not root.is_dir():
        raise SpecError(f"RUNS is a folder, {runs} is a file; name the folder that holds the runs")
    if port is not None and not 0 <= port <= 65535:
        raise SpecError(f"`0 <= port <= 65535` must hold, got {port}; leave it out for a free one")
    if new_token:
        (root / OWN / "token").unlink(missing_ok=True)
    # A studio that only shows writes nothing, so its key lasts as long as itself.
    token = secrets.token_urlsafe(32) if read_only else kept_token(root)

    def told(link: str) -> None:
        if json:
            return say_json_line({"format": 1, "link": link, "runs": str(root)})
        remark(f"lrkit studio, runs in {root}{', only to look at' if read_only else ''}")
        say(link)
        return remark("Ctrl-C ends it; trainings go on")

    settings = Settings(root, token, read_only)
    serve(settings, port=port, browser=not no_browser, told=told)
