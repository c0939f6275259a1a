"""What is told live: complete, once each, to all who look, and cheap however many they are."""

import asyncio
import json
import shutil
import signal
import threading
import time

import httpx2
import pytest

from lrkit.records import Journal
from lrkit.studio.curves import Wish
from lrkit.studio.live import Hub, Viewer
from tests.studio.conftest import TOKEN

WISH = Wish("step", 200)


class Watcher:
    """A viewer in a loop of its own that applies what it is told, as the page does."""

    def __init__(self, hub, runs, listed=False, wish=WISH):
        self.hub, self.runs, self.listed, self.wish = hub, runs, listed, wish
        self.rows, self.lines, self.told, self.gone = {}, {}, [], {}
        self._ended = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._watch()))
        self.thread.start()

    async def _watch(self):
        viewer = Viewer(asyncio.get_running_loop(), self.runs, self.wish, self.listed)
        messages = viewer.messages(self.hub, None)
        task = asyncio.ensure_future(self._take(messages))
        while not self._ended.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await messages.aclose()

    async def _take(self, messages):
        async for message in messages:
            if message.startswith(b"event"):
                head, data = message.decode().rstrip().split("\ndata: ")
                self.apply(head.removeprefix("event: "), json.loads(data))

    def apply(self, kind, body):
        self.told.append(kind)
        if kind == "runs":
            if body["whole"]:
                self.rows = {}
            self.rows |= {row["name"]: row for row in body["runs"]}
            for name in body["gone"]:
                self.rows.pop(name, None)
        elif kind == "gone":
            self.gone[body["run"]] = body["message"]
            self.lines = {key: v for key, v in self.lines.items() if key[0] != body["run"]}
        else:
            self.gone.pop(body["run"], None)
            self.status = body["status"]
            for line in body["lines"]:
                key = (body["run"], line["name"])
                old = self.lines.get(key, [])[: line["keep"]]
                self.lines[key] = old + list(zip(line["x"], line["mean"], strict=True))

    def until(self, holds, seconds=8.0):
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, (self.told, self.rows, self.lines)
            time.sleep(0.01)

    def leave(self):
        self._ended.set()
        self.thread.join(5)


@pytest.fixture
def watch(root):
    hub, watchers = Hub(root), []

    def begin(*runs, **more):
        watchers.append(Watcher(hub, runs, **more))
        return watchers[-1]

    begin.hub = hub
    yield begin
    for watcher in watchers:
        watcher.leave()


def grow(journal, begin, end):
    for step in range(begin, end):
        journal.metrics(step, lr=0.1, loss=float(step))
    journal.flush()


def test_a_viewer_has_what_the_run_has_while_it_grows_goes_back_and_ends(root, watch):
    journal = Journal.create(root / "a")
    grow(journal, 0, 50)
    seen = watch("a")
    seen.until(lambda: len(seen.lines.get(("a", "loss"), [])) == 50)
    grow(journal, 50, 150)
    seen.until(lambda: len(seen.lines["a", "loss"]) == 150)
    journal.rewind(20)
    grow(journal, 20, 30)
    seen.until(lambda: seen.lines["a", "loss"] == [(s, s) for s in range(30)])
    grow(journal, 30, 1000)  # more than there are points: they become wider
    seen.until(lambda: seen.lines["a", "loss"][-1][0] > 990)
    assert len(seen.lines["a", "loss"]) <= 200
    journal.close()
    seen.until(lambda: seen.status == "done")


def test_the_list_tells_runs_that_come_change_and_go(root, watch):
    seen = watch(listed=True)
    seen.until(lambda: seen.told == ["runs"])
    journal = Journal.create(root / "a")
    seen.until(lambda: seen.rows.get("a", {}).get("status") == "running")
    grow(journal, 0, 7)
    seen.until(lambda: seen.rows["a"]["step"] == 7)
    journal.close()
    seen.until(lambda: seen.rows["a"]["status"] == "done")
    shutil.rmtree(root / "a")
    seen.until(lambda: seen.rows == {})


def test_a_run_that_is_not_there_is_told_once_and_found_when_it_comes(root, watch):
    seen = watch("a", "no\0name")
    seen.until(lambda: set(seen.gone) == {"a", "no\0name"})
    time.sleep(0.8)
    assert seen.told == ["gone", "gone"]
    with Journal.create(root / "a") as journal:
        grow(journal, 0, 5)
    seen.until(lambda: len(seen.lines.get(("a", "loss"), [])) == 5)
    shutil.rmtree(root / "a")
    seen.until(lambda: "a" in seen.gone)
    with Journal.create(root / "a") as journal:
        grow(journal, 3, 9)
    seen.until(lambda: [x for x, _ in seen.lines.get(("a", "loss"), [])] == [*range(3, 9)])


def test_a_long_run_is_shown_whole_at_once_and_then_exactly(root, watch, monkeypatch):
    monkeypatch.setattr("lrkit.studio.live.SLICE", 1 << 18)
    with Journal.create(root / "a") as journal:
        for step in range(40_000):
            journal.metrics(step, lr=0.1, loss=99.0 if step == 12_345 else 1.0)
    first = []

    def apply(self, kind, body, real=Watcher.apply):
        first.append(body)
        real(self, kind, body)

    monkeypatch.setattr(Watcher, "apply", apply)
    seen = watch("a")
    seen.until(lambda: first and first[-1]["share"] == 1.0)
    assert first[0]["share"] < 0.1
    assert first[0]["lines"][0]["x"][-1] > 39_500
    assert len(first) > 5
    assert all(told["lines"] == [] for told in first[1:-1])  # only how far the reading is
    loss = first[-1]["lines"][1]
    assert max(loss["high"]) == 99.0
    assert first[-1]["status"] == "done"
    assert sum(len(told["lines"]) for told in first) == 4


def test_ten_viewers_are_told_from_one_reading(root, watch, monkeypatch):
    read = []
    from lrkit.records import overview

    real = overview.blocks

    def counting(file, begin, end):
        for offset, block in real(file, begin, end):
            read.append(len(block))
            yield offset, block

    monkeypatch.setattr(overview, "blocks", counting)
    journal = Journal.create(root / "a")
    grow(journal, 0, 500)
    size = (root / "a" / "journal.jsonl").stat().st_size
    many = [watch("a") for _ in range(10)]
    for seen in many:
        seen.until(lambda seen=seen: ("a", "loss") in seen.lines)
    assert sum(read) < size
    grow(journal, 500, 600)
    for seen in many:
        seen.until(lambda seen=seen: seen.lines["a", "loss"][-1][0] > 590)
    assert sum(read) < (root / "a" / "journal.jsonl").stat().st_size
    assert all(seen.lines == many[0].lines for seen in many)
    journal.close()


def test_a_run_that_we_fail_to_show_hides_no_other(root, watch, monkeypatch, caplog):
    from lrkit.studio import live

    real = live.curves_of

    def failing(overview, *more):
        if overview.folder.name == "bad":
            raise ZeroDivisionError
        return real(overview, *more)

    monkeypatch.setattr(live, "curves_of", failing)
    for name in ("bad", "good"):
        with Journal.create(root / name) as journal:
            grow(journal, 0, 5)
    seen = watch("bad", "good")
    seen.until(lambda: ("good", "loss") in seen.lines and "bad" in seen.gone)
    time.sleep(0.8)
    assert "terminal says why" in seen.gone["bad"]
    assert seen.told.count("gone") == 1
    assert sum("run bad failed" in record.message for record in caplog.records) == 1


def test_nobody_looks_and_nothing_is_kept(root, watch, monkeypatch):
    monkeypatch.setattr("lrkit.studio.live.LINGER", 0.3)
    with Journal.create(root / "a") as journal:
        grow(journal, 0, 5)
    seen = watch("a")
    seen.until(lambda: seen.lines)
    hub = watch.hub
    assert (hub.viewers, hub.followed) == (1, 1)
    seen.leave()
    end = time.monotonic() + 5
    while hub.followed or hub.viewers or hub.working:
        assert time.monotonic() < end
        time.sleep(0.02)
    again = watch("a")  # and it comes back
    again.until(lambda: again.lines)


def test_a_slow_viewer_is_told_more_at_once(root, watch):
    journal = Journal.create(root / "a")
    grow(journal, 0, 5)

    async def slowly():
        viewer = Viewer(asyncio.get_running_loop(), ("a",), WISH, False)
        messages = viewer.messages(watch.hub, None)
        await anext(messages)  # how soon to come back
        await anext(messages)
        sizes = []
        for begin in range(5, 105, 20):
            grow(journal, begin, begin + 20)
            await asyncio.sleep(0.4)
            sizes.append(len(viewer.box))
        told = 0
        while b'"last":104' not in await anext(messages):
            told += 1
        await messages.aclose()
        return sizes, told

    sizes, told = asyncio.run(slowly())
    assert max(sizes) == 1  # nothing piles up
    assert told <= 2
    journal.close()


def events(answer):
    kind = None
    for line in answer.iter_lines():
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            yield kind, json.loads(line[6:])


def test_the_stream_of_a_real_server_and_its_ends(root, launch):
    journal = Journal.create(root / "a")
    grow(journal, 0, 30)
    studio = launch()
    token = studio.link.partition("token=")[2]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=studio.base, headers=headers, timeout=10) as client:
        params = {"run": "a", "points": 100}
        with client.stream("GET", "/api/live", params=params) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            told = events(answer)
            first = dict([next(told), next(told)])
            assert first["runs"]["runs"][0]["name"] == "a"
            assert first["curves"]["steps"] == 30
            grow(journal, 30, 40)
            while True:
                kind, body = next(told)
                if kind == "curves" and body["steps"] == 40:
                    break
            assert body["lines"][0]["keep"] == 30  # only what is new
            studio.kill()
            with pytest.raises(httpx2.TransportError):
                list(told)
        grow(journal, 40, 50)  # the training has not noticed
        launch("--port", str(studio.port))
        with client.stream("GET", "/api/live", params=params | {"limit": 2}) as answer:
            first = dict(events(answer))
            assert first["curves"]["steps"] == 50
    journal.close()


def test_ctrl_c_ends_open_streams_at_once_and_without_a_word(root, launch):
    with Journal.create(root / "a") as journal:
        grow(journal, 0, 5)
    studio = launch()
    headers = {"Authorization": f"Bearer {studio.link.partition('token=')[2]}"}
    with (
        httpx2.Client(base_url=studio.base, headers=headers, timeout=10) as client,
        client.stream("GET", "/api/live", params={"run": "a"}) as answer,
    ):
        told = events(answer)
        next(told)
        begin = time.monotonic()
        studio.process.send_signal(signal.SIGINT)
        list(told)  # a proper end, not one broken off
        assert time.monotonic() - begin < 2  # before uvicorn would lose its patience
        studio.process.wait(10)
    assert studio.process.stderr.read() == ""


def test_the_stream_needs_the_token_and_ends_after_its_limit(client, root):
    with Journal.create(root / "a") as journal:
        grow(journal, 0, 5)
    with client.stream("GET", "/api/live", params={"run": "a", "limit": 2}) as answer:
        assert {kind for kind, _ in events(answer)} == {"runs", "curves"}
    bare = client.get("/api/live", params={"limit": 1}, headers={"Authorization": "Bearer no"})
    assert bare.status_code == 401
    assert TOKEN not in bare.text
