"""Running commands: in this process for most tests, as a process of its own where that matters."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
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


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return the file of a small study in the folder the commands run in."""
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path
