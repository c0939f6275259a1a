"""`lrkit landscape plane`, `line` and `sharpness`: the loss surface of a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lrkit.cli import complete
from lrkit.cli.places import RUNS, Root, RunName, folder_of
from lrkit.cli.screen import remark
from lrkit.cli.slice_files import (
    DATA,
    MOVING,
    STILLS,
    check_files,
    finish,
    finish_sharpness,
    numbers,
    sample_count,
    working,
)
from lrkit.cli.train import Options, Quiet, named_values
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.landscape import Subject

Points = Annotated[
    int,
    typer.Option(
        metavar="N", help="Points an axis: 5, 9, 17, 33, 65, 129 or 257, refined in this order."
    ),
]
Samples = Annotated[
    str, typer.Option(metavar="N|all", help="Training samples that the loss is taken on.")
]
Norm = Annotated[
    Literal["recompute", "stored"] | None,
    typer.Option(
        "--bn",
        metavar="recompute|stored",
        help="Batch normalisation by the samples' statistics at every point (default), or by the "
        "stored ones.",
    ),
]
Device = Annotated[
    str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda, ... (default: the run's).")
]
TaskName = Annotated[
    str | None, typer.Option(metavar="TASK", help="The task, where the run does not say it.")
]
File = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The file that grows (default: in RUN/landscape, found again by itself).",
    ),
]
Out = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Write .png, .svg, .pdf, .html, of a plane also .gif or .mp4 (needs lrkit\\[plots]), "
        ".csv or .json, by the name. Repeatable.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]


def plane(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="RUN|TASK",
            help="A run with checkpoints, by name or path, or a task, for fresh weights.",
            autocompletion=complete.runs,
        ),
    ],
    kind: Annotated[
        Literal["pca", "random", "three"] | None,
        typer.Option(
            "--plane",
            metavar="pca|random|three",
            help="The plane: principal directions of the checkpoints (default), random ones "
            "normalised by filter (default of a task), through three checkpoints.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="STEP,...",
            help="Steps of checkpoints: three for --plane three, one to put --plane random there.",
        ),
    ] = None,
    points: Points = 33,
    span: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="LOW,HIGH",
            help="From where to where, both axes or each: -1,1 or -1,1,-2,2.",
        ),
    ] = None,
    samples: Samples = "512",
    bn: Norm = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Decides random directions, and a task's weights.")
    ] = 0,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="The task of that name, though a run has the name, too."),
    ] = False,
    option: Options = None,
    task: TaskName = None,
    device: Device = None,
    file: File = None,
    out: Out = None,
    surface: Annotated[
        bool, typer.Option("--surface", help="Draw a surface in place of contours.")
    ] = False,
    root: Root = RUNS,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Take the loss on a plane through a network's weights, coarse first (needs lrkit[lab]).

    It is always said how much of the training's movement the plane shows, and how far the loss
    beside it is from the loss on it. The result grows in a file, which can be looked at
    meanwhile; called again it goes on from there.
    """
    check_files(out, (*STILLS, *MOVING, ".html", *DATA))
    steps, ends = numbers("--at", at, int), numbers("--range", span, float)
    there = subject_of(root, subject, task, device, seed, option, fresh)
    from lrkit.landscape import slice_plane

    with working(f"slice of {there.name}", quiet) as watch:
        found = slice_plane(
            there, kind or ("random" if there.run is None else "pca"), at=steps, points=points,
            span=ends, samples=sample_count(samples), bn=bn, seed=seed, path=file, watch=watch,
        )  # fmt: skip
    finish(found, out, surface, json)


def line(
    run: RunName,
    start: Annotated[
        int | None, typer.Option("--from", metavar="STEP", help="Where it begins (default: 0).")
    ] = None,
    end: Annotated[
        int | None,
        typer.Option("--to", metavar="STEP", help="Where it leads (default: the last checkpoint)."),
    ] = None,
    points: Points = 65,
    span: Annotated[
        str,
        typer.Option(
            "--range", metavar="LOW,HIGH", help="Drawn from here to there; 0 is --from, 1 is --to."
        ),
    ] = "-0.25,1.25",
    samples: Samples = "512",
    bn: Norm = None,
    task: TaskName = None,
    device: Device = None,
    file: File = None,
    out: Out = None,
    root: Root = RUNS,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Take the loss on the straight line between two checkpoints, and beyond (needs lrkit[lab])."""
    check_files(out, (*STILLS, ".html", *DATA))
    ends = numbers("--range", span, float)
    there = subject_of(root, run, task, device)
    first = there.stops[0].step if start is None and there.stops else start
    last = there.stops[-1].step if end is None and there.stops else end
    from lrkit.landscape import slice_line

    with working(f"line of {there.name}", quiet) as watch:
        found = slice_line(
            there, first or 0, last or 0, points=points, span=ends,
            samples=sample_count(samples), bn=bn, path=file, watch=watch,
        )  # fmt: skip
    finish(found, out, False, json)


def sharpness(
    run: RunName,
    samples: Samples = "512",
    bn: Norm = None,
    tolerance: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Residual at which an eigenvalue is taken as found."),
    ] = 0.01,
    iterations: Annotated[
        int, typer.Option(metavar="N", help="Hessian-vector products at most, a checkpoint.")
    ] = 200,
    task: TaskName = None,
    device: Device = None,
    file: File = None,
    out: Out = None,
    root: Root = RUNS,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Take the largest Hessian eigenvalue along a run, beside 2 / rate (needs lrkit[lab]).

    Full-batch gradient descent raises it to 2 / rate and hovers there, the edge of stability
    (Cohen et al. 2021). Momentum has a bound of its own, which is drawn; where there is no bound
    of this kind, as for Adam, it is said.
    """
    check_files(out, (*STILLS, ".html", *DATA))
    there = subject_of(root, run, task, device)
    from lrkit.landscape import sharpness as taken

    with working(f"sharpness of {there.name}", quiet) as watch:
        found = taken(
            there, samples=sample_count(samples), bn=bn, tolerance=tolerance,
            iterations=iterations, path=file, watch=watch,
        )  # fmt: skip
    finish_sharpness(found, out, json)


def subject_of(
    root: Path,
    name: str,
    task: str | None,
    device: str | None,
    seed: int = 0,
    option: Sequence[str] | None = None,
    fresh: bool = False,
) -> Subject:
    """Return the run that *name* means, else the task of that name; say what was left out."""
    from lrkit.lab import tasks
    from lrkit.landscape import of_run, of_task

    is_task = ":" in name or name in {info.name for info in tasks()}
    if fresh or (is_task and not (root / name).is_dir()):
        return of_task(name, seed, device or "auto", named_values(option or ()))
    if option:
        raise SpecError("a run has its options already; leave --option out, or add --fresh")
    there = of_run(folder_of(root, name), what=task, device=device)
    for text in there.said:
        remark(f"lrkit: {text}")
    return there
