"""Stop and resume: bitwise as if nothing had happened, and every difference declared."""

import copy
import io
import json
import logging

import numpy as np
import pytest
import torch

from lrkit.control import Cooldown, Extend, Scale, Set, greedy, plateau
from lrkit.drive import Scheduler
from lrkit.errors import LoopError, LoopWarning, SpecError
from lrkit.schedules import constant, cosine, from_function, linear, warmup

SHAPE = warmup(5) >> cosine()


class Net(torch.nn.Module):
    """Two layers, a group each."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.body = torch.nn.Linear(4, 4)
        self.head = torch.nn.Linear(4, 1)


def build(tensor=False, **options):
    net = Net()
    lr = torch.tensor(0.05) if tensor else 0.05
    optimizer = torch.optim.AdamW(
        [
            {"params": net.body.parameters(), "name": "body"},
            {"params": net.head.parameters(), "name": "head", "lr": lr * 2},
        ],
        lr=lr,
        foreach=False,
    )
    settings = {
        "scale": {"body": SHAPE, "head": SHAPE * constant(0.5)},
        "weight_decay": linear(0.1, 0.0),
        "hyper": {"betas[0]": linear(0.95, 0.85)},
        "controllers": [plateau(0.5, patience=3, metric="loss")],
        "total": 40,
    }
    return net, optimizer, Scheduler(optimizer, **(settings | options))


def run(net, optimizer, sched, start, stop):
    rates = []
    for t in range(start, stop):
        x = torch.linspace(-1, 1, 8).reshape(2, 4) * (t % 5 + 1)
        optimizer.zero_grad()
        loss = net.head(torch.tanh(net.body(x))).pow(2).sum()
        loss.backward()
        rates.append([float(g["lr"]) for g in optimizer.param_groups])
        optimizer.step()
        if t == 12:
            sched.apply(Scale(0.7, group="head", author="anna"))
        if t == 15:
            sched.apply(Set(0.01))
        sched.step({"loss": round(float(loss.detach()), 1)})
    return rates


@pytest.mark.parametrize("tensor", [False, True], ids=["float", "tensor"])
@pytest.mark.parametrize("stop", [1, 8, 13, 20, 39])
@pytest.mark.parametrize("first", ["optimizer", "scheduler"])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(tensor, stop, first):
    whole = build(tensor)
    rates = run(*whole, 0, 40)
    part = build(tensor)
    before = run(*part, 0, stop)
    disk = io.BytesIO()
    torch.save([part[0].state_dict(), part[1].state_dict(), part[2].state_dict()], disk)
    disk.seek(0)
    net_state, optimizer_state, sched_state = torch.load(disk, weights_only=True)
    net, optimizer, sched = build(tensor)
    net.load_state_dict(net_state)
    if first == "optimizer":
        optimizer.load_state_dict(optimizer_state)
    sched.load_state_dict(json.loads(json.dumps(sched_state, allow_nan=False)))
    if first == "scheduler":
        optimizer.load_state_dict(optimizer_state)
    assert before + run(net, optimizer, sched, stop, 40) == rates
    for a, b in zip(net.parameters(), whole[0].parameters(), strict=True):
        assert torch.equal(a, b)
    assert sched.edits == whole[2].edits
    assert len(sched.edits) > 2  # by hand and by the controller


def test_a_state_is_plain_json(make):
    def check(value):
        assert type(value) in (dict, list, str, int, float, bool, type(None)), value
        for inner in (
            value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        ):
            check(inner)

    _, _, sched = build()
    check(sched.state_dict())
    sched.apply(Scale(0.5, floor={"head": 0.1}))
    sched.step({"loss": float("nan")})
    state = sched.state_dict()
    check(state)
    assert json.loads(json.dumps(state, allow_nan=False)) == state


def saved(make, steps=40, **options):
    sched = Scheduler(make(0.5), **({"lr": cosine(), "total": 100} | options))
    for _ in range(steps):
        sched.step()
    return sched


def test_the_same_code_goes_on_in_silence(make, caplog):
    sched = saved(make)
    other = Scheduler(make(0.5), lr="cosine()", total=100)
    other.load_state_dict(sched.state_dict())
    assert other.position == 40
    assert not caplog.records


def test_a_number_that_the_schedule_does_not_use_makes_no_difference(make):
    sched = saved(make, batch_size=32)
    other = Scheduler(make(0.5), lr=cosine(), total=100, batch_size=64, steps_per_epoch=7)
    other.load_state_dict(sched.state_dict())
    assert other.get_last_lr() == sched.get_last_lr()
    used = saved(make, lr=warmup("320sa") >> cosine(), batch_size=32)
    other = Scheduler(make(0.5), lr=warmup("320sa") >> cosine(), total=100, batch_size=64)
    with pytest.raises(SpecError, match="batch_size=64"):
        other.load_state_dict(used.state_dict())


def test_another_horizon_is_refused_with_the_difference(make):
    """OneTrainer#1604: the horizon is recomputed on resume, and the rate rises in silence."""
    sched = saved(make)
    other = Scheduler(make(0.5), lr=cosine(), total=200)
    with pytest.raises(SpecError) as caught:
        other.load_state_dict(sched.state_dict())
    text = str(caught.value)
    for part in ("at step 40", "100 steps", "200 steps", "cosine()", "rate now", "'stretch'"):
        assert part in text
    assert f"{cosine().over(100)(40):.6g}" in text
    assert f"{cosine().over(200)(40):.6g}" in text
    assert other.position == 0


def test_keep_goes_on_with_the_saved_schedule(make, caplog):
    sched = saved(make)
    other = Scheduler(make(0.5), lr=linear(), total=200, resume="keep")
    with caplog.at_level(logging.WARNING):
        other.load_state_dict(sched.state_dict())
    assert "resume='keep'" in caplog.text
    assert "linear()" in caplog.text
    for t in range(40, 100):
        assert other.get_last_lr() == [cosine().over(100)(t)]
        other.step()


def test_new_takes_the_codes_schedule_from_that_step_on(make, caplog):
    """pytorch#156846, Lightning#4044: a new rate or horizon on resume is ignored."""
    sched = saved(make)
    sched.apply(Scale(0.1))
    other = Scheduler(make(0.5), lr=0.5 * cosine(), total=200, resume="new")
    with caplog.at_level(logging.WARNING):
        other.load_state_dict(sched.state_dict())
    assert "edits so far" in caplog.text
    assert other.edits == ()
    assert other.position == 40
    assert other.get_last_lr() == [0.5 * cosine().over(200)(40)]
    again = Scheduler(make(0.5), lr=0.5 * cosine(), total=200)
    again.load_state_dict(other.state_dict())  # it is the run's schedule now


def test_stretch_spreads_what_is_left_without_a_jump_or_a_rise(make):
    """insightface#2143: extended epochs make the rate rise again."""
    sched = saved(make)
    sched.apply(Scale(0.5))
    other = Scheduler(make(0.5), lr=cosine(), total=160, resume="stretch")
    other.load_state_dict(sched.state_dict())
    rates = []
    for _ in range(160 - 40):
        rates += other.get_last_lr()
        other.step()
    assert rates[0] == sched.get_last_lr()[0]
    assert (np.diff(rates) < 0).all()
    assert other.get_last_lr() == [0.0]
    assert rates[60] == pytest.approx(0.5 * cosine().over(100)(70), rel=1e-12)
    assert other.values_at(20) == [cosine().over(100)(20)]  # the past stays as it was


def test_a_stretch_over_epochs_of_another_length_leaves_the_past_as_it_was(make):
    spec = "warmup(2ep) >> cosine()"
    sched = Scheduler(make(0.5), lr=spec, total="10ep", steps_per_epoch=10)
    for _ in range(40):
        sched.step()
    other = Scheduler(make(0.5), lr=spec, total="10ep", steps_per_epoch=20, resume="stretch")
    other.load_state_dict(sched.state_dict())
    assert [other.values_at(t) for t in range(41)] == [sched.values_at(t) for t in range(41)]
    assert other.values_at(200) == [0.0]


@pytest.mark.parametrize(
    "edit",
    [
        Scale(0.5, over="10%", step=20),
        Extend(120, step=30),
        Extend("80%", how="keep", step=10),
        Cooldown(40, step=35),
    ],
    ids=str,
)
def test_a_stretch_acts_after_the_edits_before_it(make, edit):
    sched = Scheduler(make(0.5), lr=cosine(), total=100, momentum=cosine(0.9, 0.5))
    sched.apply(edit)
    for _ in range(40):
        sched.step()
    code = {"lr": cosine(), "momentum": cosine(0.9, 0.5), "total": 160, "resume": "stretch"}
    other = Scheduler(make(0.5), **code)
    other.load_state_dict(sched.state_dict())
    for hyper in ("lr", "momentum"):
        past = [sched.values_at(t, hyper) for t in range(41)]
        assert [other.values_at(t, hyper) for t in range(41)] == past
    assert other.total == 160
    assert other.values_at(160) == sched.values_at(sched.total)


def test_a_stretched_run_resumes_and_stretches_again(make):
    other = Scheduler(make(0.5), lr=cosine(), total=160, resume="stretch")
    other.load_state_dict(saved(make).state_dict())
    for _ in range(60):
        other.step()
    same = Scheduler(make(0.5), lr=cosine(), total=160)
    same.load_state_dict(json.loads(json.dumps(other.state_dict())))
    assert same.get_last_lr() == other.get_last_lr()
    assert same.values_at(130) == other.values_at(130)
    third = Scheduler(make(0.5), lr=cosine(), total=120, resume="stretch")
    third.load_state_dict(same.state_dict())
    assert third.get_last_lr() == pytest.approx(same.get_last_lr(), rel=1e-12)
    assert third.values_at(120) == [0.0]
    third.seek(119)
    assert third.get_last_lr()[0] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": linear(), "total": 200}, "another horizon only"),
        ({"lr": cosine(), "momentum": 0.9, "total": 200}, "another horizon only"),
        ({"lr": {0: cosine()}, "total": 200}, "another horizon only"),
        ({"lr": cosine(), "total": 200, "controllers": [plateau()]}, "another horizon only"),
        ({"lr": cosine(), "total": 40}, "steps that are left"),
    ],
    ids=str,
)
def test_stretch_is_for_another_horizon_only(make, options, message):
    other = Scheduler(make(0.5, momentum=0.9), **options, resume="stretch")
    with pytest.raises(SpecError, match=message):
        other.load_state_dict(saved(make).state_dict())


def test_a_rate_that_has_no_end_cannot_be_stretched(make):
    other = Scheduler(make(0.5), lr=0.1, total=50, resume="stretch")
    with pytest.raises(SpecError, match="a total on both sides"):
        other.load_state_dict(saved(make, lr=0.1, total=None).state_dict())


def test_another_rate_of_the_groups_own_is_a_difference(make):
    sched = saved(make, lr=None, scale=cosine())
    state = sched.state_dict()
    with pytest.raises(SpecError, match=r"own rate of 0 +0\.5 +0\.25"):
        Scheduler(make(0.25), scale=cosine(), total=100).load_state_dict(state)
    keep = Scheduler(make(0.25), scale=cosine(), total=100, resume="keep")
    keep.load_state_dict(state)
    assert keep.get_last_lr() == sched.get_last_lr()
    new = Scheduler(make(0.25), scale=cosine(), total=100, resume="new")
    new.load_state_dict(state)
    assert new.get_last_lr() == [0.25 * cosine().over(100)(40)]


def test_controllers_that_differ_are_a_difference(make):
    options = {"lr": 0.1, "total": None}
    sched = saved(make, **options, controllers=[plateau(patience=3)], steps=0)
    for _ in range(3):
        sched.step({"loss": 1.0})
    state = sched.state_dict()
    with pytest.raises(SpecError, match="controllers"):
        Scheduler(make(0.5), lr=0.1).load_state_dict(state)
    keep = Scheduler(make(0.5), lr=0.1, resume="keep")
    keep.load_state_dict(state)
    two = [plateau(patience=9), plateau(patience=3)]
    new = Scheduler(make(0.5), lr=0.1, controllers=two, resume="new")
    new.load_state_dict(state)
    for other in (keep, new):  # the plateau that was saved goes on counting
        assert not other.edits
        for _ in range(2):
            other.step({"loss": 1.0})
        assert len(other.edits) == 1


def test_a_new_schedule_ends_what_greedy_scaled(make):
    rule = greedy(factor=0.5, patience=0, floor=0.01, peak=1.0, reset_after=1)
    sched = saved(make, lr=0.2, total=None, controllers=[rule], steps=0)
    for loss in (1.0, 2.0, 3.0):
        sched.step({"loss": loss})
    assert sched.get_last_lr()[0] < 0.2
    new = Scheduler(make(0.5), lr=0.4, controllers=[rule], resume="new")
    new.load_state_dict(sched.state_dict())
    assert new.get_last_lr() == [0.4]
    rates = []
    for loss in range(4, 10):
        new.step({"loss": float(loss)})
        rates += new.get_last_lr()
    # Cut by cut to the floor; the reset then goes back to the new schedule's rate, not beyond.
    assert rates == [0.2, 0.1, 0.05, 0.025, 0.0125, 0.4]


def test_groups_added_before_the_save(make):
    def grown():
        optimizer = make(0.5)
        sched = Scheduler(optimizer, scale=cosine(), total=100)
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.2})
        return optimizer, sched

    _, sched = grown()
    for _ in range(9):
        sched.step()
    state = sched.state_dict()
    with pytest.raises(SpecError, match="add the groups before"):
        Scheduler(make(0.5), scale=cosine(), total=100).load_state_dict(state)
    _, other = grown()
    other.load_state_dict(state)
    assert other.get_last_lr() == sched.get_last_lr()
    early = Scheduler(make(0.5), scale=cosine(), total=100)
    small = early.state_dict()
    _, other = grown()
    other.load_state_dict(small)  # the group that is not in the state joins
    assert other.get_last_lr() == [0.5, 0.2]


def test_the_unit_cannot_change(make):
    state = saved(make).state_dict()
    for policy in ("raise", "keep", "new", "stretch"):
        other = Scheduler(make(0.5), lr=cosine(), total=100, unit="epoch", resume=policy)
        with pytest.raises(SpecError, match="unit of a run"):
            other.load_state_dict(state)


def test_keep_of_what_the_optimizer_lacks_is_refused_and_changes_nothing(make):
    source = Scheduler(make(0.5, momentum=0.9), lr=0.1, momentum=0.5)
    other = Scheduler(make(0.5, kind=torch.optim.Adam), lr=0.2, resume="keep")
    with pytest.raises(SpecError, match="momentum"):
        other.load_state_dict(source.state_dict())
    assert other.get_last_lr() == [0.2]
    other.step()


def test_keep_of_what_another_scheduler_drives_is_refused(make):
    source = Scheduler(make(0.5, momentum=0.9), lr=0.1, momentum=0.5)
    optimizer = make(0.5, momentum=0.9)
    mine = Scheduler(optimizer, lr=0.1, resume="keep")
    other = Scheduler(optimizer, momentum=0.7)
    with pytest.raises(LoopError, match="another one drives 'momentum'"):
        mine.load_state_dict(source.state_dict())
    assert other.get_last_lr() == [0.1]


def test_a_failed_load_changes_nothing(make):
    sched = saved(make, controllers=[plateau()])
    state = sched.state_dict()
    bad = [
        state | {"format": 3},
        state | {"position": -1},
        state | {"position": "4"},
        state | {"groups": [{"name": None}]},
        state | {"edits": [{"edit": "scael"}]},
        state | {"edits": 3},
        state | {"states": []},
        state | {"states": [{"best": 1.0}]},
        state | {"plan": {}},
        state | {"plan": state["plan"] | {"rules": [{"hyper": "lr"}]}},
        state | {"plan": state["plan"] | {"controllers": [{"controller": "magic"}]}},
    ]
    other = Scheduler(make(0.5), lr=cosine(), total=100, controllers=[plateau()])
    before = other.state_dict()
    for broken in bad:
        with pytest.raises(SpecError):
            other.load_state_dict(broken)
        assert other.state_dict() == before
    with pytest.raises(SpecError, match="is a dictionary"):
        other.load_state_dict([])


def test_a_function_is_saved_by_its_path(make):
    sched = Scheduler(make(0.5), lr=from_function(halves), total=100)
    sched.step()
    other = Scheduler(make(0.5), lr=from_function(halves), total=100)
    other.load_state_dict(json.loads(json.dumps(sched.state_dict())))
    assert other.get_last_lr() == [0.25]


def halves(t):
    return 0.5 ** (t + 1)


def test_loading_starts_the_audit_anew(make, train):
    optimizer = make(0.5)
    other = Scheduler(optimizer, lr=cosine(), total=100)
    other.load_state_dict(saved(make, steps=90).state_dict())
    train(optimizer, other, 10)
    with pytest.warns(LoopWarning, match="ends after 100"):
        train(optimizer, other, 2)


def test_copies_of_a_state_are_free_of_each_other():
    _, _, sched = build()
    state = sched.state_dict()
    kept = copy.deepcopy(state)
    sched.apply(Scale(0.5))
    sched.step({"loss": 1.0})
    assert state == kept
