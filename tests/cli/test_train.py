"""`lrkit train`: what is trained, kept, printed and refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lrkit.records import replay

SHORT = ("--epochs", "2", "--quiet")


@pytest.fixture
def tasks_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's own module of tasks in the folder, good and bad ones."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_tasks", raising=False)
    (tmp_path / "my_tasks.py").write_text(
        """
import lrkit.lab

def good(seed, device, width=8):
    return lrkit.lab.task("poly-tanh", seed, device)

def raises(seed, device):
    raise ValueError("no\\nway")

def nothing(seed, device):
    return None
"""
    )


def test_a_training_is_told_and_kept(lrkit, tmp_path):
    done = lrkit("train", "poly-tanh", "--schedule", "0.03 * cosine()", *SHORT)
    assert done.code == 0
    assert "schedule  0.03 * cosine()" in done.out
    assert "updates   100 in" in done.out
    run = replay(tmp_path / "runs" / "poly-tanh")
    assert run.status == "done"
    assert run.header["spec"] == "0.03 * cosine()"
    assert f"{run.evaluations[-1]['mse']:.6g}" in done.out


def test_a_second_training_gets_a_folder_of_its_own(lrkit, tmp_path):
    for _ in range(2):
        assert lrkit("train", "poly-tanh", "--total", "50", "--quiet").code == 0
    assert {p.name for p in (tmp_path / "runs").iterdir()} == {"poly-tanh", "poly-tanh-2"}


def test_options_reach_the_training(lrkit, tmp_path):
    done = lrkit(
        "train", "poly-tanh", "--run", "here", "--total", "30", "--per", "epoch", "--clip", "0.5",
        "--accumulate", "2", "--seed", "7", "--device", "cpu", "-o", "batch_size=50",
        "-o", "momentum=0.9", "-s", "0.01 * linear()", "--quiet", "--json",
    )  # fmt: skip
    assert done.code == 0
    told, header = done.json, replay(tmp_path / "here").header
    assert (told["seed"], told["updates"], told["status"]) == (7, 30, "done")
    assert header["options"] == {"batch_size": 50, "momentum": 0.9}
    assert (header["per"], header["clip"], header["accumulate"]) == ("epoch", 0.5, 2)
    assert told["evaluations"][-1]["mse"] == told["score"]
    assert done.err == ""


def test_no_run_writes_nothing(lrkit, tmp_path):
    assert lrkit("train", "poly-tanh", "--total", "50", "--no-run", "--quiet").code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_diverges_is_an_outcome(lrkit, tmp_path):
    done = lrkit("train", "poly-tanh", "-s", "constant(1e9)", "--epochs", "3", "--quiet", "--json")
    assert done.code == 1
    assert done.json["failure"]
    assert "the training failed" in done.err
    assert done.err.count("\n") == 1
    assert (tmp_path / "runs" / "poly-tanh").is_dir()


@pytest.mark.usefixtures("tasks_file")
def test_a_task_of_the_users_own(lrkit, tmp_path):
    done = lrkit("train", "my_tasks:good", "--total", "50", "--quiet")
    assert done.code == 0, done.err
    assert (tmp_path / "runs" / "my_tasks-good").is_dir()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("lenet-digit",), "lenet-digits"),
        (("poly-tanh", "-s", "cosin()"), "did you mean cosine?"),
        (("poly-tanh", "-s", "warmup(5tok) >> cosine()"), "tokens_per_step"),
        (("poly-tanh", "--epochs", "0"), "epochs"),
        (("poly-tanh", "--epochs", "3", "--total", "5ep"), "give one"),
        (("poly-tanh", "--total", "nan"), "'nan'"),
        (("poly-tanh", "--seed", "-1"), "seed"),
        (("poly-tanh", "--clip", "nan"), "clip"),
        (("poly-tanh", "--accumulate", "0"), "accumulate"),
        (("poly-tanh", "--device", "abacus"), "abacus"),
        (("poly-tanh", "-o", "batch_size"), "NAME=VALUE"),
        (("poly-tanh", "-o", "batchsize=5"), "batch_size"),
        (("poly-tanh", "-o", "batch_size=0"), "batch_size"),
        (("poly-tanh", "-o", "batch_size=many"), "batch_size"),
        (("poly-tanh", "--run", "a", "--no-run"), "keep one"),
        (("poly-tanh", "--run", "."), "exists"),
        (("poly-tanh", "--run", "/dev/full/run"), "/dev/full/run"),
        (("poly-tanh", "--run", "/proc/run"), "/proc/run"),
        (("no.such.module:factory",), "no module"),
        (("my_tasks:goood",), "did you mean good?"),
        (("my_tasks:raises",), "ValueError: no way"),
        (("my_tasks:nothing",), "NoneType"),
        (("my tasks:good",), "package.module:factory"),
    ],
)
@pytest.mark.usefixtures("tasks_file")
def test_bad_input_is_one_line_with_code_2(lrkit, tmp_path, arguments, says):
    done = lrkit("train", "--quiet", *arguments)
    assert done.code == 2, done.err
    assert says in done.err
    assert done.out == ""
    assert done.err.startswith("lrkit: ")
    assert len(done.err.splitlines()) in (1, 3)
    assert not (tmp_path / "runs").exists()
