"""Range tests over HTTP: started, watched while they are made, stopped, and made into schedules."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from lrkit.probe import suggest
from lrkit.probe.curve import RangeCurve
from lrkit.records import Journal
from lrkit.records.points import Point, PointsWriter
from lrkit.schedules import parse

FAST = {"task": "poly-tanh", "steps": 60, "repeats": 2}


def until(client, job: str, *states: str) -> dict[str, Any]:
    """Watch the test as the page does, until it is in one of *states*; return it whole."""
    seen, life = [], 0
    began = time.monotonic()
    while time.monotonic() - began < 60:
        told = client.get(f"/api/find/{job}?known={len(seen)}&life={life}").json()
        seen, life = seen[: told["known"]], told["life"]
        seen += [(row["repeat"], rate, loss) for row in told["points"]
                 for rate, loss in zip(row["rates"], row["losses"], strict=True)]  # fmt: skip
        assert len(seen) == told["count"]
        if told["status"] in states:
            whole = client.get(f"/api/find/{job}").json()
            every = [(r["repeat"], *pair) for r in whole["points"]
                     for pair in zip(r["rates"], r["losses"], strict=True)]  # fmt: skip
            assert every[: len(seen)] == seen  # one that is running has gone on meanwhile
            return whole
        time.sleep(0.1)
    pytest.fail(f"the test is still {told['status']}")


@pytest.fixture
def ended(settings):
    """A function that puts a range test's file where a job has left it."""
    from lrkit.studio.jobs import Jobs

    jobs = Jobs(settings)

    def made(write=lambda write: None, **about):
        job = jobs.start("find", ["schedules", "cosine"], "mine", {"options": {}})
        while jobs.get(job.id).status == "running":
            time.sleep(0.05)
        with PointsWriter(job.folder / "range.jsonl", **about) as writer:
            write(writer)
        return job.id

    return made


def test_a_test_is_watched_from_its_start_to_what_it_found(client):
    pytest.importorskip("torch", reason="a test trains")
    begun = client.post("/api/find", json=FAST)
    assert begun.status_code == 201, begun.text
    job = begun.json()["job"]
    assert client.get(f"/api/find/{job}").json()["status"] == "loading"
    told = until(client, job, "found", "nothing", "failed")
    assert told["status"] == "found", told
    assert (told["task"], told["updates"]) == ("poly-tanh", 120)
    assert {row["repeat"] for row in told["points"]} == {0, 1}
    # What the command says is what anybody would read off these points.
    rates = told["points"][0]["rates"]
    length = max(len(row["rates"]) for row in told["points"])
    rates = max((row["rates"] for row in told["points"]), key=len)
    losses = [
        [math.inf if v is None else v for v in row["losses"]]
        + [math.nan] * (length - len(row["losses"]))
        for row in told["points"]
    ]
    ours = suggest(RangeCurve(rates, losses))
    theirs = told["suggestion"]
    assert theirs["maximum"]["value"] == pytest.approx(ours.maximum.value, rel=0.05)
    assert theirs["confidence"] == ours.confidence
    for text in theirs["schedules"].values():
        parse(text)
    assert [one["job"] for one in client.get("/api/find").json()] == [job]


def test_a_test_is_stopped(client):
    pytest.importorskip("torch", reason="a test trains")
    asked = {"task": "poly-tanh", "steps": 5000, "repeats": 20}
    job = client.post("/api/find", json=asked).json()["job"]
    until(client, job, "running")
    assert client.post(f"/api/jobs/{job}/stop").status_code == 200
    told = until(client, job, "stopped")
    assert told["count"] > 0
    assert told["suggestion"] is None


def test_moved_rates_are_made_into_schedules(client):
    told = client.post("/api/find/schedules", json={"base": 0.00123, "maximum": 0.0456}).json()
    assert told["decay"] == "0.0228 * (warmup(5%) >> cosine())"
    assert parse(told["cyclic"]).over(100).values().max() == pytest.approx(0.0456)
    assert client.post("/api/find/schedules", json={}).json() == {}
    crossed = client.post("/api/find/schedules", json={"base": 0.1, "maximum": 0.01}).json()
    assert "cyclic" not in crossed


@pytest.mark.parametrize(
    ("asked", "status", "says"),
    [
        ({"task": "a b"}, 422, "task"),
        ({"task": "--out=x"}, 422, "task"),
        ({"low": 1, "high": 0.1}, 422, "`low < high` must hold"),
        ({"low": 0}, 422, "greater than 0"),
        ({"steps": 1}, 422, "greater than or equal to 8"),
        ({"task": "poly-tanh", "run": "a"}, 422, "give a run or a task"),
        ({"run": "none"}, 404, "none"),
        ({"run": "../x"}, 404, "x"),
        ({"options": {"a b": 1}}, 422, "an option of a task has a name"),
    ],
)
def test_what_cannot_be_tested_is_refused(client, asked, status, says):
    answer = client.post("/api/find", json=asked)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]["message"]
    assert client.get("/api/find").json() == []


def test_what_the_command_refuses_is_told(client):
    job = client.post("/api/find", json={"task": "poly-tanhh"}).json()["job"]
    told = until(client, job, "failed", "killed")
    assert told["status"] == "failed"
    assert "did you mean poly-tanh" in told["reason"]


def test_a_killed_test_and_one_that_began_again(client, ended):
    def two(write):
        for rate in (0.1, 0.001):
            for update in range(3):
                write(Point(0, update, rate, math.inf if update == 2 else 2.0))

    job = ended(two, steps=20, repeats=1)
    told = client.get(f"/api/find/{job}?known=3&life=0").json()
    assert (told["status"], told["life"], told["known"], told["count"]) == ("killed", 1, 0, 3)
    assert told["points"][0]["rates"] == [0.001] * 3
    assert told["points"][0]["losses"] == [2.0, 2.0, None]
    assert client.get(f"/api/find/{job}?known=3&life=1").json()["points"] == []


def test_a_test_that_found_nothing_says_why(client, ended):
    def flat(write):
        found = suggest(RangeCurve([0.1, 1.0], [2.0, 2.0]))
        write.end("nothing", found.reason, suggestion=found.to_dict(), notes=["a note"])

    told = client.get(f"/api/find/{ended(flat)}").json()
    assert told["status"] == "nothing"
    assert "fewest that can be read" in told["reason"]
    assert told["suggestion"]["maximum"] is None
    assert told["notes"] == ["a note"]


def test_other_jobs_are_no_range_tests(client, settings):
    from lrkit.studio.jobs import Jobs

    job = Jobs(settings).start("train", ["schedules", "cosine"], "mine")
    assert client.get(f"/api/find/{job.id}").status_code == 404
    assert client.get("/api/find/none").status_code == 404


def test_runs_with_a_checkpoint_are_offered(client, root):
    for name, made_by in (("a", "poly-tanh"), ("b", None), ("c", "poly-tanh")):
        Journal.create(root / name, made_by=made_by).close()
    (root / "a" / "checkpoints").mkdir()
    (root / "a" / "checkpoints" / "step.pt").write_bytes(b"x")
    assert client.get("/api/find/starts").json() == [
        {"run": "a", "task": "poly-tanh", "status": "done"}
    ]


def test_a_studio_that_only_shows_starts_nothing(only_shows):
    assert only_shows.post("/api/find", json=FAST).status_code == 403
    moved = only_shows.post("/api/find/schedules", json={"maximum": 0.1})
    assert moved.status_code == 200
