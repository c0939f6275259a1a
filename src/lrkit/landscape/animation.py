"""Descents as moving pictures: GIF by Pillow, MP4 by ffmpeg, frame by frame with matplotlib."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from lrkit.errors import LrkitError, SpecError
from lrkit.landscape.pictures import Pixels, Stage
from lrkit.landscape.races import Race
from lrkit.plots.style import library
from lrkit.records import write_file

SUFFIXES: Final = (".gif", ".mp4")
FRAMES: Final = 120
MOST: Final = 2000
PER_SECOND: Final = 24
HELD: Final = 1.5  # seconds that the last picture stands
DPI: Final = {".gif": 80, ".mp4": 120}


def animate_race(
    race: Race,
    path: str | os.PathLike[str],
    *,
    surface: bool = False,
    frames: int = FRAMES,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Write *race* to *path* as a GIF or MP4 of about *frames* pictures, and return the path.

    The steps are spread evenly over the pictures, up to the step after which none of the paths is
    seen to move; the last picture is the outcome, and stands for a while. *progress* is told the
    pictures that are done and their total. *surface* as in `draw_race`.

    Raises `SpecError` for another suffix and for frames outside 2 to 2,000, `DataError` when the
    file cannot be written, and `LrkitError` when matplotlib, Pillow or ffmpeg is missing.
    """
    suffix = moving_suffix(path)
    if not 2 <= frames <= MOST:
        raise SpecError(f"`2 <= frames <= {MOST}` must hold, got {frames}")
    stage = Stage(race, surface=surface, width=7.0)
    last = race.settled()
    steps = np.unique(np.linspace(0, last, min(frames, last + 1)).round().astype(int)).tolist()
    total = len(steps) + 1

    def pictures() -> Iterator[Pixels]:
        for done, step in enumerate([*steps, None]):
            progress(done, total)
            yield stage.frame(step, DPI[suffix])
        progress(total, total)

    return film(pictures(), path)


def moving_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix of *path*; raise `SpecError` unless it is that of an animation."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise SpecError(f"an animation's name ends in .gif or .mp4, got {os.fspath(path)}")
    return suffix


def film(pictures: Iterator[Pixels], path: str | os.PathLike[str]) -> Path:
    """Write *pictures*, one after the other, to *path*, and return it; the last stands a while.

    Raises the errors of `animate_race`.
    """
    suffix = moving_suffix(path)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"film{suffix}"
        (_gif if suffix == ".gif" else _mp4)(pictures, file)
        return write_file(path, file.read_bytes())


def _gif(pictures: Iterator[Pixels], file: Path) -> None:
    image = library("PIL.Image", "a GIF")
    # One palette for all, of the last picture, which has every colour: else the ground flickers.
    drawn = [image.fromarray(pixels).convert("RGB") for pixels in pictures]
    last = drawn[-1].quantize(colors=255)
    flat = [one.quantize(palette=last, dither=image.Dither.NONE) for one in drawn]
    times = [round(1000 / PER_SECOND)] * (len(flat) - 1) + [round(1000 * HELD)]
    flat[0].save(file, save_all=True, append_images=flat[1:], duration=times, loop=0)


def _mp4(pictures: Iterator[Pixels], file: Path) -> None:
    ffmpeg = _ffmpeg()
    first = next(pictures)
    rows, columns = first.shape[:2]
    command = [ffmpeg, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgba",
               "-s", f"{columns}x{rows}", "-r", str(PER_SECOND), "-i", "-",
               # Even sizes and this pixel format are what browsers and players take.
               "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white", "-pix_fmt", "yuv420p",
               "-c:v", "libx264", "-crf", "20", "-movflags", "+faststart", str(file)]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        pixels = first
        try:
            for pixels in itertools.chain([first], pictures):
                process.stdin.write(pixels.tobytes())  # type: ignore[union-attr]
            for _ in range(round(HELD * PER_SECOND)):
                process.stdin.write(pixels.tobytes())  # type: ignore[union-attr]
        except BrokenPipeError:
            pass  # its own words say why
        _, words = process.communicate()
    if process.returncode:
        raise LrkitError(f"ffmpeg cannot write an MP4: {words.decode(errors='replace').strip()}")


def _ffmpeg() -> str:
    """Return the path of ffmpeg: the system's, else the one that imageio-ffmpeg brings."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg
    except ImportError:
        raise LrkitError(
            "an MP4 needs ffmpeg, which is not installed; pip install imageio-ffmpeg, install "
            "ffmpeg, or write a .gif"
        ) from None
    return str(imageio_ffmpeg.get_ffmpeg_exe())
