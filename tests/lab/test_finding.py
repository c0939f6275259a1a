"""The range test of a task and in the middle of a run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lrkit.errors import DataError, LoopError, SpecError
from lrkit.lab import find, task, train

SHORT = {"steps": 20, "repeats": 1, "device": "cpu"}


def test_the_same_seed_gives_the_same_curve_and_leaves_the_random_state():
    state = torch.get_rng_state()
    first = find("poly-tanh", **SHORT)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert np.array_equal(first.losses, find("poly-tanh", **SHORT).losses, equal_nan=True)
    other = find("poly-tanh", seed=1, **SHORT)
    assert not np.array_equal(first.losses, other.losses, equal_nan=True)


def test_a_task_is_as_before_and_its_score_is_taken():
    made = task("poly-tanh", 0, "cpu")
    before = [p.detach().clone() for p in made.model.parameters()]
    curve = find(made, validation_every=5, **SHORT)
    assert all(map(torch.equal, before, made.model.parameters()))
    assert np.isfinite(curve.validation[0, ::5]).any()
    assert curve.validation_name == made.score
    assert curve.higher_is_better == made.higher_is_better


def test_a_test_from_a_run_begins_where_it_stands(tmp_path):
    run = tmp_path / "run"
    result = train("poly-tanh", "constant(0.05)", epochs=3, device="cpu", run=run, checkpoint="1ep")
    files = sorted(path.name for path in run.rglob("*"))
    curve = find(start=run, low=1e-6, high=1e-1, **SHORT)
    assert sorted(path.name for path in run.rglob("*")) == files
    fresh = find("poly-tanh", low=1e-6, high=1e-1, **SHORT)
    assert curve.initial_loss < 0.5 * fresh.initial_loss
    assert curve.initial_loss == pytest.approx(np.mean(result.losses[-50:]), rel=1.0)


def test_a_run_without_a_checkpoint_and_options_of_its_own(tmp_path):
    train("poly-tanh", epochs=1, device="cpu", run=tmp_path / "a", checkpoint="none")
    with pytest.raises(DataError, match="has none that is good"):
        find(start=tmp_path / "a", **SHORT)
    with pytest.raises(SpecError, match="has its options already"):
        find(start=tmp_path / "a", options={"n": 1}, **SHORT)
    with pytest.raises(DataError):
        find(start=tmp_path / "b", **SHORT)


def test_what_the_task_raises_is_told_in_a_line():
    made = task("poly-tanh", 0, "cpu")

    def loss(output, y):
        raise ZeroDivisionError("by nought")

    made.loss = loss
    with pytest.raises(LoopError, match="raised ZeroDivisionError: by nought in the range test"):
        find(made, **SHORT)


def test_the_points_of_a_task_are_told_as_they_are_measured():
    told = []
    curve = find("poly-tanh", on_point=told.append, **SHORT)
    assert [point.loss for point in told] == curve.losses[0, : len(told)].tolist()
