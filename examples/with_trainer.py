"""transformers' Trainer, watched and steered.

python examples/with_trainer.py runs/mine
lrkit steer runs/mine set 1e-4 --over 100st     # from another terminal, while it goes
"""

import sys

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

import lrkit as lr


class Sine(torch.nn.Module):
    """A small network, with the loss in its output as Trainer wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1)
        )

    def forward(self, x, labels=None):
        """Return the loss and the outputs."""
        out = self.net(x)
        return {"loss": torch.nn.functional.mse_loss(out, labels), "logits": out}


class Steering(TrainerCallback):
    """Journals the loss, and ends the training where the run ends."""

    def __init__(self, sched: lr.Scheduler) -> None:
        self.sched = sched

    def on_log(self, args, state, control, logs=None, **_):
        """Journal what Trainer logs of the training."""
        if logs and "loss" in logs:
            self.sched.observe({"loss": logs["loss"]})

    def on_step_end(self, args, state, control, **_):
        """Stop where somebody asked to, or where the schedule, edits included, is over."""
        if self.sched.finished:
            control.should_training_stop = True


def train(run: str, total: str = "12800") -> None:
    """Train, and keep the run in the folder *run*."""
    torch.manual_seed(0)
    x = torch.randn(4096, 16)
    y = torch.sin(x.sum(1, keepdim=True))
    model = Sine()
    optimizer = torch.optim.AdamW(model.parameters())
    sched = lr.Scheduler(
        optimizer, lr="3e-3 * (warmup(100) >> cosine())", total=int(total), run=run
    )
    arguments = TrainingArguments(
        output_dir=run + "-trainer",
        max_steps=10_000_000,  # the schedule says when it is over
        per_device_train_batch_size=64,
        logging_steps=10,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = Trainer(
        model,
        arguments,
        train_dataset=[{"x": a, "labels": b} for a, b in zip(x, y, strict=True)],
        optimizers=(optimizer, sched),
        callbacks=[Steering(sched)],
    )
    with sched:
        trainer.train()


if __name__ == "__main__":
    train(*sys.argv[1:])
