"""`lrkit train`: one training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lrkit.cli import complete
from lrkit.cli.errors import FOUND, OK
from lrkit.cli.screen import remark, say, say_json
from lrkit.cli.sitting import Wanted, named_values, resumed, trained

if TYPE_CHECKING:
    from lrkit.lab import RunResult

__all__ = ["named_values", "train"]

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
    Literal["step", "epoch"] | None,
    typer.Option(
        metavar="step|epoch",
        help="Set the rate at every update (default), or once an epoch (its clock then counts "
        "epochs).",
    ),
]
Clip = Annotated[float | None, typer.Option(metavar="NORM", help="Bound the norm of the gradient.")]
Accumulate = Annotated[
    int | None,
    typer.Option(metavar="N", help="Batches whose gradients make one update (default: 1)."),
]
Amp = Annotated[bool, typer.Option("--amp", help="Train in mixed precision.")]
Device = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps.")]
Engine = Annotated[
    str, typer.Option(metavar="NAME", help="auto, serial, processes, vectorized, ray.")
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", "-j", metavar="N", help="Trainings at a time (default: cores)."),
]
Address = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="With --engine ray: an existing cluster.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]


Checkpoint = Annotated[
    str | None,
    typer.Option(
        metavar="SPAN|auto|none",
        help="How often a checkpoint is written (default: auto, 2 % of the time at most).",
    ),
]
Keep = Annotated[
    str | None,
    typer.Option(metavar="N|all", help="How many of the last checkpoints stay (default: 2)."),
]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Write TensorBoard's event files into the run.")
]


def train(
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="[TASK]",
            help="A task of `lrkit tasks`, or package.module:factory (default: lenet-digits).",
            autocompletion=complete.tasks,
        ),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            "--schedule",
            "-s",
            metavar="SCHEDULE",
            help="The learning rate (default: the task's own); controllers follow after a |.",
            autocompletion=complete.schedules,
        ),
    ] = None,
    schedule_from: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="The schedule that a run followed, edits included, and its length; without a "
            "TASK also its task, seed and options.",
            autocompletion=complete.runs,
        ),
    ] = None,
    epochs: Epochs = None,
    total: Length = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Decides weights and batches (default: 0).")
    ] = None,
    per: Per = None,
    clip: Clip = None,
    accumulate: Accumulate = None,
    amp: Amp = False,
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps (default: auto)."),
    ] = None,
    option: Options = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The run's folder, new (default: runs/TASK); to resume, the run."
        ),
    ] = None,
    no_run: Annotated[bool, typer.Option("--no-run", help="Write no run to the disk.")] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run --run, or with the newest dead or stopped one (of TASK).",
        ),
    ] = False,
    policy: Annotated[
        Literal["keep", "stretch", "new"] | None,
        typer.Option(
            metavar="keep|stretch|new",
            help="With --resume and another length: keep the schedule as it is, stretch what is "
            "left of it, or take it as if declared with the new length.",
        ),
    ] = None,
    checkpoint: Checkpoint = None,
    keep: Keep = None,
    tensorboard: TensorBoard = False,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights to begin with (.pt), not those of the seed."),
    ] = None,
    ask: Annotated[
        bool,
        typer.Option("--ask", help="Ask at the end whether to go on, how long, at what rate."),
    ] = False,
    stage: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="With --ask: ask each time this much is done."),
    ] = None,
    quiet: Quiet = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Train a task under a schedule and keep the run (needs lrkit[lab]).

    A run can be watched (`lrkit watch`), steered (`lrkit steer`), stopped with Ctrl-C and gone on
    with (--resume): on a CPU it comes out bit for bit as if it had never stopped.

    Exit codes: 0 trained, or stopped on purpose; 1 the training diverged or learned nothing; 2
    wrong input.
    """
    wanted = Wanted(
        task, schedule, schedule_from, epochs, total, seed, per, clip, accumulate, amp, device,
        option, run, no_run, policy, checkpoint, keep, tensorboard, ask, stage, not quiet,
        weights,
    )  # fmt: skip
    result = resumed(wanted) if resume else trained(wanted)
    if json:
        say_json({"format": 1} | plain_result(result))
    else:
        say(told_result(result))
    if result.status == "stopped":
        more = f"; go on with `lrkit train --resume --run {result.folder}`" if result.folder else ""
        remark(f"lrkit: {result.reason}{more}")
        raise typer.Exit(OK)
    if result.failure:
        remark(f"lrkit: the training failed: {result.failure}")
    raise typer.Exit(FOUND if result.failure else OK)


def told_result(result: RunResult) -> str:
    """Return what a training came to, as lines."""
    rows = [
        ("task", f"{result.task}, seed {result.seed}"),
        ("schedule", result.schedule),
        ("updates", f"{len(result.losses):,} in {result.seconds:.1f} s"),
        (result.score_name, f"{result.score:.6g}, at best {result.best:.6g}"),
    ]
    if result.folder is not None:
        rows.append(("run", str(result.folder)))
    return "\n".join(f"{name:<9} {text}" for name, text in rows)


def plain_result(result: RunResult) -> dict[str, Any]:
    """Return what a training came to, as JSON types."""
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
