"""The Design page's API: every answer is a text and what follows from it, quickly and safely."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

import lrkit
from lrkit.cli import run
from lrkit.control import steered
from lrkit.schedules import Horizon, catalog, parse

REPO = Path(__file__).resolve().parents[2]
TEXT = "0.3 * (warmup(5ep) >> cosine())"
SPAN = {"total": "30ep", "steps_per_epoch": 235}


def ask(client, path, text=TEXT, span=SPAN, **more):
    answer = client.post(f"/api/design/{path}", json={"text": text, "span": span} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def edited(client, text, **change):
    return ask(client, "edit", text, change=change)["text"]


def test_a_look_says_all_that_follows_from_a_text(client):
    look = ask(client, "look")
    curve = parse(TEXT).over("30ep", steps_per_epoch=235)
    x, y = np.array(look["points"]["x"]), np.array(look["points"]["y"])
    assert (curve(x) == y).all()
    assert len(x) < 1600
    assert look["facts"]["area"] == pytest.approx(curve.facts().area)
    assert look["total"] == 7050
    assert look["total_epochs"] == 30
    assert [g["name"] for g in look["grips"]] == ["start", "joint 1", "end"]
    for slider, written in zip(look["sliders"], ("0.3", "5ep"), strict=True):
        assert TEXT[slider["start"] : slider["stop"]] == written
        assert slider["low"] <= slider["value"] <= slider["high"]
    assert [(p["text"], p["begins"], p["ends"]) for p in look["pieces"]] == [
        ("warmup(5ep)", 0, 1175),
        ("cosine()", 1175, 7050),
    ]


@pytest.mark.parametrize("family", catalog(), ids=lambda family: family.name)
def test_every_family_can_be_looked_at_or_says_why_not(client, family):
    span = {"total": "100ep", "steps_per_epoch": 10, "batch_size": 100, "tokens_per_step": 100}
    look = ask(client, "look", family.example, span)
    if family.name in ("from_function", "multiplicative"):
        assert "imports none" in look["problem"]["message"]
    else:
        assert look["problem"] is None
        assert look["points"]["x"][-1] == 1000


@pytest.mark.parametrize(
    ("text", "span", "kind", "position", "told"),
    [
        ("0.3 * cosin()", SPAN, "spec", 6, "did you mean cosine"),
        ("0.3 * (cosine()", SPAN, "spec", 15, "to close the bracket"),
        ("cosine(1, 0, 5xx)", SPAN, "spec", 14, "unknown unit"),
        ("0.1 * hold() | platoe()", SPAN, "spec", 15, "plateau"),
        ("", SPAN, "spec", 0, "expected a schedule"),
        ("warmup(5sa) >> cosine()", SPAN, "horizon", None, "batch_size"),
        ("hold(40ep) >> cosine()", SPAN, "horizon", None, "nothing is left"),
        ("cosine()", {}, "horizon", None, "total"),
        ("hold()", {}, "spec", None, "shorter total"),
        ('from_function("os:system")', SPAN, "spec", 0, "imports none"),
        ("0.1 * multiplicative('math:tanh')", SPAN, "spec", 6, "imports none"),
        ("cosine()", {"total": "30000000"}, "spec", None, "20,000,000"),
    ],
)
def test_a_mistake_is_told_with_its_place(client, text, span, kind, position, told):
    look = ask(client, "look", text, span)
    assert look["points"] is None
    assert look["problem"]["kind"] == kind
    assert look["problem"]["position"] == position
    assert told in look["problem"]["message"]
    assert look["text"] == text


def test_edits_are_texts(client):
    assert edited(client, TEXT, kind="number", index=1, value=8) == TEXT.replace("5ep", "8ep")
    assert edited(client, TEXT, kind="delete", piece=0) == "0.3 * cosine()"
    assert edited(client, TEXT, kind="move", piece=0, to=1) == "0.3 * (cosine() >> warmup(5ep))"
    assert edited(client, TEXT, kind="scale", factor=2) == f"2 * {TEXT}"
    assert edited(client, "0.3*(  warmup( 5ep )>>cosine( ))", kind="tidy") == TEXT
    # A new piece joins its neighbours, and takes what is left where nothing does yet.
    between = edited(client, TEXT, kind="insert", place=1, name="linear")
    assert between == "0.3 * (warmup(5ep) >> linear(1, 0.5, 10%) >> cosine())"
    assert edited(client, "warmup(5ep)", kind="insert", place=1, name="cosine") == (
        "warmup(5ep) >> cosine(1, 0)"
    )


def test_a_family_comes_at_the_peak_that_is_there(client):
    assert edited(client, TEXT, kind="family", name="wsd") == "0.3 * wsd(10%, 30%)"
    assert edited(client, "cosine()", kind="family", name="wsd") == "wsd(10%, 30%)"
    assert edited(client, TEXT, kind="family", name="noam") == "noam(1, 100)"


def test_a_new_piece_finds_room_on_a_full_horizon(client):
    look = ask(client, "edit", "hold(29ep) >> cosine()", change={
        "kind": "insert", "place": 1, "name": "linear"})  # fmt: skip
    assert look["problem"] is None
    assert "2%" in look["text"]


def test_a_drag_is_a_text_and_its_look(client):
    look = ask(client, "drag", handle="joint 1", x=1880, y=0.2, dx=20, dy=0.002)
    assert look["text"] == "0.2 * (warmup(8ep) >> cosine())"
    assert look["reached"]
    assert look["facts"]["peak_at"] == 1880
    assert {g["name"]: g for g in look["grips"]}["joint 1"]["x"] == 1880


def test_a_brief_look_leaves_out_what_moves_the_handles_and_nothing_else(client):
    whole, brief = ask(client, "look"), ask(client, "look", brief=True)
    assert [(g["name"], g["x"], g["y"]) for g in whole["grips"]] == [
        (g["name"], g["x"], g["y"]) for g in brief["grips"]
    ]
    assert all(g["by_x"] == g["by_y"] == "" for g in brief["grips"])
    assert whole | {"grips": [], "brief": True} == brief | {"grips": []}


@pytest.mark.parametrize(
    ("path", "more", "told"),
    [
        ("edit", {"change": {"kind": "delete", "piece": 5}}, "0 <= piece < 2"),
        ("edit", {"change": {"kind": "number", "index": 9, "value": 1}}, "0 <= number < 2"),
        ("edit", {"change": {"kind": "number", "index": 0, "value": -1}}, "negative"),
        ("edit", {"change": {"kind": "insert", "place": 9, "name": "hold"}}, "place <= 2"),
        ("edit", {"change": {"kind": "insert", "place": 0, "name": "os"}}, "must be one of"),
        ("edit", {"change": {"kind": "family", "name": "cosin"}}, "did you mean cosine"),
        ("edit", {"change": {"kind": "rm"}}, "change"),
        ("edit", {"text": "cosin()", "change": {"kind": "tidy"}}, "did you mean"),
        ("drag", {"handle": "joint 7", "x": 5}, "a handle must be one of"),
        ("drag", {"handle": "start", "x": 5}, "first update is step 0"),
        ("drag", {"handle": "end", "x": 5, "text": "from_function('os:system')"}, "imports none"),
        ("look", {"span": {"total": "10%"}}, "total"),
        ("look", {"span": {"steps_per_epoch": -1}}, "steps_per_epoch"),
        ("look", {"text": "(" * 30_000}, "text"),
        ("look", {"unknown": 1}, "unknown"),
        ("compare", {"texts": ["hold()"] * 51}, "texts"),
    ],
)
def test_what_cannot_be_done_is_refused_and_said(client, path, more, told):
    body = {"text": TEXT, "span": SPAN} if path != "compare" else {"span": SPAN}
    answer = client.post(f"/api/design/{path}", json=body | more)
    assert answer.status_code == 422
    assert told in answer.json()["error"]["message"]


HOSTILE = {
    "brackets": "(" * 19_000,
    "nested": "(" * 49 + "cosine()" + ").repeat(1000)" * 49,
    "stairs on stairs": "cosine()" + ".stairs(1)" * 90,
    "a million cycles": "cosine().repeat(1000000, stretch=1.0000001)",
    "many sums": " + ".join(["noise(0.1, 1, kind=normal)"] * 700),
    "many pieces": " >> ".join(["cosine(1, 0, 1)"] * 1100),
    "a long table": f"table([{', '.join(['0.1'] * 3900)}])",
    "huge numbers": "1e308 * (cosine() + cosine()) * 1e300",
    "tiny spans": "cosine(1, 0, 1e-300st).repeat(1000000)",
    "surrogates": "\ud800 \x00 cosine()",
    "words": "import os; os.system('x')",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", ["look", "drag"])
def test_hostile_texts_are_answered_quickly(client, name, path):
    body = {"text": HOSTILE[name], "span": {"total": "20000000", "steps_per_epoch": 1000}}
    if path == "drag":
        body |= {"handle": "end", "y": 0.5}
    start = time.perf_counter()
    answer = client.post(f"/api/design/{path}", content=json.dumps(body))
    assert answer.status_code in (200, 422)
    assert time.perf_counter() - start < 20  # seconds, on a machine that does much else as well


def test_other_schedules_are_drawn_on_the_same_horizon(client):
    body = {"texts": [TEXT, "cosin()", "0.1 * hold()"], "span": SPAN}
    first, wrong, flat = client.post("/api/design/compare", json=body).json()
    assert first["peak"] == pytest.approx(0.3)
    assert wrong["problem"]["position"] == 0
    assert wrong["points"] is None
    assert flat["points"]["y"] == [0.1] * len(flat["points"]["y"])


def test_a_comparison_that_takes_too_long_is_cut_short(client, monkeypatch):
    monkeypatch.setattr("lrkit.studio.design.PATIENCE", 0.2)
    body = {"texts": ["0.1 * sgdr(1000st) * noise(0.1)"] * 50, "span": {"total": "1000000"}}
    found = client.post("/api/design/compare", json=body).json()
    assert found[0]["peak"] > 0
    assert len(found) == 50
    assert "compare fewer" in found[-1]["problem"]["message"]


TAKEN = [
    TEXT,
    "0.1",
    "0.1 * wsd(5%, 20%, shape=linear) * noise(0.1, kind=normal)",
    "table([0.1, 0.2], at=[0ep, 10ep], kind=step).clip(floor=1e-3, ceiling=none)",
    "tanh(lower=-7) >>\n  cosine(1, 0, 5ep)",
    "multi_step(0.1, [10ep, 20ep], 0.1) | plateau(0.5, patience=3, mode=min) | spike_guard()",
]


@pytest.mark.parametrize("text", TAKEN)
def test_every_copy_reads_back_as_the_same_schedule(client, text):
    copies = ask(client, "look", text)["copies"]
    names = vars(lrkit).copy() | {"__builtins__": __builtins__}
    exec(copies["python"], names)
    assert steered(names["schedule"]) == steered(text)
    assert steered(json.loads(copies["json_text"])) == steered(text)
    (entry,) = tomllib.loads(copies["study"])["schedules"]
    assert steered(entry["text"]) == steered(text)


def test_the_command_that_is_copied_runs(client, capsys):
    shown = ask(client, "look")["copies"]["show"]
    words = shlex.split(shown)
    assert words[:2] == ["lrkit", "show"]
    assert run([*words[1:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    trained = shlex.split(ask(client, "look")["copies"]["train"])
    assert trained[trained.index("--schedule") + 1] == TEXT
    assert trained[trained.index("--total") + 1] == "30ep"


def test_the_names_are_those_that_a_text_may_have(client):
    found = {one["name"]: one for one in client.get("/api/design/names").json()}
    assert {family.name for family in catalog()} <= found.keys()
    assert {"clip", "repeat", "plateau", "spike_guard"} <= found.keys()
    assert [p["name"] for p in found["cosine"]["parameters"]][:3] == ["start", "end", "span"]
    assert all(0 <= v <= 1 for one in found.values() for v in one["outline"])


def test_what_other_libraries_mean_is_what_the_parity_rows_say(client):
    check = [sys.executable, REPO / "docs" / "generate_elsewhere.py", "--check"]
    told = subprocess.run(check, capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stdout + told.stderr
    found = client.get("/api/design/elsewhere").json()
    assert {"torch", "transformers", "optax", "timm", "keras"} <= {e["library"] for e in found}
    for entry in found:
        schedule = steered(entry["text"]).schedule
        assert np.isfinite(schedule.over(Horizon.of(entry["total"]))(0)), entry


def test_designing_needs_no_leave_to_change(only_shows):
    assert only_shows.post("/api/design/look", json={"text": "0.1 * hold(5)"}).status_code == 200
