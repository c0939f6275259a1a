"""Slices as moving pictures: the training walks over its plane, checkpoint by checkpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from lrkit.errors import DataError
from lrkit.landscape.animation import DPI, film, moving_suffix
from lrkit.landscape.pictures import Pixels
from lrkit.landscape.planes import Slice
from lrkit.landscape.slice_pictures import SliceStage

PICTURES: Final = 48  # at least so many, however few the checkpoints: two seconds to look


def animate_slice(
    found: Slice,
    path: str | os.PathLike[str],
    *,
    surface: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Write the plane *found* to *path* as a GIF or MP4 in which the training goes its way.

    A picture shows the checkpoints up to one of them, each for as long as the others; the last
    one stands for a while. *progress* is told the pictures that are done and their total.

    Raises `SpecError` for another suffix, `DataError` for a slice without a training or of which
    no level is there, and `LrkitError` when matplotlib, Pillow or ffmpeg is missing.
    """
    suffix = moving_suffix(path)
    if not found.way:
        raise DataError(
            "an animation shows a training on its plane, this is a plane of fresh weights; "
            "write a .png, or slice a run"
        )
    stage = SliceStage(found, surface=surface, width=7.0)
    each = -(-PICTURES // len(found.way))
    total = each * len(found.way)

    def pictures() -> Iterator[Pixels]:
        for until in range(1, len(found.way) + 1):
            shown = stage.frame(until, DPI[suffix])
            for k in range(each):
                progress((until - 1) * each + k + 1, total)
                yield shown

    return film(pictures(), path)
