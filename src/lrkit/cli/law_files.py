"""What the commands of `lrkit law` share: options, curves in, laws in and out, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrkit.cli.screen import remark
from lrkit.errors import DataError, SpecError

if TYPE_CHECKING:
    from lrkit.laws import Fit, LossCurve
    from lrkit.records.loss_curves import Columns

StepColumn = Annotated[str, typer.Option("--step", metavar="NAME", help="The column of the steps.")]
LrColumn = Annotated[
    str, typer.Option("--lr", metavar="NAME", help="The column or tag of the rates.")
]
LossColumn = Annotated[
    str, typer.Option("--loss", metavar="NAME", help="The column, metric or tag of the losses.")
]
ScheduleOf = Annotated[
    str | None,
    typer.Option("--schedule", "-s", metavar="TEXT", help="The schedule all the curves followed."),
]
TotalOf = Annotated[
    float | None,
    typer.Option("--total", "-t", metavar="N", help="Updates of the whole training of the curves."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Draw it: .png, .svg, .pdf or .html (needs lrkit\\[plots])."),
]
Law = Annotated[Path, typer.Argument(metavar="LAW.json", help="What `lrkit law fit` wrote.")]


def columns_of(step: str, lr: str, loss: str, schedule: str | None, total: float | None) -> Columns:
    """Return the options about columns as a value."""
    from lrkit.records.loss_curves import Columns

    return Columns(step, lr, loss, schedule, total)


def curves_of(paths: Sequence[Path], columns: Columns) -> list[LossCurve]:
    """Return the curves in *paths*."""
    from lrkit.records.loss_curves import read_loss_curves

    return read_loss_curves(paths, columns)


def write_laws(fits: Sequence[Fit], path: Path) -> Path:
    """Write *fits*, the chosen one first, as JSON; return the path."""
    import msgspec

    from lrkit.records import write_file

    if path.suffix.lower() != ".json":
        raise SpecError(f"a law is written to a file that ends in .json, got {path}")
    kept = fits[0].to_dict() | {"others": [other.to_dict() for other in fits[1:]]}
    return write_file(path, msgspec.json.format(msgspec.json.encode(kept), indent=1))


def read_law(path: Path) -> list[Fit]:
    """Return the law in the file at *path*, and after it the others that were fitted with it."""
    import msgspec

    from lrkit.laws import Fit
    from lrkit.records.files import disk_errors

    with disk_errors(path, "read"):
        raw = path.read_bytes()
    try:
        data = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise DataError(f"{path} is no JSON ({error}); write it with `lrkit law fit`") from None
    others = data.get("others", []) if isinstance(data, dict) else []
    return [Fit.from_dict(data), *(Fit.from_dict(other) for other in others)]


def draw(
    lines: Sequence[tuple[Any, ...]],
    out: Path | None,
    title: str,
    *,
    ylabel: str = "loss",
) -> None:
    """Draw *lines*, each (label, x, y) or with low and high, to *out* by its suffix."""
    if out is None:
        return
    from lrkit.plots import Line, Section, document, lines_html, lines_png
    from lrkit.plots.page import Html
    from lrkit.records import write_file

    series = [Line(*line) for line in lines]
    if out.suffix.lower() in (".html", ".htm"):
        body = lines_html(series, "step", ylabel, title)
        page = document(title, [Section(title, Html(body))])
        remark(f"wrote {write_file(out, page)}")
    else:
        remark(f"wrote {lines_png(series, out, 'step', ylabel, title)}")
