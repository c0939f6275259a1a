"""`lrkit train`: one training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lrkit.cli import complete
from lrkit.cli.errors import FOUND, OK, Stopped
from lrkit.cli.screen import remark, say, say_json
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.lab import RunResult

Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="NAME=VALUE",
        help="An option of the task, see `lrkit tasks`. Repeatable.",
    ),
]
Epochs = Annotated[int | None, typer.Option(metavar="N", help="How long to train, in epochs.")]
Length = Annotated[
    str | None,
    typer.Option("--total", "-t", metavar="SPAN", help="How long to train: 2000 (steps), 5ep."),
]
Per = Annotated[
    Literal["step", "epoch"],
    typer.Option(
        metavar="step|epoch",
        help="Set the rate at every update, or once an epoch (its clock then counts epochs).",
    ),
]
Clip = Annotated[float | None, typer.Option(metavar="NORM", help="Bound the norm of the gradient.")]
Accumulate = Annotated[
    int, typer.Option(metavar="N", help="Batches whose gradients make one update.")
]
Amp = Annotated[bool, typer.Option("--amp", help="Train in mixed precision.")]
Device = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]


def train(
    task: Annotated[
        str,
        typer.Argument(
            metavar="[TASK]",
            help="A task of `lrkit tasks`, or package.module:factory.",
            autocompletion=complete.tasks,
        ),
    ] = "lenet-digits",
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
    seed: Annotated[int, typer.Option(metavar="N", help="Decides weights and batches.")] = 0,
    per: Per = "step",
    clip: Clip = None,
    accumulate: Accumulate = 1,
    amp: Amp = False,
    device: Device = "auto",
    option: Options = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The run's folder, new (default: runs/TASK)."),
    ] = None,
    no_run: Annotated[bool, typer.Option("--no-run", help="Write no run to the disk.")] = False,
    quiet: Quiet = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Train a task under a schedule and keep the run (needs lrkit[lab]).

    Exit codes: 0 trained, 1 the training diverged or learned nothing, 2 wrong input.
    """
    if no_run and run is not None:
        raise SpecError("--run and --no-run exclude each other; keep one")
    folder = None if no_run else run or _free_folder(task)
    from lrkit.lab import train as train_task

    try:
        result = train_task(
            task,
            schedule,
            epochs=epochs,
            total=total,
            per=per,
            seed=seed,
            device=device,
            options=named_values(option or ()),
            clip=clip,
            accumulate=accumulate,
            amp=amp,
            run=folder,
            progress=not quiet,
        )
    except KeyboardInterrupt:
        raise Stopped(_kept(folder)) from None
    if json:
        say_json({"format": 1} | _plain(result))
    else:
        say(_told(result))
    if result.failure:
        remark(f"lrkit: the training failed: {result.failure}")
    raise typer.Exit(FOUND if result.failure else OK)


def named_values(pairs: Sequence[str]) -> dict[str, Any]:
    """Return NAME=VALUE pairs as a dict; a value that JSON knows is a number or a truth."""
    import msgspec

    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise SpecError(f"an option of a task is written NAME=VALUE, got {pair!r}")
        try:
            value = msgspec.json.decode(text, type=bool | int | float)
        except (msgspec.DecodeError, UnicodeEncodeError):
            value = text
        found[name] = value
    return found


def _free_folder(task: str) -> Path:
    from lrkit.records import free_name

    name = re.sub(r"[^\w.-]+", "-", task).strip("-.")[:60] or "run"
    return free_name(Path("runs") / name)


def _kept(folder: Path | None) -> str:
    if folder is None or not folder.is_dir():
        return "stopped; nothing was to be kept"
    return f"stopped; what was trained is kept, see `lrkit runs show {folder}`"


def _told(result: RunResult) -> str:
    rows = [
        ("task", f"{result.task}, seed {result.seed}"),
        ("schedule", result.schedule),
        ("updates", f"{len(result.losses):,} in {result.seconds:.1f} s"),
        (result.score_name, f"{result.score:.6g}, at best {result.best:.6g}"),
    ]
    if result.folder is not None:
        rows.append(("run", str(result.folder)))
    return "\n".join(f"{name:<9} {text}" for name, text in rows)


def _plain(result: RunResult) -> dict[str, Any]:
    return {
        "task": result.task,
        "schedule": result.schedule,
        "seed": result.seed,
        "status": result.status,
        "failure": result.failure,
        "score_name": result.score_name,
        "score": result.score,
        "best": result.best,
        "seconds": result.seconds,
        "updates": len(result.losses),
        "evaluations": [dict(one) for one in result.evaluations],
        "folder": None if result.folder is None else str(result.folder),
    }
