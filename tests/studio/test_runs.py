"""Runs in the API: the list, one run, curves side by side, export, removal."""

import itertools
import math
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrkit.control import Scale
from lrkit.records import Journal, replay, write_csv
from lrkit.records.format import encode_event
from lrkit.studio.shelf import Shelf


def train(root, name, steps=20, *, end=True, **header):
    about = {"spec": "0.1 * cosine()", "seed": 1, "task": "lenet-digits", "updates": steps}
    about |= {"horizon": {"total": steps, "steps_per_epoch": 10}, "score": "accuracy"}
    journal = Journal.create(root / name, **(about | header))
    for step in range(steps):
        journal.metrics(step, lr=0.1, **{"lr/head": 0.2}, loss=2.0 - step / steps)
    journal.append("evaluation", step=steps, epoch=1, accuracy=0.5 + steps / 1000)
    if end:
        journal.close()
    return journal


@pytest.fixture
def three(root):
    train(root, "alpha", 10)
    train(root, "beta", 30, task="poly-tanh", spec="0.3 * linear()")
    live = train(root, "gamma", 20, end=False, seed=7)
    yield root
    live.close()


def names(answer):
    assert answer.status_code == 200, answer.text
    return [run["name"] for run in answer.json()["runs"]]


def test_the_list_is_filtered_sorted_and_paged(client, three):
    assert names(client.get("/api/runs")) == ["gamma", "beta", "alpha"]
    assert names(client.get("/api/runs", params={"search": "LINEAR poly"})) == ["beta"]
    assert names(client.get("/api/runs", params={"status": "running"})) == ["gamma"]
    by_value = {"sort": "value", "order": "asc"}
    assert names(client.get("/api/runs", params=by_value)) == ["alpha", "gamma", "beta"]
    page = client.get("/api/runs", params={"offset": 1, "limit": 1}).json()
    assert [run["name"] for run in page["runs"]] == ["beta"]
    assert (page["total"], page["statuses"]) == (3, {"done": 2, "running": 1})


def test_a_row_has_what_the_list_shows(client, three):
    row = client.get("/api/runs", params={"search": "alpha"}).json()["runs"][0]
    assert row["status"] == "done"
    assert (row["step"], row["updates"], row["epoch"]) == (10, 10, 1.0)
    assert (row["rate"], row["loss"]) == (0.1, pytest.approx(1.1))
    assert (row["score"], row["value"]) == ("accuracy", 0.51)
    assert row["schedule"] == "0.1 * cosine()"


def test_runs_without_a_value_come_last_both_ways(client, three, root):
    with Journal.create(root / "empty") as journal:
        journal.append("note", text="nothing yet")
    for order in ("asc", "desc"):
        found = names(client.get("/api/runs", params={"sort": "loss", "order": order}))
        assert found[-1] == "empty"


def test_the_list_follows_what_happens_in_the_folder(client, three, root):
    shelf = client.app.state
    assert len(names(client.get("/api/runs"))) == 3
    shelf.hub.shelf._looked = 0  # as if a moment had passed
    train(root, "delta")
    assert names(client.get("/api/runs"))[0] == "delta"
    shelf.hub.shelf._looked = 0
    (root / "alpha" / "journal.jsonl").write_text("{}\n")
    rows = {run["name"]: run for run in client.get("/api/runs").json()["runs"]}
    assert rows["alpha"]["status"] == "damaged"
    assert "first line" in rows["alpha"]["problem"]


def test_the_list_tells_what_changed_however_much_has_gone(root, monkeypatch):
    monkeypatch.setattr("lrkit.studio.shelf.MOST_GONE", 2)
    monkeypatch.setattr("lrkit.studio.shelf.FRESH", 0)
    shelf, seen, mark, whole = Shelf(root), set(), None, 0
    for i in range(12):
        train(root, f"run-{i}", 2)
        if i % 2:
            shutil.rmtree(root / f"run-{i - 1}")
        changes = shelf.since(mark)
        mark, whole = changes.mark, whole + changes.whole
        seen = set() if changes.whole else seen - set(changes.gone)
        seen |= {row.name for row in changes.rows}
        assert seen == {path.name for path in root.iterdir()}
    assert whole < 6


def test_links_to_the_outside_are_no_runs(client, root, tmp_path):
    train(tmp_path, "outside")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "sly").mkdir()
    (root / "sly" / "journal.jsonl").symlink_to(tmp_path / "outside" / "journal.jsonl")
    assert names(client.get("/api/runs")) == []
    for name in ("link", "sly", "..%2Foutside", ".."):
        for path in (f"/api/runs/{name}", f"/api/runs/{name}/metrics.csv"):
            assert client.get(path).status_code == 404
        assert client.get("/api/curves", params={"run": name}).status_code == 404
        assert client.delete(f"/api/runs/{name}").status_code in (404, 405)
    assert (tmp_path / "outside" / "journal.jsonl").exists()


def test_a_story_tells_what_the_run_was(client, root):
    journal = train(root, "run", end=False)
    edit = Scale(0.5, step=5, author="anna", reason="it spikes").to_dict()
    journal.append("edit", **edit, source="hand", at=5)
    journal.append("refused", step=6, letter="x", reason="no such group", fields=edit)
    journal.close("failed", "the disk was full")
    found = client.get("/api/runs/run").json()
    facts = {fact["label"]: fact["value"] for fact in found["facts"]}
    assert facts["schedule"] == "0.1 * cosine()"
    assert facts["horizon"] == "total 20, steps_per_epoch 10"
    assert (found["row"]["status"], found["row"]["reason"]) == ("failed", "the disk was full")
    assert found["evaluations"][0]["accuracy"] == 0.52
    edit = found["edits"][0]
    assert (edit["words"], edit["author"], edit["reason"]) == ("scale 0.5", "anna", "it spikes")
    assert found["refused"][0]["reason"] == "no such group"


def curves(client, **params):
    answer = client.get("/api/curves", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_curves_of_several_runs_keep_extremes_on_one_axis(client, root):
    for name in ("a", "b"):
        with Journal.create(root / name, horizon={"steps_per_epoch": 100}) as journal:
            for step in range(5000):
                journal.metrics(step, lr=0.5, loss=9.0 if step == 3210 else 1.0)
    for axis, end in (("step", 4999), ("epoch", 49.99), ("area", 2499.5)):
        found = curves(client, run=["a", "b", "a"], axis=axis, points=50)
        assert [one["run"] for one in found] == ["a", "b"]
        lines = {line["name"]: line for line in found[0]["lines"]}
        loss = lines["loss"]
        assert list(lines) == ["lr", "loss"]
        assert 25 <= len(loss["x"]) <= 50
        assert max(loss["high"]) == 9.0
        assert min(loss["low"]) == 1.0
        assert loss["x"] == sorted(loss["x"])
        width = found[0]["width"]
        peak = loss["x"][loss["high"].index(9.0)]
        assert abs(peak - end * 3210 / 4999) <= width * end / 4999
        assert found[0]["problem"] == ""


def test_a_stretch_is_seen_more_closely_on_every_axis(client, root):
    with Journal.create(root / "a", horizon={"steps_per_epoch": 100}) as journal:
        for step in range(5000):
            journal.metrics(step, lr=0.5, loss=9.0 if step == 3210 else 1.0)
            if step % 500 == 499:
                journal.append("evaluation", step=step + 1, accuracy=step / 5000)
    whole = curves(client, run="a", points=50)[0]
    assert whole["width"] == 128
    for axis, per in (("step", 1), ("epoch", 100), ("area", 2)):
        found = curves(client, run="a", axis=axis, points=50, begin=3200 / per, end=3230 / per)[0]
        lines = {line["name"]: line for line in found["lines"]}
        assert found["width"] == 1
        assert lines["loss"]["x"] == pytest.approx([step / per for step in range(3200, 3231)])
        assert lines["loss"]["mean"][10] == 9.0
        assert lines["accuracy"]["x"] == []
    found = curves(client, run="a", begin=3100, end=2900, metric="accuracy")[0]
    assert found["lines"][0]["x"] == [3000]
    assert "how many" not in found["problem"]


def test_what_a_run_cannot_be_drawn_against_is_said(client, root):
    with Journal.create(root / "a") as journal:
        journal.metrics(0, loss=1.0)
    found = curves(client, run="a", axis="epoch")[0]
    assert "how many steps an epoch has" in found["problem"]
    assert found["lines"] == []


def test_values_that_are_not_finite_are_counted_and_leave_a_gap(client, root):
    with Journal.create(root / "a") as journal:
        for step, loss in enumerate([1.0, math.nan, math.inf, 2.0]):
            journal.metrics(step, loss=loss)
    loss = curves(client, run="a")[0]["lines"][0]
    assert loss["mean"] == [1.0, None, None, 2.0]
    assert loss["bad"] == [0, 1, 1, 0]


def test_metrics_may_be_chosen_and_scores_are_curves_too(client, three):
    lines = curves(client, run="beta")[0]["lines"]
    assert [line["name"] for line in lines] == ["lr", "loss", "lr/head", "epoch", "accuracy"]
    assert [line["score"] for line in lines] == [False, False, False, True, True]
    lines = curves(client, run="beta", metric=["accuracy", "loss"])[0]["lines"]
    assert [line["name"] for line in lines] == ["loss", "accuracy"]
    assert lines[1]["x"] == [30]


def test_edits_stand_on_the_axis_also_where_the_clock_counts_epochs(client, root):
    horizon = {"total": 4, "steps_per_epoch": 1}
    about = {"horizon": horizon, "updates": 40, "per": "epoch", "spec": "0.1"}
    with Journal.create(root / "a", **about) as journal:
        for step in range(40):
            journal.metrics(step, lr=0.1, loss=1.0)
        journal.append("edit", **Scale(0.5, step=2, author="anna").to_dict(), source="hand", at=2)
    assert [e["x"] for e in curves(client, run="a", axis="step")[0]["events"]] == [20]
    assert [e["x"] for e in curves(client, run="a", axis="epoch")[0]["events"]] == [2]


def test_the_export_is_the_table_that_write_csv_writes(client, root, tmp_path):
    journal = train(root, "run", 500, end=False)
    journal.rewind(300)
    for step in range(300, 400):
        journal.metrics(step, loss=math.nan, late=1.0)
    journal.close()
    answer = client.get("/api/runs/run/metrics.csv")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert "run.csv" in answer.headers["content-disposition"]
    expected = write_csv(replay(root / "run"), tmp_path / "x.csv").read_text()
    assert answer.text == expected


def test_a_run_is_removed_but_not_while_it_runs(client, only_shows, three):
    assert only_shows.delete("/api/runs/alpha").status_code == 403
    assert (three / "alpha").exists()
    refused = client.delete("/api/runs/gamma")
    assert refused.status_code == 409
    assert "one writer a run" in refused.json()["error"]["message"]
    assert client.delete("/api/runs/alpha").json() == {"removed": "alpha"}
    assert not (three / "alpha").exists()
    assert client.get("/api/runs/alpha").status_code == 404
    assert client.delete("/api/runs/alpha").status_code == 404


def test_looking_touches_nothing_of_a_run(client, three):
    def state():
        files = sorted(p for p in three.rglob("*") if ".studio" not in p.parts)
        return [(str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in files]

    before = state()
    client.get("/api/runs")
    client.get("/api/runs/gamma")
    client.get("/api/runs/gamma/metrics.csv")
    curves(client, run=["alpha", "beta", "gamma"], axis="time")
    client.get("/api/live", params={"run": "gamma", "limit": 2})
    assert state() == before


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["total", "steps_per_epoch", "step", "run", "$float"]), inner
        )
    ),
    max_leaves=5,
)
HEADER = [
    "spec",
    "task",
    "seed",
    "updates",
    "horizon",
    "score",
    "per",
    "parent",
    "versions",
    "host",
]
COUNT = itertools.count()
FIELDS = [
    "step",
    "edit",
    "factor",
    "author",
    "reason",
    "letter",
    "source",
    "edits",
    "fields",
    "pid",
]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    header=st.dictionaries(st.sampled_from(HEADER), ODD),
    began=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63),
    events=st.lists(
        st.tuples(
            st.sampled_from(
                ["edit", "refused", "evaluation", "resume", "end", "diverged", "other"]
            ),
            st.dictionaries(st.sampled_from([*FIELDS, "status", "what", "accuracy"]), ODD),
        ),
        max_size=4,
    ),
    steps=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
)
def test_a_journal_of_other_hands_is_shown_or_refused_but_never_breaks(
    client, root, header, began, events, steps
):
    odd = f"odd-{next(COUNT)}"
    folder = root / odd
    folder.mkdir()
    lines = [encode_event("run", header | {"format": 1, "time": began})]
    lines += [
        encode_event("metrics", {"step": s, "time": 1.0, "values": {"lr": 1e300}}) for s in steps
    ]
    lines += [encode_event(kind, fields) for kind, fields in events]
    lines += [encode_event("metrics", {"step": s, "time": 0.0, "values": {}}) for s in steps]
    (folder / "journal.jsonl").write_bytes(b"".join(lines))
    if hasattr(client.app.state, "hub"):
        client.app.state.hub.shelf._looked = 0
    assert client.get("/api/runs").status_code == 200
    assert client.get(f"/api/runs/{odd}").status_code in (200, 409)
    for axis in ("step", "epoch", "time", "area"):
        answer = client.get("/api/curves", params={"run": odd, "axis": axis})
        assert answer.status_code in (200, 409)
        close = {"run": odd, "axis": axis, "begin": -5, "end": 1e17}
        assert client.get("/api/curves", params=close).status_code in (200, 409)
    with client.stream("GET", "/api/live", params={"run": odd, "limit": 2}) as answer:
        assert "event: runs" in "".join(answer.iter_text())
    shutil.rmtree(folder)
