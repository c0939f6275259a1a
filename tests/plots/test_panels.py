"""Charts beside each other."""

from pathlib import Path

import pytest

from lrkit.errors import SpecError
from lrkit.plots import Chart, Line
from lrkit.plots.panels import panels

pytest.importorskip("matplotlib", reason="pictures need lrkit[plots]")


def chart(*labels: str) -> Chart:
    return Chart([Line(label, [0, 1, 2], [3, 2, 1]) for label in labels], title="one")


def test_a_picture_is_as_wide_as_its_charts_are_many(tmp_path: Path) -> None:
    one, three = (
        panels([chart("a", "b")] * count, tmp_path / f"{count}.png").read_bytes()
        for count in (1, 3)
    )
    width = [int.from_bytes(data[16:20], "big") for data in (one, three)]
    assert width[1] == pytest.approx(3 * width[0], rel=0.01)


def test_charts_that_mean_different_things_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="the same labels"):
        panels([chart("a"), chart("b")], tmp_path / "x.png")
    with pytest.raises(SpecError, match="needs a chart"):
        panels([], tmp_path / "x.png")
    with pytest.raises(SpecError, match=r"ends in \.png"):
        panels([chart("a")], tmp_path / "x.gif")
