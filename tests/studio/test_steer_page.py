"""The Steer page in a real browser: a real training is steered, and its journal says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrkit.records import Inbox, Journal, course_of, replay, submit

pytestmark = pytest.mark.browser
expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
expect.set_options(timeout=20_000)  # milliseconds, on a machine that does much else


@pytest.fixture
def training(root: Path) -> Iterator[Path]:
    """`lrkit train poly-tanh`, in a process of its own, for minutes."""
    pytest.importorskip("torch", reason="a run is trained")
    command = [sys.executable, "-m", "lrkit", "train", "poly-tanh", "-s", "0.05 * cosine()",
               "--epochs", "20000", "--checkpoint", "4ep", "--run", str(root / "going"),
               "--quiet"]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    until(lambda: (root / "going" / "journal.jsonl").exists())
    yield root / "going"
    process.kill()
    process.wait(20)


def end(folder: Path) -> None:
    """Kill the training of *folder*, by the process that its journal names."""
    os.kill(replay(folder).header["pid"], signal.SIGKILL)
    until(lambda: replay(folder).status == "dead")


@pytest.fixture
def paused(root: Path) -> Iterator[tuple[Path, threading.Event]]:
    """A training of 1000 updates that has made a few, and goes on when the event is set."""
    torch = pytest.importorskip("torch", reason="a run is trained")
    from lrkit import Scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    folder, go, over, begun = root / "paused", *(threading.Event() for _ in range(3))

    def train() -> None:
        with Scheduler(optimizer, lr="0.1 * cosine()", total=1000, run=folder) as schedule:
            while not over.is_set() and not schedule.finished:
                if schedule.position == 20:
                    begun.set()
                    go.wait(60)
                optimizer.step()
                schedule.step({"loss": 1.0})
                time.sleep(0.002)

    thread = threading.Thread(target=train)
    thread.start()
    assert begun.wait(20)
    yield folder, go
    over.set()
    go.set()
    thread.join(20)


def until(true, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def kinds(page):
    return page.get_by_role("group", name="Kind of edit")


def test_an_edit_is_seen_before_it_is_sent_and_then_in_the_journal(studio, training, browse):
    page = browse(studio, "#/steer?run=going")
    expect(page.locator(".badge.running")).to_be_visible()
    kinds(page).get_by_role("button", name="Scale").click()
    page.get_by_label("Factor").fill("0.25")
    outcome = page.locator(".outcome")
    expect(outcome.locator("[data-row=rate]")).to_be_visible()
    expect(outcome).to_contain_text("scale 0.25")
    expect(page.locator(".legend")).to_contain_text("with the edit")
    page.get_by_label("Reason").fill("to see it fall")
    assert replay(training).edits == []
    assert Inbox(training).poll() == ()
    page.get_by_role("button", name="Send").click()
    taken = page.locator(".events li.taken")
    expect(taken).to_contain_text("scale 0.25")
    expect(taken).to_contain_text("to see it fall")
    (edit,) = replay(training).edits
    assert (edit["factor"], edit["reason"]) == (0.25, "to see it fall")
    expect(taken).to_contain_text(f"step {edit['step']:,}")
    expect(page.locator(".follows")).to_contain_text("table([1, 0.25]")
    expect(page.locator(".follows a")).to_have_attribute("href", r"#/design?text=0.05+*+cosine%28"
        f"%29+*+table%28%5B1%2C+0.25%5D%2C+%5B0st%2C+{edit['step']}st%5D%2C+kind%3Dstep%29"
        "&total=1000000&epoch=50")  # fmt: skip
    # What was used at each update is what is said to have been followed, bit for bit.
    until(lambda: replay(training).metrics["step"][-1] > edit["step"])
    run = replay(training)
    steps, rates = run.series("lr")
    assert (course_of(run)(steps) == rates).all()
    assert rates[edit["step"]] < 0.26 * rates[edit["step"] - 1]


def test_the_rest_of_the_curve_is_dragged_to_where_it_should_go(studio, training, browse):
    page = browse(studio, "#/steer?run=going")
    expect(page.locator(".badge.running")).to_be_visible()
    kinds(page).get_by_role("button", name="Draw").click()
    point = page.locator(".handle").nth(2)
    expect(point).to_be_visible()
    before = float(point.get_attribute("aria-valuenow"))
    box = point.locator(".dot").bounding_box()
    page.mouse.move(box["x"] + 6, box["y"] + 6)
    page.mouse.down()
    page.mouse.move(box["x"] + 6, box["y"] - 60, steps=4)
    page.mouse.up()
    dragged = float(point.get_attribute("aria-valuenow"))
    assert dragged > 1.2 * before
    point.press("Shift+ArrowDown")
    lowered = float(point.get_attribute("aria-valuenow"))
    assert before < lowered < dragged
    page.locator(".handle").nth(4).press("Delete")
    expect(page.locator(".handle")).to_have_count(5)
    page.locator(".rate").dblclick(position={"x": 400, "y": 60})
    page.get_by_role("button", name="Add a point").click()
    expect(page.locator(".handle")).to_have_count(7)
    expect(page.locator(".outcome")).to_contain_text("replace table(")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".events li.taken")).to_contain_text("replace table(")
    run = replay(training)
    (edit,) = run.edits
    course = course_of(run)
    assert lowered in edit["schedule"]["values"]
    place = edit["schedule"]["values"].index(lowered)
    offset = float(edit["schedule"]["at"][place].removesuffix("st"))
    assert course(edit["step"] + offset) == lowered
    assert (course(range(edit["step"])) == 0.05 * _cosine(course.total)(range(edit["step"]))).all()


def _cosine(total):
    from lrkit import cosine

    return cosine().over(total)


def test_what_is_refused_says_why_and_what_ends_asks_first(studio, training, browse):
    page = browse(studio, "#/steer?run=going", lenient=True)  # a 422 is an error to the console
    expect(page.locator(".badge.running")).to_be_visible()
    kinds(page).get_by_role("button", name="Cool down").click()
    page.get_by_label("To rate").fill("7")
    expect(page.locator(".outcome .error")).to_contain_text("a cooldown goes down")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    submit(training, {"edit": "set", "value": 0.1, "group": "nobody", "format": 1})
    refused = page.locator(".events li.refused")
    expect(refused).to_contain_text("group")
    assert replay(training).refused[0]["reason"] in refused.inner_text()
    kinds(page).get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Stop the training").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert Inbox(training).poll() == ()
    page.get_by_role("button", name="Stop the training").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(page.locator(".badge.stopped")).to_be_visible()
    expect(page.locator(".notice")).to_contain_text("only a run that is going can be steered")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert replay(training).status == "stopped"


def test_a_dead_run_takes_the_edit_when_it_is_resumed_from_the_page(studio, training, browse):
    until(lambda: replay(training).checkpoints)
    end(training)
    page = browse(studio, "#/steer?run=going&edit=scale")
    expect(page.locator(".notice")).to_contain_text("It takes edits when it is resumed")
    expect(page.locator(".outcome [data-row=rate]")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".events li.waiting")).to_contain_text("Waits for the run to be resumed")
    assert replay(training).edits == []
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".badge.running")).to_be_visible(timeout=60_000)
    expect(page.locator(".events li.taken")).to_contain_text("scale 0.5")
    (edit,) = replay(training).edits
    assert edit["factor"] == 0.5
    expect(page.get_by_role("button", name="Resume")).to_have_count(0)


def test_an_edit_outlives_the_studio_and_the_page_comes_back(studio, paused, browse):
    folder, go = paused
    page = browse(studio, "#/steer?run=paused&edit=hold", lenient=True)
    expect(page.locator(".outcome")).to_contain_text("hold")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".events li.waiting")).to_contain_text("hold")
    studio.kill()
    expect(page.locator(".link-state")).to_contain_text("away")
    assert replay(folder).edits == []
    go.set()
    until(lambda: len(replay(folder).edits) == 1)
    again = studio.again()
    try:
        taken = page.locator(".events li.taken")
        expect(taken).to_contain_text("hold")
        expect(page.locator(".events li.waiting")).to_have_count(0)
        expect(page.locator("#page > .error")).to_have_count(0)
    finally:
        again.kill()
        again.process.stdout.close()
        again.process.stderr.close()
    (edit,) = replay(folder).edits
    assert edit["edit"] == "hold"
    assert Inbox(folder).poll() == ()


def test_a_studio_that_only_shows_offers_nothing(launch, root, browse):
    with Journal.create(root / "alive", spec="0.1 * cosine()", horizon={"total": 100}) as journal:
        journal.metrics(4, loss=1.0)
        journal.flush()
        page = browse(launch("--read-only"), "#/steer", width=400)
        expect(page.locator(".closed")).to_contain_text("only shows")
        expect(page.get_by_role("button", name="Send")).not_to_be_visible()
        expect(page.locator("[data-fact=step]")).to_have_text("5 of 100")
        assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_without_runs_it_says_where_they_come_from(studio, browse):
    page = browse(studio, "#/steer")
    expect(page.locator(".empty")).to_contain_text("no runs here yet")
