"""The range test itself: ramps, ends, what it measures, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lrkit.errors import LoopError, SpecError
from lrkit.probe import find
from lrkit.probe.ending import Watch
from lrkit.probe.ramp import ramp_for

QUIET = {"progress": False}


def data(count: int = 64, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 4, generator=generator)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]]) + 0.1 * torch.randn(
        count, 1, generator=generator
    )
    return x, y


def batches(count: int = 8):
    x, y = data()
    return list(zip(x.chunk(count), y.chunk(count), strict=True))


def model(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))


def sgd(net: nn.Module, lr: float = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), lr=lr)


def test_the_losses_are_those_of_a_training_at_these_rates():
    net = model()
    curve = find(net, sgd(net), nn.MSELoss(), batches(), low=1e-3, high=0.1, steps=20, **QUIET)
    twin, stream = model(), batches() * 10
    optimizer = sgd(twin)
    for i, rate in enumerate(curve.rates):
        loss = nn.functional.mse_loss(twin(stream[i][0]), stream[i][1])
        assert float(loss.detach()) == curve.losses[0, i]
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = float(rate)
        optimizer.step()
    assert curve.endings == ("end",) * 3
    assert curve.rates[0] == 1e-3
    assert curve.rates[-1] == 0.1
    # The second repeat has gone on with the ninth batch of the third pass, from the same weights.
    first = nn.functional.mse_loss(model()(stream[20][0]), stream[20][1])
    assert float(first.detach()) == curve.losses[1, 0]


def test_spacing():
    net = model()
    options = {"low": 1e-4, "high": 1e-2, "steps": 5, "repeats": 1} | QUIET
    curve = find(net, sgd(net), nn.MSELoss(), batches(), **options)
    assert curve.rates == pytest.approx(np.geomspace(1e-4, 1e-2, 5))
    curve = find(net, sgd(net), nn.MSELoss(), batches(), kind="linear", **options)
    assert curve.rates == pytest.approx(np.linspace(1e-4, 1e-2, 5))
    assert curve.kind == "linear"


def test_divergence_ends_a_repeat_and_not_finite_losses_are_marked():
    net = model()
    curve = find(net, sgd(net), nn.MSELoss(), batches(), low=1e-3, high=1e3, **QUIET)
    assert set(curve.endings) == {"diverged"}
    assert np.isnan(curve.losses[:, -1]).all()
    bold = find(net, sgd(net), nn.MSELoss(), batches(), low=1e-3, high=1e9, stop=False, **QUIET)
    assert set(bold.endings) == {"not finite"}
    assert np.isinf(bold.losses).sum() == 3


def test_without_a_range_it_goes_on_until_the_loss_is_lost():
    parameter = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        parameter.weight.fill_(100.0)
    # The curvature is 0.02, so SGD diverges from a rate of 100 on, above its default range.
    curve = find(
        parameter,
        sgd(parameter),
        batches=[torch.ones(1, 1)],
        compute=lambda m, x: 0.01 * m(x).pow(2).mean(),
        repeats=1,
        **QUIET,
    )
    assert curve.rates[-1] > 100
    assert curve.endings == ("diverged",)
    assert "went on to" in curve.notes[0]


def test_without_a_range_it_begins_again_where_it_diverged_at_once():
    parameter = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        parameter.weight.fill_(1.0)
    curve = find(
        parameter,
        sgd(parameter),
        batches=[torch.ones(1, 1)],
        compute=lambda m, x: 1e7 * m(x).pow(2).mean(),
        repeats=2,
        **QUIET,
    )
    assert curve.rates[0] == pytest.approx(1e-9)
    assert "rose at once" in curve.notes[0]
    assert np.nanmin(curve.losses) < 0.5 * curve.initial_loss


def test_a_given_range_is_kept_and_the_notes_say_what_it_missed():
    net = model()
    flat = find(net, sgd(net), nn.MSELoss(), batches(), low=1e-7, high=1e-5, **QUIET)
    assert flat.rates[-1] == 1e-5
    assert any("higher `high`" in note for note in flat.notes)
    wild = find(net, sgd(net), nn.MSELoss(), batches(), low=10.0, high=1e3, **QUIET)
    assert wild.rates[0] == 10.0
    assert any("lower `low`" in note for note in wild.notes)


@pytest.mark.parametrize(
    ("optimizer", "low", "high"),
    [
        (torch.optim.SGD, 1e-5, 10.0),
        (torch.optim.AdamW, 1e-6, 1.0),
        (torch.optim.Adadelta, 1e-3, 1e3),
        (type("Mine", (torch.optim.Adam,), {}), 1e-6, 1.0),
        (type("Other", (torch.optim.Rprop,), {}), 1e-7, 10.0),
    ],
    ids=["sgd", "adamw", "adadelta", "subclass", "unknown"],
)
def test_the_default_range_fits_the_optimizer(optimizer, low, high):
    made = optimizer(model().parameters())
    ramp = ramp_for(made, None, None, 100, "exponential")
    assert (ramp.low, ramp.high) == (low, high)
    # With one end given, the other moves out of its way.
    assert ramp_for(made, 1e4, None, 100, "exponential").low == 1e4
    assert ramp_for(made, None, 1e-9, 100, "exponential").high == 1e-9


def test_accumulated_batches_are_one_larger_batch():
    x, y = data()
    options = {"low": 1e-3, "high": 0.1, "steps": 8, "repeats": 1} | QUIET
    net = model()
    whole = find(net, sgd(net), nn.MSELoss(), [(x, y)], **options)
    parts = find(net, sgd(net), nn.MSELoss(), batches(8), accumulate=8, **options)
    assert parts.losses == pytest.approx(whole.losses, rel=1e-4)


def test_clipping_keeps_a_test_from_diverging_so_early():
    net = model()
    options = {"low": 1e-3, "high": 100.0, "repeats": 1} | QUIET
    free = find(net, sgd(net), nn.MSELoss(), batches(), **options)
    held = find(net, sgd(net), nn.MSELoss(), batches(), clip=0.1, **options)
    assert held.reached > free.reached


@pytest.mark.parametrize("number", ["bfloat16", "float16"])
def test_mixed_precision(number):
    net = model()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20) if number == "float16" else None
    options = {"low": 1e-3, "high": 0.1, "steps": 30, "repeats": 1} | QUIET
    mixed = find(net, sgd(net), nn.MSELoss(), batches(), amp=True, scaler=scaler, **options)
    full = find(net, sgd(net), nn.MSELoss(), batches(), **options)
    assert mixed.losses[0, -1] == pytest.approx(full.losses[0, -1], rel=0.5)
    assert not np.array_equal(mixed.losses, full.losses)
    assert any("left out" in note for note in mixed.notes) == (scaler is not None)


def test_validation_and_dead_units_change_nothing():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1)
    )
    loader = DataLoader(TensorDataset(*data()), batch_size=8, shuffle=True)
    options = {"low": 1e-3, "high": 1.0, "steps": 12, "repeats": 2, "seed": 5} | QUIET
    plain = find(net, sgd(net), nn.MSELoss(), loader, **options)
    held = DataLoader(TensorDataset(*data(seed=1)), batch_size=16, shuffle=True)
    full = find(
        net,
        sgd(net),
        nn.MSELoss(),
        loader,
        validation=held,
        validation_every=3,
        dead=True,
        **options,
    )
    assert np.array_equal(plain.losses, full.losses)
    measured = np.isfinite(full.validation[0])
    assert measured.tolist() == [i % 3 == 0 for i in range(12)]
    net.eval()
    x, y = data(seed=1)
    start = float(nn.functional.mse_loss(net(x), y).detach())
    assert full.validation[0, 0] == pytest.approx(start, rel=1e-5)


def test_a_validation_function_gives_the_score_that_is_asked_for():
    net = model()
    scores = iter(range(100))
    curve = find(
        net,
        sgd(net),
        nn.MSELoss(),
        batches(),
        steps=4,
        repeats=1,
        low=1e-3,
        high=1e-1,
        validation=lambda: {"accuracy": next(scores), "loss": -1.0},
        validation_name="accuracy",
        higher_is_better=True,
        **QUIET,
    )
    assert curve.validation.tolist() == [[0, 1, 2, 3]]
    assert curve.higher_is_better
    with pytest.raises(LoopError, match=r"'f1', it gave accuracy"):
        find(
            net,
            sgd(net),
            nn.MSELoss(),
            batches(),
            validation=lambda: {"accuracy": 1.0},
            validation_name="f1",
            **QUIET,
        )


class Functional(nn.Module):
    """Two units of four and one channel of two are dead."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 4)
        with torch.no_grad():
            self.linear.weight.fill_(1.0)
            self.linear.bias.copy_(torch.tensor([5.0, 5.0, -50.0, -50.0]))

    def forward(self, x):
        wide = torch.relu(self.linear(x))
        image = torch.stack([x, -x.abs()], 1)[..., None].clone()  # (N, 2, 1, 1)
        return wide.sum(1, keepdim=True) + 0 * nn.functional.relu(image, inplace=True).sum()


def test_dead_units_are_counted_for_functions_and_modules_in_images_and_vectors():
    x = torch.linspace(0.1, 1, 8)[:, None]
    net = Functional()
    options = {"low": 1e-5, "high": 1e-4, "steps": 3, "repeats": 1, "dead": True} | QUIET
    curve = find(net, sgd(net), nn.MSELoss(), [(x, x)], **options)
    assert curve.dead[0, 0] == pytest.approx(3 / 6)
    # A unit that only the second batch of an update wakes is not dead.
    two = [(x, x), (100 * x, x)]
    curve = find(net, sgd(net), nn.MSELoss(), two, accumulate=2, **options)
    assert curve.dead[0, 0] == pytest.approx(1 / 6)
    smooth = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
    with pytest.raises(LoopError, match="no ReLU ran"):
        find(smooth, sgd(smooth), nn.MSELoss(), [(x, x)], **options)


def test_models_that_compute_their_loss_themselves():
    class Output:
        def __init__(self, loss):
            self.loss = loss

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 1)

        def forward(self, inputs, labels):
            return Output(nn.functional.mse_loss(self.linear(inputs), labels))

    net = Own()
    given = [{"inputs": x, "labels": y} for x, y in batches()]
    curve = find(net, sgd(net), batches=given, low=1e-3, high=0.1, steps=10, **QUIET)
    assert np.isfinite(curve.losses).all()
    with pytest.raises(LoopError, match=r"has no `\.loss`"):
        find(model(), sgd(net), batches=[torch.ones(1, 4)], **QUIET)


def test_batches_by_epoch_begin_where_they_are_told():
    asked = []

    def by_epoch(epoch):
        asked.append(epoch)
        return batches(2)

    net = model()
    options = {"low": 1e-3, "high": 0.1, "steps": 3, "repeats": 2, "epoch": 4} | QUIET
    find(net, sgd(net), nn.MSELoss(), by_epoch, **options)
    assert asked == [4, 5, 6]


def test_a_distributed_sampler_goes_back_to_its_epoch():
    dataset = TensorDataset(*data())
    sampler = torch.utils.data.DistributedSampler(dataset, 1, 0)
    sampler.set_epoch(3)
    net = model()
    loader = DataLoader(dataset, batch_size=32, sampler=sampler)
    find(net, sgd(net), nn.MSELoss(), loader, low=1e-3, high=0.1, steps=5, **QUIET)
    assert sampler.epoch == 3


@pytest.mark.slow
def test_persistent_workers_of_the_training_are_left_alone():
    loader = DataLoader(
        TensorDataset(*data()), batch_size=8, num_workers=1, persistent_workers=True
    )
    net, seen = model(), []
    for i, (x, _) in enumerate(loader):
        if i == 2:
            find(net, sgd(net), nn.MSELoss(), loader, low=1e-3, high=0.1, steps=4, **QUIET)
        seen.append(x)
    assert torch.equal(torch.cat(seen), data()[0])


def test_a_seed_makes_the_test_repeatable_and_repeats_differ():
    net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    options = {"low": 1e-3, "high": 0.1, "steps": 5, "repeats": 2, "seed": 11} | QUIET
    first = find(net, sgd(net), nn.MSELoss(), [data()], **options)
    torch.rand(7)
    second = find(net, sgd(net), nn.MSELoss(), [data()], **options)
    assert np.array_equal(first.losses, second.losses)
    assert not np.array_equal(first.losses[0], first.losses[1])


def test_rates_of_zero_are_no_obstacle():
    net = model()
    optimizer = torch.optim.SGD([{"params": net[0].parameters()}, {"params": net[2].parameters()}])
    for group in optimizer.param_groups:
        group["lr"] = 0.0  # the first step of a warm-up from 0
    curve = find(net, optimizer, nn.MSELoss(), batches(), low=1e-3, high=0.1, steps=4, **QUIET)
    assert curve.groups == {"0": 1.0, "1": 1.0}
    assert curve.losses[0, -1] < curve.losses[0, 0]
    assert [g["lr"] for g in optimizer.param_groups] == [0.0, 0.0]


def test_lbfgs_computes_its_loss_itself():
    net = model()
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=2)
    x, y = data()
    curve = find(net, optimizer, nn.MSELoss(), [(x, y)], low=1e-3, high=0.5, steps=10, **QUIET)
    assert curve.losses[0, 0] == float(nn.functional.mse_loss(net(x), y).detach())
    assert np.nanmin(curve.losses) < curve.losses[0, 0]
    with pytest.raises(SpecError, match="neither clipped nor scaled"):
        find(net, optimizer, nn.MSELoss(), [(x, y)], clip=1.0, **QUIET)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batches": None}, "needs `batches`"),
        ({"batches": iter([1])}, "used up by reading"),
        ({"batches": 5}, "must be a list, a DataLoader"),
        ({"batches": []}, "epoch 0 has none"),
        ({"steps": 1}, "`steps` must be a whole number >= 2"),
        ({"steps": 10.0}, "`steps` must be a whole number"),
        ({"repeats": 0}, "`repeats` must be a whole number >= 1"),
        ({"accumulate": True}, "`accumulate` must be a whole number"),
        ({"low": 1.0, "high": 0.1}, "`low < high` must hold, got 1 and 0.1"),
        ({"low": 0.0}, "`low` must be above 0"),
        ({"high": math.inf}, "`high` must be above 0 and finite"),
        ({"high": "1"}, "`high` must be above 0 and finite, got '1'"),
        ({"kind": "log"}, "`kind` must be one of exponential, linear, got 'log'"),
        ({"clip": -1.0}, "`clip > 0` must hold"),
        ({"compute": lambda m, b: m}, "exclude each other"),
        ({"loss": 3}, "`loss` must be a function"),
        ({"model": "net"}, r"must be a torch.nn.Module, got str"),
        ({"also": [3]}, "state_dict and load_state_dict, got int"),
        ({"batches": [(torch.ones(1, 4),)]}, "got a tuple of 1"),
        ({"batches": [{"x": 1}]}, "got a dict of 1"),
        ({"loss": lambda output, y: 3.0}, "a loss must be one number .* got 3.0"),
        ({"loss": lambda output, y: output}, r"got shape \(8, 1\)"),
        ({"loss": lambda output, y: output.mean().detach()}, "not detached"),
        ({"loss": lambda output, y: output.mean() * math.nan}, "finite, got nan before any"),
        ({"validation": iter([1])}, "empty the second time"),
        ({"validation": []}, "the validation has no batch"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value)),
)
def test_what_is_refused_says_why(options, words):
    net = model()
    given = {"model": net, "loss": nn.MSELoss(), "batches": batches()} | options
    given.setdefault("optimizer", sgd(net))
    with pytest.raises((SpecError, LoopError), match=words):
        find(given.pop("model"), given.pop("optimizer"), **given, **QUIET)


def ended(losses):
    watch = Watch()
    for i, loss in enumerate(losses):
        watch.add(loss)
        if watch.diverged:
            return i
    return None


NOISE = np.random.default_rng(0).normal(0, 0.05, 200)
FALL = 2.3 - 2 / (1 + np.exp(-np.linspace(-8, 8, 100)))


@pytest.mark.parametrize("factor", [1.0, 1e-6, 1e6])
@pytest.mark.parametrize("shift", [0.0, -5.0, 100.0])
def test_divergence_does_not_depend_on_the_unit_or_the_zero_of_the_loss(factor, shift):
    losses = np.concatenate([FALL, FALL[-1] + np.geomspace(0.01, 100, 50)]) + NOISE[:150]
    assert ended(losses) == pytest.approx(ended(factor * (losses + shift)), abs=1)


def test_what_is_no_divergence():
    assert ended(FALL + NOISE[:100]) is None
    assert ended(np.full(200, 2.3) + NOISE) is None
    spike = FALL + NOISE[:100]
    spike[60] = 1e6
    assert ended(spike) is None
    # Back to where it began, as a network that has died: not far above, so the test goes on.
    assert ended(np.concatenate([FALL, FALL[::-1]])) is None


def test_what_is_a_divergence():
    # A loss with a floor far above 0 never reaches four times its best.
    assert ended(np.concatenate([5 + FALL, 5 + FALL[::-1], 7 + np.linspace(0, 7, 40)])) is not None
    # Rising slowly from the start, and rising without ever having fallen.
    assert ended(2.3 + 0.01 * np.arange(100) ** 1.5) is not None
    assert ended(-5 + 0.01 * np.arange(100) ** 1.5) is not None


def test_every_point_is_told_as_it_is_measured():
    net, told = model(), []
    curve = find(
        net, sgd(net), nn.MSELoss(), batches(), low=1e-3, high=100.0, steps=40, repeats=2,
        validation=lambda: 7.0, validation_every=4, dead=True, on_point=told.append, **QUIET,
    )  # fmt: skip
    assert [(p.repeat, p.update) for p in told] == [
        (r, i) for r in range(2) for i in range(int(np.sum(~np.isnan(curve.losses[r]))))
    ]
    assert len(told) < 80  # it diverged, and the last loss is told too
    for point in told:
        assert point.loss == curve.losses[point.repeat, point.update]
        assert point.rate == curve.rates[point.update]
        assert point.validation == (None if point.update % 4 else 7.0)
        assert point.dead == curve.dead[point.repeat, point.update]


def test_a_test_begun_again_further_down_tells_update_0_again():
    net, told = model(), []
    curve = find(
        net, sgd(net), lambda out, y: 1e6 * nn.functional.mse_loss(out, y), batches(),
        steps=40, repeats=1, on_point=told.append, **QUIET,
    )  # fmt: skip
    starts = [i for i, point in enumerate(told) if point.update == 0]
    assert len(starts) > 1, curve.notes
    last = told[starts[-1] :]
    assert [point.rate for point in last] == curve.rates[: len(last)].tolist()


def test_what_a_listener_raises_ends_the_test_and_all_is_put_back():
    net = model()
    optimizer = sgd(net)
    before = [p.detach().clone() for p in net.parameters()]

    def full(point):
        if point.update == 3:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        find(net, optimizer, nn.MSELoss(), batches(), on_point=full, **QUIET)
    assert all(map(torch.equal, before, net.parameters()))
    assert optimizer.param_groups[0]["lr"] == 0.1
