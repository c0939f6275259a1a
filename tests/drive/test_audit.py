"""The audit: one warning for each fault of the loop, none for loops that are right."""

import warnings

import pytest
import torch

from lrkit.control import Scale
from lrkit.drive import Scheduler
from lrkit.errors import LoopWarning
from lrkit.schedules import cosine, linear, warmup


def said(caught):
    return [str(w.message) for w in caught if issubclass(w.category, LoopWarning)]


def loop(optimizer, sched, calls, updates_per_call=1, calls_per_update=1):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(calls):
            for _ in range(updates_per_call):
                optimizer.step()
            for _ in range(calls_per_update):
                sched.step()
    return said(caught)


def test_a_loop_that_is_right_is_silent(make):
    optimizer = make(1.0)
    assert loop(optimizer, Scheduler(optimizer, lr=cosine(), total=3000), 3000) == []


def test_looking_at_a_schedule_without_updates_is_silent(make):
    sched = Scheduler(make(1.0), lr=cosine(), total=3000)
    assert loop(torch.optim.SGD([torch.zeros(1)], lr=1.0), sched, 3000) == []


def test_stepped_per_epoch_although_the_horizon_is_in_steps(make):
    """Lightning#1476, #5631 and many: the warm-up never ends, and nobody says a word."""
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=warmup(50) >> cosine(), total=300)
    (message,) = loop(optimizer, sched, 10, updates_per_call=30)
    assert "once in 30 updates" in message
    assert "unit='epoch'" in message


def test_stepped_after_exactly_an_epoch_is_said_at_once(make):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=cosine(), total="10ep", steps_per_epoch=30)
    assert "once in 30 updates" in loop(optimizer, sched, 1, updates_per_call=30)[0]


def test_a_late_start_is_no_fault(make):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=cosine(), total=3000)
    for _ in range(7):
        optimizer.step()
    assert loop(optimizer, sched, 200) == []


@pytest.mark.parametrize("times", [2, 3, 8])
def test_stepped_several_times_per_update(make, times):
    """accelerate#1382: the scheduler is stepped num_processes times per update."""
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=cosine(), total=3000)
    (message,) = loop(optimizer, sched, 60, calls_per_update=times)
    assert f"{times} times per optimizer update" in message


def test_never_stepped(make):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=cosine(), total=1000)
    (message,) = loop(optimizer, sched, 500, calls_per_update=0)
    assert "not one step" in message
    assert sched.position == 0


def test_never_stepped_in_a_short_run(make):
    optimizer = make(1.0)
    kept = Scheduler(optimizer, lr=cosine(), total=10)
    assert "not one step" in loop(optimizer, kept, 8, calls_per_update=0)[0]


def test_run_past_its_end(make):
    optimizer = make(1.0)
    (message,) = loop(optimizer, Scheduler(optimizer, lr=cosine(), total=20), 25)
    assert "ends after 20 steps" in message


def test_exactly_to_the_end_is_silent(make):
    optimizer = make(1.0)
    assert loop(optimizer, Scheduler(optimizer, lr=cosine(), total=20), 20) == []


def test_a_warm_up_alone_may_go_on_but_a_decay_may_not(make):
    for schedule, faults in ((warmup(10), 0), (linear(1, 0, 10), 1)):
        optimizer = make(1.0)
        assert len(loop(optimizer, Scheduler(optimizer, lr=schedule), 30)) == faults


def test_epochs_past_the_end(make):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=cosine(), total=5, unit="epoch")
    (message,) = loop(optimizer, sched, 8, updates_per_call=30)
    assert "ends after 5 epochs" in message


@pytest.mark.parametrize("groups", [1, 3, 40])
@pytest.mark.parametrize("mode", ["lr", "scale"])
def test_a_rate_changed_by_someone_else(make, groups, mode):
    for victim in {0, groups - 1}:
        optimizer = make(*[0.1 * (i + 1) for i in range(groups)])
        sched = Scheduler(optimizer, **{mode: cosine()}, total=100)
        assert loop(optimizer, sched, 10) == []
        optimizer.param_groups[victim]["lr"] *= 0.5
        (message,) = loop(optimizer, sched, 5)
        assert f"group {victim} was set" in message
        assert "apply" in message
        optimizer.param_groups[victim]["lr"] *= 0.5
        assert loop(optimizer, sched, 5) == []  # once


def test_two_who_drive_the_same_rate_are_told(make):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=cosine(), total=100)
    other = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(5):
            optimizer.step()
            sched.step()
            other.step()
    assert len(said(caught)) == 1


def test_edits_and_seeks_are_no_one_else(make):
    optimizer = make(1.0, 0.5)
    sched = Scheduler(optimizer, scale=cosine(), total=100)
    messages = loop(optimizer, sched, 10)
    sched.apply(Scale(0.5))
    messages += loop(optimizer, sched, 10)
    sched.seek(3)
    messages += loop(optimizer, sched, 30)
    assert messages == []
