"""Learning rates that are tensors: written in place, without drift, never the caller's."""

import copy

import numpy as np
import pytest
import torch

from lrkit.control import Scale
from lrkit.drive import Scheduler
from lrkit.errors import LoopWarning
from lrkit.schedules import cosine, exponential, linear


def sgd(lr, groups=1, **options):
    torch.manual_seed(0)
    return torch.optim.SGD(
        [{"params": [torch.nn.Parameter(torch.randn(3))]} for _ in range(groups)], lr=lr, **options
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    "schedule", [cosine(), linear(), exponential(1, 0.999, every="1st")], ids=str
)
def test_no_recursion_drift_with_tensor_rates(dtype, schedule):
    """torch's cosine drifts by 1.3e-4 in float32 over 20,000 steps, and by 3.1x in bfloat16."""
    optimizer = sgd(torch.tensor(1.0, dtype=dtype))
    sched = Scheduler(optimizer, lr=schedule, total=20_000)
    curve = schedule.over(20_000)
    for t in range(20_000):
        if t % 997 == 0 or t > 19_990:
            assert optimizer.param_groups[0]["lr"] == torch.tensor(curve(t), dtype=dtype)
        sched.step()


def test_the_tensor_is_written_in_place(train):
    optimizer = sgd(torch.tensor(1.0))
    sched = Scheduler(optimizer, lr=linear(), total=10)
    tensor = optimizer.param_groups[0]["lr"]
    train(optimizer, sched, 5)
    assert optimizer.param_groups[0]["lr"] is tensor
    assert tensor == 0.5


def test_the_callers_tensor_stays_as_it_is(train):
    mine = torch.tensor(1.0)
    optimizer = sgd(mine)
    sched = Scheduler(optimizer, lr=linear(), total=10)
    train(optimizer, sched, 5)
    assert mine == 1.0
    mine.fill_(7.0)
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_groups_that_shared_one_tensor_have_rates_of_their_own(train):
    """`SGD(groups, lr=tensor)` puts one tensor into all groups: the last one written wins."""
    optimizer = sgd(torch.tensor(1.0), groups=2)
    sched = Scheduler(optimizer, lr={0: 0.1, 1: 0.2})
    assert [round(float(g["lr"]), 6) for g in optimizer.param_groups] == [0.1, 0.2]
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(optimizer, sched, 2)
    assert [round(float(g["lr"]), 6) for g in optimizer.param_groups] == [0.1, 0.2]


def test_last_rates_are_copies():
    optimizer = sgd(torch.tensor(1.0))
    sched = Scheduler(optimizer, lr=linear(), total=10)
    sched.get_last_lr()[0].fill_(9.0)
    assert optimizer.param_groups[0]["lr"] == 1.0


def test_a_rate_that_takes_gradients_can_be_written():
    rate = torch.tensor(1.0, requires_grad=True)
    optimizer = sgd(rate, differentiable=True)
    sched = Scheduler(optimizer, lr=linear(), total=10)
    sched.step()
    lr = optimizer.param_groups[0]["lr"]
    assert lr.requires_grad
    assert lr.item() == pytest.approx(0.9)


def test_tensor_betas_are_written_in_place():
    optimizer = torch.optim.Adam(
        [torch.nn.Parameter(torch.zeros(2))],
        lr=torch.tensor(0.1),
        betas=(torch.tensor(0.9), torch.tensor(0.999)),
        capturable=False,
        foreach=False,
    )
    sched = Scheduler(optimizer, hyper={"betas[0]": linear(0.95, 0.85)}, total=10)
    inner = optimizer.param_groups[0]["betas"][0]
    for _ in range(5):
        sched.step()
    assert optimizer.param_groups[0]["betas"][0] is inner
    assert inner.item() == pytest.approx(0.9)


def test_numbers_and_tensors_side_by_side(train):
    optimizer = sgd(1.0, groups=2)
    optimizer.param_groups[1]["lr"] = torch.tensor(0.5)
    sched = Scheduler(optimizer, scale=linear(), total=10)
    used = train(optimizer, sched, 10)
    assert [u[0] for u in used] == linear().over(10).values().tolist()
    assert [u[1] for u in used] == [float(np.float32(0.5 * v)) for v in linear().over(10).values()]


def test_a_tensor_put_in_later_is_noticed_and_kept_a_tensor(train):
    optimizer = sgd(1.0)
    sched = Scheduler(optimizer, lr=linear(), total=10)
    optimizer.param_groups[0]["lr"] = torch.tensor(0.123)
    with pytest.warns(LoopWarning, match="someone else"):
        train(optimizer, sched, 2)
    assert isinstance(optimizer.param_groups[0]["lr"], torch.Tensor)
    assert optimizer.param_groups[0]["lr"].item() == pytest.approx(0.8)


def test_someone_elses_write_into_the_tensor_is_noticed(train):
    optimizer = sgd(torch.tensor(1.0))
    sched = Scheduler(optimizer, lr=linear(), total=10)
    optimizer.param_groups[0]["lr"].mul_(0.5)
    with pytest.warns(LoopWarning, match="someone else"):
        train(optimizer, sched, 1)


def test_edits_reach_tensors(train):
    optimizer = sgd(torch.tensor(1.0))
    sched = Scheduler(optimizer, lr=0.5)
    sched.apply(Scale(0.5))
    assert optimizer.param_groups[0]["lr"] == 0.25


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_update_is_not_compiled_again():
    """pytorch#130467, #120934, #163093: a rate that is replaced recompiles; ours is filled."""
    optimizer = torch.optim.Adam(
        [torch.nn.Parameter(torch.ones(4))], lr=torch.tensor(0.1), foreach=False
    )
    sched = Scheduler(optimizer, lr=cosine(), total=50)
    compiled = []

    def backend(graph, _inputs):
        compiled.append(1)
        return graph.forward

    update = torch.compile(optimizer.step, backend=backend)
    counts = []
    for _ in range(12):
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = torch.ones_like(p)
        update()
        sched.step()
        counts.append(len(compiled))
    assert counts[2] == counts[-1]
    torch._dynamo.reset()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_step_can_be_scheduled():
    """pytorch#163093 and others: torch wraps `step.__func__`, which a compiled step lacks."""
    optimizer = sgd(torch.tensor(1.0))
    optimizer.step = torch.compile(optimizer.step, backend="eager")
    sched = Scheduler(optimizer, lr=linear(), total=10)
    for p in optimizer.param_groups[0]["params"]:
        p.grad = torch.ones_like(p)
    optimizer.step()
    sched.step()
    assert optimizer.param_groups[0]["lr"].item() == pytest.approx(0.9)
    torch._dynamo.reset()
