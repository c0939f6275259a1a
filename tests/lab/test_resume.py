"""A run that goes on after a stop: bit for bit the one that never stopped."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lrkit.errors import DataError, LoopError
from lrkit.lab import RunResult, Task, resume, task, train
from lrkit.lab.checkpoints import find_checkpoints, read_checkpoint
from lrkit.records import replay
from tests.lab.same import equal, plain

LINE = "homemade:line"


class KilledAt:
    """Fails at an update as a machine that goes down: nothing more is written but the error."""

    def __init__(self, update: int) -> None:
        self.update = update

    def started(self, updates: int) -> None:
        pass

    def stepped(self, done: int, loss: float) -> None:
        if done == self.update:
            raise RuntimeError("killed")

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        pass


def random_task(kind: str, seed: int = 3) -> Task:
    """A small training that draws from every random state, with an optimizer of its own kind."""
    made = task("poly-tanh", seed, "cpu", batch_size=100)
    made.model.insert(3, torch.nn.Dropout(0.3))
    inner = made.batches

    def noisy(epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        shift = random.random() * np.random.rand()  # once an epoch, from the global states
        for x, y in inner(epoch):
            noise = torch.rand_like(x) * float(np.random.rand()) * random.random()
            yield x + noise + shift, y

    made.batches = noisy
    parameters = list(made.model.parameters())
    made.optimizer = {
        "momentum": lambda: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-3),
        "adam": lambda: torch.optim.Adam(parameters, lr=0.1),
        "adamw": lambda: torch.optim.AdamW(parameters, lr=0.1, amsgrad=True),
        "groups": lambda: torch.optim.SGD(
            [{"params": parameters[:3], "name": "body"}, {"params": parameters[3:]}], lr=0.1
        ),
    }[kind]()
    return made


def same(one: RunResult, other: RunResult) -> None:
    """Check that two results are equal bit for bit, the final weights and all."""
    assert one.rates.tolist() == other.rates.tolist()
    assert one.losses.tolist() == other.losses.tolist()
    assert plain(one) == plain(other)
    assert one.status == other.status
    assert one.folder is not None
    assert other.folder is not None
    a, b = (read_checkpoint(find_checkpoints(r.folder)[0]) for r in (one, other) if r.folder)
    for part in ("place", "about"):
        a[part].pop("seconds", None)
        b[part].pop("seconds", None)
    assert equal(a, b)


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "per epoch": {"per": "epoch"},
    "accumulated": {"accumulate": 3},
    "mixed": {"amp": True, "clip": 0.5},
    "within an epoch": {"epochs": None, "total": "25st"},
}


@pytest.mark.parametrize("kind", ["momentum", "adam", "adamw", "groups"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_resumed_run_is_the_run_that_never_stopped(
    kind: str, setting: str, tmp_path: Path
) -> None:
    options = {"epochs": 3, "seed": 3, "checkpoint": "3st", "options": {}} | SETTINGS[setting]
    schedule = "0.02 * (warmup(2) >> cosine())"
    whole = train(random_task(kind), schedule, run=tmp_path / "whole", **options)
    broken = tmp_path / "broken"
    with pytest.raises(LoopError, match="killed"):
        train(random_task(kind), schedule, run=broken, progress=KilledAt(5), **options)
    for update in (8, 11):
        if update < whole.losses.size:
            with pytest.raises(LoopError, match="killed"):
                resume(broken, what=random_task(kind), progress=KilledAt(update))
    result = resume(broken, what=random_task(kind))
    same(result, whole)
    again = RunResult.of(replay(broken))
    assert again.rates.tolist() == whole.rates.tolist()
    assert again.losses.tolist() == whole.losses.tolist()
    assert plain(again) == plain(whole)
    assert again.status == "done"


def test_without_a_checkpoint_it_starts_again_and_says_so(
    homemade: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = train(LINE, epochs=3, run=homemade / "whole")
    with pytest.raises(LoopError, match="killed"):
        train(LINE, epochs=3, run=homemade / "r", progress=KilledAt(5))
    same(resume(homemade / "r"), whole)
    assert "starts again from its beginning: it has no checkpoint yet" in caplog.text
    assert "no checkpoint yet" in replay(homemade / "r").notes[0]["text"]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    homemade: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = train(LINE, epochs=3, run=homemade / "whole")
    with pytest.raises(LoopError, match="killed"):
        train(LINE, epochs=3, run=homemade / "r", checkpoint="1st", progress=KilledAt(5))
    newest, before = find_checkpoints(homemade / "r")
    content = bytearray(newest.path.read_bytes())
    content[len(content) // 2] ^= 1
    newest.path.write_bytes(content)
    same(resume(homemade / "r"), whole)
    assert f"checkpoint {newest.name} is damaged" in caplog.text
    assert f"goes on from {before.name}" in caplog.text
    notes = [note["text"] for note in replay(homemade / "r").notes]
    assert any(newest.name in text for text in notes)


def test_a_run_that_is_written_is_refused(homemade: Path) -> None:
    from lrkit.records import Journal

    with pytest.raises(LoopError, match="killed"):
        train(LINE, epochs=3, run=homemade / "r", progress=KilledAt(5))
    with Journal.resume(homemade / "r"), pytest.raises(DataError, match="one writer a run"):
        resume(homemade / "r")
