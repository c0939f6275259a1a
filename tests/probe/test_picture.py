"""Pictures of range tests."""

from __future__ import annotations

import numpy as np
import pytest

from lrkit.errors import SpecError
from lrkit.plots import terminal_chart
from lrkit.probe import RangeCurve, suggest
from lrkit.probe.picture import draw_range, range_charts

RATES = np.geomspace(1e-5, 10, 100)
CLEAN = 2.3 - 2 / (1 + (0.01 / RATES) ** 1.5) + RATES**2


def curve(**options):
    noise = np.random.default_rng(0).normal(0, 0.02, (3, 100))
    losses = CLEAN + noise
    losses[1, 95], losses[1, 96:] = np.inf, np.nan
    return RangeCurve(RATES, losses, **options)


def test_what_is_drawn():
    measured = curve(dead=np.full((3, 100), 0.5), validation=CLEAN + np.zeros((3, 100)))
    charts = range_charts(measured, suggest(measured))
    assert list(charts) == ["loss", "validation", "dead"]
    labels = [line.label for line in charts["loss"].lines]
    assert labels[:2] == ["loss, mean of 3 repeats", "smoothed"]
    assert [label.split()[0] for label in labels[2:]] == ["base", "peak", "maximum", "ticks,"]
    # The divergence does not squeeze the rest: the fall takes a good part of the axis.
    low, high = charts["loss"].ylim()
    assert high - low < 3 * (CLEAN[0] - CLEAN.min())
    assert "peak" in terminal_chart(charts["loss"], 80, color=False)


def test_files(tmp_path):
    measured = curve(dead=np.full((3, 100), 0.5), notes=["a <note>"])
    found = suggest(measured)
    written = draw_range(measured, tmp_path / "range.png", found)
    assert [path.name for path in written] == ["range.png", "range-dead.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
    (page,) = draw_range(measured, tmp_path / "range.html", found)
    text = page.read_text()
    assert "a &lt;note>" in text
    assert "warmup(5%)" in text
    with pytest.raises(SpecError, match="ends in"):
        draw_range(measured, tmp_path / "range.gif", found)


@pytest.mark.parametrize(
    "losses",
    [
        np.full(100, 2.3),
        np.full(100, np.nan),
        np.r_[2.3, np.inf, np.full(98, np.nan)],
        -CLEAN,
        CLEAN * 1e12,
        np.zeros(100),
    ],
    ids=["flat", "empty", "lost-at-once", "negative", "huge", "zero"],
)
@pytest.mark.parametrize("suffix", [".png", ".html"])
def test_odd_curves_are_drawn_too(tmp_path, losses, suffix):
    measured = RangeCurve(RATES, losses)
    for found in (None, suggest(measured)):
        assert draw_range(measured, tmp_path / f"range{suffix}", found)
        assert terminal_chart(range_charts(measured, found)["loss"], 60, color=False)


def test_a_linear_ramp_has_a_linear_axis():
    measured = RangeCurve(np.linspace(0.1, 1, 50), np.linspace(2, 1, 50), kind="linear")
    assert not range_charts(measured)["loss"].xlog
