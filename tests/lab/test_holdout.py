"""The share of the training data kept for choosing, and the optimizers of the built-in tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrkit.errors import SpecError
from lrkit.lab import Task, task, tasks, train
from lrkit.lab.holdout import held_out
from lrkit.lab.images import digits

NAMES = ("lenet-digits", "poly-tanh", "relu-digits")
"""The built-in tasks that need no data file."""


def rows(x: torch.Tensor) -> set[bytes]:
    """Return the samples of *x*, for comparing whatever their order."""
    return {row.numpy().tobytes() for row in x}


def samples(made: Task) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what an epoch trains on."""
    x, y = zip(*made.batches(0), strict=True)
    return torch.cat(x), torch.cat(y)


def scored(made: Task) -> torch.Tensor:
    """Return what `evaluate` shows the model."""
    seen: list[torch.Tensor] = []
    hook = made.model.register_forward_pre_hook(lambda _model, given: seen.append(given[0]))
    made.evaluate()
    hook.remove()
    return torch.cat(seen)


@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=300),
    st.floats(0.0, 1.0, exclude_max=True),
)
def test_the_share_is_of_the_size_asked_for_and_has_the_classes_in_proportion(
    labels: list[int], share: float
) -> None:
    kinds = np.array(labels)
    total = round(share * len(kinds))
    if share and not 0 < total < len(kinds):
        with pytest.raises(SpecError, match="use from"):
            held_out(kinds, share)
        return
    index, kept = held_out(kinds, share)
    assert len(kept) == total
    assert sorted([*index, *kept]) == list(range(len(kinds)))
    for kind in set(labels):
        exact = total * (kinds == kind).mean()
        assert abs(int((kinds[kept] == kind).sum()) - exact) < 1


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, True, "0.1", float("nan")])
def test_a_share_that_is_none_is_told(share: Any) -> None:
    with pytest.raises(SpecError, match=r"`0 <= holdout < 1` must hold"):
        held_out(10, share)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_is_of_the_training_data_and_never_trained_on(name: str) -> None:
    whole, less = task(name, 0, "cpu"), task(name, 0, "cpu", holdout=0.2)
    all_of_it, rest, kept = samples(whole)[0], samples(less)[0], scored(less)
    if name == "relu-digits":  # standardises each part by itself: compare the images in order
        assert (len(rest), len(kept)) == (718, 180)
        return
    assert len(rest) + len(kept) == len(all_of_it)
    assert rows(rest) | rows(kept) == rows(all_of_it)
    assert not rows(kept) & rows(scored(whole)), "the test data are not chosen by"


def test_the_share_is_the_same_for_every_seed_and_balanced() -> None:
    one, two = (task("lenet-digits", seed, "cpu", holdout=0.1) for seed in (0, 7))
    assert torch.equal(scored(one), scored(two))
    kept = digits().kept_for_choosing(0.1)
    counts = np.bincount(kept.test_labels, minlength=10)
    assert counts.sum() == 90
    assert counts.min() >= 8


@pytest.mark.parametrize("name", NAMES)
def test_without_a_share_the_test_data_are_scored_as_ever(name: str) -> None:
    plain, zero, kept = (
        train(name, "constant(0.05)", epochs=1, device="cpu", options=options)
        for options in ({}, {"holdout": 0.0}, {"holdout": 0.1})
    )
    assert np.array_equal(plain.losses, zero.losses)
    assert plain.score == zero.score
    assert kept.score != plain.score


def test_every_built_in_task_can_keep_a_share_and_change_its_optimizer() -> None:
    for info in tasks():
        assert info.options["holdout"] == 0.0, info.name
        usual = "adamw" if info.name == "char-gpt" else "sgd"
        assert info.options["optimizer"] == usual, info.name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_adam_trains_under_a_schedule_of_its_own(name: str, optimizer: str) -> None:
    made = task(name, 0, "cpu", optimizer=optimizer, weight_decay=0.1)
    assert type(made.optimizer).__name__.lower() == optimizer
    assert made.optimizer.param_groups[0]["weight_decay"] == 0.1
    assert "0.001" in made.schedule
    result = train(name, epochs=3, device="cpu", options={"optimizer": optimizer})
    assert not result.failure


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"optimizer": "adam", "momentum": 0.9}, "leave momentum out or use optimizer=sgd"),
        ({"optimizer": "adamw", "momentum": 0.9}, "momentum is SGD's"),
        ({"optimizer": "Adam"}, "optimizer must be one of sgd, adam, adamw, got 'Adam'"),
        ({"momentum": 1.0}, "`0 <= momentum < 1` must hold, got 1.0"),
        ({"weight_decay": -0.1}, "`weight_decay >= 0` must hold, got -0.1"),
        ({"holdout": 0.999999}, "keeps 1000; use from 0.001 to 0.999"),
        ({"holdout": 1e-9}, "keeps 0; use from 0.001 to 0.999"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(options: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        task("poly-tanh", 0, "cpu", **options)
