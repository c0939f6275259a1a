"""A scheduler that keeps a run: what it writes, the letters it takes, and how it ends."""

import copy
import json
import pickle
import threading

import numpy as np
import pytest
import torch

from lrkit.control import (
    Checkpoint,
    Cooldown,
    Extend,
    Hold,
    Release,
    Replace,
    Rollback,
    Scale,
    Set,
    Stop,
    plateau,
)
from lrkit.drive import Scheduler
from lrkit.errors import DataError, LoopError, LoopWarning, SpecError
from lrkit.records import Journal, Sink, course_of, replay, submit
from lrkit.schedules import cosine, from_function, warmup

SHAPE = 0.3 * (warmup(5) >> cosine())


@pytest.fixture
def run(tmp_path):
    return tmp_path / "runs" / "mine"


def go(optimizer, sched, steps, metrics=None):
    """Make *steps* updates, and return the rates of all groups that each used."""
    used = []
    for _ in range(steps):
        optimizer.step()
        used.append([float(g["lr"]) for g in optimizer.param_groups])
        sched.step(None if metrics is None else metrics(sched.position))
    return used


def send(run, *edits):
    return [submit(run, edit.to_dict()) for edit in edits]


def names_of(run):
    rows = run.header.get("groups") or [{"name": None}]
    return ["lr"] + [f"lr/{row['name'] or i}" for i, row in enumerate(rows) if i]


def check_course(folder, used=None):
    """Every rate in the journal is that of the run's effective schedule, and the one used."""
    found = replay(folder)
    for index, name in enumerate(names_of(found)):
        steps, rates = found.series(name)
        assert steps.tolist() == list(range(len(steps)))
        assert course_of(found, index)(steps).tolist() == rates.tolist()
        if used is not None:
            assert rates.tolist() == [row[index] for row in used]
    return found


# What it writes.


def test_rates_and_metrics_are_journaled(make, run):
    optimizer = make(1.0)
    with Scheduler(optimizer, lr=SHAPE, total=20, run=run) as sched:
        used = go(optimizer, sched, 20, lambda t: {"loss": 1.0 / (t + 1), "bad": float("nan")})
    found = check_course(run, used)
    assert found.status == "done"
    assert found.metrics["loss"].tolist() == [1.0 / (t + 1) for t in range(20)]
    assert np.isnan(found.metrics["bad"]).all()
    assert (found.header["spec"], found.header["per"]) == (str(SHAPE), "step")
    assert found.header["horizon"]["total"] == 20


def test_groups_have_columns_of_their_own(make, run):
    optimizer = make(0.1, 0.02, 0.5, names=["body", "head"])
    sched = Scheduler(optimizer, scale=SHAPE, total=20, run=run)
    used = go(optimizer, sched, 8)
    send(run, Set(0.05), Scale(0.5, group="head"))
    used += go(optimizer, sched, 12)
    sched.close()
    found = check_course(run, used)
    assert names_of(found) == ["lr", "lr/head", "lr/2"]
    assert [row["own"] for row in found.header["groups"]] == [0.1, 0.02, 0.5]


def test_tensor_rates_are_journaled(run):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=torch.tensor(1.0, dtype=torch.float64))
    sched = Scheduler(optimizer, lr=SHAPE, total=10, run=run)
    used = go(optimizer, sched, 10)
    sched.close()
    check_course(run, used)


def test_a_rate_that_someone_else_set_is_journaled_as_it_was_used(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=0.1, total=10, run=run)
    go(optimizer, sched, 2)
    optimizer.param_groups[0]["lr"] = 0.7
    with pytest.warns(LoopWarning, match="someone else"):
        go(optimizer, sched, 2)
    sched.close()
    assert replay(run).metrics["lr"].tolist() == [0.1, 0.1, 0.7, 0.1]


def test_what_is_observed_belongs_to_the_last_update(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=0.1, total=10, run=run)
    go(optimizer, sched, 3)
    sched.observe({"accuracy": 0.5})  # after step()
    optimizer.step()
    sched.observe({"accuracy": 0.6})  # before it
    sched.step()
    sched.close()
    steps, values = replay(run).series("accuracy")
    assert (steps.tolist(), values.tolist()) == ([2, 3], [0.5, 0.6])


@pytest.mark.parametrize("name", ["lr", "lr/head", "step", "time"])
def test_names_that_the_journal_has_itself_are_refused(make, run, name):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=0.1, total=10, run=run)
    optimizer.step()
    with pytest.raises(LoopError, match="call the metric something else"):
        sched.step({name: 1.0})
    sched.close()


def test_epochs_are_the_clock_where_they_are_the_unit(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=cosine(), total=5, unit="epoch", run=run)
    used = go(optimizer, sched, 5, lambda t: {"loss": t})
    sched.close()
    assert check_course(run, used).header["per"] == "epoch"


def test_a_loss_may_be_given_as_it_is(make, run):
    optimizer = make(1.0)
    weight = optimizer.param_groups[0]["params"][0]
    sched = Scheduler(optimizer, lr=0.1, total=3, run=run)
    go(optimizer, sched, 3, lambda t: {"loss": (weight**2).sum()})
    sched.close()
    assert (replay(run).metrics["loss"] > 0).all()


def test_a_nameless_function_can_be_run_but_not_told(make, run):
    optimizer = make(1.0)
    with pytest.warns(LoopWarning, match="cannot be saved"):
        sched = Scheduler(optimizer, lr=from_function(lambda t: 0.1 + 0.0 * t), total=3, run=run)
    go(optimizer, sched, 3)
    sched.close()
    found = replay(run)
    assert found.metrics["lr"].tolist() == [0.1] * 3
    with pytest.raises(DataError, match="does not say which schedule"):
        course_of(found)


def test_sinks_hear_it(make, run):
    heard = []

    class Ear(Sink):
        def metrics(self, step, time, values):
            heard.append((step, values))

        def event(self, kind, fields):
            heard.append((kind, fields["step"]))

    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=0.1, total=2, run=run, sinks=Ear())
    go(optimizer, sched, 1)
    sched.apply(Scale(0.5))
    sched.close()
    assert heard == [(0, {"lr": 0.1}), ("edit", 1)]


def test_sinks_without_a_run_are_refused(make):
    with pytest.raises(SpecError, match="say where it is kept"):
        Scheduler(make(1.0), lr=0.1, tensorboard=True)


@pytest.mark.parametrize("value", [3, "", True])
def test_what_is_no_run_is_refused(make, value):
    with pytest.raises(SpecError, match="run must be a folder"):
        Scheduler(make(1.0), lr=0.1, run=value)


def test_tensorboard_by_one_argument(make, run):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    optimizer = make(1.0)
    with Scheduler(optimizer, lr=SHAPE, total=5, run=run, tensorboard=True) as sched:
        go(optimizer, sched, 5, lambda t: {"loss": t})
    assert list((run / "tensorboard").iterdir())


# Letters.

KINDS = [
    [Scale(0.5)],
    [Scale(0.5, over=4)],
    [Set(0.01)],
    [Set(0.2, over="3st")],
    [Hold(), Scale(2.0)],
    [Cooldown("20%")],
    [Cooldown(6, to=0.001, shape="cosine")],
    [Extend(60)],
    [Extend(35, how="keep")],
    [Replace("0.05 * cosine()")],
    [Replace("0.05 * cosine()"), Scale(0.5, over=3), Hold()],
]


@pytest.mark.parametrize("edits", KINDS, ids=lambda es: "+".join(e.word for e in es))
def test_every_kind_of_letter_takes_effect_at_the_next_step(make, run, edits):
    optimizer = make(1.0, 0.1)
    sched = Scheduler(optimizer, scale=SHAPE, total=40, run=run)
    used = go(optimizer, sched, 12)
    ids = send(run, *edits)
    used += go(optimizer, sched, 1)
    assert [e.step for e in sched.edits] == [13] * len(edits)
    used += go(optimizer, sched, 5)
    send(run, Release())
    while not sched.finished:
        used += go(optimizer, sched, 1)
    sched.close()
    found = check_course(run, used)
    assert found.status == "done"
    assert [e["letter"] for e in found.edits[: len(ids)]] == ids
    assert all(e["source"] == "hand" for e in found.edits)
    assert len(used) == sched.total
    assert not list((run / "inbox").iterdir())


WRONG = [
    ({"edit": "scael", "factor": 0.5}, "did you mean scale"),
    ({"edit": "scale"}, "lacks"),
    ({"edit": "scale", "factor": -1}, ">= 0"),
    ({"edit": "scale", "factor": [1]}, "must be a number"),
    ({"edit": "scale", "factor": 0.5, "step": 2}, "what is done cannot be changed"),
    ({"edit": "scale", "factor": 0.5, "group": "head"}, "head"),
    ({"edit": "scale", "factor": 0.5, "colour": "red"}, "colour"),
    ({"edit": "replace", "schedule": {"type": "cosine", "start": {}}}, ""),
    ({"edit": "replace", "schedule": "linear(0.1, -0.1)"}, "finite and >= 0"),
    ({"edit": "replace", "schedule": "hold(6) >> linear(0.1, -0.1)"}, "finite and >= 0"),
    ({"edit": "scale", "factor": 0.5, "step": 20}, "extend the run first"),
    ({"edit": "extend", "total": 3}, "must hold"),
    ({"edit": "cooldown", "over": "3ep"}, "steps_per_epoch"),
    ({}, "edit"),
    ({"edit": "stop", "group": 0}, "whole run"),
]


@pytest.mark.parametrize(("fields", "why"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_a_wrong_letter_is_answered_and_harms_nobody(make, run, fields, why):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=20, run=run)
    used = go(optimizer, sched, 5)
    letter = submit(run, fields)
    used += go(optimizer, sched, 15)
    sched.close()
    found = check_course(run, used)
    assert [e["letter"] for e in found.refused] == [letter]
    assert why in found.refused[0]["reason"]
    assert found.refused[0]["fields"] == fields
    assert not found.edits
    assert not list((run / "inbox").iterdir())
    assert [row[0] for row in used] == SHAPE.over(20).values().tolist()


def test_a_file_that_is_no_letter_is_answered(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=0.1, total=9, run=run)
    go(optimizer, sched, 1)
    (run / "inbox" / "x.json").write_text("{half")
    go(optimizer, sched, 1)
    sched.close()
    assert "no letter" in replay(run).refused[0]["reason"]


def test_two_people_at_once_are_both_recorded_in_order(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=1.0, total=4000, run=run)
    go(optimizer, sched, 1)

    def steer(name):
        for i in range(10):
            submit(run, Scale(0.99 + i / 1000, author=name).to_dict())

    people = [threading.Thread(target=steer, args=(name,)) for name in ("anna", "ben")]
    for person in people:
        person.start()
    while any(person.is_alive() for person in people):
        go(optimizer, sched, 1)
    go(optimizer, sched, 1)
    sched.close()
    found = check_course(run)
    authors = [e["author"] for e in found.edits]
    assert (authors.count("anna"), authors.count("ben")) == (10, 10)
    for name in ("anna", "ben"):
        factors = [e["factor"] for e in found.edits if e["author"] == name]
        assert factors == [0.99 + i / 1000 for i in range(10)]


def test_an_edit_for_later_waits(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=1.0, total=20, run=run)
    go(optimizer, sched, 2)
    send(run, Set(0.5, step=10))
    used = go(optimizer, sched, 18)
    assert [row[0] for row in used] == [1.0] * 8 + [0.5] * 10
    sched.close()
    check_course(run)


def test_the_loops_own_edits_and_the_controllers_are_told_apart(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr="1.0 | plateau(0.5, patience=0)", total=20, run=run)
    sched.apply(Scale(0.9))  # before the run begins
    go(optimizer, sched, 3, lambda t: {"loss": 1.0})
    sched.apply(Scale(0.8, author="script"))
    sched.apply(Scale(0.7, letter="asked-1"))
    sched.close()
    found = check_course(run)
    sources = ["loop", "controller", "controller", "loop", "hand"]
    assert [e["source"] for e in found.edits] == sources


# Commands.


def test_commands_come_one_by_one_and_leave_the_rate_alone(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=20, run=run)
    go(optimizer, sched, 3)
    assert sched.take_command() is None
    send(run, Checkpoint(), Rollback(0.5), Stop(step=10, author="anna", reason="enough"))
    go(optimizer, sched, 1)
    assert [type(sched.take_command()) for _ in range(3)] == [Checkpoint, Rollback, type(None)]
    assert not sched.finished
    go(optimizer, sched, 6)
    assert sched.stop_asked == "stopped by anna: enough"
    assert sched.finished
    assert isinstance(sched.take_command(), Stop)
    assert sched.finished
    sched.close()
    found = check_course(run)
    assert (found.status, found.reason) == ("stopped", "stopped by anna: enough")
    assert [e["edit"] for e in found.edits] == ["checkpoint", "rollback", "stop"]


def test_a_rollback_asked_for_ahead_comes_once(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=20, run=run)
    go(optimizer, sched, 3)
    send(run, Rollback(0.5, step=8))
    go(optimizer, sched, 2)
    sched.apply(Rollback(0.1, step=9))
    before = sched.state_dict()
    found = []
    while not sched.finished:
        go(optimizer, sched, 1)
        if command := sched.take_command():
            found.append((command.step, command.factor))
            sched.load_state_dict(before)
    assert found == [(8, 0.5), (9, 0.1)]
    sched.close()
    check_course(run)


def test_a_stopped_run_that_is_resumed_goes_on(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=20, run=run)
    go(optimizer, sched, 3)
    send(run, Stop())
    go(optimizer, sched, 1)
    assert sched.finished
    state = sched.state_dict()
    sched.close()
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=20, run=run)
    sched.load_state_dict(state)
    assert not sched.finished
    go(optimizer, sched, 16)
    assert sched.finished
    sched.close()
    assert check_course(run).status == "done"


# Stop and resume.


def test_a_run_goes_on_where_the_state_is(make, run):
    """What came after the state is forgotten but for letters, which come back at their steps."""

    def fresh():
        optimizer = make(1.0, 0.1)
        spec = "0.3 * cosine() | plateau(0.5, patience=2)"
        return optimizer, Scheduler(optimizer, scale=spec, total=60, run=run)

    def losses(t):
        return {"loss": 1.0 if t % 7 else 0.9}

    optimizer, sched = fresh()
    used = go(optimizer, sched, 10, losses)
    send(run, Scale(0.9, over=10))
    used += go(optimizer, sched, 5, losses)
    state = json.loads(json.dumps(sched.state_dict()))
    send(run, Set(0.05), Scale(2.0))
    go(optimizer, sched, 1, losses)
    send(run, Stop(step=18))
    used_then = go(optimizer, sched, 9, losses)
    rates = [list(map(float, sched.get_last_lr()))]
    del sched  # without close: as if killed, but for the line that says it has ended

    optimizer, sched = fresh()
    sched.load_state_dict(state)
    again = go(optimizer, sched, 10, losses)
    assert again[1:] == used_then
    assert [list(map(float, sched.get_last_lr()))] == rates
    used += again
    while not sched.finished:
        used += go(optimizer, sched, 1, losses)
    sched.close()
    found = check_course(run, used)
    hands = [e["edit"] for e in found.edits if e["source"] == "hand"]
    assert sorted(hands) == ["scale", "scale", "set", "stop"]


def test_letters_that_waited_while_nobody_ran_are_taken_at_the_resume(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=20, run=run)
    go(optimizer, sched, 5)
    state = sched.state_dict()
    sched.close()
    send(run, Set(0.01))
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=20, run=run)
    sched.load_state_dict(state)
    assert go(optimizer, sched, 1) == [[0.01]]
    sched.close()
    check_course(run)


def test_a_letter_that_a_crash_left_in_the_inbox_is_not_taken_twice(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=1.0, total=20, run=run)
    go(optimizer, sched, 1)
    submit(run, Scale(0.5).to_dict())
    letter = next((run / "inbox").iterdir())
    kept = letter.read_bytes()
    go(optimizer, sched, 2)
    state = sched.state_dict()
    sched.close()
    letter.write_bytes(kept)
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=1.0, total=20, run=run)
    sched.load_state_dict(state)
    assert go(optimizer, sched, 2) == [[0.5], [0.5]]
    assert not letter.exists()
    sched.close()
    assert len(replay(run).edits) == 1


def test_a_folder_that_exists_needs_a_state(make, run):
    run.mkdir(parents=True)
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=1.0, total=20, run=run)
    with pytest.raises(LoopError, match="mine-2"):
        optimizer.step()
    optimizer.step()  # the training can go on without
    sched.step()


def test_a_run_that_another_process_writes_is_left_alone(make, run):
    with Journal.create(run):
        optimizer = make(1.0)
        sched = Scheduler(optimizer, lr=1.0, total=20, run=run)
        sched.load_state_dict(sched.state_dict())
        with pytest.raises(DataError, match="one writer a run"):
            optimizer.step()


def test_a_state_in_a_new_folder_begins_a_run_that_knows_its_edits(make, run, tmp_path):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=20, run=run)
    go(optimizer, sched, 3)
    send(run, Scale(0.5))
    go(optimizer, sched, 3)
    state = sched.state_dict()
    sched.close()
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=20, run=tmp_path / "other")
    sched.load_state_dict(state)
    used = go(optimizer, sched, 14)
    sched.close()
    found = replay(tmp_path / "other")
    assert found.metrics["lr"].tolist() == [row[0] for row in used]
    assert course_of(found)(found.metrics["step"]).tolist() == found.metrics["lr"].tolist()


@pytest.mark.parametrize("policy", ["keep", "stretch", "new"])
@pytest.mark.parametrize("own", [(1.0,), (0.5, 0.1)], ids=["one", "two"])
def test_another_horizon_on_resume_is_in_the_course_of_the_run(make, run, policy, own):
    optimizer = make(*own)
    sched = Scheduler(optimizer, scale=SHAPE, total=20, run=run)
    used = go(optimizer, sched, 5)
    send(run, Scale(0.5))
    used += go(optimizer, sched, 5)
    state = sched.state_dict()
    sched.close()
    optimizer = make(*own)
    sched = Scheduler(optimizer, scale=SHAPE, total=30, run=run, resume=policy)
    sched.load_state_dict(state)
    while not sched.finished:
        used += go(optimizer, sched, 1)
    sched.close()
    assert len(used) == (20 if policy == "keep" else 30)
    check_course(run, used)


def test_going_back_within_one_program(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr="1.0 | plateau(0.5, patience=1)", total=40, run=run)
    used = go(optimizer, sched, 6, lambda t: {"loss": 1.0})
    state = sched.state_dict()
    go(optimizer, sched, 2, lambda t: {"loss": 1.0})
    send(run, Scale(0.9))
    go(optimizer, sched, 4, lambda t: {"loss": 1.0})
    known = sched.controller_states()
    sched.load_state_dict(state)
    sched.carry(known)
    sched.apply(Scale(0.1, author="rollback"))
    assert sched.controller_states() == known
    used += go(optimizer, sched, 20)
    sched.close()
    found = check_course(run, used)
    assert [e["author"] for e in found.edits].count("rollback") == 1
    assert len([e for e in found.edits if e["source"] == "hand"]) == 1


def test_seeking_back_forgets_what_came_after(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=20, run=run)
    used = go(optimizer, sched, 10)
    sched.seek(4)
    used = used[:4] + go(optimizer, sched, 16)
    sched.close()
    check_course(run, used)


def test_thousands_of_edits_cost_what_they_are(make, run):
    """A greedy controller edits for ever; what an edit costs must not grow with those before."""
    optimizer = make(1.0)
    text = "0.1 | greedy(0.9, patience=0, floor=1e-5, peak=1.0)"
    sched = Scheduler(optimizer, lr=text, total=600, run=run)
    used = go(optimizer, sched, 600, lambda t: {"loss": (t * 7919 % 101) / 101})
    sched.close()
    assert len(check_course(run, used).edits) > 100


# How it ends.


def test_it_ends_as_the_block_does(make, run, tmp_path):
    def trained(name, error=None):
        optimizer = make(1.0)
        with Scheduler(optimizer, lr=SHAPE, total=20, run=tmp_path / name) as sched:
            go(optimizer, sched, 5)
            if error is not None:
                raise error

    trained("left")
    with pytest.raises(ZeroDivisionError):
        trained("failed", ZeroDivisionError("oh"))
    with pytest.raises(KeyboardInterrupt):
        trained("interrupted", KeyboardInterrupt())
    found = {name: replay(tmp_path / name) for name in ("left", "failed", "interrupted")}
    assert {name: (r.status, r.reason) for name, r in found.items()} == {
        "left": ("stopped", "ended at step 5 of 20"),
        "failed": ("failed", "ZeroDivisionError: oh"),
        "interrupted": ("stopped", "interrupted"),
    }


def test_a_run_without_an_end_is_done_when_it_is_closed(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=0.1, run=run)
    go(optimizer, sched, 3)
    assert not sched.finished
    sched.close()
    sched.close()
    go(optimizer, sched, 3)  # the schedule goes on
    found = replay(run)
    assert (found.status, len(found.metrics["lr"])) == ("done", 3)


def test_a_run_that_never_began_leaves_nothing(make, run):
    with Scheduler(make(1.0), lr=0.1, run=run):
        pass
    assert not run.exists()


def test_a_scheduler_that_is_dropped_ends_its_run(make, run):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=8, run=run)
    go(optimizer, sched, 8)
    del sched
    assert replay(run).status == "done"


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_of_two_copies_one_writes(make, run, copy_of):
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=20, run=run)
    go(optimizer, sched, 3)
    send(run, Scale(0.5))
    go(optimizer, sched, 1)
    other = copy_of(sched)
    go(other.optimizer, other, 10)
    other.close()
    used = go(optimizer, sched, 10)
    assert replay(run).status != "done"
    sched.close()
    found = check_course(run)
    assert len(found.metrics["lr"]) == 14
    assert used[-1] == [found.metrics["lr"][-1]]


# A journal that is somebody else's.


def test_a_lent_journal_gets_the_edits_and_nothing_else(make, run):
    journal = Journal.create(run, spec=str(SHAPE), horizon={"total": 20})
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=20, run=journal)
    for step in range(20):
        if step == 5:
            send(run, Scale(0.5))
        optimizer.step()
        journal.metrics(step, lr=optimizer.param_groups[0]["lr"])
        sched.step()
    sched.close()
    assert not journal.closed
    journal.close()
    assert [e["source"] for e in check_course(run).edits] == ["hand"]


def test_a_lent_journal_has_sinks_of_its_own(make, run):
    class Ear(Sink):
        pass

    with Journal.create(run) as journal, pytest.raises(SpecError, match=r"Journal\.create"):
        Scheduler(make(1.0), lr=0.1, run=journal, sinks=[Ear()])


def test_the_plateau_of_a_text_is_in_the_header(make, run):
    optimizer = make(1.0)
    text = "0.1 * hold() | plateau(0.5, patience=3, after=25%)"
    with Scheduler(optimizer, lr=text, total=20, run=run) as sched:
        go(optimizer, sched, 20, lambda t: {"loss": 1.0})
    found = check_course(run)
    wanted = plateau(0.5, patience=3, after="25%")
    assert found.header["controllers"] == [wanted.to_dict()]
    assert [e["step"] for e in found.edits] == [9, 13, 17]
