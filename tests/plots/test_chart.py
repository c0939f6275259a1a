"""What is drawn is what the curve is: extremes, joints and units survive the thinning."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lrkit import constant, cosine, from_function, linear, parse, step_decay, warmup
from lrkit.errors import HorizonError, SpecError
from lrkit.plots import Chart, Line, curve_chart
from lrkit.plots.style import colour, short, ticks
from lrkit.plots.thin import sampled, thin


@given(
    y=hnp.arrays(np.float64, st.integers(1, 3000), elements=st.floats(-1e6, 1e6) | st.just(np.nan)),
    points=st.integers(4, 400),
)
def test_thinning_keeps_ends_and_extremes(y, points):
    keep = thin(y, points)
    assert len(keep) <= max(points, 4)
    assert np.all(np.diff(keep) > 0)
    assert (keep[0], keep[-1]) == (0, len(y) - 1)
    if np.isfinite(y).any():
        assert np.nanmin(y[keep]) == np.nanmin(y)
        assert np.nanmax(y[keep]) == np.nanmax(y)


def spike(t):
    return np.where(np.asarray(t) == 65_432, 9.0, 1.0)


def test_a_spike_of_one_step_in_very_many_is_seen():
    x, y = sampled(from_function(spike).over(100_000), 2000)
    assert len(x) < 2100
    assert y.max() == 9.0
    assert x[y.argmax()] == 65_432


def test_joints_between_updates_are_drawn_exactly_and_jumps_are_upright():
    curve = (linear(0, 1, 10.5) >> constant(0.25)).over(1_000_000)
    x, y = sampled(curve, 100)
    here = np.flatnonzero(np.isclose(x, 10.5, atol=1e-9))
    np.testing.assert_allclose(y[here], [1.0, 0.25])
    assert x[0] == 0
    assert x[-1] == 1_000_000
    assert np.all(np.diff(x) >= 0)


def test_short_curves_are_drawn_whole():
    curve = cosine().over(30)
    x, y = sampled(curve, 2000)
    np.testing.assert_array_equal(x, np.arange(31))
    np.testing.assert_array_equal(y, curve(np.arange(31.0)))


def test_axis_is_in_epochs_when_all_know_their_epochs(curves):
    chart = curve_chart(curves)
    assert (chart.xlabel, chart.xlim()) == ("epoch", (0.0, 30.0))
    assert chart.lines[0].joints == (5.0,)
    mixed = curve_chart({**curves, "other": cosine().over(100)})
    assert (mixed.xlabel, mixed.xlim()) == ("step", (0.0, 7050.0))


def test_curves_of_different_epochs_share_an_axis():
    short_epochs = cosine().over("10ep", steps_per_epoch=10)
    long_epochs = cosine().over("10ep", steps_per_epoch=1000)
    assert curve_chart({"a": short_epochs, "b": long_epochs}).xlim() == (0.0, 10.0)


def test_many_joints_are_not_marked():
    chart = curve_chart({"steps": step_decay(1.0, 0.5, every=10).over(1000)})
    assert chart.lines[0].joints == ()


def test_axis_of_rates():
    def ends(*values, log=False):
        return Chart([Line("a", range(len(values)), values)], log=log).ylim()

    assert ends(0.3, 0.0)[0] == 0.0
    assert ends(0.3, 0.1)[0] == 0.0
    assert ends(0.99, 0.95)[0] > 0.9
    assert ends(0.0, 0.0) == (0.0, 1.0)
    assert ends(0.1, 0.1)[0] < 0.1 < ends(0.1, 0.1)[1]
    assert ends(1.0, 1e-12, 0.0, log=True)[0] > 1e-6
    assert ends(np.nan, np.inf)[0] < ends(np.nan, np.inf)[1]
    assert ends(0.0, log=True)[0] > 0


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(SpecError, match="at least one"):
        curve_chart({})
    with pytest.raises(SpecError, match="at least one"):
        Chart([])
    with pytest.raises(SpecError, match="one length"):
        Line("a", [1, 2], [1, 2, 3])
    with pytest.raises(SpecError, match="both low and high"):
        Line("a", [1], [1], low=[1])
    with pytest.raises(SpecError, match="no end"):
        curve_chart({"endless": constant(0.1).over(None)})
    with pytest.raises(HorizonError):
        curve_chart({"epochs": (warmup("5ep") >> cosine()).over(100)})


def test_labels_are_plain_text():
    assert Line("a\x1b[2Jb\nc", [0], [0]).label == "a [2Jb c"


def test_sweep_names_its_values_and_colours_them_in_order():
    curves = {g: parse(f"exponential(1, {g}, every=1st)").over(10) for g in ("0.8", "0.9", "0.95")}
    chart = curve_chart(curves, sweep="factor")
    assert chart.names == ("factor = 0.8", "factor = 0.9", "factor = 0.95")
    tones = [colour(i, 3, sweep=True).light for i in range(3)]
    assert len(set(tones)) == 3


@given(low=st.floats(-1e9, 1e9), width=st.floats(1e-6, 1e9), count=st.integers(2, 12))
def test_ticks_are_few_and_inside(low, width, count):
    high = low + width
    if high - low > 1e-9 * max(abs(low), abs(high)):
        found = ticks(low, high, count)
        assert len(found) <= count + 2
        air = 1e-8 * max(abs(low), abs(high), high - low)
        assert all(low - air <= tick <= high + air for tick in found)


@given(st.floats(1e-12, 1e12))
def test_short_numbers_are_short_and_right(value):
    text = short(value)
    unit = {"k": 1e3, "M": 1e6, "G": 1e9}.get(text[-1], 1.0)
    assert float(text.rstrip("kMG")) * unit == pytest.approx(value, rel=1e-3)
    assert len(text) <= 9


def test_points_steps_and_bars_have_room_and_names():
    points = Line("a", [1, 10, 100], [3, 2, np.nan], drawn="points", texts=["x", "y", "z"])
    low, high = Chart([points], xlog=True).xlim()
    assert low < 1
    assert high > 100
    assert points.thinned(4).texts == ("x", "y", "z")
    steps = Line("best", [0, 1, 3], [5, 4, 2], drawn="steps")
    x, y = steps.path()
    assert (x.tolist(), y.tolist()) == ([0, 1, 1, 3, 3], [5, 5, 4, 4, 2])
    bars = Line("weight", [0.7, 0.3], [0, 1], drawn="bars")
    chart = Chart([bars], ynames=((0, "peak"), (1, "shape")))
    assert chart.xlim()[0] == 0
    assert chart.ylim() == (-0.6, 1.6)
    with pytest.raises(SpecError, match="3 points and 1 texts"):
        Line("a", [1, 2, 3], [1, 2, 3], texts=["one"])
