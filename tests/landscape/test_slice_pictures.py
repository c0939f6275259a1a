"""Pictures of slices: the truth is written on each of them, whatever the losses are."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from lrkit.errors import DataError, SpecError
from lrkit.landscape.edges import Reading, Sharpness
from lrkit.landscape.lattice import levels
from lrkit.landscape.planes import Axis, Slice, Waypoint
from lrkit.landscape.slice_films import animate_slice
from lrkit.landscape.slice_page import slice_page
from lrkit.landscape.slice_pictures import SliceStage, draw_slice
from lrkit.landscape.slice_scene import (
    gap_chart,
    ground_of,
    line_chart,
    notes_of,
    sharpness_chart,
    title_of,
)


def slice_with(losses=lambda a, b: a**2 + 3 * b**2, way=(), level=9, share=0.3) -> Slice:
    """A plane with the losses of a function, as if it had been computed."""
    axes = tuple(Axis(f"PC {k}", -1.0, 1.0, 1.0, share / k if way else None) for k in (1, 2))
    found = {
        point: losses(*(float(axis.at(i)) for axis, i in zip(axes, point, strict=True)))
        for _, new in levels(level, 2)
        for point in new
    }
    about = {
        "subject": {"run": "a$b", "task": "t", "seed": 0},
        "recipe": {},
        "evaluation": {"samples": 64, "batches": 2, "epoch": 0, "all": False, "bn": None},
        "checkpoints": {"used": len(way), "there": len(way)},
    }
    return Slice("pca", axes, tuple(way), found, level, level, about)


WAY = (
    Waypoint(0, (0.9, 0.8), 0.5, 0.0, 3.0, 2.7),
    Waypoint(10, (0.5, -0.2), 0.2, 0.1, math.inf, 0.4),
    Waypoint(20, (0.0, 0.0), 0.0, 0.05, 0.0, 0.0),
)


def words(stage) -> str:
    from matplotlib.text import Text

    told = (text.get_text() for text in stage.figure.findobj(Text))
    return " ".join(" ".join(told).split())


@pytest.mark.parametrize("surface", [False, True])
def test_a_picture_says_how_much_it_shows(surface):
    stage = SliceStage(slice_with(way=WAY), surface=surface)
    stage.draw(3)
    told = words(stage)
    assert "This plane shows 45 %" in told
    assert "off the chart" in told
    assert "64 training samples" in told
    assert "learning rate" in told
    assert r"a\$b" in told  # a dollar is no formula


@pytest.mark.parametrize(
    "losses",
    [
        lambda a, b: 1.0,
        lambda a, b: math.inf,
        lambda a, b: math.inf if a > 0 else a * b,
        lambda a, b: 1e300 * (a + 2),
        lambda a, b: -abs(a) - b,
    ],
)
def test_any_losses_can_be_drawn(losses, tmp_path):
    found = slice_with(losses, WAY)
    for surface in (False, True):
        SliceStage(found, surface=surface).frame(3, 30)
    page = slice_page(found, tmp_path / "a.html").read_text()
    assert "NaN" not in page.partition('<script type="application/json">')[2].partition("<")[0]
    if math.inf in found.losses.values():
        assert any("the loss is not finite" in note for note in notes_of(found))


def test_a_film_goes_checkpoint_by_checkpoint(tmp_path):
    from PIL import Image

    told = []
    path = animate_slice(slice_with(way=WAY), tmp_path / "a.gif",
                         progress=lambda done, whole: told.append((done, whole)))  # fmt: skip
    assert told[-1][0] == told[-1][1] == 48
    with Image.open(path) as film:
        frames = []
        for i in range(film.n_frames):
            film.seek(i)
            frames.append(np.asarray(film.convert("RGB")))
    assert len(frames) == 3  # the same picture again only stands longer
    assert all((one != two).any() for one, two in itertools.pairwise(frames))


def test_the_same_slice_gives_the_same_file(tmp_path):
    one, two = (draw_slice(slice_with(way=WAY), tmp_path / f"{n}.svg") for n in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_what_cannot_be_drawn_is_said(tmp_path):
    with pytest.raises(SpecError, match=r"ends in \.png"):
        draw_slice(slice_with(), tmp_path / "a.txt")
    with pytest.raises(SpecError, match="two axes"):
        SliceStage(line())
    with pytest.raises(DataError, match="must have a level"):
        ground_of(Slice("pca", slice_with().axes, (), {}, 0, 9, {}))
    with pytest.raises(DataError, match="fresh weights"):
        animate_slice(slice_with(), tmp_path / "a.gif")


def line() -> Slice:
    axis = Axis("step 0 to 20", -0.25, 1.25, 2.0, 0.6)
    losses = {point: float(point[0]) for _, new in levels(9, 1) for point in new}
    about = slice_with().about | {"identity": {"at": [0, 20]}}
    way = tuple(Waypoint(w.step, w.at[:1], w.off, w.rate, w.loss, w.inside) for w in WAY)
    return Slice("line", (axis,), way, losses, 9, 9, about)


def test_charts_have_the_true_losses_beside_those_of_the_slice():
    chart = gap_chart(slice_with(way=WAY))
    assert [line.label for line in chart.lines] == ["true weights", "their image on the plane"]
    assert chart.lines[0].y.tolist() == [3.0, math.inf, 0.0]
    assert gap_chart(slice_with()) is None
    along = line_chart(line())
    assert "60 % of the movement" in along.title
    assert "64 training samples" in along.lines[0].label
    assert len(along.lines) == 2
    assert title_of(line()).startswith("a$b")


def test_no_bound_is_drawn_where_there_is_none():
    about = slice_with().about
    reading = Reading(0, 0.1, 1.0, 5.0, 0.01, 10, None)
    adam = Sharpness((reading,), "No bound is drawn: Adam ...", 1, about)
    assert len(sharpness_chart(adam).lines) == 1
    bounded = replace(reading, bound=20.0)
    sgd = Sharpness((bounded,), "Bound: 2 / rate, for full-batch gradient descent.", 1, about)
    names = [line.label for line in sharpness_chart(sgd).lines]
    assert names == ["sharpness; 64 training samples", "bound, 2 / rate"]


def test_slices_are_read_and_drawn_without_torch():
    # The studio reads them, and it never loads torch; nor does it load a plotting library for it.
    names = ("planes", "edges", "growing", "lattice", "directions", "slice_scene", "slice_page")
    code = "import sys; " + "".join(f"import lrkit.landscape.{name}; " for name in names)
    code += "print([m for m in ('torch', 'matplotlib', 'plotly', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
