"""Dead units: what counts as one, and the networks that they are counted in."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from lrkit.errors import SpecError
from lrkit.lab import task, train
from lrkit.lab.relu import network


def test_a_dead_unit_is_zero_for_every_image() -> None:
    made = task("relu-digits", 0, "cpu", width=10, depth=2)
    first = next(m for m in made.model if isinstance(m, nn.Linear))
    before = made.evaluate()["dead"]
    with torch.no_grad():
        first.bias[:4] = -1e6
    after = made.evaluate()["dead"]
    assert after >= 4 / 20
    assert after >= before
    seen: list[torch.Tensor] = []
    hooks = [
        m.register_forward_hook(lambda _m, _x, y: seen.append(y))
        for m in made.model
        if isinstance(m, nn.ReLU)
    ]
    made.evaluate()
    for hook in hooks:
        hook.remove()
    layers = [torch.cat(seen[0::2][:1]), torch.cat(seen[1::2][:1])]
    dead = [int((layer == 0).all(0).sum()) for layer in layers]
    assert sum(dead) / 20 == pytest.approx(after)


@pytest.mark.parametrize(
    ("init", "deviation"),
    [("default", 1 / math.sqrt(3 * 256)), ("normal", 0.01), ("kaiming", math.sqrt(2 / 256))],
)
def test_weights_have_the_deviation_that_is_promised(init: str, deviation: float) -> None:
    torch.manual_seed(0)
    lines = [m for m in network(256, 2, init, "none") if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in lines] == [(64, 256), (256, 256), (256, 10)]
    assert float(lines[1].weight.detach().std()) == pytest.approx(deviation, rel=0.02)
    assert bool(lines[1].bias.any()) == (init == "default")


def test_normalisation_stands_before_each_relu() -> None:
    kinds = [type(m).__name__ for m in network(8, 2, "kaiming", "batch")]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d", "ReLU", "Linear"]


def test_too_high_a_rate_kills_units_and_normalisation_keeps_them_alive() -> None:
    shares = {
        norm: train(
            "relu-digits", "constant(0.7)", epochs=6, device="cpu", options={"norm": norm}
        ).evaluations[-1]["dead"]
        for norm in ("none", "batch")
    }
    assert shares["batch"] == 0
    assert shares["none"] > 0


def test_pixels_are_the_original_ones_and_no_last_batch_is_small() -> None:
    made = task("relu-digits", 0, "cpu")
    sizes = [len(y) for _, y in made.batches(0)]
    assert sizes == [50] * 17 + [48]
    x = torch.cat([x for x, _ in made.batches(0)])
    assert x.shape == (898, 64)
    assert len(x.unique()) == 17, "the digits have pixels 0 to 16"
    assert abs(float(x.mean())) < 1e-4
    assert float(x.std()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"init": "he"}, "init must be one of default, normal, kaiming"),
        ({"norm": "layer"}, "norm must be one of none, batch"),
        ({"depth": 0}, "depth must be a whole number >= 1, got 0"),
        ({"width": 2.5}, "width must be a whole number >= 1, got 2.5"),
    ],
)
def test_options_that_break_a_rule_are_told(options: dict[str, object], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        task("relu-digits", 0, "cpu", **options)
