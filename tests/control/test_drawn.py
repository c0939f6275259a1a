"""A curve drawn by hand goes where it was drawn, and leaves alone what has been."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrkit.control import Cooldown, Hold, Replace, Scale, Set, course, courses, drawn
from lrkit.errors import SpecError
from lrkit.schedules import Horizon, constant, cosine, parse, warmup

TOTAL = 100
HORIZON = Horizon(float(TOTAL), steps_per_epoch=10.0)
SOME = [0.3 * (warmup("2ep") >> cosine()), constant(0.1), 0.2 * cosine(1, 0.1)]
BEFORE = [
    [],
    [Scale(0.5, step=10)],
    [Set(0.05, over=7, step=12)],
    [Hold(step=20), Scale(0.3, step=25)],
]
ULPS = 1e-15  # (1 - u) a + u a need not be a to the bit

rates = st.floats(0, 1, allow_subnormal=False)


@st.composite
def drawings(draw):
    """A step, and points after it with rising steps."""
    step = draw(st.integers(0, TOTAL - 1))
    at = draw(st.sets(st.integers(step + 1, TOTAL), min_size=1, max_size=8))
    return step, [(s, draw(rates)) for s in sorted(at)]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(SOME), st.sampled_from(BEFORE), drawings(), st.sampled_from(["pchip", "linear"])
)
def test_the_course_goes_through_the_points_and_the_past_is_left(schedule, edits, drawing, kind):
    step, points = drawing
    edits = [edit for edit in edits if edit.step <= step]
    old = course(schedule, edits, HORIZON)
    edit = drawn(points, step=step, rate=old(step), end=TOTAL, kind=kind)
    new = course(schedule, [*edits, edit], HORIZON)
    past = np.arange(step)
    assert np.array_equal(new(past), old(past))
    assert new(step) == old(step)
    assert new.total == TOTAL
    for at, rate in points:
        assert new(at) == rate, (at, str(edit))
    # Nothing overshoots: between two points the rate lies between theirs.
    ends = [(step, old(step)), *points]
    for (a, low), (b, high) in itertools.pairwise(ends):
        between = new(np.linspace(a, b, 23))
        assert between.min() >= min(low, high) * (1 - ULPS)
        assert between.max() <= max(low, high) * (1 + ULPS)
    # And it is an ordinary value of the algebra: its text is read back.
    assert parse(str(new.schedule)).over(new.horizon)(points[-1][0]) == points[-1][1]


@given(st.floats(0.01, 3), rates.filter(lambda v: v > 1e-6), rates.filter(lambda v: v > 1e-6))
def test_groups_keep_their_ratio_and_own_rates_are_allowed_for(own, first, second):
    curves = [(own * cosine()).over(TOTAL), (own / 4 * cosine()).over(TOTAL)]
    rate = curves[0](30)
    edit = drawn([(50, first), (80, second)], step=30, rate=rate, end=TOTAL, own=own)
    one, two = courses([edit], [None, None], curves, [own, own / 4])
    assert one(50) == pytest.approx(first, rel=1e-12)
    assert one(80) == pytest.approx(second, rel=1e-12)
    assert two(50) == pytest.approx(first / 4, rel=1e-12)


@pytest.mark.parametrize(
    ("points", "edit"),
    [
        ([(80, 0.02)], Set(0.02, over="40st")),
        ([(40, 0.02)], Set(0.02)),
        ([(40, 0.02), (60, 0.02)], Set(0.02)),
        ([(60, 0.1), (90, 0.1)], Hold()),
        ([(100, 0.02)], Cooldown("60st", to=0.02)),
        ([(100, 0.2)], Set(0.2, over="60st")),
        ([(40, 0.2), (100, 0)], Replace("linear(0.2, 0, 60st)")),
        ([(60, 0.2), (100, 0)], Replace("table([0.1, 0.2, 0], [0st, 20st, 60st], kind=pchip)")),
    ],
)
def test_the_plainest_edit_that_does_it(points, edit):
    made = drawn(points, step=40, rate=0.1, end=100, author="anna", reason="by hand")
    assert made == replace(edit, author="anna", reason="by hand", step=40)


def test_an_end_between_two_updates_and_a_run_without_one():
    edit = drawn([(97.3, 0.01)], step=40, rate=0.1, end=97.3)
    new = course(constant(0.1), [edit], Horizon(97.3))
    assert new(97.3) == 0.01
    edit = drawn([(4000, 0.01)], step=40, rate=0.1)
    assert course(constant(0.1), [edit])(9000) == 0.01


@pytest.mark.parametrize(
    ("points", "changed", "says"),
    [
        ([], {}, "got none"),
        ([(39, 0.1)], {}, "what is done cannot be changed"),
        ([(101, 0.1)], {}, "extend it first"),
        ([(60, 0.1), (50, 0.2)], {}, "must rise, 50 follows 60"),
        ([(60, 0.1), (60, 0.2)], {}, "must rise"),
        ([(60, -0.1)], {}, "a point's rate must be finite and >= 0, got -0.1"),
        ([(60, float("nan"))], {}, "finite"),
        ([(60, 0.1)], {"step": 100}, "`step < 100`"),
        ([(60, 0.1)], {"step": 4.5}, "whole number"),
        ([(60, 0.1)], {"own": 0}, "stays at 0"),
        ([(60, 0.1)], {"kind": "spline"}, "kind must be 'pchip' or 'linear'"),
        ([(60, 0.1)], {"group": -1}, "counts from 0"),
    ],
)
def test_what_cannot_be_drawn_is_said(points, changed, says):
    with pytest.raises(SpecError, match=says):
        drawn(points, **{"step": 40, "rate": 0.1, "end": 100} | changed)
