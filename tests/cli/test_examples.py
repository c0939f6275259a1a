"""Every example in a help text does what it says, and the reference page has them all."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.main import get_command

from lrkit.cli import EXAMPLES, app
from lrkit.probe import RangeCurve, write_range
from lrkit.records import Journal

GENERATOR = Path(__file__).parents[2] / "docs" / "generate_cli.py"
# `studio` serves until it is told to stop: tests/studio/test_serving.py runs its examples.
LINES = [
    (name, line) for name, examples in EXAMPLES.items() for line, _ in examples if name != "studio"
]


@pytest.fixture
def runs(tmp_path: Path) -> None:
    """The finished run and the range test that the examples speak of."""
    rates = np.geomspace(1e-4, 1, 60)
    losses = 9 - 8 / (1 + (0.02 / rates) ** 1.5) + 9 * rates**2
    write_range(RangeCurve(rates, losses), tmp_path / "range.json")
    with Journal.create(tmp_path / "runs" / "poly-tanh", task="poly-tanh", score="mse") as journal:
        journal.metrics(0, loss=1.0, lr=0.1)
        journal.close("done")


@pytest.mark.parametrize(("name", "line"), LINES, ids=[line for _, line in LINES])
@pytest.mark.usefixtures("runs", "edited", "going", "study", "curves")
def test_every_example_runs(lrkit, name, line):
    words = shlex.split(line.replace("\\\n", ""))
    assert words[: 1 + len(name.split())] == ["lrkit", *name.split()]
    done = lrkit(*words[1:])
    assert done.code == 0, done.err
    if "--json" in words:
        assert done.json["format"] == 1


def commands(command, context):
    """Yield every command with its context."""
    yield command, context
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        below = command.get_command(context, name)
        yield from commands(below, typer.Context(below, parent=context, info_name=name))


def test_every_command_has_examples_and_help_for_every_parameter(lrkit):
    root = get_command(app)
    for command, context in commands(root, typer.Context(root, info_name="lrkit")):
        path = context.command_path.split()[1:]
        assert not path or " ".join(path) in EXAMPLES, path
        for parameter in command.get_params(context):
            assert getattr(parameter, "help", ""), (path, parameter.name)
        text = lrkit(*path, "--help").out
        assert not path or "Examples" in text
        assert "needs lrkit)" not in text  # Rich takes square brackets for its own


def test_the_reference_page_is_up_to_date():
    done = subprocess.run(
        [sys.executable, str(GENERATOR), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
