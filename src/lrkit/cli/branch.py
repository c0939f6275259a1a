"""`lrkit branch`: a cooldown that leaves a run at a step, as a run of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lrkit.cli.errors import FOUND, OK
from lrkit.cli.places import RUNS, Root, RunName, folder_of
from lrkit.cli.screen import remark, say, say_json
from lrkit.cli.sitting import keeping, sat
from lrkit.cli.train import Checkpoint, Keep, Quiet, TensorBoard, plain_result, told_result

if TYPE_CHECKING:
    from lrkit.plots import Chart


def branch(
    name: RunName,
    at: Annotated[
        str, typer.Option(metavar="STEP", help="Where it leaves the run: 1200, 5ep, 80%.")
    ],
    cooldown: Annotated[
        str,
        typer.Option(
            metavar="SPAN", help="How long it cools down; a percentage is of the branch's whole."
        ),
    ] = "20%",
    shape: Annotated[
        Literal["linear", "cosine", "one_minus_sqrt"],
        typer.Option(metavar="linear|cosine|one_minus_sqrt", help="How the rate falls."),
    ] = "linear",
    to: Annotated[float, typer.Option(metavar="RATE", help="Where it falls to.")] = 0.0,
    run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The branch's folder, new (default: RUN-branch)."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="The task, where the run does not say it."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda, ... (default: the run's).")
    ] = None,
    checkpoint: Checkpoint = None,
    keep: Keep = None,
    tensorboard: TensorBoard = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Draw the rates of run and branch: .png, .svg, .pdf (needs lrkit\\[plots]).",
        ),
    ] = None,
    root: Root = RUNS,
    quiet: Quiet = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Cool a run down from one of its steps, as a new run (needs lrkit[lab]).

    One long run at a constant rate and a branch for each length of interest is as good as a run
    for each (WSD). The branch starts from the newest checkpoint at or before the step and trains
    again what lies between. The run itself is not changed, and may be going.

    Exit codes: 0 trained, 1 the training diverged or learned nothing, 2 wrong input.
    """
    parent = folder_of(root, name)
    given: dict[str, Any] = keeping(checkpoint, keep)
    if out is not None and out.suffix.lower() not in PICTURES:
        from lrkit.errors import SpecError

        raise SpecError(f"--out takes a file called {', '.join(PICTURES)}, got {out}")
    from lrkit.lab import branch as branch_off
    from lrkit.records import free_name

    folder = run or free_name(parent.with_name(f"{parent.name}-branch"))
    result = sat(
        folder,
        lambda: branch_off(
            parent, at, cooldown, shape=shape, to=to, run=folder, what=task, device=device,
            tensorboard=tensorboard, progress=not quiet, **given,
        ),
    )  # fmt: skip
    if json:
        say_json({"format": 1, "parent": str(parent)} | plain_result(result))
    else:
        say(told_result(result))
    if out is not None:
        from lrkit.plots import still

        remark(f"wrote {still(_chart(parent, folder), out)}")
    if result.failure:
        remark(f"lrkit: the training failed: {result.failure}")
    raise typer.Exit(FOUND if result.failure else OK)


PICTURES = (".png", ".svg", ".pdf")


def _chart(parent: Path, folder: Path) -> Chart:
    """Return the rates that run and branch have used."""
    from lrkit.plots import Chart, Line
    from lrkit.records import replay

    lines = []
    for one in (folder, parent):
        found = replay(one)
        steps, rates = found.series("lr")
        lines.append(Line(f"{found.name}: {found.spec}", steps, rates))
    return Chart(lines, "step", "learning rate")
