"""Running commands: in this process for most tests, as a process of its own where that matters."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lrkit.cli import run

STUDY = """\
name = "two"
task = "poly-tanh"
epochs = 2
seeds = [0, 1]
schedules = ["0.03 * cosine()", "constant(0.03)"]
"""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The whole of stdout as JSON: anything else in it is an error."""
        return msgspec.json.decode(self.out)


Command = Callable[..., Outcome]


@pytest.fixture
def lrkit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Return what runs a command in an empty folder, by the arguments of its words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("LRKIT_DEBUG", raising=False)

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = run(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def process(tmp_path: Path) -> Command:
    """Return what runs a command as a process of its own, in an empty folder."""

    def call(*arguments: str, **options: Any) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-c", "from lrkit.cli import main; main()", *arguments],
            capture_output="stdout" not in options,
            cwd=tmp_path,
            timeout=300,
            check=False,
            env=os.environ | {"COLUMNS": "100"} | options.pop("env", {}),
            **({"stderr": subprocess.PIPE} if "stdout" in options else {}),
            **options,
        )
        return Outcome(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())

    return call


@pytest.fixture(scope="session")
def _edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="a run is trained")
    from lrkit.control import Scale, Stop
    from lrkit.lab import train

    edits = [("1ep", Scale(0.5, author="anna", reason="it jumps")), ("120st", Stop())]
    folder = tmp_path_factory.mktemp("runs") / "edited"
    train("poly-tanh", "0.03 * cosine()", epochs=3, run=folder, edits=edits,
          checkpoint="1ep", keep="all", device="cpu")  # fmt: skip
    from lrkit.landscape import of_run, slice_plane

    slice_plane(of_run(folder), points=5, path=folder / "landscape" / "plane.jsonl")
    return folder


@pytest.fixture
def edited(tmp_path: Path, _edited: Path) -> Path:
    """Return a run of 150 updates, scaled at 50 and stopped at 120, with a slice, in ./runs."""
    return Path(shutil.copytree(_edited, tmp_path / "runs" / "edited"))


@pytest.fixture
def going(tmp_path: Path) -> Iterator[Path]:
    """Return a run of 1000 updates in ./runs that goes on while the test runs."""
    torch = pytest.importorskip("torch", reason="a run is trained")
    from lrkit import Scheduler

    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    folder, over, begun = tmp_path / "runs" / "going", threading.Event(), threading.Event()

    def train() -> None:
        with Scheduler(
            optimizer, lr="0.1 * cosine()", total="50ep", steps_per_epoch=20, run=folder
        ) as schedule:
            while not over.wait(0.02) and not schedule.finished:
                optimizer.step()
                schedule.step({"loss": 1.0})
                begun.set()

    thread = threading.Thread(target=train)
    thread.start()
    assert begun.wait(20)
    yield folder
    over.set()
    thread.join(20)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return the file of a small study in the folder the commands run in."""
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture
def curves(tmp_path: Path) -> Path:
    """Return three runs of a made-up law in ./curves, with law.json and norms.csv beside them."""
    from lrkit.laws import Fit, fit, loss_curve, predict
    from lrkit.records import write_columns

    values = {"L0": 3.0, "A": 0.5, "alpha": 0.5, "B": 300.0}
    told = {
        "cosine": "3e-4 * (linear(0, 1, 200st) >> cosine(1, 0.1))",
        "constant": "3e-4 * (linear(0, 1, 200st) >> hold())",
        "wsd": "3e-4 * (linear(0, 1, 200st) >> hold() >> linear(1, 0.1, 20%))",
    }
    folder = tmp_path / "curves"
    folder.mkdir()
    rows = ["run,schedule,total_steps"]
    made = []
    for number, (name, text) in enumerate(told.items()):
        found = predict(Fit("drop", values, 0.0, ()), text, 3000, points=40)
        noise = 1 + 5e-4 * np.random.default_rng(number).standard_normal(len(found.steps))
        columns = {"step": found.steps, "loss": found.losses * noise}
        write_columns(folder / f"{name}.csv", columns)
        rows.append(f'{name},"{text}",3000')
        made.append(loss_curve(name, *columns.values(), schedule=text, total=3000))
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    law = msgspec.json.encode(fit(made, "drop").to_dict())
    (tmp_path / "law.json").write_bytes(law)
    norms = {"step": np.arange(100), "grad_norm": 1 + np.exp(-np.arange(100) / 5)}
    write_columns(tmp_path / "norms.csv", norms)
    return folder
