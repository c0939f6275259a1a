"""The language model: its text, what it must learn, and that it is the same every time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lrkit.errors import DataError, SpecError
from lrkit.lab import resume, task, train
from lrkit.lab.chargpt import CharGPT, WindowBatches, cross_entropy
from lrkit.lab.topics import ALPHABET, VOCABULARY, Codes, topics
from lrkit.records import replay

from .same import equal, plain

SMALL: dict[str, Any] = {"layers": 1, "width": 32, "heads": 2, "context": 32, "batch_size": 256}


def test_no_paragraph_is_both_trained_on_and_tested_on() -> None:
    def paragraphs(codes: Codes) -> set[str]:
        text = "".join((ALPHABET + "?")[code] for code in codes)
        # Those of one line are syntax; what a block's end has cut in two is no whole paragraph.
        return {" ".join(p.split()) for p in text.split("\n\n") if p.count("\n") > 1}

    text = topics()
    tested = paragraphs(text.test)
    assert len(tested) > 50
    assert not tested & paragraphs(text.train)
    assert 0.08 < len(text.test) / (len(text.train) + len(text.test)) < 0.12


def test_what_is_kept_for_choosing_is_of_the_text_to_train_on() -> None:
    whole, less = topics(), topics().kept_for_choosing(0.2)
    assert len(less.train) + len(less.test) == len(whole.train)
    assert len(less.test) == pytest.approx(0.2 * len(whole.train), rel=0.02)
    assert less.test[:2048].tobytes() in whole.train.tobytes()


def test_a_python_without_its_topics_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pydoc_data.topics", None)
    with pytest.raises(DataError, match="install the whole standard library"):
        topics.__wrapped__()


def table_losses(train_on: Codes, test_on: Codes) -> tuple[float, float]:
    """Return the nats a character of a table of single characters, and of one of pairs."""
    single = np.bincount(train_on, minlength=VOCABULARY) + 1.0
    pairs = np.full((VOCABULARY, VOCABULARY), 0.1)
    np.add.at(pairs, (train_on[:-1], train_on[1:]), 1.0)
    after = pairs[test_on[:-1], test_on[1:]] / pairs.sum(1)[test_on[:-1]]
    return (
        float(-np.log(single[test_on] / single.sum()).mean()),
        float(-np.log(after).mean()),
    )


@pytest.mark.slow
def test_it_beats_tables_of_characters_and_of_pairs_by_far() -> None:
    unigram, bigram = table_losses(topics().train, topics().test)
    result = train("char-gpt", epochs=3, device="cpu")
    assert result.evaluations[0]["loss"] < unigram - 0.5
    assert result.score < bigram - 0.2


def test_in_a_hundred_updates_it_learns_more_than_which_characters_are_frequent() -> None:
    unigram, _ = table_losses(topics().train, topics().test)
    result = train("char-gpt", "0.01 * (warmup(5%) >> linear())", total="100st", device="cpu",
                   options=SMALL | {"batch_size": 64})  # fmt: skip
    assert result.losses[0] == pytest.approx(math.log(VOCABULARY), abs=0.1)
    assert result.score < unigram - 0.3


def test_it_begins_knowing_nothing_and_never_looks_ahead() -> None:
    torch.manual_seed(0)
    model = CharGPT(context=16, width=32, heads=2, layers=2, tied=False)
    codes = torch.randint(VOCABULARY, (3, 16))
    changed = codes.clone()
    changed[:, 9:] = (changed[:, 9:] + 1) % VOCABULARY
    with torch.no_grad():
        one, two = model(codes), model(changed)
    assert torch.allclose(one[:, :9], two[:, :9], atol=1e-6)
    assert not torch.allclose(one[:, 9:], two[:, 9:], atol=1e-3)
    assert float(cross_entropy(one, codes)) == pytest.approx(math.log(VOCABULARY), abs=0.1)


def test_weights_begin_as_gpt_2_s() -> None:
    torch.manual_seed(0)
    model = CharGPT(context=64, width=128, heads=4, layers=8, tied=True)
    deviations = {name: float(p.detach().std()) for name, p in model.named_parameters()}
    assert deviations["token.weight"] == pytest.approx(0.02, rel=0.05)
    assert deviations["blocks.0.up.weight"] == pytest.approx(0.02, rel=0.05)
    assert deviations["blocks.3.down.weight"] == pytest.approx(0.02 / 4, rel=0.05)
    assert not any("head" in name for name in deviations)
    scale = dict(model.named_parameters())["blocks.0.before_mlp.weight"]
    assert float(scale.detach().min()) == 1


def test_windows_are_of_the_text_and_their_targets_one_character_on() -> None:
    codes = torch.arange(1003)
    batches = WindowBatches(codes, context=10, batch_size=7, seed=3)
    first, again = (list(batches(0)) for _ in range(2))
    assert len(first) == len(batches) == 99 // 7
    seen = torch.cat([x.flatten() for x, _ in first])
    assert len(set(seen.tolist())) == len(seen)
    for x, y in first:
        assert torch.equal(y, x + 1)
        assert torch.equal(x[:, :1] + torch.arange(10), x)
    assert equal(first, again)
    places = {int(next(iter(batches(epoch)))[0][0, 0]) % 10 for epoch in range(8)}
    assert len(places) > 2, "every epoch cuts elsewhere"


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_only_matrices_decay_and_all_follow_one_rate(optimizer: str) -> None:
    made = task("char-gpt", 0, "cpu", **SMALL, optimizer=optimizer, weight_decay=0.2)
    matrices, others = made.optimizer.param_groups
    assert (matrices["weight_decay"], others["weight_decay"]) == (0.2, 0.0)
    assert all(p.dim() == 2 for p in matrices["params"])
    assert all(p.dim() == 1 for p in others["params"])
    assert matrices.get("betas", (0.9, 0.95)) == (0.9, 0.95)
    result = train(made, "linear()" if optimizer == "sgd" else "0.01 * linear()", total="30st")
    assert not result.failure


def test_a_resumed_run_is_the_run_that_never_stopped(tmp_path: Path) -> None:
    class Stop:
        def started(self, updates: int) -> None: ...
        def evaluated(self, epoch: int, scores: Any) -> None: ...
        def stepped(self, done: int, loss: float) -> None:
            if done == 23:
                raise KeyboardInterrupt

    settings: dict[str, Any] = {
        "total": "45st",
        "device": "cpu",
        "options": SMALL,
        "checkpoint": 10,
    }
    whole = train("char-gpt", run=tmp_path / "whole", **settings)
    with pytest.raises(KeyboardInterrupt):
        train("char-gpt", run=tmp_path / "cut", progress=Stop(), **settings)
    again = resume(tmp_path / "cut")
    assert np.array_equal(again.losses, whole.losses)
    assert plain(again) == plain(whole)


def test_the_journal_says_which_text_and_a_run_goes_on_with_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train("char-gpt", total="5st", device="cpu", options=SMALL, run=tmp_path / "run")
    told = replay(tmp_path / "run").header["data"]
    assert told["text"].startswith("pydoc_data.topics of Python 3.")
    assert len(told["sha256"]) == 64
    monkeypatch.setitem(topics().facts, "sha256", "0" * 64)
    with pytest.raises(DataError, match="the data must be those of the run"):
        resume(tmp_path / "run", total="2ep", policy="new")


def test_many_of_them_train_at_once_under_vmap() -> None:
    from torch.func import functional_call, grad, stack_module_state, vmap
    from torch.nn.attention import SDPBackend, sdpa_kernel

    made = [task("char-gpt", seed, "cpu", **SMALL) for seed in (0, 1)]
    models = [one.model for one in made]
    stacked, _ = stack_module_state(models)

    def loss(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(functional_call(models[0], weights, (x,)), y)

    x, y = next(iter(made[0].batches(0)))
    with sdpa_kernel(SDPBackend.MATH):
        slopes = vmap(grad(loss), in_dims=(0, None, None))(stacked, x, y)
    names, parameters = zip(*models[1].named_parameters(), strict=True)
    alone = torch.autograd.grad(cross_entropy(models[1](x), y), parameters)
    for name, slope in zip(names, alone, strict=True):
        assert torch.allclose(slopes[name][1], slope, atol=1e-6), name


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"width": 30}, "the width must be a multiple of the heads, got 30 and 4"),
        ({"layers": 0}, "layers must be a whole number >= 1, got 0"),
        ({"batch_size": 10_000}, "batch_size must be from 1 to the 5252 windows"),
        ({"batch_size": 0}, "batch_size must be from 1"),
        ({"tied": 1}, "tied must be true or false"),
        ({"optimizer": "lion"}, "optimizer must be one of"),
        ({"holdout": 1.5}, "holdout < 1"),
    ],
)
def test_what_cannot_be_is_refused_with_the_rule(options: dict[str, Any], says: str) -> None:
    says = says.replace("5252", str(len(topics().train) // 64 - 1))
    with pytest.raises(SpecError, match=says):
        task("char-gpt", 0, "cpu", **options)
