"""`lrkit law`: fit laws to loss curves, score them, predict schedules, compare laws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lrkit.cli import law_check, law_design, law_peaks
from lrkit.cli.examples import description, epilog
from lrkit.cli.law_files import (
    Json,
    LossColumn,
    LrColumn,
    Out,
    ScheduleOf,
    StepColumn,
    TotalOf,
    columns_of,
    curves_of,
    draw,
    read_law,
    write_laws,
)  # fmt: skip
from lrkit.cli.screen import bar, new_table, remark, say, say_json, say_table
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.laws import Fit, LossCurve, Prediction

Curves = Annotated[
    list[Path],
    typer.Argument(metavar="CURVES...", help="CSV files, runs, TensorBoard folders, or folders."),
]
LawFile = Annotated[Path, typer.Argument(metavar="LAW.json", help="What `lrkit law fit` wrote.")]
METRICS: Final = ("R2", "MAE", "RMSE", "PredE", "WorstE", "final", "bias")


def fit(
    curves: Curves,
    law: Annotated[
        str,
        typer.Option(
            metavar="auto|NAME", help="A law of `lrkit law compare`, or auto to choose by runs."
        ),
    ] = "auto",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="LAW.json", help="Write the fitted law, or laws."),
    ] = None,
    hold: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Keep a parameter at a value. Repeatable."),
    ] = None,
    step: StepColumn = "step",
    lr: LrColumn = "lr",
    loss: LossColumn = "loss",
    schedule: ScheduleOf = None,
    total: TotalOf = None,
    json: Json = False,
) -> None:
    """Fit a law of the loss curve to logged runs; auto picks one by how it predicts runs held out.

    It keeps the log-memory law unless another predicts the runs held out better beyond chance.

    The rates come from a manifest.csv (run, schedule, total_steps) beside the curves, from
    --schedule, or else from the logged column, joined by lines.
    """
    from lrkit import laws

    held = dict(_held(pair) for pair in hold or ())
    if held and law == "auto":
        raise SpecError("--hold names parameters of one law; give its name with --law")
    read = curves_of(curves, columns_of(step, lr, loss, schedule, total))
    fits = _compared(read) if law == "auto" else [laws.fit(read, law, hold=held)]
    if out is not None:
        remark(f"wrote {write_laws(fits, out)}")
    if json:
        say_json({"format": 1, "law": fits[0].to_dict(), "others": [_line(f) for f in fits[1:]]})
        return
    say(_told(fits[0]))
    for other in fits[1:]:
        told = "" if other.error is None else f", PredE {_number(other.error)} on runs held out"
        say(f"{'other':<9} {other.law}: objective {other.objective:.4g}{told}")
    _say_notes(read)


def score(
    law: LawFile,
    curves: Curves,
    step: StepColumn = "step",
    lr: LrColumn = "lr",
    loss: LossColumn = "loss",
    schedule: ScheduleOf = None,
    total: TotalOf = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Score a fitted law on curves: R2, MAE, RMSE, PredE, WorstE, final loss and bias.

    Errors are predicted minus observed, on the raw loss; PredE is the mean and WorstE the largest
    relative error. The last row has the means over curves, of `final` the mean size.
    """
    from lrkit.laws import mean_score
    from lrkit.laws import score as score_of

    fitted = read_law(law)[0]
    read = curves_of(curves, columns_of(step, lr, loss, schedule, total))
    scores = score_of(fitted, read)
    mean = dict(mean_score(scores))
    _draw_scored(fitted, read, out)
    if json:
        rows = [one.to_dict() for one in scores]
        say_json({"format": 1, "law": fitted.law, "curves": rows, "mean": mean})
        return
    table = new_table("curve", *(f"{name}>" for name in METRICS))
    for one in scores:
        table.add_row(one.run, *(_number(getattr(one, name)) for name in METRICS))
    table.add_row("mean", *(_number(mean[name]) for name in METRICS))
    say_table(table)


def predict(
    law: LawFile,
    schedules: Annotated[
        list[str], typer.Argument(metavar="SCHEDULE...", help="Schedules as text.")
    ],
    total: Annotated[
        str | None,
        typer.Option("--total", "-t", metavar="N", help="Length of the training in updates."),
    ] = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Predict the loss curve of schedules that nobody has run, with a 90 % interval.

    A prediction says where it extrapolates: beyond the peaks, horizons and lowest rates seen.
    """
    from lrkit.laws import predict as predict_one

    fitted = read_law(law)[0]
    found = [predict_one(fitted, text, total) for text in schedules]
    draw(
        [(p.schedule, p.steps, p.losses, p.low, p.high) for p in found],
        out, f"predicted by the {fitted.form.title}",
    )  # fmt: skip
    if json:
        say_json({"format": 1, "law": fitted.law, "predictions": [p.to_dict() for p in found]})
        return
    for one in found:
        say(_predicted(one))


def compare(
    curves: Curves,
    law: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only these laws. Repeatable (default: all)."),
    ] = None,
    step: StepColumn = "step",
    lr: LrColumn = "lr",
    loss: LossColumn = "loss",
    schedule: ScheduleOf = None,
    total: TotalOf = None,
    json: Json = False,
) -> None:
    """Fit all laws, side by side: each run is predicted from the others (folds, beyond ten runs).

    The columns: mean and worst relative error over runs held out, the mean size of the error of
    their final losses, and the objective on all runs (the sum of Huber losses of the logarithm).
    """
    read = curves_of(curves, columns_of(step, lr, loss, schedule, total))
    fits = _compared(read, law)
    if json:
        say_json({"format": 1, "laws": [_line(one) for one in fits]})
        return
    table = new_table("law", "PredE>", "worst run>", "final>", "objective>", "parameters>")
    for one in fits:
        row = _line(one)
        table.add_row(
            one.law, _number(row["PredE"]), _number(row["worst"]), _number(row["final"]),
            f"{one.objective:.4g}", str(len(one.values)),
        )  # fmt: skip
    say_table(table)
    _say_notes(read)


def _compared(curves: Sequence[LossCurve], laws: Sequence[str] | None = None) -> list[Fit]:
    from lrkit.laws import compare

    with bar("fitting") as progress:
        return compare(curves, laws, progress=progress)


def _held(pair: str) -> tuple[str, float]:
    name, _, value = pair.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise SpecError(f"--hold is written NAME=VALUE with a number, got {pair!r}") from None


def _line(fitted: Fit) -> dict[str, Any]:
    tried = fitted.trials
    return {
        "law": fitted.law,
        "PredE": fitted.error,
        "worst": max((t.prede for t in tried), default=None),
        "final": sum(abs(t.predicted - t.observed) for t in tried) / len(tried) if tried else None,
        "objective": fitted.objective,
        "values": dict(fitted.values),
        "notes": list(fitted.notes),
    }


def _told(fitted: Fit) -> str:
    lines = [
        f"{'law':<9} {fitted.law}: {fitted.form.title}",
        f"{'formula':<9} {fitted.form.formula}",
    ]
    for name, value in fitted.values.items():
        low, high = fitted.interval(name)
        known = "held" if name not in fitted.free else f"{low:.4g} to {high:.4g}"
        lines.append(f"{'':<9} {name:<7} {value:<12.6g} {known}")
    points = sum(run.points for run in fitted.seen)
    runs = "1 run" if len(fitted.seen) == 1 else f"{len(fitted.seen)} runs"
    lines.append(f"{'fitted':<9} {runs}, {points} points, objective {fitted.objective:.4g}")
    if fitted.error is not None:
        lines.append(f"{'held out':<9} PredE {_number(fitted.error)}, each run from the others")
    return "\n".join([*lines, *(f"{'note':<9} {note}" for note in fitted.notes)])


def _predicted(one: Prediction) -> str:
    low, high = one.interval
    lines = [
        f"{'schedule':<9} {one.schedule}",
        f"{'final':<9} {one.final:.5g}, 90 % interval {low:.5g} to {high:.5g} ({one.law})",
    ]
    return "\n".join([*lines, *(f"{'warning':<9} {text}" for text in one.warnings)])


def _say_notes(curves: Sequence[LossCurve]) -> None:
    """Say once what was assumed of the curves, with how many it concerns."""
    told: dict[str, list[str]] = {}
    for curve in curves:
        for note in curve.notes:
            told.setdefault(note, []).append(curve.name)
    for note, names in told.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        remark(f"{names[0]}{more}: {note}")


def _draw_scored(fitted: Fit, curves: Sequence[LossCurve], out: Path | None) -> None:
    if out is None:
        return
    from lrkit.laws.scoring import predicted

    lines: list[tuple[Any, ...]] = []
    for curve in curves:
        lines.append((f"{curve.name}, observed", curve.steps, curve.losses))
        lines.append((f"{curve.name}, {fitted.law}", curve.steps, predicted(fitted, curve)))
    draw(lines, out, f"observed, and by the {fitted.form.title}")


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


app = typer.Typer(
    help="Laws of the loss curve: fit, score, predict, design, transfer, refine, check."
)
COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "fit": fit,
    "score": score,
    "predict": predict,
    "compare": compare,
    "design": law_design.design,
    "transfer": law_peaks.transfer,
    "refine": law_peaks.refine,
    "check": law_check.check,
}
for name, function in COMMANDS.items():
    app.command(name, help=description(function), epilog=epilog(f"law {name}"))(function)
