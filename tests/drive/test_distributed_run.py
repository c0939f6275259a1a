"""Two processes train together: one reads the letters, both take them at the same step."""

import json
import os
import subprocess
import sys

import pytest

from lrkit.drive.post import next_gap
from lrkit.records import course_of, replay

SCRIPT = """
import json, os, sys
import torch, torch.distributed as dist
from lrkit.control import Scale, Set, Stop
from lrkit.drive import Scheduler
from lrkit.errors import LoopError
from lrkit.records import submit

rank, store, run, state = int(sys.argv[1]), *sys.argv[2:5]
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in (1.0, 0.25)]
optimizer = torch.optim.SGD(groups)
sched = Scheduler(
    optimizer, scale="0.5 * hold() | plateau(0.5, patience=6)", total=150, run=run
)
if os.path.exists(state):
    sched.load_state_dict(json.load(open(state)))
rates = []
try:
    while not sched.finished:
        optimizer.step()
        rates.append([g["lr"] for g in optimizer.param_groups])
        t = sched.position
        # Alone, rank 0 would never cut and rank 1 always.
        sched.step({"loss": (5.0 - t / 100, 1.0 + t / 100)[rank]})
        if rank == 0 and t == 10 and not os.path.exists(state):
            submit(run, Scale(0.9, over=5).to_dict())
            submit(run, {"edit": "scael"})
            submit(run, Set(0.125, group=1).to_dict())
        if rank == 0 and t == 60 and not os.path.exists(state):
            submit(run, Stop(author="anna").to_dict())
    error = ""
except LoopError as refused:
    error = str(refused)
sched.close()
print(json.dumps([rates, sched.state_dict(), sched.stop_asked, error]))
dist.barrier()
if rank == 0 and not os.path.exists(state):
    json.dump(sched.state_dict(), open(state, "w"))
dist.destroy_process_group()
"""


def both(tmp_path, name, state):
    """Run two ranks, and return what each printed."""
    ranks = [
        subprocess.Popen(
            [
                sys.executable, "-c", SCRIPT, str(rank), str(tmp_path / name),
                str(tmp_path / "run"), str(tmp_path / state),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for rank in range(2)
    ]  # fmt: skip
    found = []
    for process in ranks:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        found.append(json.loads(out.strip().splitlines()[-1]))
    return found


def test_plateau_letters_stop_and_resume_on_two_ranks(tmp_path):
    first = both(tmp_path, "store", "state")
    assert first[0] == first[1]
    rates, _, stopped, _ = first[0]
    assert stopped == "stopped by anna"
    found = replay(tmp_path / "run")
    assert found.status == "stopped"
    assert len(found.refused) == 1
    hands = [e["edit"] for e in found.edits if e["source"] == "hand"]
    assert hands == ["scale", "set", "stop"]
    assert any(e["source"] == "controller" for e in found.edits)

    second = both(tmp_path, "third", "state")
    assert second[0] == second[1]
    rates += second[0][0]
    assert len(rates) == 150
    found = replay(tmp_path / "run")
    assert found.status == "done"
    for index, name in enumerate(["lr", "lr/1"]):
        assert found.metrics[name].tolist() == [row[index] for row in rates]
        assert (
            course_of(found, index)(found.metrics["step"]).tolist() == found.metrics[name].tolist()
        )


@pytest.mark.slow
def test_every_rank_is_told_of_a_folder_that_exists(tmp_path):
    (tmp_path / "run").mkdir()
    refused = both(tmp_path, "store", "nothing")
    assert all("starts in a folder of its own" in error for *_, error in refused)


@pytest.mark.parametrize(
    ("meeting", "step", "gap"),
    [
        (1e-4, 1e-1, 1),  # every step where that is cheap
        (1e-4, 1e-2, 1),
        (1e-4, 1e-3, 10),  # a hundredth of the training otherwise
        (0.5, 1e-3, 1000),  # but once a second
        (1e-4, 5.0, 1),
        (0.0, 0.0, 1),
    ],
)
def test_ranks_meet_as_often_as_costs_little(meeting, step, gap):
    assert next_gap(meeting, step) == gap
