"""What `facts()` says must be true, and said when it matters."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given

import lrkit as lr
from tests.schedules.trees import place, schedules


def warnings_of(text: str, total: str | int = "30ep") -> str:
    return " | ".join(lr.parse(text).over(total, steps_per_epoch=10).facts().warnings)


@given(schedules)
def test_the_figures_are_those_of_the_values(s):
    try:
        curve = place(s)
    except lr.HorizonError:
        assume(False)
    values, facts = curve.values(), curve.facts()
    assert facts.peak == values.max()
    assert facts.peak_at == values.argmax()
    assert facts.final == values[-1]
    assert facts.area == pytest.approx(values.sum(), rel=1e-12)
    assert facts.smallest == (values[values > 0].min() if values.max() > 0 else 0)
    json.dumps(facts.to_dict(), allow_nan=False)
    assert lr.parse(facts.schedule) == s


def test_figures_do_not_depend_on_the_chunks():
    curve = (0.1 * lr.cosine()).over(700_001)
    facts = curve.facts()
    assert facts.area == pytest.approx(curve.values().sum(), rel=1e-12)
    assert facts.final == curve.values()[-1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.3 * (warmup(5ep) >> cosine())", ""),
        ("0.1 * hold()", ""),
        ("cosine(1, 0.5)", "above 10 % of the peak"),
        ("warmup(20ep) >> cosine()", "the warm-up takes 67% of the training"),
        ("linear(0, 1, 5ep) >> cosine()", "1 of 300 updates use a rate of exactly 0, the first at"),
        ("0 * cosine()", "nothing will be learned"),
        ("cosine(1, 0, 40ep)", "cut by the horizon at 300"),
        ("cosine(1, 0, 20ep)", "holds 0 for the remaining 100 steps"),
        ("exponential(2, 0.99).clip(floor=0.01)", "never reaches the floor 0.01"),
        ("0.5 * exponential(2, 0.99).clip(floor=0.01)", "never reaches the floor 0.005"),
        ("exponential(2, 0.5).clip(floor=0.01)", ""),
        ("0.3 * warmup(5ep) >> cosine()", "the rate jumps from 0.3 to 1 at step 50"),
        ("0.3 * (warmup(5ep) >> hold(20ep) >> 0.1 * hold())", ""),
        ("0.3 * warmup(5ep) >> 0.3 * cosine()", ""),
    ],
)
def test_warnings(text, said):
    found = warnings_of(text)
    assert said in found
    assert bool(said) == bool(found)


def test_a_jump_at_a_joint_is_reported_where_only_the_first_piece_is_scaled():
    facts = lr.parse("0.3 * warmup(5ep) >> cosine()").over("30ep", steps_per_epoch=10).facts()
    (jump,) = facts.jumps
    assert (jump.at, jump.before, jump.after) == (50, pytest.approx(0.3), 1)
    assert "jump" in str(facts)
    whole = lr.parse("0.3 * (warmup(5ep) >> cosine())").over("30ep", steps_per_epoch=10)
    assert whole.facts().jumps == ()


def test_an_endless_curve_has_no_facts_but_values():
    curve = lr.exponential(1, 0.9, "1st").over()
    assert curve(10**6) == 0.9 ** (10**6)
    with pytest.raises(lr.SpecError, match="has no end; pass total"):
        curve.facts()


def test_joints_may_fall_between_two_updates():
    facts = lr.one_cycle("10%").over(7055).facts()
    assert facts.joints == (705.5,)
    assert np.isclose(facts.peak, 1, atol=1e-5)


def test_a_training_without_end_in_sight_has_facts_within_seconds():
    facts = (0.1 * lr.cosine()).over(10**12).facts()
    assert facts.steps == 10**12
    assert facts.mean == pytest.approx(0.05, rel=1e-6)
    assert facts.peak == 0.1
