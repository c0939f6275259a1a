"""The parts of the engine `vectorized`, each against what it stands for."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lrkit import cosine
from lrkit.control import Scale
from lrkit.drive import Scheduler
from lrkit.errors import LoopError, SpecError
from lrkit.lab import IndexBatches, task
from lrkit.lab.engines.vectorized import Vectorized
from lrkit.lab.engines.vectorized.feeding import parts_of
from lrkit.lab.engines.vectorized.preparing import Shared
from lrkit.lab.engines.vectorized.twins import check_task, twins
from lrkit.records import Journal, replay
from lrkit.records.rows import write_rows
from tests.lab.engines.stacked import regression


@settings(deadline=None, max_examples=60)
@given(samples=st.integers(1, 60), batch=st.integers(1, 60), accumulate=st.integers(1, 4))
def test_the_parts_of_the_updates_are_the_batches(
    samples: int, batch: int, accumulate: int
) -> None:
    batch = min(batch, samples)
    batches = IndexBatches(torch.zeros(samples, 1), torch.zeros(samples), batch, 0)
    sizes = [len(x) for x, _ in batches(0)]
    updates = -(-len(sizes) // accumulate)
    found = [parts_of(batches, accumulate, update) for update in range(updates)]
    assert [size for parts in found for size in parts] == sizes
    assert all(len(parts) <= accumulate for parts in found)


def test_twins_differ_in_numbers_only() -> None:
    one = regression(0, "cpu", momentum=0.9)
    assert twins(one, regression(1, "cpu", momentum=0.5, weight_decay=0.1))
    for other in (
        regression(0, "cpu", momentum=0.9, nesterov=True),
        regression(0, "cpu", momentum=0.9, groups=True),
        regression(0, "cpu", momentum=0.9, batch_size=4),
        regression(0, "cpu", momentum=0.9, drawn=True),
        regression(0, "cpu", momentum=0.9, dropout=0.1),
        regression(0, "cpu", momentum=0.9, kind="frozen"),
        regression(0, "cpu", optimizer="Adam"),
        dataclasses.replace(one, loss=nn.functional.l1_loss),
    ):
        assert not twins(one, other)
    assert not twins(regression(0, "cpu", dropout=0.1), regression(1, "cpu", dropout=0.2))


def test_losses_with_different_constants_are_no_twins() -> None:
    def weighted(weight: float) -> Any:
        return lambda output, y: weight * nn.functional.mse_loss(output, y)

    one, two, three = (
        dataclasses.replace(regression(seed, "cpu"), loss=weighted(weight))
        for seed, weight in ((0, 0.5), (1, 0.5), (2, 0.25))
    )
    assert twins(one, two)
    assert not twins(one, three)


def test_a_loss_that_holds_the_model_is_refused() -> None:
    made = regression(0, "cpu")
    model = made.model

    def decayed(output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.mse_loss(output, y) + sum(p.square().sum() for p in model.parameters())

    with pytest.raises(SpecError, match="a loss that holds weights"):
        check_task(dataclasses.replace(made, loss=decayed))


def test_hooks_that_follow_one_model_are_refused() -> None:
    made = regression(0, "cpu")
    made.optimizer.register_step_post_hook(lambda *_: None)
    with pytest.raises(SpecError, match="hooks on its optimizer"):
        check_task(made)
    made = regression(0, "cpu")
    next(made.model.parameters()).register_post_accumulate_grad_hook(lambda p: None)  # type: ignore[no-untyped-call]
    with pytest.raises(SpecError, match="hooks on its parameters"):
        check_task(made)


def test_equal_data_are_in_memory_once() -> None:
    shared = Shared()
    one, two = (shared.task("lenet-digits", seed, "cpu", {}) for seed in (0, 1))
    assert isinstance(one.batches, IndexBatches)
    assert isinstance(two.batches, IndexBatches)
    assert one.batches.x is two.batches.x
    assert one.batches.seed != two.batches.seed
    a, b = (vars(t)["evaluate"].args for t in (one, two))
    assert a[1] is b[1]
    assert a[0] is one.model
    assert b[0] is two.model
    alone = task("lenet-digits", 1, "cpu")
    assert all(
        torch.equal(x, y)
        for x, y in zip(alone.model.parameters(), two.model.parameters(), strict=True)
    )


def test_many_rows_are_written_as_one_by_one(tmp_path: Path) -> None:
    columns = {"loss": [0.5, float("nan"), float("-inf")], "lr": [0.1, 1e-9, 0.0]}
    with Journal.create(tmp_path / "many") as journal:
        write_rows(journal, 7, columns)
    with Journal.create(tmp_path / "single") as journal:
        for step in range(3):
            journal.metrics(7 + step, **{name: values[step] for name, values in columns.items()})
    many, single = replay(tmp_path / "many"), replay(tmp_path / "single")
    for name in ("step", "loss", "lr"):
        assert np.array_equal(many.metrics[name], single.metrics[name], equal_nan=True)
    lines = [(tmp_path / n / "journal.jsonl").read_bytes() for n in ("many", "single")]
    shapes = [[line.split(b'"time"')[0] for line in text.splitlines()[1:4]] for text in lines]
    assert shapes[0] == shapes[1]


@settings(deadline=None, max_examples=40)
@given(first=st.integers(0, 20), count=st.integers(1, 70), scaled=st.booleans())
def test_what_a_scheduler_has_ahead_is_what_it_steps_to(
    first: int, count: int, scaled: bool
) -> None:
    def fresh() -> tuple[torch.optim.SGD, Scheduler]:
        groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.3, 0.7)]
        optimizer = torch.optim.SGD(groups, lr=0.1)
        how: Any = {"scale" if scaled else "lr": 0.3 * cosine()}
        scheduler = Scheduler(optimizer, total=100, **how)
        scheduler.apply(Scale(0.5, step=33))
        return optimizer, scheduler

    optimizer, stepped = fresh()
    other, skipped = fresh()
    skipped.skip(first)
    ahead = skipped.ahead(count)
    skipped.skip(count)
    for _ in range(first):
        optimizer.step()
        stepped.step()
    for row in range(count):
        assert [group["lr"] for group in optimizer.param_groups] == ahead[:, row].tolist()
        optimizer.step()
        stepped.step()
    assert skipped.position == stepped.position
    assert [g["lr"] for g in other.param_groups] == [g["lr"] for g in optimizer.param_groups]


def test_a_scheduler_that_keeps_a_run_does_not_skip(tmp_path: Path) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = Scheduler(optimizer, lr=0.1, total=5, run=tmp_path / "run")
    with scheduler, pytest.raises(LoopError, match="stepped once an update"):
        scheduler.skip(2)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"width": True}])
def test_an_engine_is_built_of_what_it_knows(wrong: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        Vectorized(**wrong)
