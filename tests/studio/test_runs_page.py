"""The Runs page in a real browser: the list, curves side by side, live, and removal."""

import re
import subprocess
import sys
import threading
import time
from itertools import pairwise

import pytest

from lrkit.control import Scale
from lrkit.records import Journal, list_runs

pytestmark = pytest.mark.browser
expect = pytest.importorskip("playwright.sync_api", reason="Playwright is missing").expect


def made(root, name, steps=40, *, loss=1.0, task="lenet-digits", **header):
    about = {"spec": "0.1 * cosine()", "task": task, "updates": steps, "score": "accuracy"}
    about |= {"horizon": {"total": steps, "steps_per_epoch": 10}, "seed": 0}
    with Journal.create(root / name, **(about | header)) as journal:
        for step in range(steps):
            journal.metrics(step, lr=0.1, loss=loss + 1 / (step + 1))
        edit = Scale(0.5, step=steps // 2, author="anna", reason="it spikes").to_dict()
        journal.append("edit", **edit, source="hand", at=steps // 2)
        journal.append("evaluation", step=steps, epoch=1, accuracy=0.9)


# What plotly has drawn: the lines of a chart, by name, as their points.
LINES = """(name) => {
  const drawn = document.querySelector(`[data-chart="${name}"] .chart`)?.data ?? [];
  const lines = drawn.filter((t) => t.name && t.mode !== "markers");
  return Object.fromEntries(lines.map((t) => [t.name, {x: [...t.x], y: [...t.y]}]));
}"""


def lines(page, chart):
    return page.evaluate(LINES, chart)


def until(page, chart, condition):
    """Wait until the lines of *chart* fulfil *condition*, a JavaScript expression of them."""
    script = f"(name) => {{ const lines = ({LINES})(name); return {condition}; }}"
    page.wait_for_function(script, arg=chart)


def names(page):
    return page.locator(".run .name").all_text_contents()


def test_the_list_is_filtered_and_kept_in_the_link(root, studio, browse):
    made(root, "alpha")
    made(root, "beta", task="poly-tanh")
    with Journal.create(root / "gamma", spec="0.2", task="lenet-digits"):
        page = browse(studio, "#/runs")
        expect(page.locator(".run")).to_have_count(3)
        assert names(page) == ["gamma", "beta", "alpha"]
        page.get_by_label("Status").select_option("running")
        expect(page.locator(".run")).to_have_count(1)
        page.get_by_label("Status").select_option("")
        page.get_by_label("Filter runs").fill("POLY")
        expect(page.locator(".run")).to_have_count(1)
        expect(page.locator(".count")).to_have_text("1 of 3 runs")
        page.wait_for_function("() => location.hash.includes('q=POLY')")
        page.reload()
        expect(page.locator(".run")).to_have_count(1)
        assert names(page) == ["beta"]
    row = page.locator(".run")
    expect(row).to_contain_text("40 steps · loss 1.02 · accuracy 0.9")
    expect(row).to_contain_text("poly-tanh")


def test_two_runs_are_compared_on_an_axis_with_smoothing(root, studio, browse):
    made(root, "short", 40, loss=1.0)
    made(root, "long", 4000, loss=5.0)
    page = browse(studio, "#/runs?run=short")
    until(page, "loss", "lines.short?.x.length === 40")
    page.get_by_label("Draw long").check()
    until(page, "loss", "lines.long && lines.short")
    found = lines(page, "loss")
    assert found["short"]["x"][-1] == 39
    assert 300 <= len(found["long"]["x"]) <= 600
    assert found["long"]["x"][-1] > 3990
    page.get_by_role("button", name="Epoch").click()
    until(page, "loss", "lines.long?.x.at(-1) < 401 && lines.short?.x.at(-1) === 3.9")
    page.get_by_role("button", name="Area").click()
    until(page, "lr", "Math.abs(lines.short?.x.at(-1) - 3.9) < 1e-6")
    until(page, "loss", "Math.abs(lines.short?.x.at(-1) - 3.9) < 1e-6")
    raw = lines(page, "loss")["short"]["y"]
    page.get_by_label("Smoothing").fill("0.9")
    until(page, "loss", f"lines.short?.y[1] > {raw[1]} + 0.1")  # above a curve that falls
    assert lines(page, "loss")["short"]["y"][0] == pytest.approx(raw[0])
    page.wait_for_function("() => /run=short%2Clong&axis=area&smooth=0.9/.test(location.hash)")
    page.get_by_role("button", name="Take short away").click()
    until(page, "loss", "lines.long && !lines.short")


def test_a_stretch_that_is_chosen_shows_every_update(root, studio, browse):
    made(root, "long", 20_000)
    page = browse(studio, "#/runs?run=long")
    until(page, "loss", "lines.long?.x.length > 300")
    chart = page.locator("[data-chart=loss] .nsewdrag")
    box = chart.bounding_box()
    y, begin = box["y"] + box["height"] / 2, box["x"] + box["width"] / 2
    page.mouse.move(begin, y)
    page.mouse.down()
    page.mouse.move(begin + 20, y, steps=4)
    page.mouse.up()
    until(page, "loss", "lines.long?.x.length > 100 && lines.long.x[1] - lines.long.x[0] === 1")
    until(page, "lr", "lines.long?.x[1] - lines.long.x[0] === 1")  # in all charts
    page.mouse.dblclick(begin, y)
    until(page, "loss", "lines.long?.x.at(-1) > 19900 && lines.long.x[0] < 100")


def test_an_edit_is_marked_and_told_also_to_the_keyboard(root, studio, browse):
    made(root, "alpha")
    page = browse(studio, "#/runs?run=alpha")
    until(page, "lr", "lines.alpha")
    marks = "document.querySelector('[data-chart=lr] .chart').data.find((t) => t.name === 'edit')"
    assert page.evaluate(f"[{marks}.x[0], {marks}.text[0]]") == [
        20,
        "scale 0.5 at 20 by anna: it spikes",
    ]
    page.get_by_role("button", name="alpha", exact=True).press("Enter")
    line = page.locator(".edits button")
    expect(line).to_have_text("scale 0.5 at 20, anna: it spikes")
    line.focus()
    expect(page.locator("[data-chart=lr] .annotation-text")).to_have_text(
        "scale 0.5 · anna: it spikes"
    )


def test_a_run_opens_in_design_with_what_it_followed(root, studio, browse):
    made(root, "alpha")
    page = browse(studio, "#/runs?run=alpha&open=alpha")
    page.get_by_role("button", name="Open in Design").click()
    page.wait_for_function("() => location.hash.startsWith('#/design')")
    text = page.evaluate("new URLSearchParams(location.hash.split('?')[1]).get('text')")
    assert text == "0.1 * cosine() * table([1, 0.5], [0st, 20st], kind=step)"


def test_curves_grow_while_a_real_training_runs(root, studio, browse):
    page = browse(studio, "#/runs")
    expect(page.locator(".empty").first).to_contain_text("No runs in this folder yet")
    training = subprocess.Popen(
        [sys.executable, "-m", "lrkit", "train", "poly-tanh", "--total", "400ep", "--quiet",
         "--run", str(root / "live"), "--checkpoint", "none"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        expect(page.locator(".run .badge")).to_have_text("running", timeout=30_000)
        page.get_by_label("Draw live").check()
        until(page, "loss", "lines.live?.x.length > 5")
        first = lines(page, "loss")["live"]["x"][-1]
        until(page, "loss", f"lines.live?.x.at(-1) > {first} + 20")
        assert training.poll() is None  # it was still going
        page.get_by_role("button", name="live", exact=True).click()
        expect(page.get_by_role("button", name="Delete…")).to_be_disabled()
    finally:
        training.kill()
        training.wait()
    expect(page.locator(".run .badge")).to_have_text("dead")


def test_a_run_is_deleted_after_a_question_and_only_then(root, studio, browse):
    made(root, "alpha")
    made(root, "beta")
    page = browse(studio, "#/runs?run=alpha&open=alpha")
    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete run alpha?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    assert (root / "alpha").exists()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".run")).to_have_count(1)
    assert [run.name for run in list_runs(root)] == ["beta"]
    expect(page.locator(".chip")).to_have_count(0)
    assert "alpha" not in page.evaluate("location.hash")


def test_a_studio_that_was_killed_comes_back_and_the_page_goes_on(root, launch, browse):
    studio = launch()
    journal = Journal.create(root / "live", spec="0.1")
    ended = threading.Event()

    def train():
        step = 0
        while not ended.wait(0.01):
            journal.metrics(step, lr=0.1, loss=1.0)
            step += 1

    training = threading.Thread(target=train)
    training.start()
    try:
        page = browse(studio, "#/runs?run=live", lenient=True)
        until(page, "loss", "lines.live?.x.length > 3")
        studio.kill()
        expect(page.locator(".link-state")).to_contain_text("reconnecting")
        step = lines(page, "loss")["live"]["x"][-1]
        launch("--port", str(studio.port))
        expect(page.locator(".link-state")).to_contain_text("Connected again")
        until(page, "loss", f"lines.live?.x.at(-1) > {step} + 20")
        xs = lines(page, "loss")["live"]["x"]
        # Nothing twice, nothing lost: every part but the last is as wide as the others.
        assert len({round(after - x, 6) for x, after in pairwise(xs[:-1])}) == 1
    finally:
        ended.set()
        training.join()
        journal.close()


def test_two_hundred_runs_and_a_long_one_stay_quick(root, studio, browse):
    for i in range(200):
        with Journal.create(root / f"run-{i:03d}", spec="0.1", git=None) as journal:
            journal.metrics(0, lr=0.1, loss=1.0)
    made(root, "long", 50_000)
    page = browse(studio, "#/runs?run=long")
    until(page, "loss", "lines.long?.x.at(-1) > 49000")
    expect(page.locator(".count")).to_have_text("201 runs")
    assert page.locator(".run").count() == 100  # the rest on asking
    begin = time.monotonic()
    page.get_by_label("Filter runs").fill("run-19")
    expect(page.locator(".count")).to_have_text("10 of 201 runs")
    assert time.monotonic() - begin < 2
    page.get_by_label("Filter runs").fill("")
    page.get_by_role("button", name=re.compile("Show 101 more")).click()
    expect(page.locator(".run")).to_have_count(201)


def test_it_can_be_used_on_a_narrow_screen(root, studio, browse):
    made(root, "alpha")
    page = browse(studio, "#/runs?run=alpha", width=400)
    until(page, "loss", "lines.alpha")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 400
