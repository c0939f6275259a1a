"""`lrkit compare`: many schedules on one task, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from lrkit.cli import complete
from lrkit.cli.errors import Stopped
from lrkit.cli.screen import remark, say_json, say_table
from lrkit.cli.train import Epochs, Length, Options, Quiet, named_values
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.lab import Comparison, RowResult, Study

T = TypeVar("T", int, float)


def compare(
    study: Annotated[
        str,
        typer.Argument(
            metavar="[STUDY.toml]",
            help="The study; without one, --task and --schedule make it.",
            autocompletion=complete.studies,
        ),
    ] = "",
    task: Annotated[
        str,
        typer.Option(
            metavar="TASK",
            help="A task of `lrkit tasks`, or package.module:factory.",
            autocompletion=complete.tasks,
        ),
    ] = "",
    schedule: Annotated[
        list[str] | None,
        typer.Option(
            "--schedule",
            "-s",
            metavar="SCHEDULE",
            help="A schedule, controllers after a |; the others are held against the first.",
            autocompletion=complete.schedules,
        ),
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(metavar="RATE,...", help="Run every schedule times each of these."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N|N,N,...", help="How many seeds, or which: 3 is 0,1,2 and 7, is 7."),
    ] = None,
    epochs: Epochs = None,
    total: Length = None,
    option: Options = None,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where it all goes (default: reports/NAME)."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-j", metavar="N", help="Trainings at a time (default: cores)."),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What runs them: processes, serial, vectorized, ray, or auto (measures).",
        ),
    ] = "processes",
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="The Ray cluster (default: a local one)."),
    ] = None,
    quiet: Quiet = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Train every schedule with every seed, in parallel, and report (needs lrkit[lab]).

    Finished trainings are kept in DIR/runs; the same command goes on from there, also after
    Ctrl-C and after the study was changed. Options given beside a study take the place of its
    own. DIR gets report.html, report.md, PNG and CSV files.
    """
    from lrkit.lab import compare as run_study
    from lrkit.lab import report, table

    changes = _changes(task, schedule, rates, seeds, epochs, total, option, device)
    planned = _study(study, changes)
    folder = out or Path("reports") / planned.name
    try:
        comparison = run_study(
            planned, folder, workers=workers, engine=engine, address=address, progress=not quiet
        )
    except KeyboardInterrupt:
        raise Stopped(
            f"stopped; what is finished is kept in {folder}, the same command goes on from there"
        ) from None
    files = report(comparison, folder)
    if json:
        say_json(_plain(comparison, files))
    else:
        say_table(table(comparison))
    remark(f"wrote {', '.join(files)} into {folder}")


def _changes(
    task: str,
    schedules: Sequence[str] | None,
    rates: str | None,
    seeds: str | None,
    epochs: int | None,
    total: str | None,
    options: Sequence[str] | None,
    device: str | None,
) -> dict[str, Any]:
    """Return what the options say of the study, by the study's own names."""
    found = {
        "task": task or None,
        "schedules": tuple(schedules) if schedules else None,
        "rates": None if rates is None else tuple(_numbers(rates, float, "--rates")),
        "seeds": None if seeds is None else seeds_of(seeds),
        "epochs": epochs,
        "total": total,
        "options": named_values(options) if options else None,
        "device": device,
    }
    return {name: value for name, value in found.items() if value is not None}


def _study(path: str, changes: dict[str, Any]) -> Study:
    from msgspec.structs import replace

    from lrkit.lab import Study, load_study

    if path:
        study = load_study(path)
        # The two lengths exclude each other: the one given here goes before the study's.
        if "epochs" in changes or "total" in changes:
            changes = {"epochs": None, "total": None} | changes
        return replace(study, **changes)
    if "task" not in changes or "schedules" not in changes:
        raise SpecError(
            "a comparison needs a study, or a task and schedules; type for example: "
            'lrkit compare --task poly-tanh --schedule "0.1 * cosine()" --schedule "constant(0.1)"'
        )
    return Study(name="comparison", **changes)


def seeds_of(text: str) -> tuple[int, ...]:
    """Return the seeds that *text* says: how many, or which, with commas between."""
    if "," in text:
        return tuple(_numbers(text, int, "--seeds"))
    (count,) = _numbers(text, int, "--seeds")
    if count < 1:
        raise SpecError(f"`--seeds >= 1` must hold, got {count}; {count}, with a comma is one seed")
    return tuple(range(count))


def _numbers(text: str, kind: type[T], what: str) -> list[T]:
    parts = [part.strip() for part in text.removesuffix(",").split(",")]
    try:
        return [kind(part) for part in parts]
    except ValueError:
        raise SpecError(f"{what} takes numbers with commas between, got {text!r}") from None


def _plain(comparison: Comparison, files: Mapping[str, Path]) -> dict[str, Any]:
    return {
        "format": 1,
        "study": comparison.study.name,
        "score": comparison.score_name,
        "higher_is_better": comparison.higher_is_better,
        "replayed": comparison.replayed,
        "schedules": [_plain_row(comparison, row) for row in comparison.rows],
        "files": {name: str(path) for name, path in files.items()},
    }


def _plain_row(comparison: Comparison, row: RowResult) -> dict[str, Any]:
    return {
        "name": row.row.name,
        "text": str(row.row.spec),
        "scores": row.scores,
        "failures": row.failures,
        "summary": asdict(row.summary),
        "against_first": asdict(comparison.paired(row)),
        "runs": [str(run.folder) for run in row.runs],
    }
