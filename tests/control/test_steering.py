"""Steered schedules: a schedule and its controllers as one value, as text and as JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrkit as lr
from lrkit.control import Observation, Scale, Steered, greedy, plateau, spike_guard, steered
from tests.schedules.trees import schedules

spans = st.sampled_from([0, 5, "5ep", "2.5%", "1e6sa"])
names = st.sampled_from(["loss", "val/acc", "none", "true", "a b", "accuracy"])
floors = st.floats(0, 1) | st.dictionaries(st.sampled_from(["head", "a-b", 0, 3]), st.floats(0, 1))
controllers = st.one_of(
    st.builds(
        plateau,
        st.floats(0, 0.99),
        st.integers(0, 20),
        metric=names,
        mode=st.sampled_from(["min", "max"]),
        threshold=st.floats(0, 1),
        threshold_mode=st.sampled_from(["rel", "abs"]),
        cooldown=st.integers(0, 9),
        floor=floors,
        nan=st.sampled_from(["skip", "bad"]),
        after=spans,
    ),
    st.builds(
        plateau, then=st.just("cooldown"), over=st.sampled_from(["10%", "2ep", 50]), after=spans
    ),
    st.builds(
        greedy,
        st.floats(0.1, 0.9),
        floor=st.floats(1e-6, 0.1),
        peak=st.floats(0.1, 9),
        window=st.integers(1, 9),
        reset_after=st.none() | st.integers(1, 99),
    ),
    st.builds(
        spike_guard,
        st.floats(0.1, 99),
        st.integers(3, 99),
        factor=st.floats(0, 0.9),
        rollback=st.booleans(),
        after=spans,
        metric=names,
    ),
)


@given(schedules, st.lists(controllers, min_size=1, max_size=3))
def test_text_json_and_repr_round_trip(schedule, many):
    made = schedule
    for controller in many:
        made = made | controller
    assert made == Steered(schedule, many)
    assert steered(str(made)) == made
    assert steered(json.loads(json.dumps(made.to_dict(), allow_nan=False))) == made
    names = {name: getattr(lr, name) for name in dir(lr)}
    assert eval(repr(made), names) == made
    assert hash(steered(str(made))) == hash(made)


@given(schedules)
def test_a_schedule_alone_is_steered_by_nobody(schedule):
    assert steered(schedule) == steered(str(schedule)) == steered(schedule.to_dict())
    assert steered(schedule).controllers == ()
    assert eval(repr(steered(schedule)), {n: getattr(lr, n) for n in dir(lr)}) == steered(schedule)


def test_a_number_is_a_constant_rate():
    assert steered(0.1).schedule == lr.constant(0.1)
    assert str(steered("0.1 | spike_guard()")) == "constant(0.1) | spike_guard()"


def test_a_pipe_binds_loosest():
    made = steered("0.3 * warmup(5) >> cosine() | plateau(0.5)")
    assert made.schedule == lr.parse("0.3 * warmup(5) >> cosine()")
    assert made == 0.3 * lr.warmup(5) >> lr.cosine() | plateau(0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cosine() |", "unknown controller 'the end'; write one of plateau, greedy"),
        ("cosine() | platou()", "did you mean plateau"),
        ("cosine() | cosine()", "unknown controller 'cosine'"),
        ("| plateau()", "expected a schedule"),
        ("cosine() | plateau(0.1", "to close plateau"),
        ("cosine() | plateau(patience=1.5)", "patience must be a whole number"),
        ("cosine() | plateau(pacience=1)", "unexpected keyword argument"),
        ("cosine() | plateau(metric=cosine())", "name of a metric"),
        ("cosine() | greedy()", "missing a required argument"),
        ("cosine() | plateau() plateau()", "expected an operator or the end"),
    ],
)
def test_errors_point_at_the_character(text, said):
    with pytest.raises(lr.SpecError) as caught:
        steered(text)
    assert said in str(caught.value)
    assert caught.value.text == text


def test_a_schedule_alone_says_where_controllers_go():
    with pytest.raises(lr.SpecError, match=r"written|write it after one and a \|"):
        lr.parse("plateau(0.1)")
    with pytest.raises(lr.SpecError, match=r"controllers after \|"):
        lr.parse("cosine() | plateau(0.1)")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Steered("cosine()"),
        lambda: Steered(lr.cosine(), ["plateau"]),
        lambda: steered(None),
        lambda: steered(True),
        lambda: steered({"format": 2, "schedule": {}, "controllers": []}),
        lambda: steered({"format": 1, "schedule": lr.cosine().to_dict()}),
        lambda: steered({"format": 1, "schedule": {}, "controllers": [], "extra": 1}),
    ],
    ids=range(7),
)
def test_what_is_no_steered_schedule_is_refused(make):
    with pytest.raises(lr.SpecError):
        make()


class Mine:
    """A controller of a user's own: the protocol is all there is to it."""

    def init(self):
        return {}

    def update(self, state, observation):
        return state, Scale(0.5, step=observation.step)

    def without_edits(self, state):
        return state

    def to_dict(self):
        return {"format": 1, "controller": "mine"}


def test_a_users_own_controller_steers_too():
    made = lr.cosine() | plateau() | Mine()
    assert made.controllers[1].update({}, Observation(3, {}))[1].factor == 0.5
    assert str(Steered(lr.cosine(), Mine())) == "cosine() | mine(...)"


def test_only_schedules_and_controllers_are_piped():
    with pytest.raises(TypeError):
        3 | plateau()
    with pytest.raises(TypeError):
        steered(0.1) | 3
