"""`lrkit runs`: list, show, export and remove the runs of a folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from lrkit.cli import complete
from lrkit.cli.examples import description, epilog
from lrkit.cli.places import RUNS, Root, RunName, folder_of
from lrkit.cli.screen import new_table, remark, say_json, say_table
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.records import Run, RunSummary

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN",
        help="Names of runs, or paths of their folders.",
        autocompletion=complete.runs,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Damaged = Annotated[bool, typer.Option("--damaged", help="Leave out lines that cannot be read.")]


def list_(root: Root = RUNS, json: Json = False) -> None:
    """List the runs, the oldest first, with how they ended and their last score."""
    from lrkit.records import list_runs

    found = list_runs(root)
    if json:
        say_json({"format": 1, "runs": [_summary(run) for run in found]})
    elif not found:
        remark(f"no runs in {root}; `lrkit train` makes one")
    else:
        table = new_table("run", "status", "task", "schedule", "step>", "score>", "started")
        for run in found:
            table.add_row(*_escaped(_row(run)))
        say_table(table)


def show(
    name: RunName,
    root: Root = RUNS,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Draw the rate, declared and followed, with the edits: .png, .svg, .pdf, .html "
            "(needs lrkit\\[plots]).",
        ),
    ] = None,
    damaged: Damaged = False,
    json: Json = False,
) -> None:
    """Show what a run was, its edits, and what it followed with them: one schedule to run again.

    `lrkit train --schedule-from RUN` runs it again, with the same rate at every update.
    """
    from lrkit.cli import story

    run = _replayed(root, name, damaged)
    drawn = None if out is None else story.draw(run, out)
    if json:
        say_json(story.plain(run))
    else:
        story.tell(run)
    if drawn is not None:
        remark(f"wrote {drawn}")


def export(
    name: RunName,
    to: Annotated[
        Literal["csv", "tensorboard"],
        typer.Option(metavar="csv|tensorboard", help="Which kind of files."),
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where they go (default: RUN/csv and so on)."),
    ] = None,
    root: Root = RUNS,
    damaged: Damaged = False,
) -> None:
    """Write a run as files for other tools: CSV tables, or TensorBoard's event files.

    CSV: metrics.csv with every update, and evaluations, edits and refused where there are any.
    """
    from lrkit.sinks import export as export_run

    remark(f"wrote {export_run(_replayed(root, name, damaged), to, out)}")


def rm(
    names: Names,
    root: Root = RUNS,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove runs with all their files; a run that is being written is refused."""
    from lrkit.records import remove_run

    folders = list(dict.fromkeys(folder_of(root, name) for name in names))
    if not yes:
        if not sys.stdin.isatty():
            raise SpecError("runs are not removed without asking; pass --yes in a script")
        what = folders[0] if len(folders) == 1 else f"{len(folders)} runs"
        if not typer.confirm(f"Remove {what} with all files?", err=True):
            raise typer.Exit
    for folder in folders:
        remove_run(folder)
        remark(f"removed {folder}")


def runs(context: typer.Context) -> None:
    """List, show, export and remove runs: the folders that `lrkit train` writes into ./runs."""
    if context.invoked_subcommand is None:
        list_()


app = typer.Typer(rich_markup_mode="rich")
app.callback(invoke_without_command=True, help=description(runs))(runs)
COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "list": list_,
    "show": show,
    "export": export,
    "rm": rm,
}
for name, function in COMMANDS.items():
    app.command(name, help=description(function), epilog=epilog(f"runs {name}"))(function)


def _replayed(root: Path, name: str, damaged: bool) -> Run:
    from lrkit.records import replay

    return replay(folder_of(root, name), damaged="skip" if damaged else "raise")


def _summary(run: RunSummary) -> dict[str, Any]:
    plain = vars(run).copy()
    return plain | {"folder": str(run.folder)}


def _row(run: RunSummary) -> list[str]:
    header = run.header
    score = run.evaluation.get(str(header.get("score", "")))
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started)) if run.started else ""
    return [
        run.name,
        run.status,
        str(header.get("task", "")),
        run.problem or f"{header.get('spec', '')}{_parent(header)}",
        str(run.step) if run.step >= 0 else "",
        f"{score:.4g}" if isinstance(score, float) else "",
        started,
    ]


def _parent(header: dict[str, Any]) -> str:
    """Return where a branch comes from; "" for a run of its own."""
    parent, begun = header.get("parent"), header.get("begun_at")
    if isinstance(begun, dict):
        return f" (from a slice of {begun.get('run') or header.get('task')})"
    if not isinstance(parent, dict):
        return ""
    return f" (left {Path(str(parent.get('run'))).name} at {parent.get('step')})"


def _escaped(cells: list[str]) -> list[str]:
    from rich.markup import escape

    return [escape(cell) for cell in cells]
