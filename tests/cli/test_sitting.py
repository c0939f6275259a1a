"""A training from its first update to its last, driven from outside: steered, watched, killed,
gone on with, told, and run again."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lrkit.records import course_of, replay

pytest.importorskip("torch", reason="it trains")
START = [sys.executable, "-c", "from lrkit.cli import main; main()"]
ENV = os.environ | {"COLUMNS": "100", "OMP_NUM_THREADS": "1"}


def until(true, seconds: float = 60.0) -> None:
    """Wait until *true* returns so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def updates(folder: Path) -> int:
    return len(replay(folder).metrics["step"]) if (folder / "journal.jsonl").exists() else 0


def test_steered_watched_killed_resumed_shown_and_run_again(lrkit, tmp_path):
    folder = tmp_path / "runs" / "poly-tanh"
    training = subprocess.Popen(
        [*START, "train", "poly-tanh", "-s", "0.03 * cosine()", "--epochs", "60", "--quiet",
         "--checkpoint", "2ep", "--device", "cpu"],
        cwd=tmp_path, env=ENV, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: updates(folder) > 100)
    assert lrkit("steer", "poly-tanh", "scale", "0.5", "--over", "200st", "--wait", "30").code == 0
    assert lrkit("steer", "poly-tanh", "extend", "70ep", "--wait", "30").code == 0
    shown = lrkit("watch", "poly-tanh", "--once").out
    assert "running" in shown
    assert "2 edits; the last: extend 70ep at" in shown
    here = updates(folder)
    until(lambda: updates(folder) > here + 100)
    training.send_signal(signal.SIGKILL)
    training.wait()
    assert replay(folder).status == "dead"

    resumed = lrkit("train", "--resume", "--quiet", "--json")
    assert "going on with runs/poly-tanh: dead" in resumed.err
    assert (resumed.code, resumed.json["updates"]) == (0, 3500)
    run = replay(folder)
    assert [edit["edit"] for edit in run.edits] == ["scale", "extend"]
    expression = str(course_of(run).schedule)
    assert f"follows      {expression}" in lrkit("runs", "show", "poly-tanh").out

    assert lrkit("train", "--schedule-from", "poly-tanh", "--quiet").code == 0
    again = replay(tmp_path / "runs" / "poly-tanh-2")
    assert again.header["spec"] == expression
    assert again.metrics["lr"].tobytes() == run.metrics["lr"].tobytes()
    pasted = lrkit("train", "poly-tanh", "-s", expression, "-t", "3500", "--quiet", "--run", "p")
    assert pasted.code == 0
    assert replay(tmp_path / "p").metrics["lr"].tobytes() == run.metrics["lr"].tobytes()


def talk(folder: Path, arguments: list[str], answers: list[str]) -> tuple[int, str]:
    """Run a command on a terminal, give each of *answers* when it asks, and return all it said."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(sys.executable, [*START, *arguments], ENV | {"TERM": "xterm", "NO_COLOR": "1"})
    said, waiting, answers = "", "", list(answers)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 1.0)
        try:
            fresh = os.read(terminal, 65536).decode(errors="replace") if ready else ""
        except OSError:  # it has left
            break
        if ready and not fresh:
            break
        said, waiting = said + fresh, waiting + fresh
        asked = waiting.rstrip(" ").endswith("]") and ("How many" in waiting or "rate?" in waiting)
        if asked and answers:
            waiting = ""
            os.write(terminal, answers.pop(0).encode())
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said


def test_the_terminal_asks_and_the_answers_become_edits(tmp_path):
    arguments = [
        "train",
        "poly-tanh",
        "-s",
        "constant(0.03)",
        "--epochs",
        "2",
        "--ask",
        "--run",
        "a",
    ]
    answers = ["three\n", "2\n", "0.01\n", "1\n", "0.005\n", "\n"]
    code, said = talk(tmp_path, arguments, answers)
    assert code == 0, said
    assert "a number of epochs is needed, got 'three'" in said
    assert "100 updates done, 2 epochs, mse" in said
    run = replay(tmp_path / "a")
    assert (run.status, len(run.metrics["lr"])) == ("done", 250)
    assert run.metrics["lr"].tolist() == [0.03] * 100 + [0.01] * 100 + [0.005] * 50
    assert [e["edit"] for e in run.edits] == ["extend", "set", "extend", "set"]
    assert run.edits[0]["reason"] == "answered after 2 epochs"
    assert run.edits[0]["author"]
    assert course_of(run).total == 250


def test_stages_can_be_let_pass_changed_and_ended_with_ctrl_d(tmp_path):
    arguments = ["train", "poly-tanh", "-s", "0.03 * linear()", "--epochs", "6", "--ask",
                 "--stage", "1ep", "--run", "a"]  # fmt: skip
    code, said = talk(tmp_path, arguments, ["\n", "\n", "\n", "0.01\n", "\n", "plan\n", "\x04"])
    assert code == 0, said
    run = replay(tmp_path / "a")
    assert (run.status, len(run.metrics["lr"])) == ("stopped", 200)
    assert run.reason.endswith("ended at the prompt")
    assert [(e["edit"], e["step"]) for e in run.edits] == [
        ("set", 100),
        ("release", 150),
        ("stop", 200),
    ]
    assert run.metrics["lr"][100:150].tolist() == [0.01] * 50
    assert run.metrics["lr"][150] == 0.03 * (1 - 150 / 300)
    assert len(run.checkpoints) >= 1


def test_a_rate_of_0_is_not_gone_on_with(tmp_path):
    arguments = [
        "train",
        "poly-tanh",
        "-s",
        "0.03 * linear()",
        "--epochs",
        "1",
        "--ask",
        "--run",
        "a",
    ]
    code, said = talk(tmp_path, arguments, ["1\n", "\n", "0.01\n", "\n"])
    assert code == 0, said
    assert "ended at 0" in said
    assert replay(tmp_path / "a").metrics["lr"][50:].tolist() == [0.01] * 50


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--ask",), "terminal"),
        (("--stage", "1ep"), "add --ask"),
        (("--policy", "keep"), "add --resume"),
        (("--schedule", "cosine()", "--schedule-from", "edited"), "keep one"),
        (("--schedule-from", "nix"), "no run 'nix'"),
        (("--resume", "--schedule", "cosine()"), "leave it out"),
        (("--resume", "--no-run"), "leave it out"),
        (("--resume", "--policy", "keep"), "add --total"),
        (("--resume", "--epochs", "5", "--total", "5ep"), "give one"),
        (("--resume", "--total", "9ep", "--quiet"), "policy"),
        (("lenet-digits", "--resume"), "no run of lenet-digits"),
        (("--resume", "--run", "nix"), "no run 'nix'"),
        (("poly-tanh", "--keep", "0"), "keep"),
        (("poly-tanh", "--checkpoint", "0st"), "checkpoint"),
        (("poly-tanh", "--no-run", "--tensorboard"), "run"),
        (("poly-tanh", "-s", "cosine() | platoe()"), "did you mean plateau?"),
    ],
)
@pytest.mark.usefixtures("edited")
def test_what_does_not_go_together_is_said(lrkit, tmp_path, arguments, says):
    done = lrkit("train", *arguments)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["edited"]


def test_a_run_that_was_stopped_goes_on_longer(lrkit, edited):
    done = lrkit("train", "--resume", "--run", "edited", "--total", "5ep", "--policy", "stretch",
                 "--quiet", "--json")  # fmt: skip
    assert (done.code, done.json["updates"]) == (0, 250)
    assert replay(edited).edits[-1]["how"] == "stretch"


def test_a_training_can_keep_tensorboard_and_checkpoints(lrkit, tmp_path):
    pytest.importorskip("tensorboard")
    done = lrkit("train", "poly-tanh", "--epochs", "3", "--quiet", "--tensorboard", "--run", "a",
                 "--checkpoint", "1ep", "--keep", "all")  # fmt: skip
    assert done.code == 0, done.err
    assert list((tmp_path / "a" / "tensorboard").iterdir())
    assert len(list((tmp_path / "a" / "checkpoints").glob("*.pt"))) == 3


def test_a_branch_knows_its_parent(lrkit, edited):
    done = lrkit("branch", "edited", "--at", "100", "--cooldown", "50st", "--quiet", "--json")
    assert (done.code, done.json["updates"]) == (0, 150), done.err
    run = replay(edited.with_name("edited-branch"))
    before = replay(edited).metrics["lr"][:100]
    assert run.metrics["lr"][:100].tobytes() == before.tobytes()
    assert run.metrics["lr"][-1] > 0
    assert "parent" in lrkit("runs", "show", "edited-branch").out
    assert "(left edited at 100)" in " ".join(lrkit("runs").out.split())
    assert lrkit("branch", "edited", "--at", "1000").code == 2
    assert lrkit("branch", "edited", "--at", "100", "--out", "a.txt").code == 2
