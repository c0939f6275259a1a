"""A range test gives everything back, bitwise and in the same objects."""

from __future__ import annotations

import copy
import random
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lrkit import cosine, linear
from lrkit.drive import Scheduler
from lrkit.errors import LoopError, SpecError
from lrkit.probe import find
from lrkit.probe.restore import restored
from lrkit.records import replay

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    "adamw-amsgrad": lambda p: torch.optim.AdamW(p, lr=1e-3, amsgrad=True),
    "adam-capturable": lambda p: torch.optim.Adam(p, lr=torch.tensor(1e-3), foreach=False),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, momentum=0.9, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.1, max_iter=3),
}


def network() -> nn.Sequential:
    torch.manual_seed(7)
    return nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1)
    )


def samples(count: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(count, 4, generator=generator)
    return x, x.sum(1, keepdim=True)


def loader(**options: object) -> DataLoader:
    return DataLoader(TensorDataset(*samples()), batch_size=8, shuffle=True, **options)


def train_step(model, optimizer, x, y):
    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss

    return float(optimizer.step(closure).detach())


def contents(value):
    """Return all that can be told of *value*: its own identity and what it holds, bit for bit."""
    if isinstance(value, torch.Tensor):
        raw = value.detach().numpy().tobytes()
        return id(value), value.dtype, tuple(value.shape), raw, contents(value.grad)
    if isinstance(value, dict):
        return id(value), [(k, contents(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return id(value), [contents(v) for v in value]
    return value


def everything(model, optimizer):
    return (
        [contents(p) for p in model.parameters()],
        [contents(b) for b in model.buffers()],
        contents(optimizer.state),
        contents(optimizer.param_groups),
        [m.training for m in model.modules()],
        [p.requires_grad for p in model.parameters()],
        randomness(),
    )


def randomness():
    state = np.random.get_state()
    return random.getstate(), state[1].tolist(), state[2:], torch.get_rng_state().tolist()


def probe(model, optimizer, batches=None, **options):
    options = {"steps": 12, "repeats": 2, "progress": False, "low": 1e-4, "high": 10.0} | options
    return find(
        model,
        optimizer,
        nn.functional.mse_loss,
        loader() if batches is None else batches,
        **options,
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("trained", [0, 3])
def test_everything_is_the_same_object_with_the_same_bits(name, trained):
    model = network()
    optimizer = OPTIMIZERS[name](model.parameters())
    x, y = samples()
    for _ in range(trained):
        train_step(model, optimizer, x, y)
    if not trained:
        model[0].weight.grad = torch.full_like(model[0].weight, 0.25)
    before = everything(model, optimizer)
    curve = probe(model, optimizer, accumulate=2, dead=True, validation=[(x, y)])
    assert np.isfinite(curve.losses[:, :5]).all()
    assert everything(model, optimizer) == before


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("driven", ["ours", "ours-scale", "torch", "nothing"])
def test_a_training_with_a_test_in_its_middle_is_the_training_without(name, driven):
    def run(with_test: bool):
        random.seed(1)
        np.random.seed(1)
        model = network()
        optimizer = OPTIMIZERS[name](model.parameters())
        sched = {
            "ours": lambda: Scheduler(optimizer, lr=0.01 * cosine(), total=20),
            "ours-scale": lambda: Scheduler(optimizer, scale=linear(), total=20),
            "torch": lambda: torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5),
            "nothing": lambda: None,
        }[driven]()
        losses, batches = [], loader()
        for _ in range(2):
            for i, (x, y) in enumerate(batches):  # the test comes while this iterator is in use
                if with_test and i == 3:
                    probe(model, optimizer, batches)
                losses.append(train_step(model, optimizer, x, y))
                if sched is not None:
                    sched.step()
                losses.append(float(optimizer.param_groups[0]["lr"]))
        return losses, [contents(t)[1:] for t in model.state_dict().values()], randomness()

    assert run(True) == run(False)


class CrashError(Exception):
    pass


@pytest.mark.parametrize("error", [CrashError, KeyboardInterrupt])
@pytest.mark.parametrize("at", [0, 1, 7, 13])
def test_an_exception_at_any_update_restores_everything(error, at):
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    train_step(model, optimizer, *samples())
    sched = Scheduler(optimizer, lr=cosine(), total=20)
    before, calls = everything(model, optimizer), [0]

    def compute(model, batch):
        if calls[0] == at:
            raise error
        calls[0] += 1
        random.random()
        np.random.random()
        return nn.functional.mse_loss(model(batch[0]), batch[1])

    with pytest.raises(error):
        find(
            model,
            optimizer,
            batches=loader(),
            compute=compute,
            steps=8,
            repeats=2,
            low=1e-5,
            high=1e-2,
            progress=False,
        )
    assert everything(model, optimizer) == before
    optimizer.step()
    sched.step()  # and it is driven as before


def test_ctrl_c_while_things_are_put_back_waits_until_they_are():
    class Stubborn:
        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            signal.raise_signal(signal.SIGINT)

    model = network()
    kept = copy.deepcopy(model.state_dict())
    with pytest.raises(KeyboardInterrupt), restored(model, Stubborn()):
        nn.init.zeros_(model[0].weight)
    assert all(torch.equal(kept[k], v) for k, v in model.state_dict().items())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_groups_keep_ratios_and_other_hyper_parameters():
    model = network()
    optimizer = torch.optim.AdamW(
        [
            {"params": model[0].parameters(), "lr": 0.0, "name": "frozen"},
            {"params": model[1].parameters(), "lr": 0.01, "name": "norm", "weight_decay": 0.0},
            {"params": model[4].parameters(), "lr": 0.04, "betas": (0.5, 0.9)},
        ]
    )
    seen, fixed = [], set()

    def compute(model, batch):
        seen.append([g["lr"] for g in optimizer.param_groups])
        fixed.add(str([(g["betas"], g["weight_decay"], g["eps"]) for g in optimizer.param_groups]))
        return nn.functional.mse_loss(model(batch[0]), batch[1])

    first = model[0].weight.detach().clone()
    curve = find(
        model,
        optimizer,
        batches=loader(),
        compute=compute,
        steps=6,
        repeats=1,
        low=1e-4,
        high=1e-1,
        progress=False,
    )
    assert [row[0] for row in seen] == [0.0] * 6
    assert [row[1] for row in seen] == curve.rates.tolist()
    assert [row[2] for row in seen] == pytest.approx([4 * rate for rate in curve.rates])
    assert curve.groups == {"norm": 1.0, "2": 4.0}
    assert len(fixed) == 1
    assert torch.equal(model[0].weight, first)


def test_what_a_gan_changes_is_restored_when_it_is_named():
    judge, maker = nn.Linear(1, 1), nn.Linear(2, 1)
    judging = torch.optim.SGD(judge.parameters(), lr=0.1, momentum=0.9)
    making = torch.optim.Adam(maker.parameters())
    average = torch.optim.swa_utils.AveragedModel(maker)

    def compute(model, batch):
        judging.zero_grad()
        (judge(model(batch[0]).detach()).mean() - judge(batch[1]).mean()).backward()
        judging.step()
        average.update_parameters(model)
        return judge(model(batch[0])).pow(2).mean()

    batches = [(torch.randn(4, 2), torch.randn(4, 1))]
    also = (judge, judging, average)
    kept = everything(judge, judging), everything(maker, making), everything(average, making)
    curve = find(
        maker,
        making,
        batches=batches,
        compute=compute,
        steps=5,
        repeats=2,
        also=also,
        low=1e-4,
        high=1e-2,
        progress=False,
    )
    assert curve.losses[0].tolist() == curve.losses[1].tolist()  # the second began like the first
    found = everything(judge, judging), everything(maker, making), everything(average, making)
    assert found == kept


def test_modes_are_kept_and_a_model_in_evaluation_mode_is_trained():
    model = network()
    model[1].eval()  # batch normalisation frozen on purpose
    mean = model[1].running_mean.clone()
    modes = []

    def compute(model, batch):
        modes.append([m.training for m in model.modules()])
        assert torch.equal(model[1].running_mean, mean) or model[1].training
        return nn.functional.mse_loss(model(batch[0]), batch[1])

    options = {"steps": 3, "repeats": 1, "low": 1e-4, "high": 1e-2, "progress": False}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    find(model, optimizer, batches=loader(), compute=compute, **options)
    assert modes[0] == [True, True, False, True, True, True]
    model.eval()
    with torch.no_grad():
        find(model, optimizer, batches=loader(), compute=compute, **options)
    assert all(modes[-1])
    assert not any(m.training for m in model.modules())


def test_hidden_states_and_counters_on_modules_are_put_back():
    class Remembers(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 1)
            self.calls = 0
            self.hidden = torch.zeros(1)
            self.register_buffer("mean", torch.zeros(1), persistent=False)

        def forward(self, x):
            self.calls += 1
            self.hidden = self.hidden + 1
            self.mean = self.mean + x.mean()
            self.cache = x
            return self.linear(x)

    model = Remembers()
    hidden, mean = model.hidden, model.mean
    probe(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert model.calls == 0
    assert model.hidden is hidden
    assert model.mean is mean
    assert hidden.item() == mean.item() == 0
    assert not hasattr(model, "cache")


def test_a_scaler_a_generator_and_backend_flags_are_put_back():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    generator = torch.Generator().manual_seed(5)
    batches, state = loader(generator=generator), generator.get_state()

    def compute(model, batch):
        torch.use_deterministic_algorithms(True)
        return nn.functional.mse_loss(model(batch[0]).float(), batch[1])

    before = dict(scaler.__dict__)
    find(
        model,
        optimizer,
        batches=batches,
        compute=compute,
        scaler=scaler,
        steps=6,
        repeats=2,
        low=1e-4,
        high=1e-2,
        progress=False,
    )
    assert scaler.__dict__ == before
    assert scaler.get_scale() == 8.0
    assert torch.equal(generator.get_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()


def test_an_optimizer_lent_twice_and_schedulers_built_inside_leave_no_trace():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    sched = Scheduler(optimizer, lr=cosine(), total=10)
    hooks = len(optimizer._optimizer_step_pre_hooks)
    for _ in range(3):
        probe(model, optimizer)
    assert len(optimizer._optimizer_step_pre_hooks) == hooks
    with pytest.raises(LoopError, match="another one drives"):
        Scheduler(optimizer, lr=0.1)
    assert sched.position == 0


def test_a_compiled_model_is_restored():
    model = network()
    compiled = torch.compile(model, backend="eager")
    optimizer = torch.optim.Adam(model.parameters())
    before = everything(model, optimizer)
    curve = probe(compiled, optimizer, dead=True)
    assert everything(model, optimizer) == before
    assert curve.dead is not None


def test_weights_that_do_not_exist_yet_are_an_error():
    model = nn.Sequential(nn.LazyLinear(2))
    with pytest.raises((LoopError, SpecError, ValueError), match="exist"):
        probe(model, torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1))


BARRAGE = """
import random, signal, sys, time
import torch
from torch import nn
from lrkit import cosine
from lrkit.drive import Scheduler
from lrkit.probe import find

torch.set_num_threads(1)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(8, 64), nn.BatchNorm1d(64), nn.Dropout(0.1), nn.Linear(64, 1))
optimizer = torch.optim.AdamW(net.parameters(), amsgrad=True)
sched = Scheduler(optimizer, lr=0.01 * cosine(), total=100)
x = torch.randn(64, 8)
def train():
    optimizer.zero_grad()
    net(x).pow(2).mean().backward()
    optimizer.step()
    sched.step()
def state():
    tensors = [*net.parameters(), *net.buffers(), *(p.grad for p in net.parameters())]
    tensors += [v for s in optimizer.state.values() for v in s.values()]
    held = [(id(t), t.detach().numpy().tobytes()) for t in tensors]
    groups = [(id(g), id(g["lr"]), g["lr"]) for g in optimizer.param_groups]
    return held, groups, torch.get_rng_state().tolist(), random.getstate(), len(optimizer.state)
train()
before, hits, clock = state(), 0, random.Random(int(sys.argv[1]))
batches = [(x[i : i + 16], x[i : i + 16, :1]) for i in range(0, 64, 16)]
whole = time.perf_counter()
find(net, optimizer, nn.MSELoss(), batches, steps=20, repeats=2, progress=False)
whole = time.perf_counter() - whole
left = 0
def press(*_):
    global left
    if left:
        left -= 1
        signal.setitimer(signal.ITIMER_REAL, clock.random() * 0.005 + 1e-6 if left else 0)
        signal.raise_signal(signal.SIGINT)
signal.signal(signal.SIGALRM, press)
while hits < int(sys.argv[2]):
    left = clock.choice((1, 1, 3))
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, clock.random() * whole + 1e-6)
            find(net, optimizer, nn.MSELoss(), batches, steps=20, repeats=2, progress=False)
            left = 0
        except KeyboardInterrupt:
            left, hits = 0, hits + 1
    except KeyboardInterrupt:
        left = 0  # what comes after the test is none of its business
    assert state() == before
train()
print("restored", hits)
"""


@pytest.mark.parametrize(
    "count", [8, pytest.param(100, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_ctrl_c_at_any_moment(count):
    done = subprocess.run(
        [sys.executable, "-c", BARRAGE, "5", str(count)],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.stdout.split() == ["restored", str(count)], done.stderr


def test_a_journal_knows_nothing_of_a_test(tmp_path):
    def run(folder, with_test):
        model = network()
        optimizer = torch.optim.Adam(model.parameters())
        sched = Scheduler(optimizer, lr=0.01 * cosine(), total=6, run=folder)
        for i in range(6):
            if with_test and i == 3:
                probe(model, optimizer)
            sched.step({"loss": train_step(model, optimizer, *samples())})
        sched.close()
        return replay(folder)

    plain, tested = run(tmp_path / "plain", False), run(tmp_path / "tested", True)
    for name in ("step", "lr", "loss"):
        assert plain.metrics[name].tolist() == tested.metrics[name].tolist()
    assert len(plain.events) == len(tested.events)
