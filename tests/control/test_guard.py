"""The spike guard: what it takes for a spike, what it does, and when it stops doing it."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrkit.control import Observation, Rollback, Scale, controller_from_dict, spike_guard
from lrkit.errors import SpecError
from lrkit.schedules import Horizon

CALM = [2.0, 1.9, 2.1, 2.0, 2.2]


def run(guard, losses, state=None):
    state, edits = guard.init() if state is None else state, []
    for t, loss in enumerate(losses):
        state, edit = guard.update(state, Observation(t, {"loss": loss}, (0.1,)))
        json.dumps(state, allow_nan=False)
        if edit is not None:
            edits.append(edit)
    return state, edits


def test_it_cuts_at_a_spike_that_lasts_and_says_why():
    _, edits = run(spike_guard(window=5, patience=1), [*CALM, 9.0, 9.5, 9.0])
    (edit,) = edits
    assert edit == Scale(0.5, step=6, author="spike_guard", reason=edit.reason)
    assert "loss 9.5 is above" in edit.reason
    assert "for 2 in a row" in edit.reason


def test_a_single_spike_passes_and_leaves_no_trace_in_what_is_normal():
    state, edits = run(spike_guard(window=5, patience=1), [*CALM, 9.0, 2.0])
    assert not edits
    assert 9.0 not in state["recent"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf], ids=["nan", "inf", "minus inf"])
def test_what_is_not_finite_is_a_spike_at_once_even_at_the_start(bad):
    _, edits = run(spike_guard(rollback=True), [bad])
    assert edits == [Rollback(0.5, step=0, author="spike_guard", reason=f"loss is {bad:g}")]


def test_it_waits_after_acting_and_takes_what_comes_for_normal():
    guard = spike_guard(window=5, patience=0, cooldown=5)
    state, edits = run(guard, [*CALM, 9.0, 9.1, 9.0, 9.2, 9.1, 9.0, 9.1])
    assert [edit.step for edit in edits] == [5]
    assert state["recent"] == [9.0, 9.2, 9.1, 9.0, 9.1]


def test_a_level_that_stays_is_no_spike_for_ever():
    guard = spike_guard(window=5, patience=10)
    state, edits = run(guard, [*CALM, *[5.0] * 20])
    assert not edits
    assert state["recent"] == [5.0] * 5


def test_it_acts_only_so_often():
    guard = spike_guard(window=5, patience=0, cooldown=0, limit=2, rollback=True)
    _, edits = run(guard, [math.nan] * 9)
    assert len(edits) == 2
    state, _ = run(guard, [math.nan] * 9)
    assert run(guard, [math.nan], guard.without_edits(state))[1]


def test_it_does_not_look_before_its_time():
    guard = spike_guard(after="2ep").placed(Horizon(100.0, 5.0))
    assert [edit.step for edit in run(guard, [math.nan] * 11)[1]] == [10]
    with pytest.raises(SpecError, match="placed"):
        run(spike_guard(after="2ep"), [1.0])


def test_a_falling_noisy_loss_raises_no_alarm_and_jumps_are_found():
    found = missed = 0
    for seed in range(10):
        draw = np.random.default_rng(seed)
        t = np.arange(2000)
        loss = (3 * (1 + t / 50) ** -0.4) * np.exp(0.05 * draw.standard_normal(t.size))
        found += len(run(spike_guard(), loss.tolist())[1])
        loss[1500:1510] *= 3
        missed += not any(1500 <= e.step < 1510 for e in run(spike_guard(), loss.tolist())[1])
    assert (found, missed) == (0, 0)


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64) | st.just(1e308), max_size=40)
)
def test_any_losses_give_a_state_that_is_json_and_the_same_edits_again(losses):
    guard = spike_guard(window=3, patience=1, cooldown=2, limit=3)
    state, edits = run(guard, losses)
    assert (state, edits) == run(guard, losses)
    assert len(state["recent"]) <= 3
    assert len(edits) <= 3
    half = len(losses) // 2
    middle = json.loads(json.dumps(run(guard, losses[:half])[0]))
    assert run(guard, losses[half:], middle)[0] == state


def test_json_round_trip():
    guard = spike_guard(8, 20, factor=1, rollback=True, after="10%")
    assert controller_from_dict(json.loads(json.dumps(guard.to_dict()))) == guard


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"window": 2}, "`window >= 3`"),
        ({"threshold": 0}, "`threshold > 0`"),
        ({"factor": 1}, "`factor < 1`"),
        ({"factor": 1.5, "rollback": True}, "`factor < 1`"),
        ({"limit": 0}, "`limit >= 1`"),
        ({"limit": None, "rollback": True}, "needs a limit"),
        ({"rollback": "yes"}, "True or False"),
        ({"patience": 1.5}, "whole number"),
        ({"after": "5x"}, "with a unit"),
        ({"metric": ""}, "name of a metric"),
    ],
)
def test_options_that_cannot_be_say_why(options, said):
    with pytest.raises(SpecError, match=said):
        spike_guard(**options)
