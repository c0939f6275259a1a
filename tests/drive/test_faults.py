"""The faults of other schedulers, each by its name: they must not exist here."""

import copy
import math

import pytest
import torch

from lrkit.control import plateau
from lrkit.drive import Scheduler
from lrkit.errors import LoopError, LoopWarning, SpecError
from lrkit.schedules import constant, cosine, cyclic, linear, one_cycle, sgdr, step_decay, warmup

FAMILIES = [
    0.3 * (warmup(5) >> cosine()),
    warmup(5) >> constant(1, 5) >> linear(1, 0),
    sgdr("10st"),
    one_cycle(1.0),
    cyclic(0.1, 1.0, up="5st"),
    step_decay(1.0, 0.1, every="7st"),
]


def values(sched):
    return [float(rate) for rate in sched.get_last_lr()]


def test_building_changes_nothing_but_the_first_value(make):
    """torch writes initial_lr and wraps optimizer.step; pytorch#72874: the order of building."""
    optimizer = make(0.5, 0.7, momentum=0.9)
    before = copy.deepcopy(optimizer.state_dict())
    step = optimizer.step
    Scheduler(optimizer, lr=0.25)
    after = optimizer.state_dict()
    for group, old in zip(after["param_groups"], before["param_groups"], strict=True):
        assert group == old | {"lr": 0.25}
    assert optimizer.step == step


def test_a_new_scheduler_heeds_the_rate_that_was_set(make):
    """torch's setdefault('initial_lr'): a second scheduler ignores it (#21965, #33416)."""
    optimizer = make(1.0)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1.0)  # leaves initial_lr behind
    optimizer.param_groups[0]["lr"] = 0.01
    assert values(Scheduler(optimizer, scale=constant(1.0))) == [0.01]


def test_two_schedulers_refuse_each_other(make):
    optimizer = make(1.0, momentum=0.9)
    first = Scheduler(optimizer, lr=0.1)
    with pytest.raises(LoopError, match="drives 'lr'"):
        Scheduler(optimizer, scale=0.5)
    assert values(first) == [0.1]
    first.detach()
    Scheduler(optimizer, scale=0.5)


def test_two_schedulers_of_different_hyper_parameters_get_along(make, train):
    optimizer = make(1.0, momentum=0.9)
    rate = Scheduler(optimizer, lr=linear(), total=10)
    other = Scheduler(optimizer, momentum=linear(0.9, 0.8), total=10)
    for _ in range(5):
        optimizer.step()
        rate.step()
        other.step()
    group = optimizer.param_groups[0]
    assert (group["lr"], group["momentum"]) == (0.5, linear(0.9, 0.8).over(10)(5))


@pytest.mark.parametrize("schedule", FAMILIES, ids=str)
def test_a_schedule_resumes_on_the_right_piece(make, schedule):
    """pytorch#162591: SequentialLR(last_epoch=N) resumes on the first scheduler."""
    for t in range(0, 40, 3):
        whole = Scheduler(make(1.0), lr=schedule, total=40)
        for _ in range(t):
            whole.step()
        resumed = Scheduler(make(1.0), lr=schedule, total=40)
        resumed.load_state_dict(whole.state_dict())
        for _ in range(40 - t):
            assert values(resumed) == values(whole) == [schedule.over(40)(whole.position)]
            whole.step()
            resumed.step()


@pytest.mark.parametrize("schedule", FAMILIES, ids=str)
def test_nothing_is_negative_and_the_last_value_holds(make, schedule):
    """OneCycleLR's extra step is gradient ascent (#38170); cosines rise again after the end."""
    sched = Scheduler(make(1.0), lr=schedule, total=40)
    for _ in range(40):
        assert values(sched)[0] >= 0
        sched.step()
    last = values(sched)
    with pytest.warns(LoopWarning, match="ends after 40 steps"):
        sched.step()
    for _ in range(60):
        sched.step()
        assert values(sched) == last


def test_nesting_shifts_nothing(make):
    """pytorch#196243: a sequence in a sequence is a step late."""
    inner = warmup(4) >> linear(1, 0.5, 6)
    nested = Scheduler(make(1.0), lr=inner >> cosine(0.5, 0, 10))
    flat = Scheduler(make(1.0), lr=warmup(4) >> linear(1, 0.5, 6) >> cosine(0.5, 0, 10))
    for _ in range(20):
        assert values(nested) == values(flat)
        nested.step()
        flat.step()


def test_loading_twice_works_and_leaves_the_callers_dictionary_alone(make):
    """CyclicLR.load_state_dict pops from it, so that loading again raises KeyError (#88684)."""
    sched = Scheduler(make(1.0), lr=cosine(), total=10, controllers=[plateau()])
    for _ in range(4):
        sched.step({"loss": 1.0})
    state = sched.state_dict()
    kept = copy.deepcopy(state)
    other = Scheduler(make(1.0), lr=cosine(), total=10, controllers=[plateau()])
    for _ in range(2):
        other.load_state_dict(state)
        assert state == kept
        assert values(other) == values(sched)
        other.step({"loss": 1.0})


def test_a_misspelt_key_in_a_state_is_an_error(make):
    """torch's `__dict__.update` takes anything, and goes on from step 0."""
    sched = Scheduler(make(1.0), lr=cosine(), total=10)
    state = sched.state_dict()
    bad = {("positoin" if k == "position" else k): v for k, v in state.items()}
    with pytest.raises(SpecError, match="no key 'positoin'; did you mean position"):
        sched.load_state_dict(bad)
    del bad["positoin"]
    with pytest.raises(SpecError, match="needs 'position'"):
        sched.load_state_dict(bad)


@pytest.mark.parametrize("first", ["optimizer", "scheduler"])
def test_the_order_of_loading_does_not_matter(make, first):
    """pytorch#119168: building or loading in another order overwrites the restored rate."""
    source = make(0.3, 0.6)
    sched = Scheduler(source, scale=cosine(), total=10)
    for _ in range(4):
        sched.step()
    states = {"optimizer": source.state_dict(), "scheduler": sched.state_dict()}
    optimizer = make(0.3, 0.6)
    other = Scheduler(optimizer, scale=cosine(), total=10)
    loaders = {"optimizer": optimizer, "scheduler": other}
    for name in sorted(loaders, key=lambda n: n != first):
        loaders[name].load_state_dict(states[name])
    assert values(other) == values(sched)
    other.step()
    sched.step()
    assert values(other) == values(sched)


def test_an_optimizer_loaded_before_the_scheduler_is_built(make):
    """The rate in use at the save must not be taken for the group's own."""
    source = make(0.3, 0.6)
    sched = Scheduler(source, scale=cosine(), total=10)
    for turns in (4, 2):
        for _ in range(turns):
            sched.step()
        optimizer = make(0.3, 0.6)
        optimizer.load_state_dict(source.state_dict())
        other = Scheduler(optimizer, scale=cosine(), total=10)
        other.load_state_dict(sched.state_dict())
        assert values(other) == values(sched)
        assert other.base_lrs == [0.3, 0.6]


def test_the_scheduler_alone_gives_the_right_curve(make):
    """With torch, the scheduler's state without the optimizer's gives a wrong curve silently."""
    sched = Scheduler(make(0.3), scale=cosine(), total=10)
    for _ in range(4):
        sched.step()
    other = Scheduler(make(0.3), scale=cosine(), total=10)
    other.load_state_dict(sched.state_dict())
    other.step()
    assert values(other) == [0.3 * cosine().over(10)(5)]


def test_what_the_optimizer_holds_does_not_matter(make):
    """pytorch#60265, #20527: recursions go on from whatever rate is there."""
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=cosine(), total=10)
    optimizer.param_groups[0]["lr"] = 55.0
    with pytest.warns(LoopWarning, match="someone else"):
        sched.step()
    assert values(sched) == [cosine().over(10)(1)]


def test_groups_added_later_join_with_the_very_next_update(make, train):
    """pytorch#79888, transformers#20029: groups that are unfrozen later are not scheduled."""
    optimizer = make(1.0)
    sched = Scheduler(optimizer, scale=linear(), total=10)
    train(optimizer, sched, 3)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.5})
    used = []
    optimizer.register_step_pre_hook(lambda o, *_: used.append([g["lr"] for g in o.param_groups]))
    train(optimizer, sched, 7)
    curve = linear().over(10)
    assert used == [[curve(t), 0.5 * curve(t)] for t in range(3, 10)]


def test_a_group_added_without_a_schedule_is_left_alone_and_named(make, train):
    optimizer = make(1.0, names=["head"])
    sched = Scheduler(optimizer, lr={"head": linear()}, total=10)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "name": "body"})
    with pytest.warns(LoopWarning, match="group 'body' was added and no schedule is for it"):
        train(optimizer, sched, 3)
    assert optimizer.param_groups[1]["lr"] == 1.0


def test_a_frozen_group_is_a_schedule_of_zero(make, train):
    optimizer = make(1.0, 1.0, names=["body", "head"])
    sched = Scheduler(optimizer, lr={"body": 0, "head": linear()}, total=10)
    body = optimizer.param_groups[0]["params"][0].detach().clone()
    train(optimizer, sched, 5)
    assert torch.equal(optimizer.param_groups[0]["params"][0], body)


def test_a_skipped_update_can_be_waited_for():
    """pytorch#55585: GradScaler skips the update, nothing says so, the schedule goes on."""
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    sched = Scheduler(optimizer, lr=linear(), total=20)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    made = 0
    for t in range(10):
        optimizer.zero_grad()
        factor = math.inf if t in (0, 1, 5) else 1.0
        scaler.scale((weight * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert sched.updated == (t not in (0, 1, 5))
        if sched.updated:
            made += 1
            sched.step()
        assert sched.position == made
    assert values(sched) == [linear().over(20)(7)]


def test_a_skip_inside_a_fused_update_is_seen_too():
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=1.0, fused=True)
    sched = Scheduler(optimizer, lr=linear(), total=20)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    seen = []
    for factor in (math.inf, 1.0):
        optimizer.zero_grad()
        scaler.scale((weight * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        seen.append(sched.updated)
        sched.step()
    assert seen == [False, True]


def test_skipped_updates_at_the_start_are_no_fault(make):
    """The first updates under a GradScaler are often skipped, several in a row."""
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=linear(), total=100)
    for t in range(100):
        if t > 5 and t != 40:
            optimizer.step()
        sched.step()
