"""Edits are values: what they do, how they are written down, what they refuse."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrkit.control import (
    Hold,
    Release,
    Scale,
    Set,
    edit_from_dict,
    effective,
    overlay,
    share_out,
)
from lrkit.errors import HorizonError, SpecError
from lrkit.schedules import constant, cosine, linear, parse, warmup

T = np.arange(120.0)


def rates(schedule, edits, **kwargs):
    return effective(schedule, edits, schedule.over(100).horizon, **kwargs).over(100)(T)


def test_no_edit_leaves_the_very_schedule():
    assert effective(cosine(), []) == cosine()


def test_scales_multiply_from_their_step_on():
    base = cosine().over(100)(T)
    got = rates(cosine(), [Scale(0.5, step=10), Scale(0.5, step=30)])
    assert np.array_equal(got[:10], base[:10])
    assert np.array_equal(got[10:30], base[10:30] * 0.5)
    assert np.array_equal(got[30:], base[30:] * 0.25)


def test_set_takes_over_and_release_hands_back_at_the_schedules_own_clock():
    base = cosine().over(100)(T)
    got = rates(cosine(), [Set(0.3, step=10), Scale(0.5, step=15), Release(step=20)])
    assert np.array_equal(got[:10], base[:10])
    assert set(got[10:15]) == {0.3}
    assert set(got[15:20]) == {0.15}
    assert np.array_equal(got[20:], base[20:] * 0.5)


def test_hold_keeps_what_was_in_use():
    got = rates(linear(), [Scale(0.5, step=10), Hold(step=20), Hold(step=30), Release(step=40)])
    assert set(got[20:40]) == {0.5 * linear().over(100)(20)}
    assert got[40] == 0.5 * linear().over(100)(40)


def test_set_to_zero_freezes():
    assert not rates(cosine(), [Set(0, step=5)])[5:].any()


def test_edits_of_one_step_act_in_the_order_given_and_late_ones_are_sorted():
    got = rates(constant(1.0), [Set(0.2, step=9), Scale(3.0, step=5), Scale(0.5, step=9)])
    assert got[4] == 1.0
    assert got[5] == 3.0
    assert got[9] == 0.1


def test_a_cut_stops_at_its_floor_and_never_falls_below_it():
    for base in (0.1, 0.3, 0.7, 1e-3):
        floor = base * 0.37
        got = rates(
            constant(base), [Scale(0.1, floor=floor, step=1), Scale(0.1, floor=floor, step=2)]
        )
        assert floor <= got[-1] <= math.nextafter(math.nextafter(floor, 1), 1)


def test_a_cut_below_eps_is_dropped():
    got = rates(constant(1e-8), [Scale(0.1, eps=1e-8, step=3)])
    assert set(got) == {1e-8}


def test_a_floor_above_the_rate_does_not_raise_it():
    assert set(rates(constant(0.01), [Scale(0.1, floor=0.5, step=3)])) == {0.01}


def test_the_effective_schedule_is_text_that_gives_the_same_values():
    schedule = 0.3 * (warmup(10) >> cosine())
    edits = [Scale(0.5, step=20), Hold(step=40), Release(step=60), Set(0.01, step=70)]
    made = effective(schedule, edits, schedule.over(100).horizon)
    assert np.array_equal(parse(str(made)).over(100)(T), made.over(100)(T))


def test_hold_without_a_horizon_says_what_is_missing():
    with pytest.raises(HorizonError, match="total"):
        effective(cosine(), [Hold(step=3)])


def test_an_edit_without_a_step_is_refused_where_the_step_matters():
    with pytest.raises(SpecError, match="needs its step"):
        effective(cosine(), [Scale(0.5)])
    assert effective(cosine(), [Scale(0.5).stamped(3)]).over(100)(3) == cosine().over(100)(3) / 2


def test_edits_of_other_groups_are_left_out():
    edits = [Scale(0.5, step=5, group="head"), Scale(0.1, step=5, group=1)]
    assert set(rates(constant(1.0), edits)) == {1.0}
    assert rates(constant(1.0), edits, group="head")[-1] == 0.5


def test_setting_all_groups_keeps_their_ratios():
    bases = [0.0, 0.1, 0.2, 0.1]
    shares = share_out([Set(0.03, step=4)], [None] * 4, [lambda t, b=b: b for b in bases])
    values = [overlay(s, lambda t: 9.0).at(4).of(9.0) for s in shares]
    assert values == [0.0, 0.03, 0.06, 0.03]


def test_a_floor_by_group_is_shared_out():
    edit = Scale(0.1, floor={"head": 0.05, 0: 0.02}, step=1)
    shares = share_out([edit], ["body", "head", "rest"], [lambda t: 0.1] * 3)
    got = [overlay(s, lambda t: 0.1).at(1).of(0.1) for s in shares]
    assert got == pytest.approx([0.02, 0.05, 0.01], rel=1e-15)
    with pytest.raises(SpecError, match="share_out"):
        effective(constant(0.1), [edit])


def test_an_edit_for_a_group_that_is_not_there_is_refused():
    with pytest.raises(SpecError, match="'tail'"):
        share_out([Scale(0.1, group="tail", step=1)], ["head"], [lambda t: 1.0])


numbers = st.floats(0, 1e3, allow_nan=False)
heads = st.fixed_dictionaries(
    {
        "step": st.none() | st.integers(0, 10**9),
        "author": st.text(max_size=5),
        "reason": st.text(max_size=5),
        "group": st.none() | st.integers(0, 9) | st.sampled_from(["head", "body"]),
    }
)
floors = numbers | st.dictionaries(st.sampled_from(["a", "b", 0, 1]), numbers, max_size=3)
edits = st.one_of(
    st.builds(lambda f, low, h: Scale(f, floor=low, **h), st.floats(0, 0.99), floors, heads),
    st.builds(lambda v, h: Set(v, **h), numbers, heads),
    st.builds(lambda h: Hold(**h), heads),
    st.builds(lambda h: Release(**h), heads),
)


@given(edits)
def test_json_round_trip(edit):
    text = json.dumps(edit.to_dict(), allow_nan=False)
    assert edit_from_dict(json.loads(text)) == edit


steps = st.integers(0, 100)
plain = st.one_of(
    st.builds(lambda f, t: Scale(f, step=t), st.floats(0, 4), steps),
    st.builds(lambda f, low, t: Scale(f, floor=low, step=t), st.floats(0, 0.9), numbers, steps),
    st.builds(lambda v, t: Set(v, step=t), numbers, steps),
    st.builds(lambda t: Hold(step=t), steps),
    st.builds(lambda t: Release(step=t), steps),
)


@settings(max_examples=150)
@given(st.lists(plain, max_size=8))
def test_overlay_and_effective_agree_bit_for_bit(many):
    """What the scheduler writes and what the effective schedule says must never part."""
    schedule = 0.3 * (warmup(10) >> cosine(1, 0.1))
    curve = schedule.over(100)
    done = overlay(many, curve)
    vector = done.over(curve(T), T)
    assert np.array_equal(effective(schedule, many, curve.horizon).over(100)(T), vector)
    assert [done.at(t).of(curve(t)) for t in T] == vector.tolist()
    assert (vector >= 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scale(-1), "finite and >= 0"),
        (lambda: Scale(math.nan), "finite and >= 0"),
        (lambda: Scale("half"), "must be a number"),
        (lambda: Scale(2, floor=0.1), "floor is for cuts"),
        (lambda: Scale(0.5, floor={"": 1}), "name or its index"),
        (lambda: Scale(0.5, floor=[[1, 2, 3]]), "pair"),
        (lambda: Set(math.inf), "finite and >= 0"),
        (lambda: Hold(step=-1), "whole number >= 0"),
        (lambda: Hold(step=1.5), "whole number >= 0"),
        (lambda: Hold(step=True), "whole number >= 0"),
        (lambda: Hold(group=-1), "counts from 0"),
        (lambda: Hold(group=True), "name or its index"),
        (lambda: Hold(author=3), "author must be text"),
        (lambda: edit_from_dict({"edit": "scael", "factor": 1}), "did you mean 'scale'"),
        (lambda: edit_from_dict({"edit": ["scale"]}), "must name a kind"),
        (lambda: edit_from_dict({"edit": "scale", "factr": 1}), "has no field 'factr'"),
        (lambda: edit_from_dict({"edit": "scale"}), "lacks a field"),
        (lambda: edit_from_dict({"edit": "hold", "format": 2}), "format"),
    ],
)
def test_bad_edits_say_what_is_wrong(make, message):
    with pytest.raises(SpecError, match=message):
        make()
