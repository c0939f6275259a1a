"""Slices over HTTP: asked for, watched while they refine, and a training begun at a point."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="slices are of networks")

from lrkit.landscape import of_run, read_slice, slice_line, slice_plane
from lrkit.landscape.growing import Growing
from lrkit.records import replay
from tests.landscape.networks import poly_run


@pytest.fixture(scope="session")
def _poly(tmp_path_factory) -> Path:
    run = poly_run(tmp_path_factory.mktemp("runs") / "poly", epochs=4)
    slice_plane(of_run(run), points=5, path=run / "landscape" / "pca-ready.jsonl")
    return run


@pytest.fixture
def poly(root: Path, _poly: Path) -> Path:
    """A run of 40 updates with a checkpoint after every 10, and a plane that is computed."""
    return Path(shutil.copytree(_poly, root / "poly"))


def until(client, path: str, wanted: str, seconds: float = 60) -> dict:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = client.get(path)
        told = answer.json()
        if answer.status_code == 200 and told["status"] == wanted:
            return told
        assert told.get("status") not in {"failed", "stopped"}, told
        time.sleep(0.1)
    pytest.fail(f"never {wanted}: {told}")


@pytest.mark.usefixtures("poly")
def test_the_runs_and_their_steps_are_told(client, root):
    bare = root / "bare"
    shutil.copytree(root / "poly", bare)
    shutil.rmtree(bare / "checkpoints")
    (told,) = client.get("/api/slices").json()
    assert told == {"run": "poly", "task": "poly-tanh", "status": "done",
                    "steps": [0, 10, 20, 30, 40]}  # fmt: skip


def test_a_slice_is_told_with_how_much_it_shows(client, poly):
    found = read_slice(poly / "landscape" / "pca-ready.jsonl")
    (known,) = client.get("/api/slices/poly").json()
    assert known["file"] == "pca-ready.jsonl"
    assert (known["share"], known["level"], known["done"]) == (found.share, 5, True)
    told = client.get("/api/slices/poly/pca-ready.jsonl").json()
    assert told["truth"] == found.truth()
    assert found.batch() in told["notes"]
    assert told["status"] == "done"
    assert {tuple(p[:2]): p[2] for p in told["points"]} == found.losses
    assert [w["step"] for w in told["way"]] == [0, 10, 20, 30, 40]
    assert [w["loss"] for w in told["way"]] == [w.loss for w in found.way]
    again = client.get("/api/slices/poly/pca-ready.jsonl", params={"known": told["known"]}).json()
    assert again["points"] == []
    assert again["way"] == told["way"]


def test_a_slice_is_computed_by_the_command_and_refines(client, poly):
    asked = {"kind": "three", "at": [0, 20, 40], "points": 9, "samples": 100}
    began = client.post("/api/slices/poly", json=asked)
    assert began.status_code == 201, began.text
    file = began.json()["file"]
    assert client.get(f"/api/jobs/{began.json()['job']}").json()["kind"] == "slice"
    told = until(client, f"/api/slices/poly/{file}", "done")
    assert (told["level"], len(told["points"])) == (9, 81)
    assert told["at"] == [0, 20, 40]
    here = slice_plane(of_run(poly), "three", at=(0, 20, 40), points=9, samples=100,
                       path=poly / "here.jsonl")  # fmt: skip
    assert {tuple(p[:2]): p[2] for p in told["points"]} == here.losses
    # The same again is there already.
    assert client.post("/api/slices/poly", json=asked).json() == {"file": file, "job": None}


@pytest.mark.slow
@pytest.mark.usefixtures("poly")
def test_sharpness_and_a_line_are_computed_too(client):
    for asked, count in (({"kind": "sharpness", "samples": 100}, 5),
                         ({"kind": "line", "at": [0, 40], "points": 9}, 9)):  # fmt: skip
        file = client.post("/api/slices/poly", json=asked).json()["file"]
        told = until(client, f"/api/slices/poly/{file}", "done")
        assert len(told["readings"] or told["points"]) == count
        assert told["truth"].startswith(("Bound: 2 / rate", "This line shows"))


def test_a_growing_slice_is_streamed_as_it_comes(client, poly):
    source = poly / "landscape" / "pca-ready.jsonl"
    header, *lines = source.read_bytes().splitlines(keepends=True)
    path = poly / "landscape" / "growing.jsonl"
    path.write_bytes(header + b"".join(lines[:4]))
    identity = json.loads(header)["identity"]
    told = []
    with (
        Growing(path, "slice", identity, dict),
        client.stream("GET", f"/api/slices/poly/{path.name}/live", params={"limit": 2}) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line[6:]))
                with open(path, "ab") as file:
                    file.write(b"".join(lines[4:]))
    assert [len(one["points"]) for one in told] == [3, 22]
    assert told[0]["status"] == "growing"
    assert told[1]["way"][0]["measured"]


@pytest.mark.usefixtures("poly")
def test_a_done_slice_ends_its_stream(client):
    answer = client.get("/api/slices/poly/pca-ready.jsonl/live").text
    assert "event: slice" in answer
    assert answer.endswith("event: over\ndata: {}\n\n")
    gone = client.get("/api/slices/poly/gone.jsonl/live").text
    assert "event: refused" in gone


def test_a_training_starts_at_a_point(client, poly, root):
    begin = {"at": [0.25, -0.5], "schedule": "0.02 * cosine()", "total": "2ep"}
    answer = client.post("/api/slices/poly/pca-ready.jsonl/start", json=begin)
    assert answer.status_code == 201, answer.text
    run = root / answer.json()["run"]
    end = time.monotonic() + 60
    while not (run.is_dir() and replay(run).status == "done"):
        job = client.get(f"/api/jobs/{answer.json()['job']}").json()
        assert job["status"] in {"running", "done"}, job
        assert time.monotonic() < end
        time.sleep(0.1)
    header = replay(run).header
    assert header["begun_at"]["at"] == [0.25, -0.5]
    assert header["begun_at"]["run"] == "poly"
    assert header["spec"] == "0.02 * cosine()"
    assert header["keep"] == "all"


@pytest.mark.usefixtures("poly")
def test_what_breaks_a_rule_is_refused(client, root):
    for body, status in (
        ({"kind": "three"}, 422),
        ({"kind": "three", "at": [0, 10, 15]}, 422),
        ({"kind": "best"}, 422),
        ({"points": 32}, 422),
        ({"samples": 1}, 422),
        ({"seed": -1}, 422),
        ({"more": 1}, 422),
    ):
        answer = client.post("/api/slices/poly", json=body)
        assert answer.status_code == status, (body, answer.text)
        assert answer.json()["error"]["message"]
    for body in (
        {"at": [], "schedule": "constant(1)"},
        {"at": [0, 0], "schedule": "constant("},
        {"at": [0, "inf"], "schedule": "constant(1)"},
        {"at": [0, 0], "schedule": "from_function(os:system)"},
        {"at": [0, 0], "schedule": "constant(1)", "name": "../x"},
        {"at": [0, 0], "schedule": "constant(1)", "name": "poly"},
        {"at": [0, 0], "schedule": "constant(1)", "total": "--x"},
    ):
        answer = client.post("/api/slices/poly/pca-ready.jsonl/start", json=body)
        assert answer.status_code == 422, (body, answer.text)
    assert not [job for job in client.get("/api/jobs").json() if job["kind"] == "train"]


def test_no_path_leaves_the_folder_of_runs(client, poly, root, tmp_path):
    outside = shutil.copytree(poly / "landscape", tmp_path / "outside")
    os.symlink(outside / "pca-ready.jsonl", poly / "landscape" / "link.jsonl")
    assert client.get("/api/slices/poly/link.jsonl").status_code == 404
    assert [one["file"] for one in client.get("/api/slices/poly").json()] == ["pca-ready.jsonl"]
    for name in ("%2e%2e", "..%2Fx.jsonl", "a/b.jsonl", ".x.jsonl", "journal"):
        assert client.get(f"/api/slices/poly/{name}").status_code in {404, 422, 405}, name
    shutil.rmtree(poly / "landscape")
    os.symlink(outside, poly / "landscape")
    assert client.get("/api/slices/poly").json() == []
    assert client.get("/api/slices/poly/pca-ready.jsonl").status_code == 404
    answer = client.post("/api/slices/poly", json={"points": 5})
    assert answer.status_code == 404
    assert not [p for p in outside.iterdir() if p.name != "pca-ready.jsonl"]


@pytest.mark.usefixtures("poly")
def test_a_studio_that_only_shows_computes_nothing(only_shows):
    assert only_shows.get("/api/slices/poly/pca-ready.jsonl").status_code == 200
    assert only_shows.post("/api/slices/poly", json={}).status_code == 403
    begin = {"at": [0, 0], "schedule": "constant(1)"}
    refused = only_shows.post("/api/slices/poly/pca-ready.jsonl/start", json=begin)
    assert refused.status_code == 403


@pytest.mark.slow
def test_a_failed_command_says_why(client, poly):
    for path in (poly / "checkpoints").glob("step-00000010-*"):
        path.write_bytes(b"damaged")
    file = client.post("/api/slices/poly", json={"kind": "three", "at": [0, 10, 40]}).json()["file"]
    end = time.monotonic() + 60
    while (told := client.get(f"/api/slices/poly/{file}").json())["status"] == "waiting":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert told["status"] == "failed"
    assert "got 10" in told["reason"]


def test_other_files_are_no_slices(client, poly):
    (poly / "landscape" / "other.jsonl").write_text('{"kind":"run"}\n')
    (poly / "landscape" / "torn.jsonl").write_text('{"kind":"sli')
    answer = client.get("/api/slices/poly/other.jsonl")
    assert answer.status_code == 409
    assert "no slice" in answer.json()["error"]["message"]
    begun = client.get("/api/slices/poly/torn.jsonl").json()
    assert (begun["kind"], begun["points"]) == ("", [])  # its first line is not there yet
    assert len(client.get("/api/slices/poly").json()) == 1
    assert client.get("/api/slices/nowhere").status_code == 404


def test_a_line_of_a_run_that_has_moved_on_is_listed(client, poly):
    slice_line(of_run(poly), 0, 20, points=5)
    kinds = {one["kind"] for one in client.get("/api/slices/poly").json()}
    assert kinds == {"pca", "line"}


def test_too_few_checkpoints_for_a_principal_plane_are_refused_at_once(client, poly):
    for path in sorted((poly / "checkpoints").iterdir())[1:]:
        path.unlink()
    answer = client.post("/api/slices/poly", json={"kind": "pca"})
    assert answer.status_code == 409
    assert "run poly has 1; train with --checkpoint" in answer.json()["error"]["message"]
