"""Which run is meant: the arguments that say it, and the folder they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from lrkit.cli import complete

RUNS: Final = Path("runs")

Root = Annotated[
    Path, typer.Option("--root", "-r", metavar="DIR", help="The folder that holds the runs.")
]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="The name of a run, or the path of its folder.",
        autocompletion=complete.runs,
    ),
]


def folder_of(root: Path, name: str) -> Path:
    """Return the folder that *name* means: a path when it looks like one, else a run in *root*."""
    from lrkit.records import find_run

    return Path(name) if "/" in name else find_run(root, name)
