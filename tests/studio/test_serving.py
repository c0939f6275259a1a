"""`lrkit studio` as a process: its link, its end, its death, and what it has started."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from lrkit.cli import EXAMPLES
from lrkit.records import replay
from tests.studio.conftest import Studio, start

SLOW_TASK = {"task": "poly-tanh", "schedule": "0.01 * cosine()", "total": "60ep"}


def ask(studio: Studio, path: str, body: dict | None = None):
    """Ask *studio* as a script does, by the token of its link."""
    token = studio.link.partition("token=")[2]
    request = urllib.request.Request(
        studio.base + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def until(true, seconds: float = 30.0):
    """Wait until *true* returns something true, and return that."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.05)
    return found


LINES = [line for line, _ in EXAMPLES["studio"]]


@pytest.mark.parametrize("line", LINES)
def test_every_example_opens_a_page(line, tmp_path):
    words = shlex.split(line)[1:]
    process = subprocess.Popen(
        # No browser here, and ports must not be fought for: all else is as in the help.
        [sys.executable, "-m", "lrkit", *words, "--no-browser", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    try:
        link = process.stdout.readline().strip()
        assert link.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(link.partition("?")[0] + "?" + link.partition("?")[2]) as page:
            # The redirect wants its cookie, which this client does not keep.
            assert page.status == 200
    except urllib.error.HTTPError as error:
        assert error.code == 401
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert out == ""
    assert "Traceback" not in err


def test_ctrl_c_ends_it_also_with_a_page_open(studio):
    assert ask(studio, "/api/pulse") == {"here": True}
    studio.process.send_signal(signal.SIGINT)
    assert studio.process.wait(10) == 0


def test_a_port_that_is_taken_is_said(studio):
    second = subprocess.run(
        [sys.executable, "-m", "lrkit", "studio", "--no-browser", "--port", str(studio.port)],
        capture_output=True,
        text=True,
        cwd=studio.root,
        timeout=30,
    )
    assert second.returncode == 2
    assert f"port {studio.port} cannot be used" in second.stderr
    assert "leave --port out" in second.stderr


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none_is_refused(tmp_path, port):
    told = subprocess.run(
        [sys.executable, "-m", "lrkit", "studio", "--no-browser", "--port", port],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=30,
    )
    assert told.returncode == 2
    assert "<= port <=" in told.stderr


def test_runs_that_are_a_file_are_refused(tmp_path):
    (tmp_path / "runs").write_text("no folder")
    told = subprocess.run(
        [sys.executable, "-m", "lrkit", "studio", "runs", "--no-browser"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=30,
    )
    assert told.returncode == 2
    assert "is a file" in told.stderr


def test_killed_and_started_again_it_has_the_same_key_unless_a_new_one_is_asked_for(studio):
    studio.kill()
    again = studio.again()
    try:
        assert again.link == studio.link
        assert ask(again, "/api/pulse")
    finally:
        again.kill()
        again.process.stdout.close()
        again.process.stderr.close()
    fresh = start(studio.root, "--new-token")
    try:
        assert fresh.link.partition("token=")[2] != studio.link.partition("token=")[2]
    finally:
        fresh.kill()
        fresh.process.stdout.close()
        fresh.process.stderr.close()


def test_a_training_goes_on_when_the_studio_is_killed(studio, launch):
    begun = ask(studio, "/api/trainings", SLOW_TASK)
    folder = studio.root / begun["run"]
    until(lambda: (folder / "journal.jsonl").is_file())
    studio.kill()
    again = studio.again()
    try:
        job = ask(again, f"/api/jobs/{begun['job']}")
        assert job["status"] in ("running", "ended")
        until(lambda: replay(folder).status == "done")
        until(lambda: ask(again, f"/api/jobs/{begun['job']}")["status"] == "ended")
    finally:
        again.kill()
        again.process.stdout.close()
        again.process.stderr.close()


def test_a_ctrl_c_at_the_studio_is_none_at_its_trainings(studio):
    begun = ask(studio, "/api/trainings", SLOW_TASK)
    folder = studio.root / begun["run"]
    until(lambda: (folder / "journal.jsonl").is_file())
    studio.process.send_signal(signal.SIGINT)
    assert studio.process.wait(10) == 0
    until(lambda: replay(folder).status == "done")


def test_a_job_that_is_stopped_ends_as_by_ctrl_c(studio):
    begun = ask(studio, "/api/trainings", SLOW_TASK | {"total": "5000ep"})
    folder = studio.root / begun["run"]
    until(lambda: (folder / "journal.jsonl").is_file() and len(replay(folder).metrics["step"]) > 5)
    ask(studio, f"/api/jobs/{begun['job']}/stop", {})
    until(lambda: ask(studio, f"/api/jobs/{begun['job']}")["status"] != "running")
    assert replay(folder).status == "stopped"
    assert ask(studio, f"/api/jobs/{begun['job']}")["code"] == 130
    # It goes on from its last checkpoint when it is asked to.
    done = len(replay(folder).metrics["step"])
    resumed = ask(studio, f"/api/trainings/{begun['run']}/resume", {})
    until(lambda: len(replay(folder).metrics["step"]) > done + 5)
    ask(studio, f"/api/jobs/{resumed['job']}/stop?kill=true", {})
    until(lambda: ask(studio, f"/api/jobs/{resumed['job']}")["status"] == "failed")


def test_a_command_that_fails_says_why(studio):
    begun = ask(studio, "/api/trainings", SLOW_TASK | {"task": "no.such:thing"})
    job = until(
        lambda: (found := ask(studio, f"/api/jobs/{begun['job']}"))["status"] == "failed" and found
    )
    assert job["code"] == 2
    assert "no module 'no.such'" in job["log"]


def test_too_many_commands_at_once_are_refused(studio):
    task = SLOW_TASK | {"total": "5000ep"}
    for _ in range(6):
        ask(studio, "/api/trainings", task)
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(studio, "/api/trainings", task)
    assert caught.value.code == 429
    assert "up to 6" in json.load(caught.value)["error"]["message"]


def test_the_tasks_are_listed_by_the_command_line(client):
    found = {one["name"]: one for one in client.get("/api/tasks").json()}
    assert found["lenet-digits"]["summary"]
    assert found["poly-tanh"]["options"] is not None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schedule": "cosin()"}, "did you mean cosine"),
        ({"schedule": 'from_function("os:system")'}, "imports none"),
        ({"schedule": "0.1 * cosine() | plateu()"}, "plateau"),
        ({"task": "--help"}, None),
        ({"task": "a b"}, None),
        ({"total": "-5"}, None),
        ({"total": "10%"}, None),
        ({"seed": -1}, None),
        ({"name": "../out"}, None),
        ({"name": "a/b"}, None),
        ({"name": ".hidden"}, None),
        ({"name": "there"}, "there already"),
        ({"options": {"--run": 1}}, "has a name"),
        ({"unknown": 1}, None),
    ],
)
def test_what_the_command_would_refuse_is_refused_before_it_starts(client, root, change, told):
    (root / "there").mkdir()
    body = {"task": "poly-tanh", "schedule": "0.1 * cosine()"} | change
    answer = client.post("/api/trainings", json=body)
    assert answer.status_code == 422
    message = answer.json()["error"]["message"]
    assert told is None or told in message
    assert client.get("/api/jobs").json() == []


def test_the_studio_loads_no_torch_and_no_room_that_trains():
    code = (
        "import sys; from pathlib import Path; from lrkit.studio import Settings, create_app\n"
        "app = create_app(Settings(Path('runs'), 't' * 43))\n"
        "bad = [n for n in sys.modules if n.split('.')[0] == 'torch' or n.startswith("
        "('lrkit.drive', 'lrkit.probe', 'lrkit.lab'))]\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_file_of_the_page_is_in_the_package():
    from importlib.resources import files

    static = Path(str(files("lrkit.studio"))) / "static"
    for name in ("index.html", "css/app.css", "js/main.js", "icon.svg"):
        assert (static / name).is_file(), name


def test_plotly_comes_from_the_package_and_once(client):
    first = client.get("/static/plotly.js")
    assert len(first.content) > 1_000_000
    again = client.get("/static/plotly.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
