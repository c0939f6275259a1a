"""What the tests of several ranks run under torchrun: `ranks_script.py WAY FOLDER [EPOCHS]`."""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from lrkit.control import Checkpoint, Scale, Stop, plateau
from lrkit.lab import IndexBatches, Task, resume, train

SCHEDULE = "0.2 * (warmup(5st) >> cosine())"


def make(seed, device, samples=132):
    """A small task with all that ranks could get wrong: dropout, running statistics, an uneven
    last batch, a parameter that nothing uses."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 6, generator=generator)
    y = (x.sum(1, keepdim=True) > 0).float()
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2))
    model.append(nn.Linear(8, 1))
    model.register_parameter("unused", nn.Parameter(torch.ones(3)))
    batches = IndexBatches(x, y, 16, seed)

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


def plain(seed, device):
    """The same without what depends on how a batch is shared out; the last batch is one sample."""
    task = make(seed, device, samples=129)
    task.model[1], task.model[3] = nn.Identity(), nn.Identity()
    return task


def main():
    way, folder = sys.argv[1], Path(sys.argv[2])
    epochs = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    name = __file__.rpartition("/")[2].removesuffix(".py")
    sys.path.insert(0, str(Path(__file__).parent))
    sys.modules[name] = sys.modules["__main__"]
    if "WORLD_SIZE" in __import__("os").environ:
        dist.init_process_group("gloo")
    rank = dist.get_rank() if dist.is_initialized() else 0
    common = {"epochs": epochs, "device": "cpu", "seed": 3}
    if way == "plain":
        task = plain(3, "cpu")
        result = train(task, SCHEDULE, clip=1.0, accumulate=2, **common)
    elif way == "resume":
        task = make(3, "cpu")
        result = resume(folder / "run", what=task)
    else:
        task = make(3, "cpu")
        edits = [("12st", Scale(0.5)), ("14st", Checkpoint())]
        if way == "stop":
            edits.append(("20st", Stop(reason="enough")))
        result = train(
            task, SCHEDULE, run=folder / "run", edits=edits, checkpoint="5st",
            tensorboard=True, **common,
        )  # fmt: skip
    weights = [p.detach().numpy().ravel() for p in task.model.state_dict().values()]
    np.savez(
        folder / f"{way}-{rank}.npz",
        weights=np.concatenate(weights),
        losses=result.losses,
        rates=result.rates,
        score=[e["error"] for e in result.evaluations],
    )
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
