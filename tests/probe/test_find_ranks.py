"""Under torch.distributed all ranks make one range test, and every rank is as before."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, os, sys
import torch, torch.distributed as dist
from torch import nn
from lrkit.probe import find

rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
ddp = nn.parallel.DistributedDataParallel(net)
optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1, momentum=0.9)
torch.manual_seed(rank)
x = torch.randn(32, 4)
y = x.sum(1, keepdim=True) * (1 + rank)  # each rank has other data

def train():
    optimizer.zero_grad()
    nn.functional.mse_loss(ddp(x), y).backward()
    optimizer.step()

train()
before = [p.detach().clone() for p in net.parameters()], [p.grad.clone() for p in net.parameters()]
alone = float(nn.functional.mse_loss(net(x), y).detach())
curve = find(ddp, optimizer, nn.MSELoss(), [(x, y)], steps=60, repeats=2, dead=True,
             validation=lambda: float(rank), validation_every=30, progress=False)
after = [p.detach() for p in net.parameters()], [p.grad for p in net.parameters()]
same = all(torch.equal(a, b) for one, two in zip(before, after) for a, b in zip(one, two))
train()
weights = [p.tolist() for p in net.parameters()]
print(json.dumps([curve.to_dict(), same, alone, weights]), flush=True)
dist.barrier()
dist.destroy_process_group()
os._exit(0)  # gloo's threads now and then abort an interpreter that is leaving
"""


def test_two_ranks_see_the_mean_and_end_together(tmp_path):
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(rank), str(tmp_path / "store")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    found = []
    for process in ranks:
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
        found.append(json.loads(out.strip().splitlines()[-1]))
    (first, same0, alone0, weights0), (second, same1, alone1, weights1) = found
    assert first == second
    assert same0
    assert same1
    assert weights0 == weights1
    assert alone0 != alone1
    assert abs(first["losses"][0][0] - (alone0 + alone1) / 2) < 1e-6
    assert first["endings"] == ["diverged", "diverged"]
    assert first["validation"][0][0] == 0.5
