"""Under torch.distributed one decision holds on all ranks."""

import json
import subprocess
import sys

SCRIPT = """
import json, math, sys
import torch, torch.distributed as dist
from lrkit.control import plateau
from lrkit.drive import Scheduler

rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
sched = Scheduler(optimizer, lr=0.5, controllers=[plateau(0.5, patience=1)])
rates = []
for t in range(12):
    # Alone, rank 0 would never cut and rank 1 always: their mean stands still from t = 4 on.
    loss = (5.0 - t, 1.0 + max(0, t - 4) + 0.5 * max(0, 4 - t))[rank]
    sched.step({"loss": loss} if rank == 0 or t != 9 else {})
    rates.append(optimizer.param_groups[0]["lr"])
print(json.dumps([rates, sched.state_dict()]))
dist.destroy_process_group()
"""


def test_ranks_with_different_losses_decide_alike(tmp_path):
    """Neither torch nor its users' libraries synchronise a plateau (accelerate#3797)."""
    store = tmp_path / "store"
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(rank), str(store)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    found = []
    for process in ranks:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        found.append(json.loads(out.strip().splitlines()[-1]))
    assert found[0] == found[1]
    rates, state = found[0]
    assert state["edits"]
    assert rates[-1] < 0.5
