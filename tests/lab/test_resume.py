"""A run that goes on after a stop: bit for bit the one that never stopped."""

from __future__ import annotations

import importlib
import random
import signal
import subprocess
import sys
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


def same(one: RunResult, other: RunResult, *, but: str = "") -> None:
    """Check that two results are equal bit for bit, the final weights and all *but* one part."""
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
    for state in (a, b):
        state.pop(but, None)
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
    assert "run r starts from the beginning: there is no checkpoint yet" in caplog.text
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


# Stops.


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_run_between_two_updates_with_a_checkpoint(
    name: str, homemade: Path
) -> None:
    whole = train(LINE, epochs=30, run=homemade / "whole")
    script = (
        "import os, signal\n"
        "from lrkit.lab import train\n"
        "class Signals:\n"
        "    def started(self, updates): pass\n"
        "    def stepped(self, done, loss):\n"
        f"        if done == 33: os.kill(os.getpid(), signal.{name})\n"
        "    def evaluated(self, epoch, scores): pass\n"
        f"train({LINE!r}, epochs=30, run='r', progress=Signals())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -getattr(signal, name), done.stderr
    run = replay(homemade / "r")
    assert run.status == "stopped"
    assert run.reason == ("interrupted" if name == "SIGINT" else "terminated by SIGTERM")
    assert [one.step for one in find_checkpoints(homemade / "r")] == [33]
    same(resume(homemade / "r"), whole)


def test_a_handler_of_the_caller_s_own_stays(homemade: Path) -> None:
    def mine(number: int, frame: object) -> None:
        raise SystemExit(7)

    before = signal.signal(signal.SIGTERM, mine)
    try:
        train(LINE, epochs=1, run=homemade / "r")
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


# The disk, and files that are not what they should be.


def test_a_full_disk_leaves_the_earlier_checkpoints_good(homemade: Path) -> None:
    """A limit on the size of files acts as a full disk: the journal fits, the checkpoint does not
    from the moment the limit is set."""
    script = (
        "import resource, signal\n"
        "from lrkit.errors import DataError\n"
        "from lrkit.lab import train\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "class Fills:\n"
        "    def started(self, updates): pass\n"
        "    def stepped(self, done, loss):\n"
        "        if done == 13: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "    def evaluated(self, epoch, scores): pass\n"
        "try:\n"
        f"    train({LINE!r}, epochs=30, run='r', checkpoint='5st', progress=Fills())\n"
        "except DataError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "cannot write" in done.stdout, done.stderr
    assert "file too large" in done.stdout
    assert done.stdout.count("\n") == 1
    left = sorted(path.name for path in (homemade / "r" / "checkpoints").iterdir())
    found = find_checkpoints(homemade / "r")
    assert [one.step for one in found] == [10, 5]
    assert left == sorted(one.name for one in found), "no half file is left"
    same(resume(homemade / "r"), train(LINE, epochs=30, run=homemade / "whole"))


def test_checkpoints_that_are_cut_empty_or_of_another_task_are_refused_by_name(
    homemade: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = train(LINE, epochs=5, run=homemade / "whole", seed=1)
    other = train(LINE, epochs=5, run=homemade / "other", seed=2)
    with pytest.raises(LoopError, match="killed"):
        train(LINE, epochs=5, run=homemade / "r", checkpoint="2st", keep="all", seed=1,
              progress=KilledAt(9))  # fmt: skip
    folder = homemade / "r" / "checkpoints"
    newest, before, older, _ = find_checkpoints(homemade / "r")
    newest.path.write_bytes(newest.path.read_bytes()[:-100])
    before.path.write_bytes(b"")
    assert other.folder is not None
    foreign = find_checkpoints(other.folder)[0]
    (folder / foreign.name).write_bytes(foreign.path.read_bytes())
    (folder / "notes.txt").write_text("mine")
    same(resume(homemade / "r"), whole)
    assert f"checkpoint {newest.name} is damaged" in caplog.text
    assert f"checkpoint {before.name} is damaged" in caplog.text
    assert f"checkpoint {foreign.name} is of another training: its seed is 2" in caplog.text
    assert f"goes on from {older.name}" in caplog.text
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_pickle_that_runs_code_is_not_run(homemade: Path) -> None:
    import hashlib
    import pickle

    with pytest.raises(LoopError, match="killed"):
        train(LINE, epochs=5, run=homemade / "r", checkpoint="2st", progress=KilledAt(5))
    code = pickle.dumps({"evil": Evil()})
    name = f"step-00000006-{hashlib.sha256(code).hexdigest()[:12]}.pt"
    (homemade / "r" / "checkpoints" / name).write_bytes(code)
    assert resume(homemade / "r").status == "done"
    assert not (homemade / "evil").exists()


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.mkdir, ("evil",)


def test_a_model_that_has_changed_since_is_said_so(homemade: Path) -> None:
    with pytest.raises(LoopError, match="killed"):
        train(LINE, epochs=5, run=homemade / "r", checkpoint="2st", progress=KilledAt(5))
    source = homemade / "homemade.py"
    source.write_text(source.read_text().replace("Linear(1, 1)", "Linear(1, 1, bias=False)"))
    sys.modules.pop("homemade")
    importlib.invalidate_caches()
    with pytest.raises(DataError, match="does not fit the task 'line'"):
        resume(homemade / "r")


def test_a_state_that_cannot_be_read_back_is_refused_at_the_first_checkpoint(
    homemade: Path,
) -> None:
    made = task(LINE, 0, "cpu")
    made.parts = {"mine": Odd()}
    with pytest.raises(LoopError, match="checkpoint='none'"):
        train(made, epochs=2, run=homemade / "r", checkpoint="1st")
    assert find_checkpoints(homemade / "r") == []


class Odd:
    def state_dict(self) -> dict[str, object]:
        return {"path": Path("x")}

    def load_state_dict(self, state: Any) -> None:
        raise AssertionError


# What stays.


def test_retention_keeps_the_last_ones_or_all(homemade: Path) -> None:
    for keep, steps in ((1, [6]), (2, [6, 5]), ("all", [6, 5, 4, 3, 2, 1])):
        folder = homemade / f"r{keep}"
        train(LINE, epochs=3, run=folder, checkpoint="1st", keep=keep)  # type: ignore[arg-type]
        assert [one.step for one in find_checkpoints(folder)] == steps
        kept = [e["file"] for e in replay(folder).checkpoints]
        assert len(kept) == 6
        assert {one.name for one in find_checkpoints(folder)} <= set(kept)


def test_no_checkpoints_when_none_are_wanted(homemade: Path) -> None:
    train(LINE, epochs=3, run=homemade / "r", checkpoint="none")
    assert not (homemade / "r" / "checkpoints").exists()


def test_further_parts_of_a_task_are_saved_and_loaded(homemade: Path) -> None:
    def averaged() -> Task:
        made = task(LINE, 0, "cpu")
        average = torch.optim.swa_utils.AveragedModel(made.model)
        inner = made.evaluate

        def evaluate() -> Mapping[str, float]:
            average.update_parameters(made.model)
            return inner() | {"average": float(average.module.weight.detach().sum())}

        made.evaluate = evaluate
        made.parts = {"average": average}
        return made

    whole = train(averaged(), epochs=6, run=homemade / "whole")
    with pytest.raises(LoopError, match="killed"):
        train(averaged(), epochs=6, run=homemade / "r", checkpoint="3st", progress=KilledAt(8))
    same(resume(homemade / "r", what=averaged()), whole)
