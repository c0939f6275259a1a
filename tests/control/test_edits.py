"""Edits are values: what they do, how they are written down, what they refuse."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrkit.control import (
    Checkpoint,
    Cooldown,
    Extend,
    Hold,
    Release,
    Replace,
    Rollback,
    Scale,
    Set,
    Stop,
    course,
    courses,
    edit_from_dict,
    effective,
    share_out,
)
from lrkit.errors import HorizonError, SpecError
from lrkit.schedules import Horizon, constant, cosine, linear, parse, warmup

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


def flat(*levels):
    return [constant(level).over(100) for level in levels]


def test_setting_all_groups_keeps_their_ratios():
    many = courses([Set(0.03, step=4)], [None] * 4, flat(0.0, 0.1, 0.2, 0.1))
    assert [curve(4) for curve in many] == [0.0, 0.03, 0.06, 0.03]


def test_a_cooldown_takes_all_groups_down_together():
    edits = [Scale(0.5, group=1, step=2), Cooldown("20%", to=0.01, step=50)]
    many = courses(edits, [None] * 3, flat(0.1, 0.4, 0.0))
    assert [curve.total for curve in many] == [70.0] * 3
    assert [curve(70) for curve in many] == pytest.approx([0.01, 0.02, 0.0])
    assert many[1](60) == pytest.approx(2 * many[0](60))


def test_a_new_schedule_for_all_groups_keeps_the_ratio_of_the_step():
    new = Replace("0.3 * cosine()", step=50)
    many = courses([Scale(0.5, group=0, step=2), new], [None] * 3, flat(0.1, 0.1, 0.0))
    assert [str(curve.schedule).split(" >> ")[-1] for curve in many] == [
        "0.3 * cosine()",
        "2 * (0.3 * cosine())",
        "0 * (0.3 * cosine())",
    ]


def test_a_new_schedule_multiplies_the_groups_own_rates_where_the_old_one_did():
    owns = [0.1, 0.3]
    curves = [(own * cosine()).over(100) for own in owns]
    for edit in (Replace("hold()", step=20), Replace("hold()", step=20, group=1)):
        many = courses([edit], ["body", "head"], curves, owns)
        assert many[1](20) == 0.3
        assert many[0](20) == (0.1 if edit.group is None else curves[0](20))


def test_a_group_without_edits_keeps_its_very_curve():
    curves = flat(0.1, 0.2)
    assert courses([Scale(0.5, step=2, group=1)], [None] * 2, curves)[0] is curves[0]
    assert courses([Scale(0.5, step=2)], [None] * 2, [None, curves[1]])[0] is None


def test_a_floor_by_group_is_shared_out():
    edit = Scale(0.1, floor={"head": 0.05, 0: 0.02}, step=1)
    many = courses([edit], ["body", "head", "rest"], flat(0.1, 0.1, 0.1))
    assert [curve(1) for curve in many] == pytest.approx([0.02, 0.05, 0.01], rel=1e-15)
    with pytest.raises(SpecError, match="share_out"):
        effective(constant(0.1), [edit])


def test_an_edit_for_a_group_that_is_not_there_is_refused():
    with pytest.raises(SpecError, match="'tail'"):
        share_out([Scale(0.1, group="tail", step=1)], ["head"], flat(1.0))


numbers = st.floats(0, 1e3, allow_nan=False)
heads = st.fixed_dictionaries(
    {
        "step": st.none() | st.integers(0, 10**9),
        "author": st.text(max_size=5),
        "reason": st.text(max_size=5),
        "letter": st.text(max_size=5),
    }
)
one_group = st.fixed_dictionaries(
    {"group": st.none() | st.integers(0, 9) | st.sampled_from(["head", "body"])}
)
spans = st.sampled_from([None, "200st", "1ep", "2.5%", 17])
some_spans = spans.filter(bool)
floors = numbers | st.dictionaries(st.sampled_from(["a", "b", 0, 1]), numbers, max_size=3)
edits = st.one_of(
    st.builds(
        lambda f, low, n, h, g: Scale(f, floor=low, over=n, **h, **g),
        st.floats(0, 0.99), floors, spans, heads, one_group,
    ),
    st.builds(lambda v, n, h, g: Set(v, over=n, **h, **g), numbers, spans, heads, one_group),
    st.builds(lambda h, g: Hold(**h, **g), heads, one_group),
    st.builds(lambda h, g: Release(**h, **g), heads, one_group),
    st.builds(
        lambda n, to, shape, h: Cooldown(n, to=to, shape=shape, **h),
        some_spans, numbers, st.sampled_from(["linear", "cosine", "one_minus_sqrt"]), heads,
    ),
    st.builds(
        lambda n, how, h: Extend(n, how=how, **h),
        some_spans, st.sampled_from(["stretch", "keep"]), heads,
    ),
    st.builds(lambda h, g: Replace("0.1 * (warmup(5%) >> cosine())", **h, **g), heads, one_group),
    st.builds(lambda kind, h: kind(**h), st.sampled_from([Stop, Checkpoint]), heads),
    st.builds(lambda f, h: Rollback(f, **h), st.floats(0, 2), heads),
)  # fmt: skip


@given(edits)
def test_json_round_trip(edit):
    text = json.dumps(edit.to_dict(), allow_nan=False)
    assert edit_from_dict(json.loads(text)) == edit


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
        (lambda: Hold(letter=3), "letter must be text"),
        (lambda: Scale(0.5, over=0), "`over > 0` must hold"),
        (lambda: Cooldown(None), "needs a span"),
        (lambda: Cooldown("20%", shape="sine"), "shape must be one of"),
        (lambda: Cooldown("20%", group="head"), "is for the whole run"),
        (lambda: Extend("20x"), "with a unit"),
        (lambda: Extend(100, how="shrink"), "'stretch' or 'keep'"),
        (lambda: Replace(3), "a schedule or its text"),
        (lambda: Replace("cosin()"), "did you mean cosine"),
        (lambda: Stop(group=1), "is for the whole run"),
        (lambda: edit_from_dict([1]), "is an object"),
        (lambda: edit_from_dict({"edit": "scael", "factor": 1}), "did you mean scale"),
        (lambda: edit_from_dict({"edit": ["scale"]}), "must name a kind"),
        (lambda: edit_from_dict({"edit": "scale", "factr": 1}), "has no field 'factr'"),
        (lambda: edit_from_dict({"edit": "scale"}), "lacks a field"),
        (lambda: edit_from_dict({"edit": "hold", "format": 2}), "format"),
    ],
)
def test_bad_edits_say_what_is_wrong(make, message):
    with pytest.raises(SpecError, match=message):
        make()


@pytest.mark.parametrize(
    ("edits", "total", "message"),
    [
        ([Cooldown("20%", step=5)], None, "part of the run's total"),
        ([Set(0.1, over="20%", step=5)], None, "part of the run's total"),
        ([Cooldown(5, to=0.2, step=5)], 100.0, "goes down"),
        ([Extend(50, step=50)], 100.0, "`total > 50`"),
        ([Extend(200, step=5)], None, "use Extend"),
        ([Replace("hold(90st) >> cosine()", step=50)], 100.0, "nothing is left for"),
        ([Set(0.1, over="1ep", step=5)], 100.0, "steps_per_epoch"),
    ],
)
def test_edits_that_cannot_be_say_why(edits, total, message):
    with pytest.raises(SpecError, match=message):
        course(constant(0.1), edits, Horizon(total))


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (Scale(0.5, over="200st", group="head"), "scale 0.5 over=200st group=head"),
        (Set(0.01), "set 0.01"),
        (Cooldown("20%", shape="cosine"), "cooldown 20% shape=cosine"),
        (Extend("40ep", how="keep"), "extend 40ep how=keep"),
        (Replace("0.1 * cosine()"), "replace 0.1 * cosine()"),
        (Rollback(0.5), "rollback 0.5"),
        (Stop(reason="enough"), "stop"),
    ],
)
def test_an_edit_reads_like_the_command(edit, text):
    assert str(edit) == text
