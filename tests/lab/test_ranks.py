"""Two gloo ranks under torchrun make one training: the same update, one run, exact resumes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from lrkit.errors import SpecError
from lrkit.lab import resume
from lrkit.lab.ranks import Ranks
from lrkit.records import course_of, replay
from tests.lab import ranks_script

SCRIPT = Path(ranks_script.__file__)
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parents[2])}


def together(root, *ways):
    done = subprocess.run(
        [*TORCHRUN, str(SCRIPT), str(root), *ways], capture_output=True, text=True, timeout=120,
        env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder in which two ranks have trained in all the ways below, in one launch."""
    folder = tmp_path_factory.mktemp("ranks")
    together(folder, "plain", "kept", "stopped", "resumed", "rolled", "steered")
    return folder


def results(root, way):
    """Return what both ranks say of *way*, which must be the same to the bit."""
    found = [dict(np.load(root / f"{way}-{rank}.npz")) for rank in range(2)]
    for name in found[0]:
        np.testing.assert_array_equal(found[0][name], found[1][name], err_msg=name)
    return found[0]


def test_update_is_that_of_the_whole_batch(root):
    task, alone = ranks_script.plain(root)
    two = results(root, "plain")
    assert len(alone.losses) == 15
    np.testing.assert_allclose(two["losses"], alone.losses, rtol=1e-5)
    np.testing.assert_array_equal(two["rates"], alone.rates)
    own = np.concatenate([t.numpy().ravel() for t in task.model.state_dict().values()])
    np.testing.assert_allclose(two["weights"], own, rtol=1e-5, atol=1e-6)


def test_resumed_run_is_the_uninterrupted_one_to_the_bit(root):
    whole, parts = results(root, "kept"), results(root, "resumed")
    assert len(results(root, "stopped")["losses"]) == 20
    for name in whole:
        np.testing.assert_array_equal(parts[name], whole[name], err_msg=name)


def test_one_rank_keeps_the_run(root):
    run = replay(root / "stopped")
    assert run.status == "done"
    assert run.events_lost == 0
    assert run.metrics["step"].tolist() == list(range(27))
    assert run.header["ranks"] == 2
    np.testing.assert_array_equal(run.metrics["loss"], results(root, "resumed")["losses"])
    assert [e["step"] for e in run.evaluations] == [9, 18, 27]


def test_rollback_is_the_same_on_all_ranks(root):
    two = results(root, "rolled")
    run = replay(root / "rolled")
    assert [e["edit"] for e in run.edits] == ["rollback", "scale"]
    assert sum(e["kind"] == "resume" for e in run.events) == 1
    assert len(two["losses"]) == 27
    np.testing.assert_array_equal(run.metrics["lr"], two["rates"])
    np.testing.assert_array_equal(course_of(run)(np.arange(27)), two["rates"])


def test_plateau_and_letters_hold_on_all_ranks(root):
    two = results(root, "steered")
    run = replay(root / "steered")
    np.testing.assert_array_equal(course_of(run)(np.arange(27)), two["rates"])
    sources = {edit["source"] for edit in run.edits}
    assert sources == {"hand", "controller"}
    assert next(e for e in run.edits if e["source"] == "hand")["step"] >= 9


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("samples", [1, 2, 6, 16, 17])
def test_shares_are_the_whole_batch(size, samples):
    x = torch.arange(samples)
    ranks = [Ranks() for _ in range(size)]
    for place, one in enumerate(ranks):
        one.rank, one.size = place, size
    parts = [one.part(x, -x) for one in ranks]
    assert torch.cat([part[0] for part in parts]).tolist() == x.tolist()
    assert torch.cat([part[1] for part in parts]).tolist() == (-x).tolist()
    assert sum(share for *_, share in parts) == pytest.approx(1)
    assert all(share == len(part) / samples for part, _, share in parts)
    assert max(len(part[0]) for part in parts) - min(len(part[0]) for part in parts) <= 1


def test_seeds_of_ranks_differ_and_that_of_the_first_is_the_own():
    ranks = [Ranks() for _ in range(4)]
    for place, one in enumerate(ranks):
        one.rank = place
    seeds = [one.seed(3) for one in ranks]
    assert seeds[0] == 3
    assert len(set(seeds)) == 4
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_number_of_ranks_must_stay(root):
    with pytest.raises(SpecError, match="torchrun --nproc-per-node 2"):
        resume(root / "stopped", what=ranks_script.make())


@pytest.mark.slow
def test_killed_ranks_go_on_to_the_same_end(tmp_path):
    (tmp_path / "whole").mkdir()
    together(tmp_path / "whole", "slow")
    (tmp_path / "parts").mkdir()
    child = subprocess.Popen(
        [*TORCHRUN, str(SCRIPT), str(tmp_path / "parts"), "slow"],
        env=environment(), process_group=0, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    journal = tmp_path / "parts" / "slow" / "journal.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and child.poll() is None:
        if journal.exists() and journal.read_bytes().count(b'"checkpoint","') >= 4:
            break
        time.sleep(0.01)
    workers = subprocess.run(
        ["pgrep", "-P", str(child.pid)], capture_output=True, text=True
    ).stdout.split()
    for worker in workers:
        os.kill(int(worker), signal.SIGKILL)
    child.wait(60)
    assert replay(tmp_path / "parts" / "slow").status == "dead"
    together(tmp_path / "parts", "again")
    whole, parts = results(tmp_path / "whole", "slow"), results(tmp_path / "parts", "again")
    for name in whole:
        np.testing.assert_array_equal(parts[name], whole[name], err_msg=name)


@pytest.mark.slow
def test_command_line_under_torchrun(tmp_path):
    command = ["-m", "--", "lrkit", "train", "lenet-digits", "--epochs", "3", "--json"]
    done = subprocess.run(
        [*TORCHRUN, *command, "--run", str(tmp_path / "run"), "--quiet"],
        capture_output=True, text=True, env=environment(), timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert json.loads(done.stdout)["status"] == "done", "one of the two speaks"
    assert replay(tmp_path / "run").status == "done"
