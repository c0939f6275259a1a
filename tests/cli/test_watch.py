"""`lrkit watch`: frames of any size, lines, JSON, and when it ends."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading

import msgspec
import pytest

from lrkit.cli.frames import View
from lrkit.records import Follower, Journal, progress_of, replay


def view(folder) -> View:
    run = replay(folder)
    return View(run, None, progress_of(run))


def test_a_frame_tells_what_is_worth_knowing(lrkit, edited):
    done = lrkit("watch", "edited", "--once")
    assert (done.code, done.err) == (0, "")
    first, second, third, fourth, *charts = done.out.splitlines()
    assert first == "edited  stopped  stopped by hand"
    assert "120/150 updates  80 %  epoch 2.4" in second
    assert third.startswith("lr ")
    assert fourth == "2 edits; the last: stop at 120"
    assert any("learning rate" in line for line in charts)
    assert any(line.startswith("mse") for line in charts)


@pytest.mark.parametrize("width", [1, 10, 29, 31, 60, 79, 100, 400])
@pytest.mark.parametrize("height", [1, 5, 11, 12, 24, 90])
def test_a_frame_fits_any_terminal(edited, width, height):
    from rich.console import Console

    console = Console(width=width, height=height, file=io.StringIO())
    with console.capture() as drawn:
        console.print(view(edited).frame(width, height, color=False))
    lines = drawn.get().splitlines()
    assert len(lines) <= max(height, 5)
    assert max(map(len, lines)) <= width


def test_a_run_that_is_empty_or_not_a_number_is_shown_too(lrkit, tmp_path):
    with Journal.create(tmp_path / "runs" / "bare") as journal:
        assert "no update yet" in lrkit("watch", "bare", "--once").out
        for step in range(900):
            journal.metrics(step, lr=0.1, loss=float("nan") if step % 7 else 1.0)
        journal.flush()
        assert "900" in lrkit("watch", "bare", "--once").out
    assert lrkit("watch", "bare", "--once", "--json").json["done"] == 900


def test_lines_follow_the_run_to_its_end(lrkit, tmp_path):
    folder = tmp_path / "runs" / "short"
    journal = Journal.create(folder, spec="cosine()", horizon={"total": 50})

    def train() -> None:
        for step in range(50):
            journal.metrics(step, lr=0.1, loss=1.0 / (step + 1))
            journal.flush()
            threading.Event().wait(0.02)
        journal.close()

    thread = threading.Thread(target=train)
    thread.start()
    done = lrkit("watch", "short", "--every", "0.1", "--json")
    thread.join()
    lines = [msgspec.json.decode(line) for line in done.out.splitlines()]
    assert done.code == 0
    assert len(lines) > 2
    counts = [line["done"] for line in lines]
    assert counts == sorted(counts)
    assert (lines[-1]["status"], lines[-1]["done"], lines[-1]["updates"]) == ("done", 50, 50)


@pytest.mark.parametrize(("status", "code"), [("done", 0), ("stopped", 0), ("failed", 1)])
def test_the_exit_code_tells_how_the_run_ended(lrkit, tmp_path, status, code):
    Journal.create(tmp_path / "runs" / "a").close(status, "so it was")
    done = lrkit("watch", "a")
    assert done.code == code
    assert status in done.out
    assert lrkit("watch", "a", "--once").code == 0


def test_a_dead_run_ends_the_watch(lrkit, edited):
    journal = edited / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]))
    assert lrkit("watch", "edited").code == 1
    assert "can be resumed" in lrkit("watch", "edited", "--once").out


@pytest.mark.parametrize(
    ("arguments", "says"), [(("nix",), "no run 'nix'"), (("edited", "--every", "0"), "--every")]
)
@pytest.mark.usefixtures("edited")
def test_what_cannot_be_watched(lrkit, arguments, says):
    done = lrkit("watch", *arguments)
    assert done.code == 2
    assert says in done.err


def test_each_look_reads_only_what_is_new(tmp_path):
    journal = Journal.create(tmp_path / "a")
    follower = Follower(tmp_path / "a")
    for step in range(1000):
        journal.metrics(step, loss=1.0)
    journal.flush()
    assert len(follower.look().metrics["step"]) == 1000
    assert follower.look() is follower.look()
    place = follower._place
    assert place == (tmp_path / "a" / "journal.jsonl").stat().st_size
    journal.close()
    with open(tmp_path / "a" / "journal.jsonl", "ab") as file:  # a line that is being written
        file.write(b'{"kind":"note","time":1.0,')
        file.flush()
        assert follower.look().notes == []
        file.write(b'"text":"whole"}\n')
    assert follower.look().notes[0]["text"] == "whole"
    looked, whole = follower.look(), replay(tmp_path / "a")
    assert looked.events == whole.events
    assert looked.metrics["loss"].tolist() == whole.metrics["loss"].tolist()
    assert (looked.status, looked.reason) == (whole.status, whole.reason)


def test_a_run_begun_anew_in_the_same_place_is_read_from_its_start(tmp_path):
    for loss in (1.0, 2.0):
        with Journal.create(tmp_path / "a") as journal:
            journal.metrics(0, loss=loss)
        if loss == 1.0:
            follower = Follower(tmp_path / "a")
            assert follower.look().metrics["loss"].tolist() == [1.0]
            os.rename(tmp_path / "a", tmp_path / "b")
    assert follower.look().metrics["loss"].tolist() == [2.0]


def test_the_live_view_on_a_terminal_leaves_the_last_frame(edited, tmp_path):
    script = "from lrkit.cli import main; main()"
    command = f"{sys.executable} -c '{script}' watch edited"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "\x1b[?1049h" in done.stdout  # the whole terminal, and back
    assert "120/150 updates" in done.stdout.partition("\x1b[?1049l")[2]
