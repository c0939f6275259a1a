"""Steering over HTTP: how a run stands, what an edit would do, and what becomes of it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lrkit.control import Replace, Scale
from lrkit.control.edits import _kinds
from lrkit.records import Inbox, Journal, course_of, replay, submit
from lrkit.schedules import parse

HEADER = {"spec": "0.1 * cosine()", "horizon": {"total": 1000.0, "steps_per_epoch": 20.0}}


@pytest.fixture
def going(root: Path) -> Iterator[Path]:
    """A run of 1000 updates and two groups that goes on while the test runs."""
    torch = pytest.importorskip("torch", reason="a run is trained")
    from lrkit import Scheduler

    groups = [
        {"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate, "name": name}
        for name, rate in (("body", 0.1), ("head", 0.2))
    ]
    optimizer = torch.optim.SGD(groups)
    folder, over, begun = root / "going", threading.Event(), threading.Event()

    def train() -> None:
        with Scheduler(
            optimizer, scale="cosine()", total="50ep", steps_per_epoch=20, run=folder
        ) as schedule:
            while not over.wait(0.02) and not schedule.finished:
                optimizer.step()
                schedule.step({"loss": 1.0})
                begun.set()

    thread = threading.Thread(target=train)
    thread.start()
    assert begun.wait(20)
    yield folder
    over.set()
    thread.join(20)


@pytest.fixture
def dead(root: Path) -> Path:
    """A run of 1000 updates that was killed after 100."""
    with Journal.create(root / "dead", **HEADER, updates=1000) as journal:
        for step in range(100):
            journal.metrics(step, lr=0.1, loss=float("nan") if step == 99 else 1.0)
        journal.append("checkpoint", step=80, name="00080")
        edit = Scale(0.5, step=40, author="anna", reason="why", letter="x")
        journal.append("edit", **edit.to_dict(), source="hand")
    path = root / "dead" / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if b'"kind":"end"' not in line))
    return root / "dead"


def edits(client, run, **order):
    return client.post(f"/api/steer/{run}/edits?wait=5", json=order)


def test_every_edit_has_an_order(client):
    schema = client.get("/api/openapi.json").json()["components"]["schemas"]
    words = {one["properties"]["edit"]["const"] for one in schema.values()
             if "const" in one.get("properties", {}).get("edit", {})}  # fmt: skip
    assert words == set(_kinds) | {"draw"}


def test_a_state_tells_where_a_run_stands(client, dead):
    told = client.get("/api/steer/dead").json()
    assert (told["status"], told["takes"], told["resumable"]) == ("dead", True, True)
    assert (told["position"], told["total"], told["checkpoint"]) == (100, 1000, 80)
    assert told["groups"] == [{"index": 0, "name": None, "rate": course_of(replay(dead))(100)}]
    assert told["metrics"] == {"lr": 0.1, "loss": None}
    (edit,) = told["edits"]
    assert (edit["words"], edit["step"], edit["author"]) == ("scale 0.5", 40, "anna")
    assert edit["told"] == "scale 0.5 at 40 by anna: why"
    letter = submit(dead, {"edit": "hold", "author": "bert", "format": 1})
    (waiting,) = client.get("/api/steer/dead").json()["waiting"]
    assert (waiting["letter"], waiting["words"], waiting["author"]) == (letter, "hold", "bert")


def test_the_course_has_the_rates_of_the_run_and_both_sides_of_a_jump(client, dead):
    told = client.get("/api/steer/dead/course").json()
    rates = course_of(replay(dead))
    assert np.array_equal(rates(told["followed"]["x"]), told["followed"]["y"])
    x = np.array(told["followed"]["x"])
    assert 40 in x
    assert ((x > 39.9) & (x < 40)).any()
    assert told["declared"]["y"][0] == 0.1
    assert told["schedule"] == str(rates.schedule)
    assert told["joints"] == [40]
    assert len(told["followed"]["x"]) <= 1000


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"edit": "scale", "factor": 0.5, "over": "20st", "group": "head"}, "scale 0.5 over=20st"),
        ({"edit": "set", "value": 0.05, "group": 1}, "set 0.05"),
        ({"edit": "hold"}, "hold"),
        ({"edit": "release"}, "release"),
        ({"edit": "cooldown", "over": "10%", "shape": "cosine"}, "cooldown 10% shape=cosine"),
        ({"edit": "extend", "total": "60ep", "how": "keep"}, "extend 60ep how=keep"),
        ({"edit": "replace", "schedule": "0.01 * cosine()"}, "replace 0.01 * cosine()"),
        ({"edit": "checkpoint"}, "checkpoint"),
        ({"edit": "rollback", "factor": 0.5}, "rollback 0.5"),
        ({"edit": "stop"}, "stop"),
    ],
    ids=lambda value: value["edit"] if isinstance(value, dict) else "",
)
def test_an_edit_is_seen_before_and_taken(client, going, order, words):
    seen = client.post("/api/steer/going/preview", json=order).json()
    assert seen["words"].startswith(words)
    assert replay(going).edits == []
    assert Inbox(going).poll() == ()
    sent = edits(client, "going", **order, reason="a test", author="anna")
    assert (sent.status_code, sent.json()["answer"]) == (201, "taken"), sent.text
    (edit,) = replay(going).edits
    assert (edit["edit"], edit["author"], edit["reason"]) == (order["edit"], "anna", "a test")
    assert edit["letter"] == sent.json()["letter"]
    assert edit["step"] == sent.json()["step"]


def test_a_preview_says_what_the_run_then_does(client, dead):
    order = {"edit": "cooldown", "over": "200st", "to": 0.001}
    seen = client.post("/api/steer/dead/preview", json=order).json()
    run = replay(dead)
    before = course_of(run)
    assert seen["step"] == 100
    assert seen["before"]["rate"] == before(100) == seen["after"]["rate"]
    assert (seen["before"]["total"], seen["after"]["total"]) == (1000, 300)
    assert seen["before"]["area"] == pytest.approx(before.values().sum())
    assert seen["after"]["area"] < seen["before"]["area"]
    assert seen["curve"]["y"][-1] == 0.001
    assert seen["changes"]
    still = client.post("/api/steer/dead/preview", json={"edit": "release"}).json()
    assert not still["changes"]


def test_a_drawn_curve_is_followed_point_by_point(client, going):
    while client.get("/api/steer/going").json()["speed"] is None:
        time.sleep(0.1)
    points = [[400, 0.3], [600, 0.05], [1000, 0.01]]
    order = {"edit": "draw", "points": points, "group": "head"}
    sent = edits(client, "going", **order)
    assert sent.json()["answer"] == "taken", sent.text
    run = replay(going)
    (edit,) = run.edits
    assert edit["edit"] == "replace"
    followed = course_of(run, "head")
    for step, rate in points:
        assert followed(step) == pytest.approx(rate, rel=1e-12)
    assert str(course_of(run, "body").schedule) == "0.1 * cosine()"


def test_points_that_the_run_has_passed_are_left_out(client, dead):
    order = {"edit": "draw", "points": [[50, 9], [100, 9], [500, 0.2]]}
    seen = client.post("/api/steer/dead/preview", json=order).json()
    assert seen["words"].startswith("set 0.2 over=400st")
    late = client.post("/api/steer/dead/preview", json=order | {"points": [[100, 9]]})
    assert late.status_code == 422
    assert "draw further ahead" in late.json()["error"]["message"]


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({"edit": "cooldown", "over": "10%", "to": 5}, "goes down"),
        ({"edit": "extend", "total": "1st"}, "total >"),
        ({"edit": "extend", "total": "900000000"}, "`lrkit steer` in a terminal"),
        ({"edit": "replace", "schedule": "cosin()"}, "did you mean cosine?"),
        ({"edit": "replace", "schedule": "cosine() | plateau(0.5)"}, "takes no controllers"),
        ({"edit": "replace", "schedule": 'from_function("os:getcwd")'}, "imports none"),
        ({"edit": "set", "value": 0.1, "group": 7}, "`group` must be one that run dead drives"),
        ({"edit": "set", "value": 0.1, "at": "51ep"}, "before the end"),
        ({"edit": "set", "value": 0.1, "at": "3st"}, "a whole step from 100 on"),
        ({"edit": "set", "value": -1}, "greater than or equal to 0"),
        ({"edit": "set", "value": 0.1, "over": "0st"}, "over > 0"),
        ({"edit": "set"}, "Field required"),
        ({"edit": "stop", "group": 0}, "Extra inputs"),
        ({"edit": "draw", "points": []}, "at least 1"),
        ({"edit": "draw", "points": [[500, 0.1], [400, 0.1]]}, "must rise"),
        ({"edit": "draw", "points": [[5000, 0.1]]}, "extend it first"),
        ({"edit": "warp"}, "warp"),
        ({"edit": "hold", "reason": "x" * 501}, "at most 500"),
    ],
)
def test_what_cannot_be_is_neither_seen_nor_sent(client, dead, order, says):
    for place in ("preview", "edits"):
        answer = client.post(f"/api/steer/dead/{place}", json=order)
        assert answer.status_code == 422, answer.text
        assert says in answer.json()["error"]["message"]
    assert Inbox(dead).poll() == ()


def test_a_dead_run_keeps_the_letter_and_one_that_has_ended_is_refused(client, dead, root):
    sent = edits(client, "dead", edit="scale", factor=0.5)
    assert sent.json()["answer"] == "waiting"
    assert "when it is resumed" in sent.json()["told"]
    assert len(Inbox(dead).poll()) == 1
    Journal.create(root / "ended", **HEADER).close()
    sent = edits(client, "ended", edit="hold")
    assert sent.status_code == 409
    assert "only a run that is going can be steered" in sent.json()["error"]["message"]
    assert Inbox(root / "ended").poll() == ()


def test_a_refusal_of_the_training_comes_with_its_reason(client, root):
    with Journal.create(root / "strict", **HEADER) as journal:
        journal.metrics(0, loss=1.0)
        sent = client.post("/api/steer/strict/edits?wait=0", json={"edit": "hold"}).json()
        assert sent["answer"] == "waiting"
        journal.append("refused", step=1, letter=sent["letter"], reason="no wheel here",
                       fields={"edit": "hold"})  # fmt: skip
        told = client.get("/api/steer/strict").json()
        (refused,) = told["refused"]
        assert (refused["words"], refused["reason"]) == ("hold", "no wheel here")
        assert refused["letter"] == sent["letter"]
        assert told["waiting"] == []


def test_a_journal_of_other_hands_is_shown_and_not_steered_blindly(client, root):
    with Journal.create(root / "bare") as journal:
        journal.metrics(0, loss=1.0)
        journal.append("edit", step="soon", edit={"kind": "scale"})
        submit(root / "bare", {"edit": "replace", "schedule": {"type": "sequence"}, "step": "x"})
        told = client.get("/api/steer/bare")
        assert told.status_code == 200, told.text
        assert told.json()["schedule"] is None
        assert len(told.json()["waiting"]) == 1
        assert client.get("/api/steer/bare/course").status_code == 409
        seen = client.post("/api/steer/bare/preview", json={"edit": "set", "value": 0.1})
        assert seen.json()["after"] is None
    with Journal.create(root / "newer", spec="cosine()", horizon={"total": 9}) as journal:
        journal.append("edit", step=5, edit="warp", by=9)
    told = client.get("/api/steer/newer").json()
    assert "none of lrkit's" in told["problem"]
    assert told["edits"][0]["words"] == "step 5, edit warp, by 9"


@pytest.mark.parametrize("where", ["spec", "schedule", "groups", "edit"])
def test_a_journal_that_names_a_function_imports_nothing(
    client, root, tmp_path, where, monkeypatch
):
    (tmp_path / "lurking.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    text = '0.1 * from_function("lurking:f")'
    written = parse(text).to_dict()
    header = {
        "spec": HEADER | {"spec": text},
        "schedule": HEADER | {"schedule": written},
        "groups": HEADER | {"groups": [{"name": "a", "schedule": written}]},
        "edit": HEADER,
    }[where]
    with Journal.create(root / "odd", **header) as journal:
        journal.metrics(0, loss=1.0)
        if where == "edit":
            journal.append("edit", **Replace(text, step=1).to_dict(), source="hand")
        journal.flush()
        told = client.get("/api/steer/odd")
        assert told.status_code == 200, told.text
        assert "the studio imports none" in told.json()["problem"]
        assert told.json()["schedule"] is None
        for method, place in (("GET", "course"), ("POST", "preview"), ("POST", "edits")):
            answer = client.request(method, f"/api/steer/odd/{place}", json={"edit": "hold"})
            assert answer.status_code == 409, answer.text
    assert "lurking" not in sys.modules


def test_a_studio_that_only_shows_previews_and_sends_nothing(only_shows, dead):
    order = {"edit": "hold"}
    assert only_shows.post("/api/steer/dead/preview", json=order).status_code == 200
    assert only_shows.post("/api/steer/dead/edits", json=order).status_code == 403
    assert Inbox(dead).poll() == ()


def test_the_list_begins_with_runs_that_go(client, dead, root):
    with Journal.create(root / "alive", **HEADER) as journal:
        journal.metrics(4, loss=1.0)
        journal.flush()
        names = [run["name"] for run in client.get("/api/steer").json()]
    assert names == ["alive", "dead"]
    assert client.get("/api/steer/none").status_code == 404
    assert client.get("/api/steer/..").status_code in (404, 405)
