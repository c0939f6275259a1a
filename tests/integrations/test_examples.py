"""The examples, run as a user runs them and steered from outside while they go."""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed")

from lrkit.control import Cooldown, Extend, Scale, Stop
from lrkit.records import course_of, replay, submit

EXAMPLES = Path(__file__).parents[2] / "examples"
FOUR = {
    "plain": "torch",
    "with_lightning": "lightning",
    "with_trainer": "transformers",
    "with_accelerate": "accelerate",
}
PATIENCE = 240.0  # seconds; imports are slow on a busy machine


@pytest.fixture(params=FOUR)
def example(request):
    """Return the path of an example whose libraries are there."""
    if importlib.util.find_spec(FOUR[request.param]) is None:
        pytest.skip(f"{FOUR[request.param]} is not installed")
    return EXAMPLES / f"{request.param}.py"


def start(example, run, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, str(example), str(run), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=run.parent,
    )


def until(process, ready):
    end = time.monotonic() + PATIENCE
    while not ready():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def steps_of(run):
    return len(replay(run).metrics["step"]) if (run / "journal.jsonl").exists() else 0


def ended(process, run):
    """Wait for the end; every rate in the journal must be that of the effective schedule."""
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out
    found = replay(run)
    steps, rates = found.series("lr")
    assert steps.tolist() == list(range(len(steps)))
    assert course_of(found)(steps).tolist() == rates.tolist()
    assert len(found.series("loss")[0])
    return found


@pytest.mark.peers
def test_an_example_is_steered_and_stopped_from_outside(example, tmp_path):
    run = tmp_path / "mine"
    process = start(example, run)
    try:
        until(process, lambda: steps_of(run) > 20)
        submit(run, Scale(0.5, over=50, author="anna", reason="spike").to_dict())
        until(process, lambda: replay(run).edits)
        submit(run, Extend("300ep" if example.stem != "with_trainer" else 20000).to_dict())
        submit(run, Stop(author="ben", reason="seen enough").to_dict())
        found = ended(process, run)
    finally:
        process.kill()
    assert [e["edit"] for e in found.edits] == ["scale", "extend", "stop"]
    assert (found.status, found.reason) == ("stopped", "stopped by ben: seen enough")
    stop = found.edits[-1]["step"]
    assert found.series("lr")[0][-1] == stop - 1


@pytest.mark.peers
def test_an_example_ends_where_a_cooldown_ends_it(example, tmp_path):
    run = tmp_path / "mine"
    process = start(example, run)
    try:
        until(process, lambda: steps_of(run) > 20)
        submit(run, Cooldown(100).to_dict())
        found = ended(process, run)
    finally:
        process.kill()
    assert found.status == "done"
    assert len(found.series("lr")[0]) == found.edits[0]["step"] + 100


@pytest.mark.slow
def test_the_plain_example_goes_on_after_a_kill(tmp_path):
    run = tmp_path / "mine"
    process = start(EXAMPLES / "plain.py", run, "8ep")
    until(process, lambda: steps_of(run) > 70)
    submit(run, Scale(0.5).to_dict())
    until(process, lambda: replay(run).edits)
    process.kill()
    process.communicate()
    assert replay(run).status == "dead" or len(replay(run).series("lr")[0]) == 512
    process = start(EXAMPLES / "plain.py", run, "8ep")
    found = ended(process, run)
    assert found.status == "done"
    assert len(found.series("lr")[0]) == 512
    assert [e["edit"] for e in found.edits if e["source"] == "hand"] == ["scale"]
