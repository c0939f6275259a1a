"""The fold of edits: what a run follows is what the edits say, step by step."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
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
    effective,
    steered,
)
from lrkit.errors import SpecError
from lrkit.schedules import Horizon, constant, cosine, from_dict, parse, warmup, wsd
from lrkit.schedules.tree import Schedule
from tests.schedules.trees import schedules

UNITS = {"steps_per_epoch": 10.0, "batch_size": 4.0, "tokens_per_step": 32.0}
NEW = "0.2 * (warmup(5%) >> cosine(1, 0.1))"

steps = st.integers(0, 120)
spans = st.sampled_from([1, 7, "2ep", "12.3%", "30st"])
edits = st.one_of(
    st.builds(lambda f, n, t: Scale(f, over=n, step=t), st.floats(0, 3), spans | st.none(), steps),
    st.builds(
        lambda f, low, t: Scale(f, floor=low, step=t), st.floats(0, 0.9), st.floats(0, 0.1), steps
    ),
    st.builds(lambda v, n, t: Set(v, over=n, step=t), st.floats(0, 1), spans | st.none(), steps),
    st.builds(lambda t: Hold(step=t), steps),
    st.builds(lambda t: Release(step=t), steps),
    st.builds(lambda n, t: Cooldown(n, step=t), spans, steps),
    st.builds(
        lambda n, how, t: Extend(n, how=how, step=t),
        st.sampled_from([80, 150, "20ep", "150%", 123.4]),
        st.sampled_from(["stretch", "keep"]),
        steps,
    ),
    st.builds(lambda t: Replace(NEW, step=t), steps),
    st.builds(lambda kind, t: kind(step=t), st.sampled_from([Stop, Checkpoint, Rollback]), steps),
)
lists = st.lists(edits, max_size=9)
SOME = [
    0.3 * (warmup("2ep") >> cosine()),
    0.1 * wsd("5%", "20%"),
    constant(0.1),
    0.3 * (warmup("2ep") >> cosine(1, 0.1, "30st")),
]
usual = st.sampled_from(SOME)
totals = st.sampled_from([100.0, 97.3, 64.0])


def folded(schedule: Schedule, many: list, horizon: Horizon):
    """Return the course, or give the example up where an edit in it cannot be."""
    try:
        return course(schedule, many, horizon)
    except SpecError:
        assume(False)
        raise


def ordered(many: list) -> list:
    return sorted(many, key=lambda edit: edit.step)


class Wheel:
    """What edits mean, told step by step and not by expressions: the other account of it."""

    def __init__(self, schedule: Schedule, horizon: Horizon) -> None:
        self.schedule, self.horizon = schedule, horizon
        self.total = self.room = horizon.total
        self.begin = 0
        self.clock = lambda t: t
        self.curve = schedule.over(horizon)
        self.scales: list = []
        self.take = None

    def scale_at(self, t, since=-1):
        value = 1.0
        for n, (start, over, factor) in enumerate(self.scales):
            if n > since and t >= start:
                u = 1.0 if over is None else min((t - start) / over, 1.0)
                value *= 1 + u * (factor - 1)
        return value

    def rate(self, t):
        if self.take is None:
            return self.curve(self.clock(t - self.begin)) * self.scale_at(t)
        start, over, first, level, since = self.take
        u = 1.0 if over is None else min((t - start) / over, 1.0)
        return ((1 - u) * first + u * level) * self.scale_at(t, since)

    def moves(self, t):
        """Whether what was set is still on its way."""
        start, over, *_, since = self.take
        ramps = [(a, n) for k, (a, n, _) in enumerate(self.scales) if k > since and n]
        return any(t < a + n for a, n in [(start, over or 0), *ramps])

    def updates(self, span):
        if span is None:
            return None
        steps = Horizon(self.total, **UNITS).steps(span)
        return max(1, math.ceil(steps - 1e-9))

    def do(self, edit, t):
        late = t >= self.total
        match edit:
            case Scale() if not late:
                factor, now = edit.factor, self.rate(t)
                if edit.floor and factor < 1:
                    if now <= max(now * factor, edit.floor):
                        return
                    factor = max(now * factor, edit.floor) / now
                self.scales.append((t, self.updates(edit.over), factor))
            case Set() if not late:
                now = self.rate(t)
                self.take = (t, self.updates(edit.over), now, edit.value, len(self.scales) - 1)
            case Hold() if not late:
                if self.take is None or self.moves(t):
                    now = self.rate(t)
                    self.take = (t, None, now, now, len(self.scales) - 1)
            case Release() if not late:
                self.take = None
            case Cooldown():
                now, over = self.rate(t), self.updates(edit.over)
                self.restart(t, lambda s: now * max(1 - s / over, 0.0), t + over)
            case Replace() if not late:
                room = self.total - t
                self.restart(t, parse(NEW).over(room, **UNITS), self.total)
                self.schedule, self.room = parse(NEW), room
            case Extend():
                self.extend(edit, t)

    def restart(self, t, curve, total):
        self.begin, self.curve, self.clock = t, curve, lambda s: s
        self.scales, self.take, self.total = [], None, float(total)
        self.schedule = None
        self.room = self.total - t

    def extend(self, edit, t):
        total = Horizon(self.total, **UNITS).steps(edit.total)
        old, new, at, before = (
            self.total - self.begin,
            total - self.begin,
            t - self.begin,
            self.clock,
        )
        goes_on = self.schedule is not None and self.schedule == constant(0.1)
        if edit.how == "stretch":
            if at < old:
                self.clock = lambda s: before(
                    s if s < at else min(at + (s - at) / (new - at) * (old - at), old)
                )
            elif not goes_on:
                self.clock = lambda s: before(min(s, old))
        elif not goes_on:
            self.clock = lambda s: before(min(s, old))
        self.total = total


def ratios_live(edit):
    """Whether *edit* is without a floor, which is a rate by itself, and not down to nothing."""
    return (
        not getattr(edit, "floor", 0)
        and getattr(edit, "factor", 1) > 0.01
        and getattr(edit, "value", 1) > 0.01
    )


@settings(max_examples=150, deadline=None)
@given(usual, lists.map(lambda many: [e for e in many if ratios_live(e)]))
def test_edits_for_all_groups_keep_the_ratios_between_them(schedule, many):
    horizon = Horizon(100.0, **UNITS)
    owns = [0.0, 0.5, 1.5]
    curves = [(own * schedule).over(horizon) for own in owns]
    for relative in (owns, None):
        try:
            none, first, second = courses(many, [None] * 3, curves, relative)
        except SpecError:
            assume(False)
            raise
        assert none.total == first.total == second.total
        t = np.arange(math.ceil(first.total))
        assume(first(t).min() > 0)  # at 0 there is no ratio to keep
        assert second(t) == pytest.approx(3 * first(t), rel=1e-9)
        assert not none(t).any()


early = st.integers(0, 60)
overs = st.sampled_from([None, 4, 15, 40])
by_hand = st.lists(
    st.one_of(
        st.builds(lambda f, n, t: Scale(f, over=n, step=t), st.floats(0.1, 2), overs, early),
        st.builds(lambda v, n, t: Set(v, over=n, step=t), st.floats(0.1, 1), overs, early),
        st.builds(lambda t: Hold(step=t), early),
        st.builds(lambda t: Release(step=t), early),
    ),
    min_size=6,
    max_size=20,
)


@settings(max_examples=150, deadline=None)
@given(usual, by_hand)
def test_a_restless_hand_gets_what_it_asks_for(schedule, many):
    check(schedule, 100.0, many)


@settings(max_examples=300, deadline=None)
@given(usual, totals, lists)
def test_the_course_is_what_the_edits_say_step_by_step(schedule, total, many):
    check(schedule, total, many)


def check(schedule, total, many):
    horizon = Horizon(total, **UNITS)
    curve = folded(schedule, many, horizon)
    wheel, told = Wheel(schedule, horizon), []
    by_step = ordered(many)
    last = max([edit.step for edit in many], default=0)
    for t in range(max(last, math.ceil(curve.total)) + 1):
        for edit in by_step:
            if edit.step == t:
                wheel.do(edit, t)
        told.append(wheel.rate(t))
    n = math.ceil(min(wheel.total, curve.total))
    assert curve.total == pytest.approx(wheel.total)
    assert curve.values()[:n] == pytest.approx(np.array(told[:n]), rel=1e-9, abs=1e-12)


@settings(max_examples=300, deadline=None)
@given(schedules, lists)
def test_what_has_been_stays_as_it_was_bit_for_bit(schedule, many):
    """An edit changes no rate before its step, whatever the schedule and the edits before it."""
    horizon = Horizon(2000.0, **UNITS)
    many = ordered(many)
    curve = folded(schedule, many, horizon)
    for k, edit in enumerate(many):
        before = folded(schedule, many[:k], horizon)
        assert np.array_equal(before.values(0, edit.step), curve.values(0, edit.step)[: edit.step])
        if k + 1 < len(many) and many[k + 1].step > edit.step:
            until = many[k + 1].step
            assert np.array_equal(
                folded(schedule, many[: k + 1], horizon).values(0, until), curve.values(0, until)
            )


@settings(max_examples=150, deadline=None)
@given(schedules, lists)
def test_a_course_is_an_ordinary_schedule(schedule, many):
    curve = folded(schedule, many, Horizon(2000.0, **UNITS))
    assert parse(str(curve.schedule)) == curve.schedule
    assert from_dict(curve.schedule.to_dict()) == curve.schedule
    assert curve.schedule == effective(schedule, many, Horizon(2000.0, **UNITS))
    t = np.linspace(0, 2200, 40)
    values = curve(t)
    assert (values >= 0).all()
    assert [curve(x) for x in t] == values.tolist()
    assert steered(str(curve.schedule)).schedule == curve.schedule


def text(*many, schedule=SOME[0], total=100.0):
    return str(effective(schedule, many, Horizon(total, **UNITS)))


@pytest.mark.parametrize(
    ("many", "said"),
    [
        ([Scale(0.5, step=40)], "{0} * table([1, 0.5], [0st, 40st], kind=step)"),
        ([Scale(0.5, over="2ep", step=40)], "{0} * (hold(40st) >> linear(1, 0.5, 20st))"),
        ([Set(0.1, step=40)], "({0}).part(0, 40, of=100) >> constant(0.1)"),
        (
            [Set(0.1, step=40), Release(step=60)],
            "({0}).part(0, 40, of=100) >> constant(0.1, 20st) >> ({0}).part(60, 100)",
        ),
        ([Extend(200, step=40)], "({0}).warp(at=[0, 40, 200], clock=[0, 40, 100])"),
        ([Extend(200, step=40, how="keep")], "({0}).part(0, 200, of=100)"),
        ([Extend(60, step=40, how="keep")], "({0}).part(0, 60, of=100)"),
        ([Replace("0.1 * hold()", step=40)], "({0}).part(0, 40, of=100) >> 0.1 * hold()"),
        (
            [Replace("cosine()", step=40), Set(0.1, step=50)],
            "({0}).part(0, 40, of=100) >> cosine().part(0, 10, of=60) >> constant(0.1)",
        ),
        (
            [Replace(NEW, step=40)],
            "({0}).part(0, 40, of=100) >> (0.2 * (warmup(5%) >> cosine(1, 0.1))).part(0, 60)",
        ),
    ],
)
def test_the_expression_is_one_to_read(many, said):
    assert text(*many) == said.format("0.3 * (warmup(2ep) >> cosine())")


def test_a_flat_schedule_stays_plain():
    lesson = [Set(0.01, step=30), Set(0.005, step=60)]
    assert text(*lesson, schedule=constant(0.03)) == (
        "constant(0.03, 30st) >> constant(0.01, 30st) >> constant(0.005)"
    )
    assert text(Extend(500, step=30), schedule=constant(0.03)) == "constant(0.03)"
    assert text(Cooldown("20%", step=30), schedule=constant(0.03)) == (
        "constant(0.03, 30st) >> linear(0.03, 0, 20st)"
    )


def test_many_take_overs_do_not_repeat_the_schedule():
    many = list(
        itertools.chain.from_iterable(
            (Set(0.1, step=i), Scale(0.5, step=i + 2), Release(step=i + 4))
            for i in range(0, 90, 10)
        )
    )
    assert text(*many).count("cosine") == 1
    ramps = [Set(0.1, over=3, step=5), *many[3:]]
    assert text(*ramps).count("cosine") == 1


def test_release_in_the_middle_of_a_ramp_hands_back_at_once():
    curve = course(cosine(), [Set(0.9, over=20, step=40), Release(step=45)], Horizon(100.0))
    assert np.array_equal(curve.values()[45:], cosine().over(100).values()[45:])


def test_hold_in_the_middle_of_a_ramp_stops_it():
    curve = course(constant(1.0), [Set(0.0, over=20, step=40), Hold(step=50)], Horizon(100.0))
    assert set(curve.values()[50:]) == {0.5}


def test_a_release_does_not_call_off_a_cooldown_and_an_extension_stretches_it():
    edits = [Cooldown(20, step=50), Release(step=55), Extend(90, step=60)]
    curve = course(constant(1.0), edits, Horizon(100.0))
    assert curve.total == 90
    assert curve([50, 60, 75, 90]).tolist() == [1.0, 0.5, 0.25, 0.0]


def test_a_replacement_ends_the_scales_and_what_was_set():
    edits = [Scale(0.1, step=10), Hold(step=20), Replace("0.7", step=30)]
    assert course(cosine(), edits, Horizon(100.0))(40) == 0.7


def test_what_comes_after_the_end_changes_no_rate_but_an_extension_goes_on_from_it():
    late = [Scale(0.5, step=100), Set(3.0, step=120), Hold(step=130), Replace("9", step=140)]
    curve = course(cosine(1, 0.2), late, Horizon(100.0))
    assert curve(150) == 0.2
    more = course(
        cosine(1, 0.2), [*late, Extend(300, step=150), Scale(2, step=200)], Horizon(100.0)
    )
    assert more([150, 199, 200]).tolist() == [0.2, 0.2, 0.4]


def test_a_run_without_a_total_takes_edits_and_gets_an_end():
    edits = [Scale(0.5, step=50), Set(0.2, step=60), Release(step=70)]
    endless = course(0.1 * warmup(10), edits)
    assert endless([0, 10, 50, 60, 70, 10**6]) == pytest.approx(
        [0.1 / 11, 0.1, 0.05, 0.2, 0.05, 0.05]
    )
    held = course(constant(0.1), [*edits, Cooldown(30, step=100)])
    assert held.total == 130
    assert held([99, 100, 115, 130]).tolist() == [0.05, 0.05, 0.025, 0.0]
    assert course(constant(0.1), [Extend(40, step=3, how="keep")]).total == 40


def test_a_fractional_total_is_kept_and_edits_count_whole_updates():
    curve = course(cosine(), [Scale(0.5, over="10%", step=5)], Horizon(97.3))
    assert "linear(1, 0.5, 10st)" in str(curve.schedule)
    assert curve.total == 97.3
    assert course(cosine(), [Extend("33.5st", step=5)], Horizon(97.3)).total == 33.5


def test_a_thousand_edits_are_folded_fast():
    import time

    many = [Scale(0.999, step=i) for i in range(1000)]
    began = time.perf_counter()
    curve = course(cosine(), many, Horizon(2000.0))
    assert curve(1999) > 0
    assert time.perf_counter() - began < 2


def test_a_run_that_is_extended_stage_by_stage_stays_one_to_read():
    many = [Extend(100 + 10 * i, how="keep", step=99 + 10 * i) for i in range(1, 300)]
    assert text(*many) == "(0.3 * (warmup(2ep) >> cosine())).part(0, 3090, of=100)"
    cut = [Extend(60, how="keep", step=10), Extend(90, how="keep", step=20)]
    assert course(SOME[0], cut, Horizon(100.0, **UNITS))(80) == SOME[0].over(100, **UNITS)(60)
