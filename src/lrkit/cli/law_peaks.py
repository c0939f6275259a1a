"""`lrkit law transfer` and `lrkit law refine`: peaks by the convex bound, shapes by gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lrkit.cli.law_files import Json, Out, draw
from lrkit.cli.screen import remark, say, say_json
from lrkit.errors import SpecError


def transfer(
    known: Annotated[str, typer.Argument(metavar="FROM", help="The shape whose peak is known.")],
    wanted: Annotated[str, typer.Argument(metavar="TO", help="The shape whose peak is wanted.")],
    peak: Annotated[float, typer.Option(metavar="RATE", help="The best peak of FROM.")],
    total: Annotated[
        int, typer.Option("--total", "-t", metavar="N", help="Updates FROM was trained for.")
    ],
    to_total: Annotated[
        int | None, typer.Option(metavar="N", help="Updates TO is for (default: the same).")
    ] = None,
    exponent: Annotated[
        float | None,
        typer.Option(metavar="X", help="Peak goes as horizon^X (default: -0.5, the theory's)."),
    ] = None,
    tried: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N=RATE", help="A horizon and its best peak, to fit the exponent. Repeatable."
        ),
    ] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="CURVES",
            help="Runs of one shape at three peaks or more for each of several horizons, to fit "
            "the exponent. Repeatable.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Move a known best peak to another shape or horizon, by the convex bound.

    Between shapes that decay the bound is within 11 to 25 % of language models' runs. Between
    horizons its exponent, -0.5, is too steep (runs show -0.1 to -0.32): give best peaks at two
    horizons or more with --tried, or the --runs that show them, and the exponent is fitted.
    """
    from lrkit.laws.bound import horizon_exponent, shape_bound
    from lrkit.laws.bound import transfer as transfer_it

    if tried or runs:
        if exponent is not None or (tried and runs):
            raise SpecError("the exponent comes from --exponent, --tried or --runs; keep one")
        best = dict(map(_pair, tried)) if tried else _best(runs or [])
        exponent = horizon_exponent(list(best), list(best.values()))
    found = transfer_it(peak, known, wanted, steps=total, to_steps=to_total, exponent=exponent)
    bounds = {text: shape_bound(text, total) for text in (known, wanted)}
    if json:
        say_json({
            "format": 1,
            "transfer": vars(found),
            "bounds": {text: vars(b) | {"scaled": b.scaled} for text, b in bounds.items()},
        })  # fmt: skip
        return
    say(f"{'peak':<9} {found.peak:.4g}")
    say(f"{'shape':<9} x {found.shape_ratio:.4g} by the convex bound")
    if found.horizon_ratio != 1:
        say(f"{'horizon':<9} x {found.horizon_ratio:.4g}, exponent {found.exponent:.3g} "
            f"({'fitted' if tried or runs else found.source})")  # fmt: skip
    for text, bound in bounds.items():
        say(f"{'bound':<9} {bound.scaled:.4g} / sqrt(T) at its best peak: {text}")


def refine(
    curve: Annotated[
        Path, typer.Argument(metavar="CURVE.csv", help="A run's gradient norms, one a row.")
    ],
    optimizer: Annotated[
        Literal["adam", "sgd"],
        typer.Option(metavar="adam|sgd", help="Weights 1/G for adam (L1 norm), G^-2 for sgd (L2)."),
    ] = "adam",
    step: Annotated[str, typer.Option(metavar="NAME", help="The column of the steps.")] = "step",
    norm: Annotated[
        str, typer.Option(metavar="NAME", help="The column of the gradient norms.")
    ] = "grad_norm",
    smooth: Annotated[
        float, typer.Option(metavar="SHARE", help="Width of the median filter, of the run.")
    ] = 0.1,
    knots: Annotated[int, typer.Option(metavar="N", help="Points of the table printed.")] = 40,
    out: Out = None,
    json: Json = False,
) -> None:
    """Refine a schedule from the gradient norms of an earlier run.

    Prints a shape with the peak 1, warm-up and final decay as they come out; multiply it by the
    peak, and tune that.
    """
    import numpy as np

    from lrkit.laws.refinement import refine as refine_it
    from lrkit.laws.refinement import refined_schedule
    from lrkit.records import read_columns

    if knots < 2:
        raise SpecError(f"`knots >= 2` must hold, got {knots}")
    columns = read_columns(curve, {"step": step, "norm": norm})
    shape = refine_it(columns["norm"], optimizer, steps=columns["step"], smooth=smooth)
    schedule = refined_schedule(shape, knots)
    top = int(shape.argmax())
    draw(
        [("refined", np.linspace(0, 100, len(shape)), shape)], out, "refined", ylabel="of the peak"
    )
    if json:
        facts = {"schedule": str(schedule), "peak_at": top / len(shape)}
        say_json({"format": 1, "optimizer": optimizer, **facts, "shape": shape[::20].tolist()})
        return
    say(f"{'schedule':<9} {schedule}")
    say(f"{'peak':<9} at {100 * top / len(shape):.3g} % of the run")


def _best(runs: list[Path]) -> dict[float, float]:
    from lrkit.laws.peaks import best_peaks
    from lrkit.records.loss_curves import read_loss_curves

    best = best_peaks(read_loss_curves(runs))
    for horizon, peak in best.items():
        remark(f"{horizon:,} updates: best at a peak of {peak:.4g}")
    return {float(horizon): peak for horizon, peak in best.items()}


def _pair(text: str) -> tuple[float, float]:
    horizon, _, peak = text.partition("=")
    try:
        return float(horizon), float(peak)
    except ValueError:
        raise SpecError(f"--tried is written N=RATE, as in 20000=1e-3, got {text!r}") from None
