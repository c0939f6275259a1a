"""Our optimizers are torch's: the same path over 1,000 updates of a moving rate."""

from __future__ import annotations

import numpy as np
import pytest

from lrkit import cosine, warmup
from lrkit.errors import SpecError
from lrkit.landscape import Leg, descend, descend_in_legs, function, optimizer
from lrkit.landscape.optimizers import KINDS, option_values

torch = pytest.importorskip("torch", reason="held against torch.optim")

CASES = [
    ("sgd", {}),
    ("sgd", {"weight_decay": 0.1}),
    ("momentum", {}),
    ("momentum", {"momentum": 0.5, "dampening": 0.3, "weight_decay": 0.01}),
    ("momentum", {"momentum": 0.99}),
    ("nesterov", {}),
    ("nesterov", {"momentum": 0.7, "weight_decay": 0.05}),
    ("rmsprop", {}),
    ("rmsprop", {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    ("rmsprop", {"momentum": 0.6}),
    ("adam", {}),
    ("adam", {"beta1": 0.3, "beta2": 0.95, "eps": 1e-4}),
    ("adam", {"weight_decay": 0.1}),
    ("adamw", {}),
    ("adamw", {"weight_decay": 0.3, "beta1": 0.5}),
]
PEERS = {
    "sgd": torch.optim.SGD,
    "momentum": torch.optim.SGD,
    "nesterov": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
RATES = (0.05 * (warmup(100) >> cosine())).over(1000).values()


def theirs(name, options, f, rates, start):
    """Return torch's path, and its losses, with the gradients of *f*."""
    values = dict(options)
    if name in ("adam", "adamw"):
        values["betas"] = (values.pop("beta1", 0.9), values.pop("beta2", 0.999))
    if name in ("momentum", "nesterov"):
        values.setdefault("momentum", 0.9)
    point = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    if name == "nesterov":
        values["nesterov"] = True
    peer = PEERS[name]([point], lr=0.1, **values)
    path = [point.tolist()]
    for rate in rates.tolist():
        peer.param_groups[0]["lr"] = rate
        point.grad = torch.tensor(f.gradient(*point.tolist()), dtype=torch.float64)
        peer.step()
        path.append(point.tolist())
    return np.array(path)


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
@pytest.mark.parametrize(("place", "start"), [("ravine", (-8, 2)), ("himmelblau", (4.5, 4))])
def test_a_thousand_updates_are_torchs(name, options, place, start):
    if place == "himmelblau" and options.get("momentum") == 0.99:
        return  # it swings between the four minima, where the last bit decides the way
    f = function(place)
    rates = RATES / (10 if place == "himmelblau" else 1)
    ours = descend(f, optimizer(name, **options), rates, start)
    path = theirs(name, options, f, rates, start)
    assert ours.status == "descended"
    assert np.abs(ours.path - ours.path[0]).max() > 0.1
    # Relative to the place; where it comes to 0, to the size of the way it took.
    np.testing.assert_allclose(ours.path, path, rtol=1e-12, atol=1e-12 * np.abs(path).max())


def test_a_new_momentum_goes_on_with_the_buffer_as_in_torch():
    f, start = function("ravine"), (-8.0, 2.0)
    legs = [Leg(optimizer("momentum", momentum=m), RATES[:200], 200) for m in (0.9, 0.5)]
    ours = descend_in_legs(f, legs, start)
    point = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    peer = torch.optim.SGD([point], lr=0.1, momentum=0.9)
    for t, rate in enumerate([*RATES[:200].tolist()] * 2):
        peer.param_groups[0].update(lr=rate, momentum=0.9 if t < 200 else 0.5)
        point.grad = torch.tensor(f.gradient(*point.tolist()), dtype=torch.float64)
        peer.step()
    np.testing.assert_allclose(ours.path[-1], point.tolist(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_defaults_are_torchs(name):
    own = option_values(name)
    theirs = PEERS[name]([torch.nn.Parameter(torch.zeros(1))], lr=0.1).defaults
    theirs |= {"beta1": theirs.get("betas", (0,))[0], "beta2": theirs.get("betas", (0, 0))[1]}
    for option, value in own.items():
        if (name, option) not in {("momentum", "momentum"), ("nesterov", "momentum")}:
            assert value == theirs[option]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("adan", {}, "did you mean adam"),
        ("sgd", {"momentum": 0.9}, "sgd has no option 'momentum'"),
        ("momentum", {"momentum": 1.0}, "`0 <= momentum < 1` must hold"),
        ("adam", {"beta2": float("nan")}, "got nan"),
        ("nesterov", {"momentum": 0.0}, "nesterov needs momentum > 0"),
        ("rmsprop", {"eps": -1.0}, "`0 <= eps < inf`"),
    ],
)
def test_what_cannot_be_is_refused_with_the_rule(name, options, message):
    with pytest.raises(SpecError, match=message):
        optimizer(name, **options)
