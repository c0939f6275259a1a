"""A plain PyTorch loop that can be watched, steered and resumed: `run=` is all it takes.

    python examples/plain.py runs/mine

and from another terminal, while it goes:

    lrkit watch runs/mine
    lrkit steer runs/mine scale 0.5 --over 200st --why "spike"
    lrkit steer runs/mine stop

Started again it goes on from its last checkpoint, with every edit that was made.
"""

import sys
from pathlib import Path

import torch
from torch.utils.data import DataLoader, TensorDataset

import lrkit as lr


def train(run: str, total: str = "200ep") -> None:
    """Train a small network, and keep the run in the folder *run*."""
    torch.manual_seed(0)
    x = torch.randn(4096, 16)
    y = torch.sin(x.sum(1, keepdim=True))
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    model = torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(model.parameters())

    sched = lr.Scheduler(
        optimizer,
        lr="3e-3 * (warmup(2ep) >> cosine()) | spike_guard(factor=0.5)",
        total=total,
        steps_per_epoch=len(loader),
        run=run,
    )
    saved = Path(run + ".pt")
    if saved.exists():  # before the first update: so the run in the folder goes on
        state = torch.load(saved, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        sched.load_state_dict(state["scheduler"])

    with sched:  # ends the run: done, stopped, or failed with the reason
        while not sched.finished:  # somebody may stop it, or move its end
            for inputs, wanted in loader:
                loss = torch.nn.functional.mse_loss(model(inputs), wanted)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                sched.step(metrics={"loss": loss})
                if sched.finished:
                    break
            parts = {"model": model, "optimizer": optimizer, "scheduler": sched}
            fresh = saved.with_suffix(".new")
            torch.save({name: part.state_dict() for name, part in parts.items()}, fresh)
            fresh.replace(saved)  # the old checkpoint or the new one, never half of one


if __name__ == "__main__":
    train(*sys.argv[1:])
