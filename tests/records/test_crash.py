"""A process killed at any moment: the journal replays, and what was accepted is in it."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from lrkit.records import Journal, replay

# Writes as fast as it can and says on its standard output what it has been promised: a durable
# event once `append` has returned, and every 1000th metrics event with the time it was given.
WRITER = """
import sys, time
from lrkit.records import Journal
folder, first = sys.argv[1], int(sys.argv[2])
journal = Journal.resume(folder) if first else Journal.create(folder)
step = first
while True:
    journal.metrics(step, loss=1.0 / (step + 1), rate=0.1)
    if step % 1000 == 0:
        print("metrics", step, time.time(), flush=True)
    if step % 777 == 0:
        kind = ("edit", "checkpoint", "evaluation")[step // 777 % 3]
        journal.append(kind, step=step, detail="x" * (step % 5000))
        print(kind, step, time.time(), flush=True)
    step += 1
"""

KILLS = 8


def run_and_kill(folder, first, seconds):
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(first)], stdout=subprocess.PIPE, text=True
    )
    head = child.stdout.readline()
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    killed = time.time()
    said = [head, *child.stdout.read().splitlines(keepends=True)]
    child.wait()
    child.stdout.close()
    # The last line of what it said may be torn, too.
    return killed, [line.split() for line in said if line.endswith("\n")]


def test_killed_at_random_moments_loses_a_second_of_metrics_at_most(tmp_path):
    rng = random.Random(7)
    folder = tmp_path / "run"
    first, promised = 0, []
    for _ in range(KILLS):
        killed, said = run_and_kill(folder, first, rng.uniform(0.0, 0.6))
        promised += [(kind, int(step)) for kind, step, _ in said if kind != "metrics"]
        run = replay(folder)
        assert run.status == "dead"
        kept = {(e["kind"], e["step"]) for e in run.events}
        assert kept >= set(promised), "an accepted event is never lost"
        steps = run.metrics["step"]
        assert steps.tolist() == list(range(len(steps))), "whole, in order, none twice"
        old = [int(step) for kind, step, at in said if kind == "metrics" and killed - float(at) > 1]
        assert not old or steps[-1] >= max(old)
        assert run.events_lost <= 1
        first = len(steps)
        if not first:
            break
    with Journal.resume(folder) as journal:
        journal.metrics(first, loss=0.0)
    assert replay(folder).status == "done"
    assert replay(folder).events_lost == 0
    assert sum(e["kind"] == "resume" for e in run.events) == KILLS - 1


def test_journal_cut_anywhere_replays_and_resumes(tmp_path):
    folder = tmp_path / "run"
    with Journal.create(folder, seed=1) as journal:
        journal.metrics(0, loss=float("nan"))
        journal.append("edit", step=1, edit={"kind": "hold"}, reason="größer")
    path = folder / "journal.jsonl"
    whole = path.read_bytes()
    header = whole.index(b"\n")
    for length in range(header, len(whole) + 1):
        path.write_bytes(whole[:length])
        before = replay(folder)
        Journal.resume(folder).close("stopped")
        after = replay(folder)
        assert after.status == "stopped"
        assert after.events_lost == 0
        assert len(after.metrics["step"]) == len(before.metrics["step"])
        assert len(after.edits) == len(before.edits)


@pytest.mark.slow
def test_many_kills(tmp_path):
    rng = random.Random(int.from_bytes(os.urandom(4)))
    for attempt in range(100):
        folder = tmp_path / str(attempt)
        _, said = run_and_kill(folder, 0, rng.uniform(0.0, 1.5))
        kept = {(e["kind"], e["step"]) for e in replay(folder).events}
        assert kept >= {(kind, int(step)) for kind, step, _ in said if kind != "metrics"}
