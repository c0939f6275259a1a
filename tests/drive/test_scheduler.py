"""What the scheduler writes where, and when."""

import copy
import gc
import pickle
import warnings

import numpy as np
import pytest
import torch

from lrkit.control import Hold, Release, Scale, Set, effective, plateau
from lrkit.drive import Scheduler
from lrkit.errors import HorizonError, LoopError, LoopWarning, SpecError
from lrkit.schedules import constant, cosine, from_function, linear, warmup

SHAPE = 0.3 * (warmup("1ep") >> cosine(1, 0.1))
HORIZON = {"total": "6ep", "steps_per_epoch": 5}


def test_update_t_uses_value_t_and_the_last_value_holds(make, train):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, **HORIZON)
    curve = SHAPE.over(**HORIZON)
    used = train(optimizer, sched, 30)
    assert [u[0] for u in used] == curve.values().tolist()
    with pytest.warns(LoopWarning, match="ends after 30 steps"):
        used = train(optimizer, sched, 40)
    assert {u[0] for u in used} == {curve(30)}


def test_it_is_a_torch_scheduler(make):
    sched = Scheduler(make(0.5), scale=cosine(), total=10)
    assert isinstance(sched, torch.optim.lr_scheduler.LRScheduler)
    sched.step()
    assert sched.last_epoch == sched.position == 1
    assert sched.base_lrs == [0.5]
    assert sched._step_count == 2
    assert sched.get_last_lr() == sched._last_lr == sched.get_lr() == sched.values_at(1)


def test_long_runs_cross_blocks_and_stay_bit_for_bit(make):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=200_000, steps_per_epoch=1000)
    want = SHAPE.over(200_000, steps_per_epoch=1000).values()
    got = np.empty(200_000)
    for t in range(200_000):
        got[t] = optimizer.param_groups[0]["lr"]
        sched.step()
    assert np.array_equal(got, want)


@pytest.mark.parametrize(
    "spec", ["0.3 * (warmup(1ep) >> cosine(1, 0.1))", SHAPE, SHAPE.over(**HORIZON)]
)
def test_a_schedule_its_text_and_its_curve_are_the_same(make, spec):
    horizon = {} if not isinstance(spec, (str, type(SHAPE))) else HORIZON
    sched = Scheduler(make(), lr=spec, **horizon)
    assert sched.values_at(7) == [SHAPE.over(**HORIZON)(7)]


def test_a_number_is_a_constant_and_needs_no_horizon(make):
    assert Scheduler(make(), lr=0.25).values_at(10**9) == [0.25]


def test_scale_keeps_the_ratios_between_groups(make, train):
    optimizer = make(0.1, 0.2, 0.1)
    sched = Scheduler(optimizer, scale=cosine(), total=10)
    for t, rates in enumerate(train(optimizer, sched, 10)):
        value = cosine().over(10)(t)
        assert rates == [0.1 * value, 0.2 * value, 0.1 * value]


def test_groups_by_name_by_index_and_the_others(make):
    optimizer = make(0.1, 0.1, 0.1, names=["body", "head"])
    sched = Scheduler(optimizer, lr={"head": linear(1, 0), 0: 0, "*": "linear(0.5, 0)"}, total=10)
    assert sched.values_at(5) == [0.0, 0.5, 0.25]


def test_groups_that_no_key_names_are_left_alone(make, train):
    optimizer = make(0.1, 0.7, names=["head", "body"])
    sched = Scheduler(optimizer, lr={"head": cosine()}, total=10)
    assert all(rates[1] == 0.7 for rates in train(optimizer, sched, 10))
    assert sched.values_at(3) == [cosine().over(10)(3), None]
    assert sched.get_last_lr()[1] == 0.7


def test_absolute_for_one_group_and_relative_for_another(make):
    optimizer = make(0.1, 0.2, names=["a", "b"])
    sched = Scheduler(optimizer, lr={"a": linear()}, scale={"b": linear()}, total=10)
    assert sched.values_at(5) == [0.5, 0.1]


def test_any_hyper_parameter(make, train):
    optimizer = make(1.0, momentum=0.9, weight_decay=0.1)
    sched = Scheduler(
        optimizer, lr=linear(), momentum=linear(0.95, 0.85), weight_decay=0.01, total=10
    )
    train(optimizer, sched, 5)
    group = optimizer.param_groups[0]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (
        0.5,
        linear(0.95, 0.85).over(10)(5),
        0.01,
    )
    assert sched.values_at(0, "momentum") == [0.95]


def test_one_of_the_betas(make, train):
    optimizer = make(1.0, kind=torch.optim.AdamW, betas=(0.9, 0.99))
    sched = Scheduler(optimizer, hyper={"betas[0]": linear(0.95, 0.85)}, total=10)
    train(optimizer, sched, 5)
    assert optimizer.param_groups[0]["betas"] == (linear(0.95, 0.85).over(10)(5), 0.99)
    sched.step()
    assert optimizer.param_groups[0]["betas"] == (linear(0.95, 0.85).over(10)(6), 0.99)
    assert sched.get_last_lr() == [1.0]  # nobody drives it


def test_once_an_epoch(make, train):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=warmup("2ep") >> cosine(), total=10, unit="epoch")
    curve = (warmup("2ep") >> cosine()).over(10, steps_per_epoch=1)
    for epoch in range(10):
        assert optimizer.param_groups[0]["lr"] == curve(epoch)
        for _ in range(7):
            optimizer.step()
        sched.step()


def test_seek_goes_anywhere(make):
    sched = Scheduler(make(0.1, 0.3), scale=cosine(), total=100_000)
    for t in (99_999, 0, 70_000, 12, 100_000):
        sched.seek(t)
        assert sched.position == t
        assert sched.get_last_lr() == sched.values_at(t)
    sched.last_epoch = 7  # as scripts do with torch's
    assert sched.get_last_lr() == sched.values_at(7)
    for bad in (-1, 1.5, True):
        with pytest.raises(SpecError, match="whole number"):
            sched.seek(bad)


# Edits and controllers.


def test_an_edit_takes_effect_with_the_next_update(make, train):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=linear(), total=10)
    train(optimizer, sched, 3)
    edit = sched.apply(Scale(0.5, author="anna", reason="spike"))
    assert (edit.step, edit.author, edit.reason) == (3, "anna", "spike")
    assert optimizer.param_groups[0]["lr"] == 0.7 * 0.5
    assert sched.edits == (edit,)


def test_what_was_written_is_the_effective_schedule(make, train):
    """However a run was driven, what it did is a schedule in the same algebra."""
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, **HORIZON)
    used = []
    for edit in [Scale(0.5), Hold(), Scale(1.7), Release(), Set(0.01), Release(), Scale(0.9)]:
        used += train(optimizer, sched, 4)
        sched.apply(edit)
    used += train(optimizer, sched, 2)
    curve = SHAPE.over(**HORIZON)
    done = effective(SHAPE, sched.edits, curve.horizon).over(curve.horizon)
    assert [u[0] for u in used] == done.values().tolist()


def test_edits_of_one_group_and_of_all(make):
    optimizer = make(0.1, 0.2, names=["body", "head"])
    sched = Scheduler(optimizer, scale=constant(1.0))
    sched.apply(Scale(0.5, group="head"))
    assert sched.get_last_lr() == [0.1, 0.1]
    sched.apply(Set(0.03))
    assert sched.get_last_lr() == [0.03, 0.03]
    sched.apply(Release(group=0))
    assert sched.get_last_lr() == [0.1, 0.03]


def test_an_edit_for_later_waits(make, train):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=0.8)
    sched.apply(Scale(0.5, step=5))
    assert [u[0] for u in train(optimizer, sched, 8)] == [0.8] * 5 + [0.4] * 3


def test_an_edit_that_cannot_be_is_refused_and_changes_nothing(make, train):
    optimizer = make(0.1, 0.2, names=["body", "head"])
    sched = Scheduler(optimizer, lr={"head": linear()}, total=10)
    train(optimizer, sched, 3)
    with pytest.raises(LoopError, match="3 or later"):
        sched.apply(Scale(0.5, step=2))
    for group in ("tail", "body", 0, 7):
        with pytest.raises(SpecError, match="not driven"):
            sched.apply(Scale(0.5, group=group))
    assert sched.edits == ()
    assert sched.get_last_lr() == [0.1, 0.7]


def test_an_edit_that_breaks_the_schedule_is_taken_back(make, train):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=1e10)
    with pytest.raises(SpecError, match="at step 0"):
        sched.apply(Scale(1e308))
    assert sched.edits == ()
    assert [u[0] for u in train(optimizer, sched, 3)] == [1e10] * 3


def test_plateau_cuts_all_groups_down_to_their_floors(make, train):
    optimizer = make(0.1, 0.01, names=["head", "body"])
    sched = Scheduler(
        optimizer,
        scale=constant(1.0),
        controllers=plateau(0.1, patience=1, floor={"head": 0.02, "body": 1e-3}),
    )
    train(optimizer, sched, 3, metrics=lambda t: {"loss": torch.tensor(1.0)})
    assert sched.get_last_lr() == pytest.approx([0.02, 1e-3], rel=1e-15)
    assert sched.edits[0].step == 3


def test_warm_up_then_plateau(make, train):
    """pytorch#68978: no warm-up could come before a plateau."""
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=0.5 * warmup(4), controllers=[plateau(0.1, patience=5)])
    used = train(optimizer, sched, 12, metrics=lambda t: {"loss": 1.0})
    assert [u[0] for u in used[:5]] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert used[6:8] == [[0.5], [0.05]]


def test_metrics_may_come_seldom_and_between_steps(make, train):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=0.5, controllers=[plateau(0.1, patience=0)])
    for loss in (1.0, 1.0):
        train(optimizer, sched, 5)
        sched.observe({"loss": loss, "accuracy": 0.5})
    assert sched.position == 10
    assert sched.edits[0].step == 10
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05)


def test_a_bare_number_is_the_metric_that_is_looked_for(make):
    sched = Scheduler(make(), lr=0.5, controllers=[plateau(0.1, patience=0, metric="wer")])
    sched.step(torch.tensor(0.3))
    sched.step(0.3)
    assert len(sched.edits) == 1
    two = [plateau(metric="a"), plateau(metric="b")]
    with pytest.raises(LoopError, match="must be named"):
        Scheduler(make(), lr=0.5, controllers=two).step(0.3)
    with pytest.raises(LoopError, match="seek"):
        Scheduler(make(), lr=0.5).step(12)  # torch's step(epoch)
    with pytest.raises(LoopError, match="must be a number"):
        sched.step({"wer": "low"})


# Copies, ends, refusals.


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_go_on_by_themselves(make, train, copy_of):
    optimizer = make(0.1, 0.2)
    sched = Scheduler(optimizer, scale=SHAPE, **HORIZON, controllers=[plateau(patience=0)])
    train(optimizer, sched, 7, metrics=lambda t: {"loss": 1.0})
    other = copy_of(sched)
    assert other.optimizer is not optimizer
    assert other.state_dict() == sched.state_dict()
    assert train(other.optimizer, other, 9) == train(optimizer, sched, 9)
    assert other.updated is False


def test_after_detach_it_writes_no_more(make, train):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=linear(), total=10)
    sched.detach()
    sched.detach()
    with pytest.raises(LoopError, match="detached"):
        sched.step()
    with pytest.raises(LoopError, match="detached"):
        sched.apply(Scale(0.5))
    again = Scheduler(optimizer, lr=constant(0.2))
    train(optimizer, again, 3)


def test_a_scheduler_that_nobody_holds_gives_its_place_up(make):
    optimizer = make(1.0)
    Scheduler(optimizer, lr=0.1)
    gc.collect()
    Scheduler(optimizer, lr=0.2)


def test_repr_says_what_it_does(make):
    sched = Scheduler(make(0.1, names=["head"]), scale={"head": cosine()}, total=10)
    assert repr(sched) == "Scheduler('head': scale=cosine(); step 0 of 10)"


def test_a_schedule_that_cannot_be_saved_says_so_when_it_is_built(make):
    with pytest.warns(LoopWarning, match="cannot be saved"):
        sched = Scheduler(make(), lr=from_function(lambda t: 0.1))
    with pytest.raises(SpecError, match="top level"):
        sched.state_dict()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, SpecError, "needs a schedule"),
        ({"lr": lambda t: 0.1}, SpecError, "from_function"),
        ({"lr": True}, SpecError, "must be a schedule"),
        ({"lr": "cosin()", "total": 3}, SpecError, "cosine"),
        ({"lr": float("nan")}, SpecError, "finite"),
        ({"lr": cosine()}, HorizonError, "total"),
        ({"lr": warmup("1ep") >> cosine(), "total": 9}, HorizonError, "steps_per_epoch"),
        ({"lr": cosine().over(5), "total": 9}, SpecError, "horizon of its own"),
        ({"lr": {}}, SpecError, "maps no group"),
        ({"lr": {"haed": 0.1}}, SpecError, "did you mean head"),
        ({"lr": {2: 0.1}}, SpecError, "0 to 1"),
        ({"lr": {-1: 0.1}}, SpecError, "0 to 1"),
        ({"lr": {"head": 0.1, 1: 0.1}}, SpecError, "twice"),
        ({"lr": 0.1, "scale": 0.1}, SpecError, "both lr= and scale="),
        ({"lr": 0.1, "momentun": 0.1}, SpecError, "did you mean momentum"),
        ({"lr": 0.1, "steps_per_epochs": 3}, SpecError, "did you mean steps_per_epoch"),
        ({"hyper": {"lr": 0.1}}, SpecError, "goes in lr="),
        ({"hyper": {"momentum": 0.1}, "momentum": 0.2}, SpecError, "given twice"),
        ({"hyper": {"momentum[0]": 0.1}}, SpecError, "is one number"),
        ({"hyper": {"betas[": 0.1}}, SpecError, "is written"),
        ({"lr": 0.1, "unit": "batch"}, SpecError, "'step' or 'epoch'"),
        ({"lr": 0.1, "unit": "epoch", "steps_per_epoch": 5}, SpecError, "leave it out"),
        ({"lr": 0.1, "resume": "maybe"}, SpecError, "resume must be"),
        ({"lr": 0.1, "controllers": ["plateau"]}, SpecError, "init, update"),
        ({"lr": 0.1, "total": 0}, SpecError, "total"),
    ],
    ids=lambda value: "function" if "lambda" in str(value) else str(value),
)
def test_what_does_not_fit_is_refused_before_anything_is_touched(make, options, error, message):
    optimizer = make(0.5, 0.7, names=["body", "head"], momentum=0.9)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(error, match=message):
        Scheduler(optimizer, **options)
    assert optimizer.state_dict() == before
    assert not optimizer._optimizer_step_pre_hooks
    Scheduler(optimizer, lr=0.1)  # the failed one holds nothing


def test_betas_are_driven_one_by_one(make):
    optimizer = make(kind=torch.optim.Adam)
    for hyper in ("betas", "betas[2]"):
        with pytest.raises(SpecError, match=r"holds 2 numbers"):
            Scheduler(optimizer, hyper={hyper: 0.9})


def test_only_an_optimizer_will_do():
    with pytest.raises(SpecError, match="torch optimizer"):
        Scheduler(torch.nn.Linear(1, 1), lr=0.1)


def test_an_optimizer_without_a_rate_can_have_another_hyper_parameter_driven(make):
    optimizer = make(1.0, weight_decay=0.1)
    optimizer.param_groups[0]["lr"] = None  # as an Adafactor that finds its own
    with pytest.raises(SpecError, match="no hyper-parameter 'lr'"):
        Scheduler(optimizer, lr=0.1)
    sched = Scheduler(optimizer, weight_decay=linear(0.1, 0), total=10, controllers=[plateau()])
    sched.step({"loss": 1.0})
    assert optimizer.param_groups[0]["weight_decay"] == pytest.approx(0.09)
    assert optimizer.param_groups[0]["lr"] is None
    sched.load_state_dict(sched.state_dict())


def test_warnings_point_at_the_callers_line(make):
    sched = Scheduler(make(1.0), lr=linear(), total=2)
    sched.seek(2)
    with pytest.warns(LoopWarning) as caught:
        sched.step()
    assert caught[0].filename == __file__


def test_a_value_that_is_no_rate_is_refused_by_its_step(make):
    optimizer = make(1e308)
    with pytest.raises(SpecError, match="at step 0"):
        Scheduler(optimizer, scale=constant(1e10))
    assert optimizer.param_groups[0]["lr"] == 1e308


def test_building_and_stepping_warn_of_nothing(make, train):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer = make(1.0, momentum=0.9)
        train(optimizer, Scheduler(optimizer, lr=linear(), total=200), 200)
