"""Plateau: parity with torch where torch is right, and its faults where it is not."""

import json
import math
import random

import pytest

from lrkit.control import (
    Controller,
    Cooldown,
    Observation,
    Scale,
    controller_from_dict,
    course,
    effective,
    plateau,
    register,
)
from lrkit.errors import SpecError
from lrkit.schedules import Horizon, as_span, constant

torch = pytest.importorskip("torch")


def run(controller, values, rate=0.1):
    """Return the rate after each of *values*, at a constant base rate, and the edits."""
    state, edits, rates = controller.init(), [], []
    for t, value in enumerate(values):
        state, edit = controller.update(state, Observation(t, {controller.metric: value}))
        json.dumps(state, allow_nan=False)
        if edit is not None:
            edits.append(edit)
        rates.append(effective(constant(rate), edits).over()(t))
    return rates, edits


def torch_rates(values, rate=0.1, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    rates = []
    for value in values:
        scheduler.step(value)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def metric(seed, n=120):
    draw = random.Random(seed)
    return [2.0 * math.exp(-t / 20) + 0.3 + 0.05 * draw.random() for t in range(n)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "options",
    [
        {"patience": 0},
        {"patience": 2, "cooldown": 5},
        {"patience": 3, "factor": 0.5},
        {"patience": 1, "min_lr": 0.004},
        {"patience": 1, "factor": 0.1, "eps": 1e-3},
        {"patience": 2, "threshold": 0.05},
        {"patience": 2, "threshold": 0.05, "threshold_mode": "abs"},
        {"patience": 2, "mode": "max"},
        {"patience": 2, "mode": "max", "threshold_mode": "abs", "cooldown": 1},
        {"patience": 0, "factor": 0.0},
    ],
    ids=str,
)
def test_parity_with_torch_for_positive_metrics(seed, options):
    values = metric(seed)
    ours = {"floor" if k == "min_lr" else k: v for k, v in options.items()}
    got, _ = run(plateau(**ours), values)
    assert got == pytest.approx(torch_rates(values, **options), rel=1e-12, abs=0)


def test_a_nan_is_no_observation():
    """torch counts NaN as a bad epoch and cuts the rate (pytorch#47513)."""
    values = [1.0, math.nan, math.nan, math.nan, 0.9]
    assert torch_rates(values, patience=1)[-1] < 0.1
    assert run(plateau(patience=1), values)[0][-1] == 0.1


def test_a_nan_can_be_made_to_count():
    values = [1.0, math.nan, math.nan, math.nan]
    assert run(plateau(patience=1, nan="bad"), values)[0] == torch_rates(values, patience=1)


def test_a_worse_negative_metric_is_never_recorded_as_best():
    """torch's relative threshold is backwards below zero (pytorch#47513, #38622)."""
    controller = plateau(patience=5)
    state, _ = controller.update(controller.init(), Observation(0, {"loss": -1.0}))
    state, _ = controller.update(state, Observation(1, {"loss": -0.99995}))
    assert state == {"best": -1.0, "bad": 1, "cooling": 0}
    state, _ = controller.update(state, Observation(2, {"loss": -1.01}))
    assert state["best"] == -1.01


def test_a_negative_maximum_improves_upwards():
    controller = plateau(mode="max", patience=5)
    state, _ = controller.update(controller.init(), Observation(0, {"loss": -1.0}))
    state, _ = controller.update(state, Observation(1, {"loss": -0.99995}))
    assert state["best"] == -1.0  # better, but by less than the threshold
    state, _ = controller.update(state, Observation(2, {"loss": -0.9}))
    assert state["best"] == -0.9


def test_an_infinite_loss_is_a_bad_one_and_an_infinitely_good_one_is_skipped():
    controller = plateau(patience=1)
    assert run(controller, [1.0, math.inf, math.inf])[0][-1] < 0.1
    rates, _ = run(controller, [1.0, -math.inf, -math.inf, -math.inf])
    assert rates[-1] == 0.1


def test_observations_without_the_metric_change_nothing():
    controller = plateau(metric="accuracy", mode="max", patience=0)
    state = controller.init()
    assert controller.update(state, Observation(3, {"loss": 1.0})) == (state, None)


def test_the_edit_says_why():
    _, edits = run(plateau(0.5, patience=1), [1.0, 1.5, 2.0])
    assert edits == [
        Scale(
            0.5,
            eps=1e-8,
            step=2,
            author="plateau",
            reason="loss 2 is no better than 1 for 2 observations",
        )
    ]


def test_update_leaves_the_state_it_was_given_alone():
    controller = plateau(patience=0)
    state = {"best": 1.0, "bad": 0, "cooling": 0}
    controller.update(state, Observation(1, {"loss": 2.0}))
    assert state == {"best": 1.0, "bad": 0, "cooling": 0}


@pytest.mark.parametrize(
    "controller",
    [
        plateau(),
        plateau(0.5, 3, metric="acc", mode="max", floor={"head": 1e-4, 0: 1e-5}, nan="bad"),
    ],
)
def test_json_round_trip(controller):
    data = json.loads(json.dumps(controller.to_dict(), allow_nan=False))
    assert controller_from_dict(data) == controller
    assert isinstance(controller, Controller)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 1.0}, "factor < 1"),
        ({"factor": -0.1}, "finite and >= 0"),
        ({"patience": -1}, "whole number"),
        ({"patience": 1.5}, "whole number"),
        ({"cooldown": True}, "whole number"),
        ({"mode": "minimum"}, "'min' or 'max'"),
        ({"threshold_mode": "relative"}, "'rel' or 'abs'"),
        ({"nan": "ignore"}, "'skip' or 'bad'"),
        ({"metric": ""}, "name of a metric"),
        ({"floor": math.nan}, "floor"),
    ],
)
def test_bad_options_say_what_is_wrong(options, message):
    with pytest.raises(SpecError, match=message):
        plateau(**options)


def test_reading_back_refuses_what_it_does_not_know():
    data = plateau().to_dict()
    with pytest.raises(SpecError, match="has no 'patients'"):
        controller_from_dict(data | {"patients": 3})
    with pytest.raises(SpecError, match=r"one of .*plateau"):
        controller_from_dict({"controller": "platoon"})
    with pytest.raises(SpecError, match="format"):
        controller_from_dict(data | {"format": 9})
    with pytest.raises(SpecError, match="twice"):
        register("plateau")(plateau)


def answers(controller, losses, first=0):
    state, found = controller.init(), []
    for t, loss in enumerate(losses, first):
        state, edit = controller.update(state, Observation(t, {"loss": loss}))
        found.append(edit)
    return state, found


def test_nothing_counts_before_after():
    controller = plateau(0.5, patience=1, after="2ep").placed(Horizon(100.0, 3.0))
    state, found = answers(controller, [0.1, 9.0, 9.0, 9.0, 9.0, 9.0, 5.0, 5.0, 5.0])
    assert [edit is not None for edit in found] == [False] * 8 + [True]
    assert state["best"] == 5.0
    with pytest.raises(SpecError, match=r"controller\.placed"):
        answers(plateau(after="2ep"), [1.0])


def test_it_cools_down_once_and_then_rests():
    controller = plateau(patience=0, then="cooldown", over="10%").placed(Horizon(200.0))
    state, found = answers(controller, [1.0, 1.0, 1.0, 1.0])
    edits = [edit for edit in found if edit is not None]
    assert edits == [Cooldown(20, step=1, author="plateau", reason=edits[0].reason)]
    assert course(constant(0.1), edits, Horizon(200.0)).total == 21
    assert controller.without_edits(state)["cooled"] is False
    with pytest.raises(SpecError, match="needs its span"):
        plateau(then="cooldown")
    with pytest.raises(SpecError, match="then must be"):
        plateau(then="stop")


def test_a_cut_may_take_its_time():
    _, found = answers(plateau(0.5, patience=0, over="5st"), [1.0, 1.0])
    assert found[1].over == as_span(5)
