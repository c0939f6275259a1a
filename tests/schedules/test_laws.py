"""What must hold for every schedule, whatever it is made of."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import lrkit as lr
from tests.schedules.trees import TOTAL, fixed_leaf, open_leaf, place, rates, schedules

many = settings(max_examples=200)


def curve_of(schedule: lr.Schedule) -> lr.Curve:
    """Place *schedule*, or give the example up where its fixed pieces leave no room."""
    try:
        return place(schedule)
    except lr.HorizonError:
        assume(False)
        raise


steps = st.lists(
    st.one_of(st.integers(0, 2500).map(float), st.floats(0, 2500)), min_size=1, max_size=40
)


@many
@given(schedules, steps)
def test_a_value_is_finite_and_never_negative(s, t):
    values = curve_of(s)(np.array(t))
    assert np.all(np.isfinite(values))
    assert np.all(values >= 0)


@many
@given(schedules, steps)
def test_scalar_equals_vector_bit_for_bit_in_any_order(s, t):
    curve = curve_of(s)
    together = curve(np.array(t))
    assert [curve(x) for x in t] == together.tolist()
    assert curve(np.sort(np.array(t))).tolist() == [curve(x) for x in sorted(t)]


@many
@given(schedules)
def test_values_are_the_calls_at_whole_steps(s):
    curve = curve_of(s)
    values = curve.values()
    assert len(values) == curve.steps == TOTAL
    assert np.array_equal(values[::7], curve(np.arange(0, TOTAL, 7)))


@many
@given(schedules, st.floats(0, 1e6))
def test_the_last_value_holds_after_the_end(s, late):
    curve = curve_of(s)
    assume(np.isfinite(curve.end))
    assert curve(curve.end + late) == curve(curve.end)


@many
@given(schedules)
def test_text_json_and_repr_round_trip(s):
    assert lr.parse(str(s)) == s
    assert str(lr.parse(str(s))) == str(s)
    assert eval(repr(s), dict(vars(lr))) == s
    data = json.loads(json.dumps(s.to_dict(), allow_nan=False))
    assert lr.from_dict(data) == s
    assert data["format"] == 1


@many
@given(schedules, schedules)
def test_equal_values_have_equal_json_and_hash(a, b):
    again = lr.from_dict(a.to_dict())
    assert hash(again) == hash(a)
    assert (a == b) == (json.dumps(a.to_dict()) == json.dumps(b.to_dict()))


@given(schedules)
def test_a_schedule_survives_copy_and_pickle(s):
    assert copy.deepcopy(s) == s
    assert pickle.loads(pickle.dumps(s)) == s
    curve = curve_of(s)
    assert pickle.loads(pickle.dumps(curve)).values(0, 9).tolist() == curve.values(0, 9).tolist()


@given(fixed_leaf, fixed_leaf, open_leaf)
def test_sequence_is_associative(a, b, c):
    assert (a >> b) >> c == a >> (b >> c)
    assert str((a >> b) >> c) == str(a >> (b >> c))


@given(schedules, schedules, schedules)
def test_product_and_sum_are_associative(a, b, c):
    assert (a * b) * c == a * (b * c)
    assert (a + b) + c == a + (b + c)


@many
@given(st.lists(fixed_leaf, min_size=1, max_size=4), open_leaf, fixed_leaf)
def test_each_piece_of_a_sequence_has_its_own_values_and_length(firsts, middle, last):
    whole = firsts[0]
    for piece in firsts[1:]:
        whole = whole >> piece
    curve = curve_of(whole >> middle >> last)
    lengths = [place(p).end for p in firsts]
    at = 0.0
    for piece, n in zip(firsts, lengths, strict=True):
        # `over` keeps fixed pieces: each lasts what it says, wherever it stands.
        inside = n * np.array([0.0123, 0.1717, 0.389, 0.5711, 0.731, 0.983])  # off any inner joint
        if n > 1e-6:
            own = place(piece)(inside)
            # A step at + t is rounded to the spacing of floats there: much, for a piece that short.
            rounding = np.spacing(at + n) / n * max(own.max(), 1.0)
            assert curve(at + inside) == pytest.approx(own, rel=1e-9, abs=1e-12 + rounding)
        at += n
    tail = place(last).end
    assert curve(TOTAL) == place(last)(tail)
    assert curve.end == TOTAL


@many
@given(schedules, rates)
def test_scale_product_and_sum_are_what_they_say(s, factor):
    curve = curve_of(s)
    t = np.linspace(0, 2100, 50)
    assert np.array_equal(curve_of(factor * s)(t), factor * curve(t))
    # A flat product of products is rounded in another order than the product of two.
    assert curve_of(s * s)(t) == pytest.approx(curve(t) * curve(t), rel=1e-14)
    assert curve_of(s + s)(t) == pytest.approx(curve(t) + curve(t), rel=1e-14)


@many
@given(schedules, rates, rates)
def test_clip_holds_both_bounds(s, a, b):
    floor, ceiling = sorted([a, b])
    values = curve_of(s.clip(floor, ceiling))(np.linspace(0, 2100, 50))
    assert floor <= values.min()
    assert values.max() <= ceiling


RAMPS = [
    lr.linear, lr.cosine, lr.power, lr.geometric, lr.one_minus_sqrt, lr.one_minus_square, lr.rex,
    lr.tanh,
]  # fmt: skip


@pytest.mark.parametrize("ramp", RAMPS)
@given(st.floats(1e-6, 10), st.floats(1e-6, 10), st.floats(0.1, 1e7))
def test_the_ends_of_a_ramp_are_exact(ramp, start, end, n):
    curve = ramp(start, end, n).over()
    assert (curve(0), curve(n), curve(n * 3)) == (start, end, end)


@pytest.mark.parametrize("ramp", RAMPS)
@given(st.floats(1e-6, 10), st.floats(1e-6, 10), st.integers(2, 10_000))
def test_a_ramp_is_monotone(ramp, start, end, n):
    values = ramp(start, end, n).over().values()
    turns = np.diff(values) * np.sign(end - start)
    assert turns.min(initial=0) >= -1e-15 * max(start, end)


@pytest.mark.parametrize("window", [lr.triangle, lr.hann, lr.welch])
@given(st.floats(0, 1), st.floats(1, 3), st.integers(1, 500))
def test_a_window_is_symmetric_and_touches_floor_and_peak(window, floor, peak, half):
    curve = window(floor, peak, 2 * half).over()
    assert (curve(0), curve(2 * half)) == (floor, floor)
    assert curve(half) == pytest.approx(peak, rel=1e-15)
    t = np.arange(half + 1)
    assert np.array_equal(curve(t), curve(2 * half - t))


@given(st.integers(1, 1000), st.floats(1e-3, 10))
def test_a_warmup_wastes_no_update_and_peaks_at_the_joint(n, peak):
    curve = (peak * (lr.warmup(n) >> lr.hold())).over(n + 5)
    assert curve(0) == pytest.approx(peak / (n + 1), rel=1e-15)
    assert curve(n - 1) < peak
    assert curve(n) == peak


@given(st.permutations(range(300)), st.integers(0, 2**30))
def test_noise_is_the_same_for_a_step_whatever_the_order(order, seed):
    curve = lr.noise(0.5, seed).over()
    assert [curve(t) for t in order] == curve(np.array(order)).tolist()
    assert np.array_equal(curve.values(0, 300)[order], curve(np.array(order)))


def test_noise_is_spread_evenly_and_seeds_are_independent():
    x = lr.noise(1.0, 7).over().values(0, 100_000)
    y = lr.noise(1.0, 8).over().values(0, 100_000)
    # 100,000 uniform draws on [0, 2]: mean 1, deviation 1/sqrt(3); 5 standard errors of each.
    assert abs(x.mean() - 1) < 5 / np.sqrt(3e5)
    assert abs(x.std() - 1 / np.sqrt(3)) < 0.01
    assert abs(np.corrcoef(x, y)[0, 1]) < 5 / np.sqrt(1e5)
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 5 / np.sqrt(1e5)
    z = lr.noise(1.0, 7, kind="normal").over().values(0, 100_000)
    assert abs(z.mean() - 1) < 0.01
    assert abs(z.std() - 1 / 3) < 0.01


@given(st.floats(1, 1e4), st.integers(0, 10**6))
def test_cycles_begin_exactly_where_they_should(period, i):
    curve = lr.linear(1, 0, period).repeat().over()
    assert curve(i * period) == 1.0


def test_stretched_cycles_keep_a_warmup_and_stretch_a_plain_shape():
    kept = (lr.warmup("4st") >> lr.cosine()).repeat(stretch=2, every="10st").over(70)
    assert kept.joints == (4, 10, 14, 30, 34)
    plain = lr.cosine(1, 0, "10st").repeat(stretch=2).over(70)
    assert plain.joints == (10, 30)
    assert plain(20) == pytest.approx(0.5)


def test_open_cycles_divide_what_is_left():
    curve = (lr.hold("10st") >> lr.linear().repeat(3, stretch=2)).over(80)
    assert curve.joints == (10, 20, 40)
    assert curve(80) == 0
    fractional = lr.linear().repeat(3, stretch=0.5).over(70)
    assert fractional.joints == (40, 60)


@given(st.integers(1, 6), st.floats(1, 100), st.sampled_from([1.0, 2.0, 1.5]))
def test_an_end_that_falls_on_a_restart_does_not_restart(cycles, first, stretch):
    total = lr.cosine(1, 0, first).repeat(cycles, stretch).over().total
    curve = lr.cosine(1, 0, first).repeat(stretch=stretch).over(total)
    assert curve(total) == curve(total + 1) == curve(total + 1e6) == 0
    assert lr.step_decay(1, 0.5, first).over(3 * first)(3 * first) == 0.25


@many
@given(schedules, st.integers(0, 1500), st.integers(1, 900))
def test_a_part_is_the_schedule_itself_bit_for_bit(s, start, length):
    curve, part = curve_of(s), curve_of(s.part(start, start + length, of=TOTAL))
    t = np.linspace(0, length, 50)
    assert np.array_equal(part(t), curve(start + t))
    assert part.end == length
    assert part(length + 10) == curve(start + length)


@many
@given(schedules)
def test_a_clock_at_the_pace_of_the_steps_changes_nothing(s):
    curve = curve_of(s)
    same = curve_of(s.warp([0, 700, TOTAL], [0, 700, TOTAL]))
    assert np.array_equal(same.values(), curve.values())
    assert {j for j in curve.joints if j > 0} <= set(same.joints)


@many
@given(schedules, st.integers(1, 1900), st.floats(0.3, 3))
def test_a_stretched_rest_keeps_the_past_and_reaches_the_same_end(s, step, factor):
    curve = curve_of(s)
    end = step + factor * (TOTAL - step)
    warped = curve_of(s.warp([0, step, end], [0, step, TOTAL]))
    assert np.array_equal(warped.values(0, step), curve.values(0, step))
    assert warped(end) == curve(TOTAL)
    # Off any jump: the same place of the clock, approached from both.
    if not curve.joints and factor > 0.5:
        inside = step + 0.37 * (end - step)
        place_of = step + 0.37 * (TOTAL - step)
        near = curve(np.array([place_of - 1e-6, place_of + 1e-6]))
        wide = 1e-6 * (1 + near.max()) + 2 * np.ptp(near)
        assert near.min() - wide <= warped(inside) <= near.max() + wide


def test_the_joints_of_a_part_and_of_a_stretched_schedule_lie_where_the_rate_bends():
    s = lr.warmup(10) >> lr.hold("20st") >> lr.linear()
    assert s.part(5, 40, of=100).over().joints == (5, 25)
    assert s.warp([0, 20, 200], [0, 20, 100]).over().joints == (10, 20, 42.5)
    jump = (lr.hold(7) >> lr.constant(0.1)).warp([0, 1, 101], [0, 1, 12]).over(101)
    assert [(j.before, j.after) for j in jump.facts().jumps] == [(1.0, 0.1)]


def test_a_clock_may_stand_and_run_backwards():
    stands = lr.linear().warp([0, 10, 30, 40], [0, 10, 10, 100]).over()
    assert set(stands([10, 17, 29.5])) == {0.9}
    assert lr.linear().warp([0, 100], [100, 0]).over(100)([0, 100]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: lr.cosine().warp([0], [0]), "two or more, got 1 and 1"),
        (lambda: lr.cosine().warp([0, 5], [0, 5, 6]), "two or more, got 2 and 3"),
        (lambda: lr.cosine().warp([1, 5], [0, 5]), r"`at\[0\] = 0` must hold"),
        (lambda: lr.cosine().warp([0, 5, 5], [0, 5, 6]), "must rise"),
        (lambda: lr.cosine().warp([0, 5], [0, -5]), "finite and >= 0"),
        (lambda: lr.cosine().warp([0, "1ep", "5st"], [0, 5, 6]).over(9, steps_per_epoch=9), "rise"),
        (lambda: lr.cosine().warp(5, 6), "must be a list"),
        (lambda: lr.cosine().part(5, 5), "`start < stop` must hold"),
        (lambda: lr.cosine().part(5, "2ep"), "one unit"),
        (lambda: lr.cosine().part(0, 5, of=0), "`of > 0` must hold"),
        (lambda: lr.cosine().warp([0, 5], [0, 0]).over(5), "say of how many steps"),
        (lambda: lr.parse("cosine().part(0, 5, 6, 7)"), "too many positional"),
    ],
)
def test_a_clock_that_cannot_be_says_why(make, said):
    with pytest.raises(lr.SpecError, match=said):
        make()
