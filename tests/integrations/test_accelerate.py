"""The scheduler inside Accelerate, unchanged."""

import pytest

torch = pytest.importorskip("torch")
accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")

from lrkit.drive import Scheduler  # noqa: E402
from lrkit.schedules import cosine, warmup  # noqa: E402

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("error::lrkit.errors.LoopWarning"),
]

SHAPE = 0.1 * (warmup(3) >> cosine())


@pytest.fixture(autouse=True)
def fresh():
    """Accelerate keeps its state in class attributes."""
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerate.state.GradientState._reset_state()
    yield
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)


def prepared(total=12, **options):
    torch.manual_seed(0)
    accelerator = accelerate.Accelerator(cpu=True, **options)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0)
    loader = torch.utils.data.DataLoader(torch.randn(8, 2), batch_size=2)
    sched = Scheduler(optimizer, lr=SHAPE, total=total)
    return accelerator, sched, accelerator.prepare(model, optimizer, loader, sched)


def train(accelerator, model, optimizer, loader, wrapped, epochs):
    rates = []
    for _ in range(epochs):
        for batch in loader:
            with accelerator.accumulate(model):
                accelerator.backward(model(batch).pow(2).mean())
                if accelerator.sync_gradients:
                    rates.append(optimizer.param_groups[0]["lr"])
                optimizer.step()
                wrapped.step()
                optimizer.zero_grad()
    return rates


def test_a_plain_loop():
    accelerator, sched, parts = prepared()
    assert train(accelerator, *parts, epochs=3) == SHAPE.over(12).values().tolist()
    assert sched.position == 12
    assert parts[3].get_last_lr() == sched.get_last_lr()


def test_gradient_accumulation_counts_updates():
    """accelerate#963: with accumulation the schedule ran at the pace of the batches."""
    accelerator, sched, parts = prepared(total=6, gradient_accumulation_steps=2)
    assert train(accelerator, *parts, epochs=3) == SHAPE.over(6).values().tolist()
    assert sched.position == 6


def test_it_can_be_built_on_the_prepared_optimizer():
    accelerator = accelerate.Accelerator(cpu=True)
    model = torch.nn.Linear(2, 1)
    optimizer = accelerator.prepare(torch.optim.SGD(model.parameters(), lr=1.0))
    sched = Scheduler(optimizer, lr=SHAPE, total=12)
    rates = []
    for _ in range(12):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        assert sched.updated
        sched.step()
    assert rates == SHAPE.over(12).values().tolist()


def test_save_state_and_load_state(tmp_path):
    accelerator, _, parts = prepared()
    rates = train(accelerator, *parts, epochs=1)
    accelerator.save_state(tmp_path)
    fresh_state()
    accelerator, sched, parts = prepared()
    accelerator.load_state(tmp_path)
    assert sched.position == 4
    assert rates + train(accelerator, *parts, epochs=2) == SHAPE.over(12).values().tolist()


def fresh_state():
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerate.state.GradientState._reset_state()
