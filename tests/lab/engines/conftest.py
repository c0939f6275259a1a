"""Engines that serve many tests, in a folder with a module of one's own tasks."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from lrkit.control import steered
from lrkit.lab.engines import Ended, Engine, Event, Training, engine, follow
from tests.lab.conftest import HOMEMADE

SLOW = '''

def slow(seed, device):
    """Takes its time, so that something can happen meanwhile."""
    import time

    task = line(seed, device, batch_size=1)
    inner = task.loss

    def loss(output, y):
        time.sleep(0.005)
        return inner(output, y)

    task.loss = loss
    return task


def dies(seed, device):
    """Kills every process it is trained in."""
    task = line(seed, device)

    def batches(epoch):
        os.kill(os.getpid(), signal.SIGKILL)

    task.batches = batches
    return task
'''

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is not installed"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which the engines of a module were started, with a module `homemade`."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "homemade.py").write_text(HOMEMADE + SLOW)
    before = os.getcwd()
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    sys.modules.pop("homemade", None)
    yield folder
    sys.modules.pop("homemade", None)
    sys.path.remove(str(folder))
    os.chdir(before)


@pytest.fixture(
    scope="module", params=["serial", "processes", pytest.param("ray", marks=needs_ray)]
)
def runner(request: pytest.FixtureRequest, home: Path) -> Iterator[Engine]:
    """Every engine that trains one by one, started once."""
    with engine(request.param, workers=None if request.param == "serial" else 2) as one:
        yield one


def training(folder: Path, spec: str = "0.1 * cosine()", **changes: object) -> Training:
    """Return a training of the homemade line, kept as the run *folder*."""
    about = {"task": "homemade:line", "total": "3ep"} | changes
    return Training(spec=steered(spec), folder=folder, **about)  # type: ignore[arg-type]


def outcomes(one: Engine, trainings: Iterable[Training]) -> dict[str, Ended]:
    """Return how each training ended, by the name of its folder; each must end exactly once."""
    told = list(follow(one, trainings))
    ended = [event for event in told if isinstance(event, Ended)]
    found = {event.training.folder.name: event for event in ended}
    assert len(found) == len(ended)
    return found


def until(one: Engine, kind: type[Event], seconds: float = 120.0) -> Event:
    """Poll until an event of *kind* has come, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for event in one.poll(0.1):
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__} in {seconds} s")


def writer_of(folder: Path) -> int:
    """Return the process that writes the run in *folder*."""
    return int((folder / "journal.lock").read_text().split()[1])
