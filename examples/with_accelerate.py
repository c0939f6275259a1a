"""An Accelerate loop that can be watched and steered.

    python examples/with_accelerate.py runs/mine
    lrkit steer runs/mine extend 300ep          # from another terminal, while it goes

On several processes (`accelerate launch`) the first one reads the letters and writes the run, and
all of them take every edit at the same step: pass `run=` on each.
"""

import sys

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader, TensorDataset

import lrkit as lr


def train(run: str, total: str = "200ep") -> None:
    """Train, and keep the run in the folder *run*."""
    # The schedule counts updates: it is stepped once for each, and not once for each process.
    accelerator = Accelerator(cpu=True, step_scheduler_with_optimizer=False)
    torch.manual_seed(0)
    x = torch.randn(4096, 16)
    data = TensorDataset(x, torch.sin(x.sum(1, keepdim=True)))
    model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(model.parameters())
    model, optimizer, loader = accelerator.prepare(
        model, optimizer, DataLoader(data, batch_size=64, shuffle=True)
    )
    sched = lr.Scheduler(
        optimizer,
        lr="3e-3 * (warmup(2ep) >> cosine()) | plateau(0.5, patience=500, after=20ep)",
        total=total,
        steps_per_epoch=len(loader),
        run=run,
    )
    accelerator.register_for_checkpointing(sched)  # save_state and load_state take it along
    with sched:
        while not sched.finished:
            for inputs, wanted in loader:
                loss = torch.nn.functional.mse_loss(model(inputs), wanted)
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
                sched.step(metrics={"loss": loss})
                if sched.finished:
                    break


if __name__ == "__main__":
    train(*sys.argv[1:])
