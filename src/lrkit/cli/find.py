"""`lrkit find`: the range test of a task, what it suggests, and the schedules to paste."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lrkit.cli import complete
from lrkit.cli.errors import FOUND, OK, Stopped
from lrkit.cli.screen import remark, say, say_json
from lrkit.cli.train import Amp, Clip, Device, Options, Quiet, named_values
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.probe import RangeCurve, Suggestion
    from lrkit.records.points import PointsWriter
    from lrkit.schedules import Schedule

DATA = (".json", ".csv")
RATES = ("base", "steepest", "peak", "maximum")

Rate = Annotated[
    float | None,
    typer.Option(metavar="RATE", help="Where it begins or ends (default: by the optimizer)."),
]


def find(
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="[TASK]",
            help="A task of `lrkit tasks`, or package.module:factory (default: lenet-digits).",
            autocompletion=complete.tasks,
        ),
    ] = None,
    low: Rate = None,
    high: Rate = None,
    steps: Annotated[int, typer.Option(metavar="N", help="Updates from low to high.")] = 200,
    kind: Annotated[
        Literal["exponential", "linear"],
        typer.Option(metavar="exponential|linear", help="How the rate rises."),
    ] = "exponential",
    repeats: Annotated[
        int, typer.Option(metavar="N", help="Tests, each from the same weights.")
    ] = 3,
    validation: Annotated[
        int | None,
        typer.Option(metavar="N", help="Take the task's score before every N-th update."),
    ] = None,
    dead: Annotated[
        bool, typer.Option("--dead", help="Measure the share of dead ReLU units too.")
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Begin at the newest checkpoint of a run, which is not changed.",
        ),
    ] = None,
    curve: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Train nothing; read a curve from a .json or .csv file."),
    ] = None,
    follow: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Write each point as it is measured, and at last what is suggested.",
        ),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Take the peak from another rule, such as valley."),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Write .png, .svg, .pdf, .html, .csv or .json, by the name. Repeatable.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Decides weights and batches.")] = 0,
    clip: Clip = None,
    accumulate: Annotated[
        int | None, typer.Option(metavar="N", help="Batches whose gradients make one update.")
    ] = None,
    amp: Amp = False,
    device: Device = "auto",
    option: Options = None,
    quiet: Quiet = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print curve and suggestion as JSON.")
    ] = False,
) -> None:
    """Find the learning rate: raise it update by update and see what the loss does (lrkit[lab]).

    Prints the curve, the rates it suggests with their intervals, how sure that is and why, and
    schedules to train with. Nothing is kept but the files asked for.

    Exit codes: 0 found, 1 the curve does not say (the reason is printed), 2 wrong input.
    """
    from lrkit.probe import read_range, suggest

    files = list(out or ())
    _check_files(files)
    how = {
        "start": start, "low": low, "high": high, "steps": steps, "kind": kind,
        "repeats": repeats, "validation_every": validation, "dead": dead, "seed": seed,
        "device": device, "options": named_values(option or ()), "clip": clip,
        "accumulate": accumulate, "amp": amp or None,
    }  # fmt: skip
    if curve is not None and (task is not None or start is not None or follow is not None):
        raise SpecError(
            "--curve trains nothing, so it takes no task, no --from and no --follow; keep one"
        )
    with _following(follow, {"task": task, **how}) as write:
        measured = read_range(curve) if curve else _measured(task, how, write, not quiet)
        found = suggest(measured)
        schedules = _schedules(found, rule)
        if write is not None:
            _end(write, measured, found, schedules)
    _write(measured, found, files)
    if json:
        told = found.to_dict() | {"schedules": _texts(schedules)}
        say_json({"format": 1, "suggestion": told, "curve": measured.to_dict()})
    else:
        say(_told(measured, found, schedules, _command(task, start, option or ())))
    raise typer.Exit(OK if schedules else FOUND)


def _measured(
    task: str | None, how: dict[str, Any], write: PointsWriter | None, progress: bool
) -> RangeCurve:
    from lrkit.lab import find as find_task

    try:
        return find_task(task, progress=progress, on_point=write, **how)
    except KeyboardInterrupt:
        raise Stopped("stopped; a range test keeps nothing") from None


@contextlib.contextmanager
def _following(path: Path | None, about: dict[str, Any]) -> Iterator[PointsWriter | None]:
    """Write the test to *path* while it is made; however it ends, the last line says how."""
    if path is None:
        yield None
        return
    from lrkit.records.points import PointsWriter

    with PointsWriter(path, **{k: v for k, v in about.items() if v is not None}) as write:
        try:
            yield write
        except KeyboardInterrupt as error:
            write.end("stopped", str(error) or "interrupted")
            raise
        except Exception as error:
            write.end("failed", str(error))
            raise


def _end(
    write: PointsWriter, curve: RangeCurve, found: Suggestion, schedules: dict[str, Schedule]
) -> None:
    """Write the last line: what was found, and what a reader of the curve should know."""
    write.end(
        "found" if schedules else "nothing",
        found.reason,
        suggestion=found.to_dict() | {"schedules": _texts(schedules)},
        endings=curve.endings,
        groups=curve.groups,
        notes=curve.notes,
    )


def _texts(schedules: dict[str, Schedule]) -> dict[str, str]:
    return {name: str(schedule) for name, schedule in schedules.items()}


def _schedules(found: Suggestion, rule: str | None) -> dict[str, Schedule]:
    """Return the schedules to paste; those of another rule's rate as the peak, when asked."""
    if rule is None:
        return found.schedules()
    from lrkit.schedules import nearest
    from lrkit.schedules.ranged import from_range

    if rule not in found.rules:
        raise SpecError(
            f"--rule must be one of {', '.join(found.rules) or 'none, the curve is too short'}, "
            f"got {rule!r}{nearest(rule, list(found.rules))}"
        )
    return from_range(peak=found.rules[rule])


def _told(
    curve: RangeCurve, found: Suggestion, schedules: dict[str, Schedule], command: str
) -> str:
    """Return all of it as text: the chart, the rates, and what to paste."""
    from lrkit.plots import terminal_chart
    from lrkit.probe.picture import range_charts

    blocks = [terminal_chart(range_charts(curve, found)["loss"]), ""]
    for name in RATES:
        estimate = getattr(found, name)
        blocks.append(f"{name:<11}{'-' if estimate is None else estimate}")
    blocks.append(f"{'confidence':<11}{found.confidence}: {found.reason}")
    others = [f"{name} {rate:.2g}" for name, rate in found.rules.items() if rate is not None]
    if others:
        blocks.append(f"{'others':<11}{', '.join(others)}")
    if len(curve.groups) > 1:
        shares = ", ".join(f"{name} x {share:.4g}" for name, share in curve.groups.items())
        blocks.append(f"{'groups':<11}{shares}")
    blocks += [f"{'note':<11}{note}" for note in curve.notes]
    if schedules:
        blocks += ["", "To train with it, for example:"]
        blocks += [f'  {command} -s "{schedule}"' for schedule in schedules.values()]
    return "\n".join(blocks)


def _command(task: str | None, start: Path | None, options: Sequence[str]) -> str:
    """Return the beginning of the command that trains the task that was tested."""
    if start is not None:
        from lrkit.records import replay

        header = replay(start).header
        task = task or str(header.get("made_by") or header.get("task"))
        options = [f"{name}={value}" for name, value in dict(header.get("options", {})).items()]
    words = ["lrkit", "train", *([task] if task else [])]
    for pair in options:
        words += ["-o", pair]
    return shlex.join(words)


def _check_files(files: Sequence[Path]) -> None:
    """Refuse names that say nothing before anything is trained for them."""
    known = (*DATA, ".png", ".svg", ".pdf", ".html")
    for file in files:
        if file.suffix.lower() not in known:
            raise SpecError(f"--out takes a file that ends in {', '.join(known)}, got {file}")


def _write(curve: RangeCurve, found: Suggestion, files: Sequence[Path]) -> None:
    """Write the files asked for, and say so."""
    for file in files:
        if file.suffix.lower() in DATA:
            from lrkit.probe import write_range

            remark(f"wrote {write_range(curve, file)}")
        else:
            from lrkit.probe.picture import draw_range

            for path in draw_range(curve, file, found):
                remark(f"wrote {path}")
