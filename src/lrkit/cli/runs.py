"""`lrkit runs`: list, show and remove the runs of a folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lrkit.cli import complete
from lrkit.cli.examples import description, epilog
from lrkit.cli.screen import new_table, remark, say, say_json, say_table
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.records import Run, RunSummary

Root = Annotated[
    Path, typer.Option("--root", "-r", metavar="DIR", help="The folder that holds the runs.")
]
Names = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN",
        help="Names of runs, or paths of their folders.",
        autocompletion=complete.runs,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
RUNS: Final = Path("runs")


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
    name: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="The name of a run, or the path of its folder.",
            autocompletion=complete.runs,
        ),
    ],
    root: Root = RUNS,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the metrics of every step as CSV."),
    ] = None,
    damaged: Annotated[
        bool, typer.Option("--damaged", help="Leave out lines that cannot be read.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what a run was, how it went and how it ended."""
    from lrkit.records import replay, write_csv

    run = replay(_folder(root, name), damaged="skip" if damaged else "raise")
    if json:
        say_json(_plain(run))
    else:
        for label, value in _about(run):
            say(f"{label:<12} {value}")
        _say_evaluations(run)
    if csv is not None:
        remark(f"wrote {write_csv(run, csv)}")


def rm(
    names: Names,
    root: Root = RUNS,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove runs with all their files; a run that is being written is refused."""
    from lrkit.records import remove_run

    folders = list(dict.fromkeys(_folder(root, name) for name in names))
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
    """List, show and remove runs: the folders that `lrkit train` writes into ./runs."""
    if context.invoked_subcommand is None:
        list_()


app = typer.Typer(rich_markup_mode="rich")
app.callback(invoke_without_command=True, help=description(runs))(runs)
COMMANDS: Final[dict[str, Callable[..., None]]] = {"list": list_, "show": show, "rm": rm}
for name, function in COMMANDS.items():
    app.command(name, help=description(function), epilog=epilog(f"runs {name}"))(function)


def _folder(root: Path, name: str) -> Path:
    """Return the folder that *name* means: a path when it looks like one, else a run in *root*."""
    from lrkit.records import find_run

    return Path(name) if "/" in name else find_run(root, name)


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
        run.problem or str(header.get("spec", "")),
        str(run.step) if run.step >= 0 else "",
        f"{score:.4g}" if isinstance(score, float) else "",
        started,
    ]


def _escaped(cells: list[str]) -> list[str]:
    from rich.markup import escape

    return [escape(cell) for cell in cells]


def _plain(run: Run) -> dict[str, Any]:
    return {
        "format": 1,
        "name": run.name,
        "folder": str(run.folder),
        "status": run.status,
        "reason": run.reason,
        "header": dict(run.header),
        "evaluations": run.evaluations,
        "edits": run.edits,
        "checkpoints": run.checkpoints,
        "notes": run.notes,
        "metrics": {name: column.tolist() for name, column in run.metrics.items()},
        "events_lost": run.events_lost,
    }


def _about(run: Run) -> Iterator[tuple[str, str]]:
    """Yield the rows that tell what the run was."""
    yield "run", str(run.folder)
    yield "status", f"{run.status}: {run.reason}" if run.reason else run.status
    for name in ("task", "spec", "seed", "updates", "per", "clip", "accumulate", "amp", "device"):
        if run.header.get(name) is not None:
            yield {"spec": "schedule"}.get(name, name), str(run.header[name])
    if "time" in run.header:
        yield "started", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.header["time"]))
    if len(run.metrics["step"]):
        last = {k: v[-1] for k, v in run.metrics.items() if k not in ("step", "time")}
        shown = ", ".join(f"{name} {value:.6g}" for name, value in last.items())
        yield "last step", f"{run.metrics['step'][-1]}: {shown}"
    for edit in run.edits:
        yield "edit", ", ".join(f"{k} {v}" for k, v in edit.items() if k not in ("kind", "time"))
    if run.checkpoints:
        yield "checkpoints", str(len(run.checkpoints))
    if run.events_lost:
        yield "lost", f"{run.events_lost} lines that cannot be read"


def _say_evaluations(run: Run, most: int = 20) -> None:
    """Print the evaluations as a table, of a long run the last ones."""
    if not run.evaluations:
        return
    rows = run.evaluations[-most:]
    names = [name for name in rows[-1] if name not in ("kind", "time")]
    table = new_table(*(f"{name}>" for name in names))
    for row in rows:
        values = [row.get(name, "") for name in names]
        table.add_row(*(f"{v:.5g}" if isinstance(v, float) else str(v) for v in values))
    say("")
    say_table(table)
