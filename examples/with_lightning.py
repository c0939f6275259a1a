"""A Lightning module that can be watched and steered.

python examples/with_lightning.py runs/mine
lrkit steer runs/mine cooldown 20%          # from another terminal, while it goes
"""

import sys

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

import lrkit as lr


class Sine(pl.LightningModule):
    """A small network; `run=` keeps its run, three lines make the trainer follow it."""

    def __init__(self, run: str, total: str, steps_per_epoch: int) -> None:
        super().__init__()
        self.run, self.total, self.steps_per_epoch = run, total, steps_per_epoch
        self.net = torch.nn.Sequential(
            torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1)
        )

    def training_step(self, batch, _index):
        """Return the loss of *batch*."""
        inputs, wanted = batch
        return torch.nn.functional.mse_loss(self.net(inputs), wanted)

    def configure_optimizers(self):
        """Return the optimizer and the schedule, stepped once an update."""
        optimizer = torch.optim.AdamW(self.parameters())
        self.sched = lr.Scheduler(
            optimizer,
            lr="3e-3 * (warmup(2ep) >> cosine())",
            total=self.total,
            steps_per_epoch=self.steps_per_epoch,
            run=self.run,
        )
        schedule = {"scheduler": self.sched, "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def on_train_batch_end(self, outputs, _batch, _index):
        """Journal the loss, and end where the run ends: somebody may stop or extend it."""
        self.sched.observe({"loss": outputs["loss"]})
        self.trainer.should_stop = self.sched.finished

    def on_train_end(self):
        """End the run."""
        self.sched.close()


def train(run: str, total: str = "200ep") -> None:
    """Train, and keep the run in the folder *run*."""
    pl.seed_everything(0, verbose=False)
    x = torch.randn(4096, 16)
    loader = DataLoader(TensorDataset(x, torch.sin(x.sum(1, keepdim=True))), 64, shuffle=True)
    trainer = pl.Trainer(
        max_epochs=-1,  # the schedule says when it is over
        min_epochs=0,  # a stop is a stop, in the first epoch too
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Sine(run, total, len(loader)), loader)


if __name__ == "__main__":
    train(*sys.argv[1:])
