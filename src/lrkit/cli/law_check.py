"""`lrkit law check`: the laws held against a real task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lrkit.cli import complete
from lrkit.cli.errors import Stopped
from lrkit.cli.law_files import Json, write_laws
from lrkit.cli.screen import new_table, remark, say, say_json, say_table
from lrkit.cli.train import Device, Engine, Epochs, Length, Options, Quiet, Workers, named_values
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.lab.checking import Check, Checked


def check(
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK",
            help="A task of `lrkit tasks`, or package.module:factory.",
            autocompletion=complete.tasks,
        ),
    ],
    epochs: Epochs = None,
    total: Length = None,
    peaks: Annotated[
        str | None,
        typer.Option(
            metavar="RATE,...",
            help="Peaks of the cheap runs, two or more (default: half, once and twice that of the "
            "task's own schedule).",
        ),
    ] = None,
    find: Annotated[
        bool, typer.Option("--find", help="Take the peaks around that of a range test.")
    ] = False,
    cheap: Annotated[
        float, typer.Option(metavar="SHARE", help="Length of a cheap run, of a long one.")
    ] = 0.5,
    shapes: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Of constant, cosine, linear, wsd (default: all)."),
    ] = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", help="Long runs of each schedule; 3 show a spread.")
    ] = 3,
    law: Annotated[
        str, typer.Option(metavar="auto|NAME", help="The law to go by; auto chooses by runs.")
    ] = "auto",
    quick: Annotated[
        bool,
        typer.Option("--quick", help="The least cost: two peaks, no linear, two seeds."),
    ] = False,
    option: Options = None,
    device: Device = "auto",
    engine: Engine = "auto",
    workers: Workers = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where it goes (default: reports/check-TASK)."),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Hold the laws against a real task: predict first, train then, and say what came out.

    Trains cheap runs (several schedules at several peaks, one seed, half the length), fits the
    laws to their training losses, and designs a schedule for the whole length. What the law says
    of the design, of the best hand-made schedule and of the best cosine is written down, and then
    all three are trained with several seeds. Nothing is chosen by the task's held-out score.

    Finished trainings are kept in DIR/runs; the same command goes on from there, also after
    Ctrl-C. DIR gets report.html, report.md, pictures, check.json, law.json (for `lrkit law
    predict`) and the cheap runs' curves (for `lrkit law fit`).
    """
    from lrkit.lab.checking import check as check_it
    from lrkit.lab.checking import report

    wanted = _wanted(task, epochs, total, peaks, find, cheap, shapes, seeds, law, option, device)
    folder = out or Path("reports") / f"check-{task.replace(':', '-')}"
    try:
        checked = check_it(
            wanted.quick() if quick else wanted,
            folder, engine=engine, workers=workers, progress=not quiet,
        )  # fmt: skip
    except KeyboardInterrupt:
        raise Stopped(
            f"stopped; what is finished is kept in {folder}, the same command goes on from there"
        ) from None
    files = report(checked, folder)
    write_laws(checked.foreseen.fits, folder / "law.json")
    if json:
        say_json(checked.to_dict() | {"files": {name: str(path) for name, path in files.items()}})
    else:
        _tell(checked)
    remark(f"wrote {', '.join(files)} and law.json into {folder}")


def _tell(checked: Checked) -> None:
    from lrkit.lab.checking import telling

    say(telling.settings(checked))
    say(telling.law_text(checked))
    for heads, rows in (
        (telling.headers(checked), telling.rows(checked)),
        (telling.PAIR_HEADERS, telling.pair_rows(checked)),
    ):
        table = new_table(heads[0], *(f"{head}>" for head in heads[1:]))
        for row in rows:
            table.add_row(*row)
        say_table(table)
    for sentence in checked.verdict():
        say(sentence)
    for note in telling.notes(checked):
        say(f"{'note':<9} {note}")


def _wanted(
    task: str,
    epochs: int | None,
    total: str | None,
    peaks: str | None,
    find: bool,
    cheap: float,
    shapes: str | None,
    seeds: int,
    law: str,
    options: list[str] | None,
    device: str,
) -> Check:
    from lrkit.lab.checking import SHAPES, Check

    if epochs is not None and total is not None:
        raise SpecError(f"epochs and total say the same, got {epochs} and {total!r}; give one")
    return Check(
        task=task,
        total=total if epochs is None else f"{epochs}ep",
        peaks=() if peaks is None else tuple(_rates(peaks)),
        find=find,
        cheap=cheap,
        shapes=tuple(SHAPES) if shapes is None else tuple(map(str.strip, shapes.split(","))),
        seeds=seeds,
        law=law,
        options=named_values(options) if options else {},
        device=device,
    )


def _rates(text: str) -> list[float]:
    try:
        return [float(part) for part in text.removesuffix(",").split(",")]
    except ValueError:
        raise SpecError(f"--peaks takes numbers with commas between, got {text!r}") from None
