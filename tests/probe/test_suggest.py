"""What is read off a range curve: the truth where there is one, None with a reason elsewhere."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrkit as lr
from bench._range_families import SEEN
from bench.range_test_curves import FINDERS, factor, others, ours
from lrkit.probe import Estimate, RangeCurve, Suggestion, suggest

LANDMARKS = ("base", "steepest", "peak", "maximum")
LOG = np.linspace(-6, 1, 100)


def losses(log=LOG, centre: float = -2.0, blow_up: float = 0.0, noise: float = 0.0, seed: int = 0):
    """A sigmoid fall from 2.3 to 0.3 around 10^centre, then exponential divergence."""
    fall = 2 / (1 + np.exp(-(log - centre) / 0.25))
    up = np.exp(np.minimum(6 * (log - blow_up), 12.0))
    wobble = np.random.default_rng(seed).standard_normal(len(log))
    return 2.3 - fall + up + 2 * noise * wobble


def found_in(table, rates=None, **options) -> Suggestion:
    return suggest(RangeCurve(10.0**LOG if rates is None else rates, table, **options))


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1, 0.2])
@pytest.mark.parametrize("count", [50, 100, 2000])
def test_finds_the_landmarks_of_a_sigmoid(noise, count):
    log = np.linspace(-6, 1, count)
    found = found_in(losses(log, noise=noise), 10.0**log)
    low = log[np.argmin(losses(log))]
    assert found.steepest is not None
    assert found.maximum is not None
    assert factor(found.steepest.value, 0.01) < (1.3 if noise <= 0.02 else 3)
    assert factor(found.maximum.value, 10.0**low) < (1.6 if noise <= 0.02 else 3)


def test_twenty_points_are_enough_when_they_are_quiet():
    log = np.linspace(-6, 1, 20)
    found = found_in(losses(log, noise=0.02), 10.0**log)
    assert found.steepest is not None
    assert factor(found.steepest.value, 0.01) < 1.6


@pytest.mark.parametrize("family", SEEN, ids=lambda family: family.name)
def test_a_slice_of_the_bench(family):
    steep, maxima = [], []
    for seed in range(8):
        draw = family.draw(seed)
        truth, mine = draw.landmarks(), ours(draw)
        assert truth["steepest"] is not None
        steep.append(factor(mine["steepest"], truth["steepest"]))
        if truth["maximum"] is not None:
            maxima.append(factor(mine["maximum"], truth["maximum"]))
        else:
            assert mine["maximum"] is None
    assert np.median(steep) < 2.5
    assert np.median(maxima or [1.0]) < 1.6
    assert max(maxima or [1.0]) < 10


def test_every_other_rule_is_farther_off():
    errors = {name: [] for name in ("ours", *FINDERS)}
    for family in SEEN:
        for seed in range(4):
            draw = family.draw(seed)
            truth = draw.landmarks()["steepest"]
            assert truth is not None
            for name, read in {"ours": ours(draw), **others(draw)}.items():
                errors[name].append(factor(read["steepest"], truth))
    mine = errors.pop("ours")
    assert np.median(mine) < 1.5
    for name, theirs in errors.items():
        assert np.median(theirs) > np.median(mine), name


@settings(max_examples=15, deadline=None)
@given(
    scale=st.floats(1e-6, 1e6),
    shift=st.floats(-100, 100),
    unit=st.floats(1e-5, 1e5),
    seed=st.integers(0, 50),
)
def test_units_of_loss_and_rate_change_nothing(scale, shift, unit, seed):
    table = losses(noise=0.05, seed=seed)
    one = found_in(table)
    other = found_in(scale * (table + shift), unit * 10.0**LOG)
    assert one.confidence == other.confidence
    for name in LANDMARKS:
        here, there = getattr(one, name), getattr(other, name)
        assert (here is None) == (there is None)
        if here is not None:
            assert there.value == pytest.approx(unit * here.value, rel=0.02)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.4), st.integers(8, 60), st.integers(1, 4))
def test_an_interval_holds_its_estimate_whatever_the_losses(seed, noise, count, repeats):
    random = np.random.default_rng(seed)
    log = np.linspace(-6, 1, count)
    table = np.stack([losses(log, noise=noise, seed=seed + i) for i in range(repeats)])
    table[random.random(table.shape) < 0.1] = np.nan
    table[random.random(table.shape) < 0.02] = np.inf
    found = found_in(table, 10.0**log)
    assert found.reason
    assert found.confidence in ("high", "medium", "low", "none")
    for name in LANDMARKS:
        estimate = getattr(found, name)
        assert (found.confidence != "none") or estimate is None
        if estimate is not None:
            assert 0 < estimate.low <= estimate.value <= estimate.high < math.inf
            assert estimate.factor >= 1


def test_the_same_curve_gives_the_same_answer_and_random_states_are_left_alone():
    before = np.random.get_state()[1].tolist()
    one, two = found_in(losses(noise=0.1)), found_in(losses(noise=0.1))
    assert one == two
    assert np.random.get_state()[1].tolist() == before


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    inside = []
    for seed in range(40):
        found = found_in(losses(noise=0.1, seed=seed)).steepest
        assert found is not None
        inside.append(found.low <= 0.01 <= found.high)
    assert np.mean(inside) > 0.8


def test_noisier_losses_are_trusted_less():
    sure, unsure = found_in(losses(noise=0.01)), found_in(losses(noise=0.25))
    assert sure.confidence in ("high", "medium")
    assert unsure.confidence == "low"
    assert sure.maximum is not None
    assert unsure.maximum is not None
    assert sure.maximum.factor < unsure.maximum.factor


NOTHING = {
    "pure noise": (0.1 * np.random.default_rng(3).standard_normal(100), "noise"),
    "all alike": (np.full(100, 2.3), "alike"),
    "zeros": (np.zeros(100), "alike"),
    "rises": (2.3 + np.exp(np.minimum(LOG + 6, 9.0)), "start lower"),
    "drifts up": (LOG + 0.1 * np.random.default_rng(4).standard_normal(100), "start lower"),
    "diverges at once": (np.where(np.arange(100) < 4, 2.3, np.inf), "start lower"),
    "never finite": (np.full(100, np.inf), "diverges at once"),
    "nothing measured": (np.full(100, np.nan), "fewest"),
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_cannot_be_known_is_none_with_the_reason(name):
    table, word = NOTHING[name]
    found = found_in(table)
    assert found.confidence == "none"
    assert [getattr(found, landmark) for landmark in LANDMARKS] == [None] * 4
    assert word in found.reason
    assert found.schedules() == {}


def test_pure_noise_is_hardly_ever_taken_for_a_fall():
    random = np.random.default_rng(11)
    sorts = [found_in(2.3 + 0.1 * random.standard_normal(100)).confidence for _ in range(40)]
    assert sorts.count("none") >= 38


def test_a_curve_that_never_rises_has_no_maximum():
    found = found_in(losses(blow_up=9.0, noise=0.05))
    assert found.steepest is not None
    assert found.maximum is None
    assert found.peak is None
    assert "go higher" in found.reason
    assert found.confidence == "low"


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_a_cliff_is_the_maximum(lost):
    table = np.where(LOG > -1.2, lost, losses(noise=0.02))
    found = found_in(table)
    assert found.maximum is not None
    assert factor(found.maximum.value, 10**-1.2) < 2
    assert found.maximum.value <= 10**-1.2


def test_a_fall_from_the_first_rate_has_no_base():
    found = found_in(losses(centre=-5.9, blow_up=-2.0))
    assert found.base is None or found.base.value < 3e-6
    assert found.confidence != "high"
    assert "start lower" in found.reason


def test_spikes_holes_and_lost_repeats_move_little():
    clean = found_in(np.stack([losses(noise=0.03, seed=i) for i in range(3)]))
    dirty = np.stack([losses(noise=0.03, seed=i) for i in range(3)])
    dirty[0, [10, 40, 62]] += [50, 20, 30]
    dirty[1, [5, 30, 31]] = np.nan
    dirty[2, LOG > 0.2] = np.inf
    found = found_in(dirty)
    for name in ("steepest", "maximum"):
        assert factor(getattr(found, name).value, getattr(clean, name).value) < 1.5


def test_a_linear_ramp_is_read_on_the_log_axis_too():
    rates = np.linspace(1e-4, 1.0, 1000)
    found = found_in(losses(np.log10(rates), noise=0.02), rates, kind="linear")
    assert found.steepest is not None
    assert factor(found.steepest.value, 0.01) < 1.6


def test_a_hundred_points_of_three_repeats_take_less_than_a_second():
    table = np.stack([losses(noise=0.1, seed=i) for i in range(3)])
    found_in(table)
    begin = time.process_time()
    found_in(table)
    assert time.process_time() - begin < 1.0  # 0.05 s on a quiet machine


def test_schedules_are_values_that_print_and_parse():
    found = found_in(losses(noise=0.02))
    schedules = found.schedules()
    assert list(schedules) == ["decay", "linear", "one-cycle", "cyclic"]
    for schedule in schedules.values():
        assert lr.parse(str(schedule)) == schedule
        assert schedule.over(1000).facts().peak > 0
    assert found.peak is not None
    assert schedules["decay"].over(1000).facts().peak == pytest.approx(found.peak.value, rel=0.06)
    assert str(schedules["decay"]).endswith("* (warmup(5%) >> cosine())")


def test_a_suggestion_says_itself_in_json_types_and_in_a_line():
    import json

    found = found_in(losses(noise=0.02))
    data = json.loads(json.dumps(found.to_dict()))
    assert data["peak"]["value"] == found.peak.value  # type: ignore[union-attr]
    assert data["schedules"]["decay"] == str(found.schedules()["decay"])
    assert set(data["rules"]) >= {"steepest", "minimum/10", "valley", "slide"}
    assert f"confidence {found.confidence}" in str(found)
    assert str(Estimate(0.0123, 0.01, 0.02)) == "0.012 (0.01 to 0.02)"
    assert len(found.smooth_rates) == len(found.smooth_losses) > 100
