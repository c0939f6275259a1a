"""What the tests of several ranks run under torchrun: `ranks_script.py FOLDER WAY ...`."""

import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from lrkit.control import Checkpoint, Scale, Stop
from lrkit.lab import IndexBatches, Task, resume, train
from lrkit.records import submit

SCHEDULE = "0.2 * (warmup(5st) >> cosine())"
COMMON = {"epochs": 3, "device": "cpu", "seed": 3}


def make(samples=132):
    """A small task with all that ranks could get wrong: dropout, running statistics, an uneven
    last batch, a parameter that nothing uses."""
    x = torch.randn(samples, 6, generator=torch.Generator().manual_seed(3))
    y = (x.sum(1, keepdim=True) > 0).float()
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2))
    model.append(nn.Linear(8, 1))
    model.register_parameter("unused", nn.Parameter(torch.ones(3)))
    batches = IndexBatches(x, y, 16, 3)

    def loss(out, y):
        return nn.functional.binary_cross_entropy_with_logits(out, y)

    def evaluate():
        model.eval()
        with torch.no_grad():
            return {"error": float(loss(model(x), y))}

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    return Task(
        "small", model, optimizer, loss, batches, evaluate, len(batches), 16,
        score="error", higher_is_better=False,
    )  # fmt: skip


def plain(folder):
    """Train without what depends on how a batch is shared out; the last batch is one sample."""
    task = make(samples=129)
    task.model[1], task.model[3] = nn.Identity(), nn.Identity()
    return task, train(task, SCHEDULE, clip=1.0, accumulate=2, **COMMON)


def kept(folder, *edits):
    task = make()
    edits = [("12st", Scale(0.5)), ("14st", Checkpoint()), *edits]
    how = {"checkpoint": "5st", "tensorboard": True}
    return task, train(task, SCHEDULE, run=folder, edits=edits, **how, **COMMON)


def stopped(folder):
    return kept(folder, ("20st", Stop(reason="enough")))


def resumed(folder):
    """Go on with the run of `stopped`."""
    task = make()
    return task, resume(folder.with_name("stopped"), what=task)


def lettered(folder, **fields):
    """Return the task; rank 0 sends a letter with *fields* when it begins epoch 1.

    Ranks meet for letters as often as costs little, so the steps must take a moment.
    """
    task, sent = make(), []
    batches = task.batches

    def with_letter(epoch):
        if epoch == 1 and not sent and dist.get_rank() == 0:
            sent.append(submit(folder, fields))
        for batch in batches(epoch):
            time.sleep(0.06)
            yield batch

    task.batches = with_letter
    return task


def rolled(folder):
    """Train, and go back on somebody's word."""
    task = lettered(folder, edit="rollback", factor=0.5, author="ada")
    return task, train(task, SCHEDULE, run=folder, checkpoint="5st", **COMMON)


def steered(folder):
    """Train with a plateau, and with a letter from outside on the way."""
    task = lettered(folder, edit="scale", factor=0.5, author="ada")
    text = f"{SCHEDULE} | plateau(0.1, patience=0, threshold=0.5, metric='error')"
    return task, train(task, text, run=folder, checkpoint="none", **COMMON)


def slow(folder):
    """Train for long enough to be killed on the way."""
    task = make()
    return task, train(task, SCHEDULE, run=folder, checkpoint="7st", **COMMON | {"epochs": 60})


def again(folder):
    """Go on with the run of `slow`."""
    task = make()
    return task, resume(folder.with_name("slow"), what=task)


def main():
    root, ways = Path(sys.argv[1]), sys.argv[2:]
    dist.init_process_group("gloo")
    for way in ways:
        task, result = globals()[way](root / way)
        tensors = [t.detach().numpy().ravel() for t in task.model.state_dict().values()]
        np.savez(
            root / f"{way}-{dist.get_rank()}.npz",
            weights=np.concatenate(tensors),
            losses=result.losses,
            rates=result.rates,
            scores=[e["error"] for e in result.evaluations],
        )
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
