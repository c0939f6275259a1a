"""How the run of a scheduler ends with its program: kills, full disks, errors nobody caught."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from lrkit.control import Cooldown, Extend, Scale, Set
from lrkit.drive import Scheduler
from lrkit.errors import LoopWarning
from lrkit.records import course_of, replay, submit

PROGRAM = """
import json, os, sys, time
import torch
from lrkit.drive import Scheduler

run, total, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in (0.5, 0.1)]
optimizer = torch.optim.SGD(groups)
sched = Scheduler(
    optimizer, scale="warmup(20) >> cosine() | plateau(0.7, patience=25)", total=total, run=run
)
saved = run + ".json"
if os.path.exists(saved):
    sched.load_state_dict(json.load(open(saved)))
elif os.path.exists(run):
    sched.load_state_dict(sched.state_dict())  # killed before the first state: from the start
while not sched.finished:
    optimizer.step()
    t = sched.position
    sched.step({"loss": (t * 7919 % 101) / 101})
    if sched.position % 40 == 0:
        with open(saved + ".new", "w") as file:
            json.dump(sched.state_dict(), file)
        os.replace(saved + ".new", saved)
    time.sleep(pause)
"""


def start(run, total, pause, code=PROGRAM):
    return subprocess.Popen(
        [sys.executable, "-c", code, str(run), str(total), str(pause)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def length(run):
    return len(replay(run).metrics["step"]) if (run / "journal.jsonl").exists() else 0


def check(run):
    """Every rate of every group is that of the effective schedule, each step there once."""
    found = replay(run)
    for index, name in enumerate(["lr", "lr/1"]):
        steps, rates = found.series(name)
        assert steps.tolist() == list(range(len(steps)))
        assert course_of(found, index)(steps).tolist() == rates.tolist()
    return found


def kill_often(tmp_path, kills, seed):
    run, chance = tmp_path / "run", random.Random(seed)
    letters = [
        Scale(0.9, over=15), Set(0.2), Scale(1.1, group=1), Cooldown(2000, to=0.001),
        Extend(900),
    ]  # fmt: skip
    sent = []
    for count in range(kills):
        process = start(run, 400, 0.003)
        end = time.monotonic() + 60
        reached = length(run)
        while length(run) <= reached and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        if letters and count % 2 == 0:
            sent.append(submit(run, letters.pop(0).to_dict()))
        time.sleep(chance.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start(run, 400, 0.0)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    found = check(run)
    assert found.status == "done"
    hands = [e["letter"] for e in found.edits if e["source"] == "hand"]
    assert sorted(hands) == sorted(sent)
    assert not list((run / "inbox").iterdir())
    return found


def test_two_kills_lose_no_letter_and_no_rate(tmp_path):
    kill_often(tmp_path, 2, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_many_kills_lose_no_letter_and_no_rate(tmp_path, seed):
    kill_often(tmp_path, 10, seed)


@pytest.mark.slow
def test_killed_or_not_the_rates_are_the_same(tmp_path):
    """The uninterrupted run with the same letters at the same steps."""
    found = kill_often(tmp_path, 1, seed=3)
    again = tmp_path / "again"
    script = PROGRAM.replace(
        "    time.sleep(pause)\n",
        "".join(
            f"    if sched.position == {e['at']}:\n"
            f"        sched.apply(edit_from_dict({plain(e)!r}))\n"
            for e in found.edits
            if e["source"] == "hand"
        ),
    ).replace("import torch\n", "import torch\nfrom lrkit.control import edit_from_dict\n")
    process = start(again, 400, 0.0, script)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    for name in ("lr", "lr/1"):
        assert replay(again).metrics[name].tolist() == found.metrics[name].tolist()


def plain(event):
    return {k: v for k, v in event.items() if k not in ("kind", "time", "source", "at")}


ENDS = {
    "": ("done", ""),
    "sys.exit(3)": ("stopped", "ended at step 5 of 400"),
    "raise ValueError('oh')": ("failed", "ValueError: oh"),
    "raise KeyboardInterrupt": ("stopped", "interrupted"),
}


@pytest.mark.parametrize("end", ENDS, ids=["done", "exit", "error", "ctrl-c"])
def test_the_end_of_the_program_ends_the_run(tmp_path, end):
    code = PROGRAM
    if end:
        code = code.replace(
            "    t = sched", f"    if sched.position == 5:\n        {end}\n    t = sched"
        )
    process = start(tmp_path / "run", 400, 0.0, code)
    process.communicate(timeout=120)
    found = replay(tmp_path / "run")
    assert (found.status, found.reason) == ENDS[end]


FULL = """
import resource, signal, sys, warnings
import torch
from lrkit.control import Scale
from lrkit.drive import Scheduler
from lrkit.errors import LoopWarning
from lrkit.records import replay, submit
warnings.simplefilter("always")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = sys.argv[1]
optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
sched = Scheduler(optimizer, lr="0.3 * cosine()", total=3000, run=run)
def go(n):
    for _ in range(n):
        optimizer.step()
        sched.step({"loss": 1.0})
go(10)
submit(run, Scale(0.5).to_dict())
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))  # the journal is longer already
go(1000)
assert sched.edits, "the letter is taken although the disk is full"
import os
left = os.listdir(run + "/inbox")
assert len(left) == 1, "and stays in the inbox until the disk has it"
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
import time
time.sleep(0.6)
go(1990)
assert not os.listdir(run + "/inbox")
sched.close()
found = replay(run)
assert found.metrics["step"].tolist() == list(range(3000)), len(found.metrics["step"])
assert len(found.edits) == 1
"""


def test_a_full_disk_costs_nobody_the_training(tmp_path):
    process = start(tmp_path / "run", 0, 0, FULL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert errors.count("cannot be kept on the disk") == 1, errors


def test_an_inbox_that_is_gone_is_no_fault(make, tmp_path):
    """Somebody removes the run's folder while it is written: the training goes on."""
    optimizer = make(1.0)
    sched = Scheduler(optimizer, lr=0.1, total=50, run=tmp_path / "run")
    optimizer.step()
    sched.step()
    (tmp_path / "run" / "inbox").rmdir()

    def go():
        for _ in range(5):
            optimizer.step()
            sched.step()

    go()
    (tmp_path / "run" / "inbox").write_text("a file in its place")
    with pytest.warns(LoopWarning, match="cannot be kept"):
        go()
    sched.close()
