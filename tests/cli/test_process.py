"""The command as a process of its own: streams, signals, start, and what is not installed."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

from lrkit.records import Journal, list_runs

START = [sys.executable, "-c", "from lrkit.cli import main; main()"]
BASE = """
import contextlib, io, json, sys
sys.modules.update(dict.fromkeys({blocked}))
from lrkit.cli import run
found = []
for command in {commands}:
    with contextlib.redirect_stderr(io.StringIO()) as err:
        found.append((run(command), err.getvalue()))
print(json.dumps(found))
"""
TORCH = ("torch", "sklearn", "scipy", "loky")
PLOTS = ("matplotlib", "plotly")


def test_version(process):
    done = process("--version")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("lrkit 0.")


def test_help_without_arguments_and_for_every_command(process):
    done = process()
    assert (done.code, done.err) == (0, "")
    for name in ("show", "lint", "train", "watch", "steer", "branch", "compare", "runs", "tasks"):
        assert f" {name} " in done.out
    assert "\x1b" not in done.out


def base_only(folder: Path, *commands: tuple[str, ...]) -> list[tuple[int, str]]:
    """Run *commands* where only the base install can be imported; return codes and stderrs."""
    code = BASE.format(blocked=(*TORCH, *PLOTS), commands=commands)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_the_base_install_is_enough_for_all_that_trains_nothing(tmp_path):
    commands = [
        ("--help",),
        ("train", "--help"),
        ("show", "0.3 * (warmup(5ep) >> cosine())", "-t", "30ep", "-e", "235"),
        ("show", "cosine()", "-t", "100", "--json", "--csv", "rate.csv"),
        ("lint", "cosine()", "-t", "100"),
        ("schedules",),
        ("schedules", "cosine"),
        ("runs", "list", "--json"),
        ("watch", "there", "--once"),
        ("steer", "there", "hold", "--wait", "0"),
        ("steer", "there", "scale", "0.5", "--preview"),
        ("runs", "show", "there"),
        ("runs", "export", "there", "--out", "tables"),
    ]
    journal = Journal.create(tmp_path / "runs" / "there", spec="cosine()", horizon={"total": 9})
    journal.metrics(0, lr=1.0, loss=1.0)
    journal.flush()
    for command, (code, err) in zip(commands, base_only(tmp_path, *commands), strict=True):
        assert code == 0, (command, err)
    journal.close()


def test_what_is_not_installed_is_said_with_the_remedy(tmp_path):
    commands = {
        ("tasks",): "lab",
        ("train",): "lab",
        ("compare", "--task", "poly-tanh", "-s", "cosine()"): "lab",
        ("show", "cosine()", "-t", "9", "--png", "a.png"): "plots",
        ("show", "cosine()", "-t", "9", "--html", "a.html"): "plots",
    }
    answers = base_only(tmp_path, *commands)
    for (command, extra), (code, err) in zip(commands.items(), answers, strict=True):
        assert code == 2, command
        assert f"pip install 'lrkit[{extra}]'" in err
        assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_show_loads_neither_torch_nor_a_plotting_library(tmp_path):
    code = (
        "import sys; from lrkit.cli import run; run(sys.argv[1:]);"
        "print([m for m in ('torch', 'matplotlib', 'plotly', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "show", "cosine()", "-t", "100"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_has_had_enough_is_no_error(tmp_path):
    for arguments in (["schedules"], ["--help"], ["show", "cosine()", "-t", "100", "--json"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [*START, *arguments], stdout=writing, stderr=subprocess.PIPE, check=False
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (0, b""), arguments


def test_a_full_disk_under_the_output_is_said(process):
    for arguments in (["schedules"], ["show", "cosine()", "-t", "9", "--json"], ["--help"]):
        with open("/dev/full", "wb") as full:
            done = process(*arguments, stdout=full)
        assert done.code == 2, arguments
        assert done.err == "lrkit: cannot write the output: no space left on device; " + (
            "send it elsewhere\n"
        )


def test_closed_streams_are_survived(tmp_path):
    for closing, code in ((">&-", 0), ("2>&-", 0), (">&- 2>&-", 0)):
        command = f'"$0" -c "from lrkit.cli import main; main()" show "cosine()" -t 9 {closing}'
        done = subprocess.run(["bash", "-c", command, sys.executable], capture_output=True)
        assert done.returncode == code, closing


def test_an_output_that_cannot_show_blocks_gets_question_marks(process):
    done = process("schedules", env={"PYTHONIOENCODING": "ascii"})
    assert (done.code, done.err) == (0, "")
    assert "????" in done.out


def on_a_terminal(*arguments: str, **env: str) -> str:
    """Return what a command writes to a terminal."""
    parent, child = pty.openpty()
    with subprocess.Popen(
        [*START, *arguments], stdout=child, stderr=child, env=os.environ | {"COLUMNS": "90"} | env
    ) as running:
        os.close(child)
        found = b""
        while True:
            try:
                part = os.read(parent, 65536)
            except OSError:  # how a terminal tells that its other end is closed
                break
            if not part:
                break
            found += part
        assert running.wait(timeout=60) == 0
    os.close(parent)
    return found.decode()


def test_colours_on_a_terminal_and_none_where_they_are_not_wanted():
    command = ("show", "linear(1, 0.5)", "-t", "100")
    coloured = on_a_terminal(*command, NO_COLOR="", TERM="xterm-256color")
    assert "\x1b[33mwarning" in coloured
    for arguments in (command, ("schedules",), ("show", "--help")):
        plain = on_a_terminal(*arguments, NO_COLOR="1", TERM="xterm-256color")
        assert "\x1b[3" not in plain


def test_ctrl_c_ends_a_training_and_says_what_is_kept(tmp_path):
    command = ["train", "poly-tanh", "--epochs", "100000", "--quiet"]
    with subprocess.Popen(
        [*START, *command],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as running:
        journal = tmp_path / "runs" / "poly-tanh" / "journal.jsonl"
        deadline = time.monotonic() + 300
        while not (journal.exists() and journal.stat().st_size > 3_000):
            assert time.monotonic() < deadline
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=120)
    assert (running.returncode, out) == (130, b"")
    assert err == (b"lrkit: stopped; go on with `lrkit train --resume --run runs/poly-tanh`\n")
    (run,) = list_runs(tmp_path / "runs")
    assert run.status == "stopped"
    assert run.step > 10
