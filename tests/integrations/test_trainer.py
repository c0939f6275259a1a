"""The scheduler inside transformers' Trainer, unchanged."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("accelerate", reason="Trainer needs accelerate")

from lrkit.control import Scale  # noqa: E402
from lrkit.drive import Scheduler  # noqa: E402
from lrkit.schedules import cosine, warmup  # noqa: E402

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("error::lrkit.errors.LoopWarning"),
]

SHAPE = 0.1 * (warmup(3) >> cosine())


class Model(torch.nn.Module):
    """A line, with the loss in its output as Trainer wants it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.line = torch.nn.Linear(2, 1)

    def forward(self, x, labels=None):
        out = self.line(x)
        return {"loss": (out - labels).pow(2).mean(), "logits": out}


class Spy(transformers.TrainerCallback):
    """Keeps the rate of every update, and edits once where told to."""

    def __init__(self, sched=None, edit_at=None):
        self.rates, self.sched, self.edit_at = [], sched, edit_at

    def on_pre_optimizer_step(self, args, state, control, optimizer=None, **_):
        self.rates.append(optimizer.param_groups[0]["lr"])

    def on_step_end(self, args, state, control, **_):
        if state.global_step == self.edit_at:
            self.sched.apply(Scale(0.5, author="anna"))


def trainer(folder, steps=12, total=12, edit_at=None, **options):
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0)
    sched = Scheduler(optimizer, lr=SHAPE, total=total)
    spy = Spy(sched, edit_at)
    data = [{"x": torch.tensor([i / 8, 1.0]), "labels": torch.tensor([1.0])} for i in range(8)]
    arguments = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=2,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        logging_steps=1,
        save_steps=6,
        **options,
    )
    made = transformers.Trainer(
        model, arguments, train_dataset=data, optimizers=(optimizer, sched), callbacks=[spy]
    )
    return made, spy, sched


def test_every_update_has_its_value(tmp_path):
    made, spy, sched = trainer(tmp_path)
    made.train()
    assert spy.rates == SHAPE.over(12).values().tolist()
    assert sched.position == 12
    logged = [row["learning_rate"] for row in made.state.log_history if "learning_rate" in row]
    assert len(logged) == 12


def test_gradient_accumulation_counts_updates(tmp_path):
    made, spy, _ = trainer(tmp_path, gradient_accumulation_steps=2)
    made.train()
    assert spy.rates == SHAPE.over(12).values().tolist()


def test_a_checkpoint_resumes_with_its_edits(tmp_path):
    made, whole, _ = trainer(tmp_path / "whole", edit_at=4)
    made.train()
    resumed, rest, sched = trainer(tmp_path / "whole")
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-6"))
    assert rest.rates == whole.rates[6:]
    assert sched.edits[0].author == "anna"
    for a, b in zip(made.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_saved_state_loads_with_weights_only(tmp_path):
    made, _, sched = trainer(tmp_path, steps=6, total=6)
    made.train()
    state = torch.load(tmp_path / "checkpoint-6" / "scheduler.pt", weights_only=True)
    assert state == sched.state_dict()
