"""Weights to begin with: what they change, and that a killed run begins with them again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lrkit.errors import DataError
from lrkit.lab import branch, resume, task, train
from lrkit.lab.checkpoints import find_checkpoints, read_checkpoint
from lrkit.lab.weights import read_weights, write_weights
from lrkit.records import Journal, replay
from tests.lab.same import equal, plain


class Killed(BaseException):
    """A machine that goes down; no handler of ours may catch it."""


class KilledAt:
    def __init__(self, update: int) -> None:
        self.update = update

    def started(self, updates):
        pass

    def stepped(self, done, loss):
        if done == self.update:
            raise Killed

    def evaluated(self, epoch, scores):
        pass


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file with the weights that seed 7 makes."""
    made = task("poly-tanh", 7, "cpu", batch_size=100)
    return write_weights(tmp_path / "seven.pt", made.model.state_dict())


HOW = {"options": {"batch_size": 100}, "epochs": 2, "device": "cpu", "checkpoint": "1ep"}


def final(folder):
    return read_checkpoint(find_checkpoints(folder)[0])["model"]


def test_a_training_begins_with_the_weights_given(weights, tmp_path):
    # At a rate of 0 nothing moves, so the first loss tells the weights.
    own = train("poly-tanh", "constant(0)", seed=7, run=tmp_path / "a", **HOW)
    given = train("poly-tanh", "constant(0)", seed=7, run=tmp_path / "b", weights=weights, **HOW)
    other = train("poly-tanh", "constant(0)", seed=8, run=tmp_path / "c", weights=weights, **HOW)
    assert own.losses.tolist() == given.losses.tolist()
    parameters = [n for n, _ in task("poly-tanh", 0, "cpu").model.named_parameters()]
    a, c = final(tmp_path / "a"), final(tmp_path / "c")
    assert all(torch.equal(a[n], c[n]) for n in parameters)
    assert own.losses.tolist() != other.losses.tolist()  # the seed still makes the batches


@pytest.mark.parametrize("checkpoint", ["1ep", "none"])
def test_a_run_killed_before_its_first_checkpoint_begins_with_them_again(
    weights, tmp_path, checkpoint
):
    how = HOW | {"checkpoint": checkpoint}
    whole = train("poly-tanh", "0.05 * cosine()", weights=weights, run=tmp_path / "whole", **how)
    with pytest.raises(Killed):
        train("poly-tanh", "0.05 * cosine()", weights=weights, run=tmp_path / "cut",
              progress=KilledAt(4), **how)  # fmt: skip
    weights.unlink()  # the run has a copy of its own
    assert not find_checkpoints(tmp_path / "cut")
    gone_on = resume(tmp_path / "cut")
    assert gone_on.losses.tolist() == whole.losses.tolist()
    assert plain(gone_on) == plain(whole)
    if checkpoint != "none":
        assert equal(final(tmp_path / "cut"), final(tmp_path / "whole"))


def test_a_resume_without_the_copy_refuses_to_begin_with_others(weights, tmp_path):
    with pytest.raises(Killed):
        train("poly-tanh", "constant(0.01)", weights=weights, run=tmp_path / "cut",
              progress=KilledAt(2), **HOW)  # fmt: skip
    kept = tmp_path / "cut" / "weights.pt"
    write_weights(kept, task("poly-tanh", 3, "cpu", batch_size=100).model.state_dict())
    with pytest.raises(DataError, match="not what the run began with"):
        resume(tmp_path / "cut")
    kept.unlink()
    with pytest.raises(DataError, match=r"its copy .* is gone"):
        resume(tmp_path / "cut")


def test_a_branch_from_before_the_first_checkpoint_has_them_too(weights, tmp_path):
    how = HOW | {"checkpoint": "none"}
    parent = train("poly-tanh", "constant(0.05)", weights=weights, run=tmp_path / "p", **how)
    branched = branch(tmp_path / "p", 10, "5st", run=tmp_path / "b")
    assert branched.losses[:10].tolist() == parent.losses[:10].tolist()
    assert replay(tmp_path / "b").header["weights"]["file"] == "weights.pt"
    assert (tmp_path / "b" / "weights.pt").is_file()


def test_weights_that_do_not_fit_are_named(weights, tmp_path):
    state = dict(read_weights(weights).state)
    state["0.weight"] = torch.zeros(3, 3)
    state["lost"] = state.pop("6.bias")
    with pytest.raises(DataError) as caught:
        train("poly-tanh", weights=state, device="cpu", run=tmp_path / "run")
    for part in ("6.bias is missing", "lost is not the model's", "must be (32, 5)"):
        assert part in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, content):
    path = tmp_path / "w.pt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"w\.pt"):
        read_weights(path)
    with pytest.raises(DataError, match=r"gone\.pt"):
        read_weights(tmp_path / "gone.pt")


def test_other_formats_and_code_are_refused(tmp_path):
    path = tmp_path / "w.pt"
    for content in ({"format": 2, "model": {}}, {"format": 1, "model": [1]}, [1]):
        torch.save(content, path)
        with pytest.raises(DataError):
            read_weights(path)
    torch.save({"format": 1, "model": {"a": Journal}}, path)
    with pytest.raises(DataError, match="cannot be loaded"):
        read_weights(path)
