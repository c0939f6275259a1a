"""`lrkit tune`: from nothing to a tuned schedule."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrkit.cli import complete
from lrkit.cli.errors import Stopped
from lrkit.cli.screen import remark, say, say_json, say_table
from lrkit.cli.search import seconds_of
from lrkit.cli.train import (
    Address,
    Amp,
    Clip,
    Device,
    Engine,
    Epochs,
    Length,
    Options,
    Quiet,
    Workers,
    named_values,
)
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.lab.tuning import Tuned


def tune(
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK",
            help="A task of `lrkit tasks`, or package.module:factory.",
            autocompletion=complete.tasks,
        ),
    ],
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget", "-b", metavar="RUNS", help="What it may cost, in full runs (default: 3)."
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The budget as time instead: 90s, 20min, 1h30m."),
    ] = None,
    epochs: Epochs = None,
    total: Length = None,
    option: Options = None,
    holdout: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Training data kept for choosing (default: 0.1, where the task can).",
        ),
    ] = None,
    test: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Then train with the tuned schedule on all data, N fresh seeds, and score on the "
            "test data; not in the budget.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(metavar="N", help="The first of the seeds.")] = 0,
    engine: Engine = "auto",
    workers: Workers = None,
    address: Address = None,
    clip: Clip = None,
    accumulate: Annotated[
        int, typer.Option(metavar="N", help="Batches whose gradients make one update.")
    ] = 1,
    amp: Amp = False,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where it all goes (default: tunes/TASK)."),
    ] = None,
    quiet: Quiet = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Find a schedule for a task, on a budget of a few full runs (needs lrkit[lab]).

    A range test, short trainings about the peak it suggests, longer ones about the best of them,
    full ones to confirm: everything counts. Each is a run in DIR/runs; Ctrl-C keeps what is
    finished, the same command goes on, and a larger budget goes on from there, too. The choice is
    made on a share of the training data where the task can keep one. DIR gets report.html,
    report.md, PNG files and tuned.json.
    """
    from lrkit.lab.tuning import tune_report, tune_table

    settings: dict[str, Any] = {
        "options": named_values(option or ()), "total": _length(epochs, total),
        "holdout": holdout, "test": test, "seed": seed, "clip": clip, "accumulate": accumulate,
        "amp": amp, "device": device, **_budget(budget, time),
    }  # fmt: skip
    folder = out or Path("tunes") / re.sub(r"[^\w.-]+", "-", task)
    tuned = _tuned(
        task, folder, engine=engine, workers=workers, address=address, progress=not quiet,
        **settings,
    )  # fmt: skip
    files = tune_report(tuned, folder)
    if json:
        say_json(tuned.to_dict() | {"files": {name: str(path) for name, path in files.items()}})
    else:
        say_table(tune_table(tuned))
        say(f'\nTo train with it:\n  {_command(task, option, epochs, total)} -s "{tuned.schedule}"')
    remark(f"wrote {', '.join(files)} into {folder}")


def _tuned(task: str, folder: Path, **how: Any) -> Tuned:
    from lrkit.lab.tuning import tune as run

    try:
        return run(task, out=folder, **how)
    except KeyboardInterrupt:
        raise Stopped(
            f"stopped; what is finished is kept in {folder}, the same command goes on from there"
        ) from None


def _budget(budget: float | None, time: str | None) -> dict[str, float]:
    if budget is not None and time is not None:
        raise SpecError("--budget and --time say the same; give one")
    if time is not None:
        return {"minutes": seconds_of(time.replace("min", "m")) / 60}
    return {} if budget is None else {"budget": budget}


def _length(epochs: int | None, total: str | None) -> str | None:
    if epochs is None:
        return total
    if total is not None:
        raise SpecError("--epochs and --total say the same; give one")
    if epochs < 1:
        raise SpecError(f"`epochs >= 1` must hold, got {epochs}")
    return f"{epochs}ep"


def _command(task: str, option: list[str] | None, epochs: int | None, total: str | None) -> str:
    """Return the beginning of the command that trains what was tuned."""
    parts = ["lrkit", "train", task, *(f"-o {text}" for text in option or ())]
    length = _length(epochs, total)
    return " ".join([*parts, f"--total {length}"] if length else parts)
