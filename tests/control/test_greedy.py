"""Greedy: parity with GreedyLR of transformers where it is right, and its faults where not."""

import json
import math
import random

import pytest

from lrkit.control import (
    Controller,
    Observation,
    Scale,
    controller_from_dict,
    effective,
    greedy,
)
from lrkit.errors import SpecError
from lrkit.schedules import constant, linear

BOUNDS = {"floor": 1e-3, "peak": 1.0}
NAMES = {"min_lr": "floor", "max_lr": "peak", "reset_start": "reset_after", "window_size": "window"}


def run(controller, values, base=(0.1,)):
    """Return the groups' rates after each of *values*, at constant base rates, and the edits."""
    state, edits, rates = controller.init(), [], []
    for t, value in enumerate(values):
        now = tuple(effective(constant(b), edits).over()(t) for b in base)
        state, edit = controller.update(state, Observation(t, {controller.metric: value}, now))
        json.dumps(state, allow_nan=False)
        edits += [edit] if edit is not None else []
        rates.append([effective(constant(b), edits).over()(t) for b in base])
    return rates, edits


def last(controller, values, rate=0.1):
    return run(controller, values, (rate,))[0][-1][0]


def peer(values, base=(0.1,), **options):
    torch = pytest.importorskip("torch")
    optimization = pytest.importorskip("transformers.optimization")
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": b} for b in base]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    scheduler = optimization.GreedyLR(optimizer, **options)
    rates = []
    for value in values:
        scheduler.step(value)
        rates.append([group["lr"] for group in optimizer.param_groups])
    return rates


def ours(options):
    named = {NAMES.get(k, k): v for k, v in options.items() if k != "smooth"}
    return greedy(**BOUNDS | named)


def sequence(kind, seed=0, n=100):
    draw = random.Random(seed)
    if kind == "improving":
        return [2.0 * 0.97**t for t in range(n)]
    if kind == "flat":
        return [0.6] * n
    if kind == "worsening":
        return [1.0 + 0.02 * t for t in range(n)]
    return [2.0 * 0.96**t + 0.4 * draw.random() for t in range(n)]


@pytest.mark.parametrize("kind", ["improving", "flat", "worsening", "noisy"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 0},
        {"patience": 2, "factor": 0.5},
        {"patience": 1, "factor": 0.7, "min_lr": 0.03, "max_lr": 0.4},
        {"patience": 1, "factor": 0.7, "cooldown": 4, "warmup": 2},
        {"patience": 1, "factor": 0.5, "eps": 0.02},
        {"patience": 0, "factor": 0.8, "threshold": 0.03, "threshold_mode": "rel"},
        {"patience": 2, "factor": 0.8, "mode": "max"},
        {"patience": 1, "factor": 0.8, "mode": "max", "threshold_mode": "rel", "threshold": 0.1},
        {"patience": 1, "factor": 0.8, "smooth": True, "window_size": 7},
        {"patience": 1, "factor": 0.5, "min_lr": 0.02, "reset_start": 3, "cooldown": 2},
        {"patience": 0, "factor": 0.5, "min_lr": 0.02, "reset_start": 1, "max_lr": 0.5},
        {"patience": 0, "factor": 0.5, "min_lr": 0.02, "reset_start": 4, "smooth": True},
    ],
    ids=str,
)
def test_parity_with_transformers(kind, options):
    values = sequence(kind)
    if options.get("smooth"):
        options = {"window_size": 50} | options
    got, _ = run(ours(options), values)
    assert got == [pytest.approx(rates, rel=1e-12, abs=0) for rates in peer(values, **options)]


@pytest.mark.parametrize("seed", range(6))
def test_parity_with_transformers_for_noise_of_any_size(seed):
    values = sequence("noisy", seed, 150)
    options = {"patience": seed % 3, "factor": 0.6, "min_lr": 0.01, "max_lr": 0.6, "cooldown": 1}
    options |= {"reset_start": 2 + seed}
    if seed > 2:
        options |= {"smooth": True, "window_size": 3 * seed}
    got, _ = run(ours(options), values)
    assert got == [pytest.approx(rates, rel=1e-12, abs=0) for rates in peer(values, **options)]


def test_groups_keep_their_ratios_through_a_bound():
    """Groups that stop at a bound one by one are all the same after it, and stay so."""
    values = sequence("improving", n=14) + [5.0] * 14
    options = {"patience": 0, "factor": 0.5, "max_lr": 0.4}
    got, _ = run(ours(options), values, (0.1, 0.02))
    assert max(head for head, _ in got) == pytest.approx(0.4, rel=1e-12)
    assert min(head for head, _ in got) == pytest.approx(1e-3, rel=1e-12)
    assert [head / body for head, body in got] == pytest.approx([5.0] * len(got), rel=1e-12)
    assert peer(values, (0.1, 0.02), **options)[14] == [0.2, 0.2]


def test_a_schedule_outside_the_bounds_is_not_moved_further_out_and_not_pulled_in():
    assert last(greedy(patience=0, floor=0.2, peak=1), [1.0, 2.0, 2.0], 0.1) == pytest.approx(
        0.1 / 0.95
    )
    assert last(greedy(patience=0, floor=0.01, peak=0.05), [3.0, 2.0, 1.0], 0.1) == 0.1


def test_a_rate_of_zero_stays_there_and_a_reset_from_it_is_no_error():
    controller = greedy(0.5, patience=0, floor=1e-4, peak=1, reset_after=2)
    schedule, edits, state = linear(0.1, 0, 6), [], controller.init()
    for t, loss in enumerate([2.0] * 14):
        rates = (effective(schedule, edits).over()(t),)
        state, edit = controller.update(state, Observation(t, {"loss": loss}, rates))
        edits += [edit] if edit is not None else []
    assert effective(schedule, edits).over()(13) == 0
    assert state["scale"] == 1


def test_a_nan_is_no_observation_and_does_not_stay_in_the_mean():
    values = [3.0, math.nan, 2.0, 1.0, 0.5, 0.4]
    options = {"patience": 1, "factor": 0.5, "smooth": True, "window_size": 2}
    assert peer(values, **options)[-1][0] < 0.1
    assert (
        run(ours(options), values)[0][-1]
        == run(ours(options), [v for v in values if not math.isnan(v)])[0][-1]
    )
    assert last(ours(options), values) > 0.1


def test_a_nan_can_be_made_to_count_until_it_leaves_the_window():
    controller = greedy(0.5, patience=0, window=2, nan="bad", **BOUNDS)
    factors = [e.factor for e in run(controller, [3.0, math.nan, 2.0, 1.0])[1]]
    assert factors == [2.0, 0.5, 0.5, 2.0]


def test_an_infinite_loss_is_a_bad_one_and_an_infinitely_good_one_is_skipped():
    controller = greedy(0.5, patience=1, window=3, **BOUNDS)
    assert last(controller, [1.0, math.inf, math.inf]) == 0.05
    assert last(controller, [1.0, -math.inf, -math.inf, -math.inf]) == 0.1
    assert last(controller, [1.7e308] * 3) == 0.05  # the sum of the window would be infinite


def test_a_worse_negative_metric_is_no_improvement():
    options = {"patience": 1, "factor": 0.5, "threshold": 1e-3, "threshold_mode": "rel"}
    values = [-1.0, -0.9995, -0.999, -0.9985]
    assert peer(values, **options)[-1][0] > 0.1
    assert last(ours(options), values) == 0.05
    rising = {"mode": "max", **options}
    assert last(ours(rising), [-1.0, -0.9, -0.8, -0.7]) == 0.4


def test_a_last_cut_that_eps_drops_does_not_keep_it_from_resetting():
    options = {"patience": 0, "factor": 0.5, "eps": 0.01, "min_lr": 0.01, "reset_start": 2}
    values = [1.0] * 6
    assert peer(values, **options)[-1] == [0.0125]
    rates, edits = run(ours(options), values)
    assert rates[-1] == [0.1]
    assert "reset" in edits[-1].reason


def test_a_reset_hands_back_to_the_schedule_but_not_above_the_peak():
    controller = greedy(0.5, patience=0, floor=0.1, peak=0.3, reset_after=1)
    rates = [r for (r,) in run(controller, [1.0] * 5, (0.8,))[0]]
    assert rates == pytest.approx([0.8, 0.4, 0.2, 0.3, 0.3], rel=1e-12)
    never = greedy(0.5, patience=0, floor=0.03, peak=0.3, reset_after=None)
    assert last(never, [1.0] * 50) == pytest.approx(0.03, rel=1e-12)


def test_rates_in_float32_reach_the_floor_and_stay_there():
    np = pytest.importorskip("numpy")
    controller = greedy(0.9, patience=0, floor=0.07, peak=1, eps=0, reset_after=None)
    state, rate, factors = controller.init(), np.float32(0.1), []
    for t in range(30):
        seen = Observation(t, {"loss": 1.0}, (float(rate),))
        state, edit = controller.update(state, seen)
        factors += [edit.factor] if edit else []
        rate = np.float32(0.1 * state["scale"])
    assert len(factors) == 6  # a raise by the first observation, then cuts
    assert float(rate) == pytest.approx(0.07, rel=1e-6)


@pytest.mark.parametrize("loss", [0.1, 1.7, 0.3])
def test_the_rounding_of_a_mean_is_no_improvement(loss):
    controller = greedy(0.5, patience=0, threshold=0, window=20, reset_after=None, **BOUNDS)
    factors = [edit.factor for edit in run(controller, [loss] * 60)[1]]
    assert factors[0] == 2.0
    assert max(factors[1:]) < 1


def test_observations_without_the_metric_change_nothing_and_those_without_rates_are_refused():
    controller = greedy(metric="accuracy", mode="max", patience=0, **BOUNDS)
    state = controller.init()
    assert controller.update(state, Observation(3, {"loss": 1.0})) == (state, None)
    with pytest.raises(SpecError, match="needs the groups' rates"):
        controller.update(state, Observation(3, {"accuracy": 1.0}))


def test_the_edits_say_why():
    _, edits = run(greedy(0.5, patience=1, **BOUNDS), [2.0, 1.0, 1.5, 2.0])
    up = "loss improved 2 times in a row, to 1"
    down = "loss 2 is no better than 1 for 2 in a row"
    assert edits == [
        Scale(2.0, step=1, author="greedy", reason=up),
        Scale(0.5, step=3, author="greedy", reason=down),
    ]


def test_update_leaves_the_state_it_was_given_alone():
    controller = greedy(patience=0, window=3, **BOUNDS)
    state = controller.update(controller.init(), Observation(0, {"loss": 2.0}, (0.1,)))[0]
    before = json.dumps(state)
    controller.update(state, Observation(1, {"loss": 1.0}, (0.1,)))
    assert json.dumps(state) == before


def test_a_state_through_json_goes_on_alike():
    controller = greedy(0.7, patience=1, window=4, cooldown=1, floor=0.01, peak=1, reset_after=2)
    state = kept = controller.init()
    for t, loss in enumerate([*sequence("noisy", n=40), math.inf, *sequence("flat", n=20)]):
        seen = Observation(t, {"loss": loss}, (0.1 * state["scale"],))
        state, edit = controller.update(state, seen)
        kept, again = controller.update(json.loads(json.dumps(kept)), seen)
        assert (state, edit) == (kept, again)


@pytest.mark.parametrize(
    "controller",
    [
        greedy(**BOUNDS),
        greedy(0.5, 3, metric="acc", mode="max", window=9, reset_after=None, nan="bad", **BOUNDS),
    ],
)
def test_json_round_trip(controller):
    data = json.loads(json.dumps(controller.to_dict(), allow_nan=False))
    assert controller_from_dict(data) == controller
    assert isinstance(controller, Controller)
    assert eval(repr(controller), {"greedy": greedy}) == controller


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 1.0}, "0 < factor < 1"),
        ({"factor": 0.0}, "0 < factor < 1"),
        ({"floor": 0.0}, "0 < floor <= peak"),
        ({"floor": 2.0}, "0 < floor <= peak"),
        ({"peak": math.inf}, "peak must be finite"),
        ({"patience": -1}, "whole number"),
        ({"warmup": 1.5}, "whole number"),
        ({"window": 0}, "window >= 1"),
        ({"reset_after": 0}, "reset_after >= 1"),
        ({"mode": "minimum"}, "'min' or 'max'"),
        ({"nan": "ignore"}, "'skip' or 'bad'"),
        ({"metric": ""}, "name of a metric"),
    ],
)
def test_bad_options_say_what_is_wrong(options, message):
    with pytest.raises(SpecError, match=message):
        greedy(**BOUNDS | options)


def test_reading_back_refuses_what_it_does_not_know_and_what_lacks_a_field():
    data = greedy(**BOUNDS).to_dict()
    with pytest.raises(SpecError, match="has no 'patients'"):
        controller_from_dict(data | {"patients": 3})
    with pytest.raises(SpecError, match="needs 'floor'"):
        controller_from_dict({k: v for k, v in data.items() if k != "floor"})


def test_the_scheduler_drives_it_with_groups_and_resumes():
    torch = pytest.importorskip("torch")
    from lrkit.drive import Scheduler

    def build():
        groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": b} for b in (0.1, 0.02)]
        optimizer = torch.optim.SGD(groups, lr=1.0)
        controller = greedy(0.5, patience=1, floor=0.01, peak=0.3)
        return optimizer, Scheduler(optimizer, scale=constant(1.0), controllers=controller)

    def go(optimizer, sched, losses):
        for loss in losses:
            optimizer.step()
            sched.step(metrics={"loss": loss})

    losses = [3.0, 2.0, 1.0, 0.5, 0.5, 0.5, 0.6, 0.7, math.nan, 0.8, 0.9]
    optimizer, sched = build()
    go(optimizer, sched, losses)
    other_optimizer, other = build()
    go(other_optimizer, other, losses[:5])
    saved = json.loads(json.dumps(other.state_dict(), allow_nan=False))
    other_optimizer, other = build()
    other.load_state_dict(saved)
    go(other_optimizer, other, losses[5:])
    rates = [group["lr"] for group in optimizer.param_groups]
    assert rates == [group["lr"] for group in other_optimizer.param_groups]
    assert rates == pytest.approx([0.0375, 0.0075], rel=1e-12)
