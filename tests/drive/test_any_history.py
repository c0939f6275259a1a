"""Whatever happens to a run, every value is that of the effective schedule at its step."""

import json
from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrkit.control import Hold, Release, Scale, Set, effective, share_out
from lrkit.drive import Scheduler
from lrkit.schedules import cosine, one_minus_sqrt, warmup

OWNS = (0.1, 0.3, 0.0)
NAMES = ("body", "head", None)
SHAPE = warmup(10) >> cosine(1, 0.5, 40) >> one_minus_sqrt(0.5, 0)
CURVE = SHAPE.over(100)

groups = st.sampled_from([None, "body", "head", 0, 2])
edits = st.one_of(
    st.builds(lambda f, g: Scale(f, group=g), st.floats(0, 3), groups),
    st.builds(
        lambda f, low, g: Scale(f, floor=low, group=g), st.floats(0, 0.9), st.floats(0, 1), groups
    ),
    st.builds(lambda v, g: Set(v, group=g), st.floats(0, 3), groups),
    st.builds(lambda g: Hold(group=g), groups),
    st.builds(lambda g: Release(group=g), groups),
)
moves = st.one_of(
    st.tuples(st.just("step"), st.integers(1, 9)),
    st.tuples(st.just("edit"), edits),
    st.tuples(st.just("resume"), st.booleans()),
    st.tuples(st.just("seek"), st.integers(0, 100)),
)


def fresh(tensor):
    return torch.optim.SGD(
        [
            {
                "params": [torch.nn.Parameter(torch.zeros(1))],
                "lr": torch.tensor(own, dtype=torch.float64) if tensor else own,
            }
            | ({} if name is None else {"name": name})
            for own, name in zip(OWNS, NAMES, strict=True)
        ],
        lr=1.0,
    )


@settings(max_examples=60)
@given(st.lists(moves, max_size=12), st.booleans())
def test_any_history(history, tensor):
    optimizer = fresh(tensor)
    sched = Scheduler(optimizer, scale=SHAPE, total=100)
    for move, what in history:
        if move == "step":
            for _ in range(min(what, 100 - sched.position)):
                sched.step()
        elif move == "edit":
            sched.apply(what)
        elif move == "seek":
            sched.seek(what)
        else:
            states = sched.state_dict(), optimizer.state_dict()
            optimizer = fresh(tensor)
            if what:
                optimizer.load_state_dict(states[1])
            sched = Scheduler(optimizer, scale=SHAPE, total=100)
            sched.load_state_dict(json.loads(json.dumps(states[0], allow_nan=False)))
            if not what:
                optimizer.load_state_dict(states[1])
        shares = share_out(sched.edits, NAMES, [(own * SHAPE).over(100) for own in OWNS], OWNS)
        want = [
            effective(own * SHAPE, [replace(e, group=None) for e in share], CURVE.horizon)
            for own, share in zip(OWNS, shares, strict=True)
        ]
        assert [float(r) for r in sched.get_last_lr()] == [
            w.over(100)(sched.position) for w in want
        ]
