"""What the commands on slices share: their words, their progress, and the files they write."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from lrkit.cli.errors import Stopped
from lrkit.cli.screen import new_table, remark, say, say_json, say_table
from lrkit.errors import SpecError

if TYPE_CHECKING:
    from lrkit.landscape import Sharpness, Slice
    from lrkit.plots import Chart

STILLS: Final = (".png", ".svg", ".pdf")
MOVING: Final = (".gif", ".mp4")
DATA: Final = (".json", ".csv")


def write_slice(found: Slice, file: Path, surface: bool) -> Path:
    """Write *found* to *file* as its name says, and return the path."""
    suffix = file.suffix.lower()
    if suffix == ".html":
        from lrkit.landscape.slice_page import slice_page

        return slice_page(found, file)
    if suffix == ".csv":
        from lrkit.records import write_columns

        return write_columns(file, columns(found))
    if suffix == ".json":
        return _json(found.to_dict(), file)
    if len(found.axes) == 1:
        from lrkit.landscape.slice_scene import line_chart
        from lrkit.plots import still

        return still(line_chart(found), file)
    if suffix in (".gif", ".mp4"):
        from lrkit.landscape.slice_films import animate_slice

        return animate_slice(found, file, surface=surface)
    from lrkit.landscape.slice_pictures import draw_slice

    return draw_slice(found, file, surface=surface)


def write_sharpness(found: Sharpness, file: Path) -> Path:
    """Write *found* to *file* as its name says, and return the path."""
    suffix = file.suffix.lower()
    if suffix == ".html":
        from lrkit.landscape.slice_page import sharpness_page

        return sharpness_page(found, file)
    if suffix == ".json":
        return _json(found.to_dict(), file)
    if suffix == ".csv":
        from lrkit.records import write_columns

        names = ("step", "rate", "loss", "value", "residual", "iterations", "bound")
        rows = found.to_dict()["readings"]
        table = {n: [math.nan if r[n] is None else r[n] for r in rows] for n in names}
        return write_columns(
            file, {"sharpness" if k == "value" else k: v for k, v in table.items()}
        )
    from lrkit.landscape.slice_scene import sharpness_chart
    from lrkit.plots import still

    return still(sharpness_chart(found), file)


def columns(found: Slice) -> dict[str, Any]:
    """Return the finest grid as columns: a coordinate for each axis, and the loss."""
    places, losses = found.grid()
    if len(places) == 1:
        return {"t": places[0], "loss": losses}
    a, b = np.meshgrid(*places)
    return {"a": a.ravel(), "b": b.ravel(), "loss": losses.ravel()}


def told_slice(found: Slice) -> str:
    """Return what a slice came to, as lines."""
    from lrkit.landscape.planes import shown
    from lrkit.landscape.slice_scene import notes_of, title_of

    values = np.array(list(found.losses.values()))
    finite = values[np.isfinite(values)]
    low, high = (shown(float(f())) if finite.size else "-" for f in (finite.min, finite.max))
    count = " x ".join([str(found.level)] * len(found.axes))
    rows = [title_of(found), f"{count} points, losses from {low} to {high}", *notes_of(found)]
    return "\n".join(rows)


def told_sharpness(found: Sharpness) -> None:
    """Print the readings as a table, and what is to be known of them."""
    from lrkit.landscape.planes import shown
    from lrkit.plots.style import short

    table = new_table("step>", "rate>", "loss>", "sharpness>", "bound>", "residual>", "products>")
    for r in found.readings:
        bound = "" if r.bound is None else short(r.bound)
        numbers = [short(r.rate), shown(r.loss), shown(r.value), bound, shown(r.residual)]
        table.add_row(f"{r.step:,}", *numbers, f"{r.iterations}")
    say_table(table)
    say(found.rule)
    say(found.batch())


def _json(value: dict[str, Any], file: Path) -> Path:
    import msgspec

    from lrkit.records import write_file

    return write_file(file, msgspec.json.encode(value))


@contextmanager
def working(what: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on stderr, where that is a terminal; Ctrl-C says what is kept."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    try:
        with Progress(
            console=console, disable=quiet or not console.is_terminal, transient=True
        ) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, whole: bar.update(task, completed=done, total=whole)
    except KeyboardInterrupt:
        raise Stopped("stopped; what was computed is kept, the same command goes on") from None


def finish(found: Slice, out: Sequence[Path] | None, surface: bool, json: bool) -> None:
    """Write the files that were asked for, and tell what the slice came to."""
    for file in out or ():
        remark(f"wrote {write_slice(found, file, surface)}")
    if json:
        return say_json(found.to_dict())
    if len(found.axes) == 1 and not out:
        from lrkit.landscape.slice_scene import line_chart

        _chart(line_chart(found))
    say(told_slice(found))
    return None


def finish_sharpness(found: Sharpness, out: Sequence[Path] | None, json: bool) -> None:
    """Write the files that were asked for, and tell the readings."""
    for file in out or ():
        remark(f"wrote {write_sharpness(found, file)}")
    if json:
        return say_json(found.to_dict())
    if not out:
        from lrkit.landscape.slice_scene import sharpness_chart

        _chart(sharpness_chart(found))
    told_sharpness(found)
    return None


def _chart(chart: Chart) -> None:
    from lrkit.plots import terminal_chart

    say(terminal_chart(chart))


def check_files(files: Sequence[Path] | None, suffixes: Sequence[str]) -> None:
    """Refuse names that say nothing before anything is computed for them."""
    for file in files or ():
        if file.suffix.lower() not in suffixes:
            raise SpecError(f"--out takes a file that ends in {', '.join(suffixes)}, got {file}")


def sample_count(text: str) -> int | Literal["all"]:
    """Return the number that --samples says, or "all"."""
    if text == "all":
        return "all"
    if not text.isdecimal():
        raise SpecError(f"--samples takes a whole number or all, got {text!r}")
    return int(text)


def numbers(name: str, text: str | None, kind: Callable[[str], Any]) -> list[Any]:
    """Return the numbers of *text*, which commas part; none for None."""
    try:
        return [] if text is None else [kind(part) for part in text.split(",")]
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise SpecError(f"{name} takes {what} with commas between, got {text!r}") from None
