"""Sharpness: the eigenvalue it must be, and the edge of stability it shows."""

from __future__ import annotations

import math
import os
import signal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lrkit.errors import DataError, SpecError
from lrkit.lab import IndexBatches, Task, train
from lrkit.landscape.edges import bound_words, read_sharpness, stability_bound
from lrkit.landscape.evaluation import evaluation_of
from lrkit.landscape.hessian import Hessian, largest_eigenvalue, sharpness
from lrkit.landscape.subjects import of_run, of_task
from tests.landscape.networks import perceptron, poly_run


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@given(st.lists(st.integers(-100, 100), min_size=2, max_size=6), st.integers(0, 1000))
def test_the_eigenvalue_is_within_its_residual_of_a_true_one(values, seed):
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(len(values), len(values), generator=generator).double())
    matrix = q @ torch.diag(torch.tensor(values).double()) @ q.T
    start = torch.randn(len(values), generator=generator).double()
    top = largest_eigenvalue(lambda v: matrix @ v, start, tolerance=1e-3, iterations=500)
    assert min(abs(top.value - v) for v in values) <= top.residual + 1e-9
    # The largest, where there is a gap to it: power iteration cannot tell equals apart.
    first, second = sorted(values)[-1:-3:-1]
    size = max(map(abs, values))
    if first > 0.01 * size and second < 0.8 * first and -min(values) < 0.8 * first:
        assert math.isclose(top.value, first, rel_tol=0.01)


def quadratic(curvatures) -> Task:
    """The loss (1/2) sum_i c_i w_i^2, whose Hessian is diag(c)."""
    c = torch.tensor(curvatures)
    model = nn.Linear(len(c), 1, bias=False)
    x = torch.eye(len(c)) * (c * len(c) / 2).sqrt()
    y = torch.zeros(len(c), 1)
    return Task(
        name="quadratic",
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        loss=nn.functional.mse_loss,
        batches=IndexBatches(x, y, len(c), 0),
        evaluate=lambda: {"loss": 0.0},
        steps_per_epoch=1,
        batch_size=len(c),
        score="loss",
    )


@pytest.mark.parametrize("curvatures", [[1.0, 5.0, 20.0], [3.0, 0.5]])
def test_a_quadratic_has_its_own_curvature(curvatures):
    made = quadratic(curvatures)
    hessian = Hessian(made, evaluation_of(made, "all"))
    c = torch.tensor(curvatures, dtype=torch.float64)
    for i, row in enumerate(torch.eye(len(c), dtype=torch.float64)):
        np.testing.assert_allclose(hessian(row), c[i] * row, rtol=1e-5, atol=1e-6)
    top = largest_eigenvalue(hessian, torch.ones(len(c), dtype=torch.float64))
    assert math.isclose(top.value, max(curvatures), rel_tol=1e-3)


def test_a_network_has_the_eigenvalue_of_its_whole_hessian():
    made = perceptron(0, "cpu", samples=40)
    made.model = nn.Sequential(nn.Linear(784, 2), nn.Tanh(), nn.Linear(2, 10))
    small = made.batches.x[:, ::56].contiguous()
    made.model[0] = nn.Linear(small.shape[1], 2)
    made.batches = IndexBatches(small, made.batches.y, 40, 0)
    evaluation = evaluation_of(made, "all")
    hessian = Hessian(made, evaluation)
    whole = torch.stack([hessian(row) for row in torch.eye(hessian.size, dtype=torch.float64)])
    torch.testing.assert_close(whole, whole.T, rtol=1e-3, atol=1e-5)
    top = largest_eigenvalue(
        hessian, torch.randn(hessian.size, dtype=torch.float64), tolerance=1e-3
    )
    assert math.isclose(top.value, float(torch.linalg.eigvalsh(whole)[-1]), rel_tol=1e-3)


def test_more_samples_than_are_kept_give_the_same_product(monkeypatch):
    made = perceptron(0, "cpu", samples=100)
    evaluation = evaluation_of(made, "all")
    vector = torch.randn(sum(p.numel() for p in made.model.parameters()), dtype=torch.float64)
    kept = Hessian(made, evaluation)(vector)
    monkeypatch.setattr("lrkit.landscape.hessian.KEPT", 10)
    built = Hessian(made, evaluation)
    torch.testing.assert_close(built(vector), kept)
    torch.testing.assert_close(built(vector), kept)  # and once more


def run_of(tmp_path, rate, epochs, momentum=0.0):
    folder = tmp_path / f"{rate}-{momentum}"
    train("tests.landscape.networks:perceptron", f"constant({rate})", epochs=epochs, device="cpu",
          options={"momentum": momentum}, run=folder, checkpoint=f"{epochs // 6}st",
          keep="all")  # fmt: skip
    return of_run(folder)


def test_sharpness_rises_to_the_edge_of_stability_and_hovers(tmp_path):
    found = sharpness(run_of(tmp_path, 4.0, 240), samples="all")
    ratios = [r.value / r.bound for r in found.readings]
    assert [r.bound for r in found.readings] == [0.5] * 7
    assert ratios[0] < 0.75
    assert all(0.9 < ratio < 1.5 for ratio in ratios[2:])
    assert all(r.residual <= 0.01 * r.value for r in found.readings)
    assert found.rule == "Bound: 2 / rate, for full-batch gradient descent."
    assert "all batches" in found.batch()


def test_at_a_low_rate_it_stays_below(tmp_path):
    found = sharpness(run_of(tmp_path, 0.5, 60), samples="all")
    assert all(r.value < 0.25 * r.bound and not r.above for r in found.readings)


@pytest.mark.slow
def test_with_momentum_the_edge_is_higher(tmp_path):
    found = sharpness(run_of(tmp_path, 2.0, 1200, momentum=0.5), samples="all")
    assert [r.bound for r in found.readings] == [1.5] * 7
    assert all(0.85 < r.value / r.bound < 1.5 for r in found.readings[4:])


# The bounds, held to the optimizers themselves on a quadratic.


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"momentum": 0.5},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.8, "dampening": 0.5},
        {"weight_decay": 3.0},
        {"momentum": 0.9, "weight_decay": 2.0},
    ],
)
@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_torchs_optimizers_are_stable_below_the_bound_and_not_above(how, factor):
    rate = 0.1
    curvature = factor * stability_bound({"name": "SGD"} | how, rate)
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=rate, **how)
    sizes = []
    for _ in range(2000):
        optimizer.zero_grad()
        (curvature * weight**2 / 2).sum().backward()
        optimizer.step()
        sizes.append(abs(float(weight.detach())))
        if sizes[-1] > 1e30:
            break
    assert (max(sizes[-5:]) < 1e-3) == (factor < 1)


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        ({"name": "Adam"}, "preconditioned"),
        ({"name": "SGD", "rates": 2}, "rates of their own"),
        ({"name": "SGD", "momentum": 0.9, "dampening": 1.0}, "dampening of 1"),
    ],
)
def test_no_wrong_bound_is_drawn(optimizer, words):
    assert stability_bound(optimizer, 0.1) is None
    assert words in bound_words(optimizer)
    assert bound_words(optimizer).startswith("No bound")
    assert stability_bound({"name": "SGD"}, 0.0) is None
    assert stability_bound({"name": "SGD"}, math.nan) is None


# Along a run.


def test_a_reading_is_the_same_whether_it_was_cut_short_or_not(tmp_path):
    run = poly_run(tmp_path / "run", epochs=3)
    whole = sharpness(of_run(run), path=tmp_path / "a.jsonl")

    def stop(done, all_of_them):
        if done == 2:
            raise KeyboardInterrupt

    path = tmp_path / "b.jsonl"
    with pytest.raises(KeyboardInterrupt):
        sharpness(of_run(run), path=path, watch=stop)
    part = read_sharpness(path)
    assert (len(part.readings), part.wanted, part.done) == (2, 4, False)
    again = sharpness(of_run(run), path=path)
    assert again.done
    assert again.readings == whole.readings


def test_an_eigenvalue_that_was_not_found_in_time_is_said_to_be_uncertain(tmp_path):
    run = poly_run(tmp_path / "poly", epochs=1)
    hasty = sharpness(of_run(run), samples=40, iterations=1).batch()
    assert "That is more than the 1.0% asked for; allow more iterations." in hasty
    assert "more than" not in sharpness(of_run(run), samples=40, tolerance=0.3).batch()


def test_one_ctrl_c_ends_it(tmp_path):
    subject = of_run(poly_run(tmp_path / "run", epochs=2))
    path = tmp_path / "a.jsonl"
    press = lambda done, whole: os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        sharpness(subject, samples=100, path=path, watch=press)
    assert len(read_sharpness(path).readings) == 1


def test_looking_leaves_model_and_optimizer_as_they_were(tmp_path):
    subject = of_run(poly_run(tmp_path / "run", epochs=2))
    model = {k: v.clone() for k, v in subject.task.model.state_dict().items()}
    rate = subject.task.optimizer.param_groups[0]["lr"]
    state = torch.get_rng_state()
    sharpness(subject, samples=100)
    assert all(torch.equal(v, model[k]) for k, v in subject.task.model.state_dict().items())
    assert all(p.grad is None for p in subject.task.model.parameters())
    assert subject.task.optimizer.param_groups[0]["lr"] == rate
    assert torch.equal(torch.get_rng_state(), state)


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(DataError, match="is a task"):
        sharpness(of_task("poly-tanh"))
    for wrong in ({"tolerance": 0.0}, {"tolerance": 1.0}, {"iterations": 0}):
        with pytest.raises(SpecError):
            largest_eigenvalue(lambda v: v, torch.ones(2), **wrong)
