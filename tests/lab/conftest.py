"""Small real trainings: a straight line through eight points, and a module of one's own with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

HOMEMADE = '''
"""A user's own tasks."""
import os
import signal

import torch
from lrkit.lab import IndexBatches, Task


def line(seed, device, noise=0.0, batch_size=4):
    x = torch.linspace(-1, 1, 8, device=device).unsqueeze(1)
    y = 2 * x + noise * torch.randn_like(x)
    model = torch.nn.Linear(1, 1).to(device)
    batches = IndexBatches(x, y, batch_size, seed)
    return Task(
        name="line",
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
        loss=torch.nn.functional.mse_loss,
        batches=batches,
        evaluate=lambda: {"error": float(((model(x) - y) ** 2).mean().detach())},
        steps_per_epoch=len(batches),
        batch_size=batch_size,
        epochs=3,
        schedule="0.1 * cosine()",
        score="error",
        higher_is_better=False,
    )


def raises(seed, device):
    raise RuntimeError("no such\\nfile")


def wrong(seed, device):
    return {"model": None}


def empty(seed, device):
    task = line(seed, device)
    task.batches = lambda epoch: []
    return task


def short(seed, device):
    task = line(seed, device)
    task.batches = lambda epoch: [(torch.zeros(1, 1), torch.zeros(1, 1))]
    return task


def breaks(seed, device):
    task = line(seed, device)
    task.loss = lambda output, y: (output - y[:, :0]).reshape(3, 7)
    return task


def unscored(seed, device):
    task = line(seed, device)
    task.evaluate = lambda: {"accuracy": 1.0}
    return task


def dies_once(seed, device):
    """Kills its process in the second epoch, once for each folder it is run in."""
    task = line(seed, device)
    inner = task.batches

    def batches(epoch):
        if epoch == 1 and seed == 1 and not os.path.exists("died"):
            open("died", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(epoch)

    task.batches = batches
    return task
'''


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def homemade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in, with a module `homemade` of one's own tasks."""
    import sys

    (tmp_path / "homemade.py").write_text(HOMEMADE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "homemade", raising=False)
    yield tmp_path
    sys.modules.pop("homemade", None)
