"""Tasks by name: ours, one's own, and what is said when they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lrkit.errors import LoopError, LrkitError, SpecError
from lrkit.lab import Task, task, tasks


def test_the_same_seed_gives_the_same_task_and_leaves_the_caller_s_random_state() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    a, b, c = (task("lenet-digits", seed, "cpu") for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    first = [next(iter(t.model.parameters())) for t in (a, b, c)]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])
    xa, xb, xc = (next(iter(t.batches(3)))[0] for t in (a, b, c))
    assert torch.equal(xa, xb)
    assert not torch.equal(xa, xc)


def test_an_epoch_has_every_sample_once_in_an_order_of_its_own() -> None:
    made = task("poly-tanh", 0, "cpu", batch_size=300)
    epochs = [torch.cat([y for _, y in made.batches(e)]) for e in (0, 1)]
    assert [len(y) for _, y in made.batches(0)] == [300, 300, 300, 100]
    assert made.steps_per_epoch == 4
    assert not torch.equal(*epochs)
    assert torch.equal(epochs[0].sort(0).values, epochs[1].sort(0).values)


def test_poly_tanh_normalises_before_each_activation() -> None:
    kinds = [type(m).__name__ for m in task("poly-tanh", 0, "cpu").model.children()]
    assert kinds == ["Linear", "BatchNorm1d", "Tanh", "Linear", "BatchNorm1d", "Tanh", "Linear"]


def test_lenet_is_that_of_the_book() -> None:
    model = task("lenet-digits", 0, "cpu").model
    assert sum(p.numel() for p in model.parameters()) == 61_706
    # Pooling before the ReLU is the same function.
    x = torch.randn(3, 6, 8, 8)
    pool, relu = torch.nn.MaxPool2d(2), torch.nn.ReLU()
    assert torch.equal(relu(pool(x)), pool(relu(x)))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lenet-digit", "did you mean lenet-digits"),
        ("nonsense:make", "no module 'nonsense'"),
        ("homemade:lime", "did you mean line"),
        ("homemade:raises", "raised RuntimeError: no such file"),
        ("homemade:wrong", "returned a dict"),
        ("home made:x", "package.module:factory"),
    ],
)
def test_a_task_that_cannot_be_had_is_a_line_with_the_remedy(
    name: str, says: str, homemade: Path
) -> None:
    with pytest.raises(LrkitError, match=says) as caught:
        task(name, 0, "cpu")
    assert isinstance(caught.value, (SpecError, LoopError))
    assert "\n" not in str(caught.value)


def test_a_module_that_fails_to_import_says_why(homemade: Path) -> None:
    (homemade / "broken_task.py").write_text("import not_there_at_all\n")
    with pytest.raises(LoopError, match="No module named 'not_there_at_all'"):
        task("broken_task:make", 0, "cpu")


def test_options_reach_the_factory_and_a_wrong_one_is_named(homemade: Path) -> None:
    assert task("homemade:line", 0, "cpu", batch_size=2).steps_per_epoch == 4
    with pytest.raises(SpecError, match="no option 'batchsize'; it has batch_size"):
        task("homemade:line", 0, "cpu", batchsize=2)
    with pytest.raises(SpecError, match="batch_size must be from 1 to the 8 samples"):
        task("homemade:line", 0, "cpu", batch_size=9)


def test_no_batches_and_no_gpu_are_errors() -> None:
    made = task("poly-tanh", 0, "cpu")
    with pytest.raises(LoopError, match="`steps_per_epoch >= 1` must hold"):
        Task("x", made.model, made.optimizer, made.loss, made.batches, made.evaluate, 0, 1)
    if not torch.cuda.is_available():
        with pytest.raises(SpecError, match="use 'cpu' or 'auto'"):
            task("poly-tanh", 0, "cuda")
    with pytest.raises(SpecError, match="seed must be"):
        task("poly-tanh", -1, "cpu")


def test_every_built_in_task_is_described() -> None:
    for info in tasks():
        assert info.summary.endswith(".")
        assert "batch_size" in info.options
