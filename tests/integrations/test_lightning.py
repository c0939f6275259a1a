"""The scheduler inside Lightning, unchanged."""

import pytest

torch = pytest.importorskip("torch")
lightning = pytest.importorskip("lightning.pytorch", reason="lightning is not installed")

from lrkit.control import plateau  # noqa: E402
from lrkit.drive import Scheduler  # noqa: E402
from lrkit.errors import LoopWarning  # noqa: E402
from lrkit.schedules import cosine, warmup  # noqa: E402

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("error::lrkit.errors.LoopWarning"),
]

SHAPE = 0.1 * (warmup(3) >> cosine())
BATCHES = 4


class Task(lightning.LightningModule):
    """A line to fit; keeps the rate that each update used."""

    def __init__(self, total=12, interval="step", **options):
        super().__init__()
        self.model = torch.nn.Linear(2, 1)
        self.total, self.interval, self.options = total, interval, options
        self.rates = []

    def training_step(self, batch, _index):
        loss = self.model(batch).pow(2).mean()
        self.log("loss", torch.tensor(1.0), on_epoch=True, on_step=False)
        return loss

    def on_before_optimizer_step(self, optimizer):
        self.rates.append(optimizer.param_groups[0]["lr"])

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=1.0)
        settings = {"lr": SHAPE, "total": self.total} | self.options
        self.sched = Scheduler(optimizer, **settings)
        config = {"scheduler": self.sched, "interval": self.interval}
        if "controllers" in settings:
            config |= {"monitor": "loss", "reduce_on_plateau": True}
        return {"optimizer": optimizer, "lr_scheduler": config}


def loader():
    torch.manual_seed(0)
    return torch.utils.data.DataLoader(torch.randn(BATCHES * 2, 2), batch_size=2)


def trainer(folder, epochs=3, **options):
    return lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        **({"enable_checkpointing": False, "logger": False} | options),
    )


def test_per_step(tmp_path):
    task = Task()
    trainer(tmp_path).fit(task, loader())
    assert task.rates == SHAPE.over(12).values().tolist()


def test_per_epoch(tmp_path):
    task = Task(total=3, interval="epoch", unit="epoch", lr=cosine())
    trainer(tmp_path).fit(task, loader())
    assert task.rates == [v for v in cosine().over(3).values().tolist() for _ in range(BATCHES)]


def test_gradient_accumulation(tmp_path):
    task = Task(total=6)
    trainer(tmp_path, accumulate_grad_batches=2).fit(task, loader())
    assert task.rates == SHAPE.over(6).values().tolist()


def test_plateau_by_monitor(tmp_path):
    task = Task(interval="epoch", unit="epoch", lr=0.1, total=4, controllers=[plateau(0.5, 0)])
    trainer(tmp_path, epochs=4).fit(task, loader())
    assert task.rates[::BATCHES] == pytest.approx([0.1, 0.1, 0.05, 0.025])


def test_a_checkpoint_resumes(tmp_path):
    whole = Task()
    trainer(tmp_path, epochs=3).fit(whole, loader())
    part = Task()
    first = trainer(tmp_path, epochs=2)
    first.fit(part, loader())
    first.save_checkpoint(tmp_path / "part.ckpt")
    rest = Task()
    trainer(tmp_path, epochs=3).fit(rest, loader(), ckpt_path=tmp_path / "part.ckpt")
    assert part.rates + rest.rates == whole.rates


def test_lightnings_default_of_once_an_epoch_is_noticed(tmp_path):
    """Lightning#6948, #20436: a horizon in steps, stepped once an epoch."""
    with pytest.warns(LoopWarning, match="once in 4 updates"):
        trainer(tmp_path).fit(Task(interval="epoch"), loader())


def test_the_learning_rate_monitor_sees_it(tmp_path):
    logged = []

    class Logger(lightning.loggers.logger.DummyLogger):
        def log_metrics(self, metrics, step=None):
            logged.extend(v for k, v in metrics.items() if k.startswith("lr-"))

    task = Task()
    trainer(
        tmp_path,
        logger=Logger(),
        callbacks=[lightning.callbacks.LearningRateMonitor("step")],
        log_every_n_steps=1,
    ).fit(task, loader())
    assert logged == task.rates
