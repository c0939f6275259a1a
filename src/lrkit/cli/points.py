"""`lrkit landscape weights` and `start`: what is at a point of a slice, and a training from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lrkit.cli import complete
from lrkit.cli.errors import FOUND, OK
from lrkit.cli.places import RUNS, Root
from lrkit.cli.screen import remark, say, say_json
from lrkit.cli.sitting import keeping, sat
from lrkit.cli.slice_files import numbers
from lrkit.cli.slices import Device, TaskName
from lrkit.cli.train import Checkpoint, Epochs, Keep, Length, Quiet, plain_result, told_result
from lrkit.errors import SpecError

SliceFile = Annotated[
    Path, typer.Argument(metavar="SLICE", help="The file of a slice, RUN/landscape/....jsonl.")
]
At = Annotated[
    str, typer.Option(metavar="A,B", help="The point, a coordinate for each axis of the slice.")
]


def weights(
    slice_file: SliceFile,
    at: At,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write them: a .pt file.")],
    task: TaskName = None,
    device: Device = None,
) -> None:
    """Write the weights at a point of a slice, for `lrkit train --weights` (needs lrkit[lab])."""
    if out.suffix.lower() != ".pt":
        raise SpecError(f"--out takes a file that ends in .pt, got {out}")
    where = numbers("--at", at, float)
    from lrkit.lab.weights import write_weights
    from lrkit.landscape import weights_at

    point = weights_at(slice_file, where, what=task, device=device)
    remark(f"wrote {write_weights(out, point.weights)}")


def start(
    slice_file: SliceFile,
    at: At,
    schedule: Annotated[
        str | None,
        typer.Option(
            "--schedule",
            "-s",
            metavar="SCHEDULE",
            help="The learning rate (default: the task's own).",
            autocompletion=complete.schedules,
        ),
    ] = None,
    epochs: Epochs = None,
    total: Length = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Decides the batches (default: the run's).")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The new run's folder (default: RUN-from-slice)."),
    ] = None,
    task: TaskName = None,
    device: Device = None,
    checkpoint: Checkpoint = None,
    keep: Keep = None,
    root: Root = RUNS,
    quiet: Quiet = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Train from a point of a slice: the run's task, from these weights (needs lrkit[lab]).

    The run keeps the weights it began with, and can be resumed like any other.

    Exit codes: 0 trained, 1 the training diverged or learned nothing, 2 wrong input.
    """
    where = numbers("--at", at, float)
    given: dict[str, Any] = {"schedule": schedule, "epochs": epochs, "total": total}
    given |= {"seed": seed, "device": device, "what": task}
    wanted = {name: value for name, value in given.items() if value is not None}
    from lrkit.landscape import read_slice, start_training
    from lrkit.records import free_name

    about = read_slice(slice_file).about["subject"]
    folder = run or free_name(root / f"{about.get('run') or about['task']}-from-slice")
    result = sat(
        folder,
        lambda: start_training(
            slice_file, where, run=folder, progress=not quiet, **keeping(checkpoint, keep), **wanted
        ),
    )
    if json:
        say_json({"format": 1} | plain_result(result))
    else:
        say(told_result(result))
    if result.failure:
        remark(f"lrkit: the training failed: {result.failure}")
    raise typer.Exit(FOUND if result.failure else OK)
