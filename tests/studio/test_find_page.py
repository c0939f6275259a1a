"""The Find page in a real browser: a real range test, watched to its end, and its rates moved."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lrkit.records import replay
from lrkit.records.points import Point, PointsWriter
from lrkit.schedules import parse

pytestmark = pytest.mark.browser
expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
expect.set_options(timeout=20_000)  # milliseconds, on a machine that does much else


def rate(page, name: str) -> float:
    return float(page.get_by_label(name, exact=True).and_(page.locator("input")).input_value())


def text(page, name: str) -> str:
    return page.locator(f"[data-schedule={name}] code").inner_text()


def test_a_test_is_watched_to_its_end_and_its_rates_are_moved(root, studio, browse):
    pytest.importorskip("torch", reason="a test trains")
    page = browse(studio, "#/find?task=poly-tanh")
    expect(page.get_by_label("Task")).to_have_value("poly-tanh")
    page.get_by_label("Repeats").fill("2")
    page.get_by_role("button", name="Start the test").click()
    state = page.locator(".state")
    expect(state).to_contain_text("repeat", timeout=60_000)
    expect(state).to_contain_text("Done", timeout=60_000)
    expect(page.locator(".reason")).to_contain_text("Confidence")
    assert "job=" in page.url
    peak = parse(text(page, "decay")).over(1000).facts().peak
    assert peak == pytest.approx(rate(page, "maximum") / 2, rel=0.06)
    # The line on the chart, the field and the schedules are one value.
    mark = page.locator("[data-mark=maximum]")
    box = mark.locator(".tab").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 6)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 60, box["y"] + 6, steps=4)
    page.mouse.up()
    dragged = float(mark.get_attribute("aria-valuenow"))
    assert dragged < 2 * peak
    assert rate(page, "maximum") == pytest.approx(dragged, rel=1e-3)
    expect(page.locator("[data-schedule=one-cycle] code")).to_contain_text(f"{dragged:.3g} * (")
    page.locator("input[aria-label=base]").fill("0.00321")
    page.locator("input[aria-label=base]").press("Enter")
    expect(page.locator("[data-schedule=cyclic] code")).to_contain_text("constant(0.00321)")
    page.locator("[data-mark=base]").press("ArrowRight")
    expect(page.locator("[data-schedule=cyclic] code")).to_contain_text("constant(0.00327)")
    page.locator("input[aria-label=base]").fill("9")
    page.locator("input[aria-label=base]").press("Enter")
    expect(page.locator(".peak")).to_contain_text("needs a base below the maximum")
    expect(page.locator("[data-schedule=cyclic]")).to_have_count(0)
    # In a window of another size the marks stand where the axes are.
    page.set_viewport_size({"width": 700, "height": 900})
    page.wait_for_function(
        """() => { const plot = document.querySelector(".nsewdrag").getBoundingClientRect();
                  const rule = document.querySelector("[data-mark=maximum] .rule");
                  const { bottom, x } = rule.getBoundingClientRect();
                  return Math.abs(bottom - plot.bottom) < 3 && x > plot.left && x < plot.right; }"""
    )
    # Everything is there again from the link, and the schedule goes to Design or is trained.
    page.reload()
    expect(state).to_contain_text("Done")
    link = page.locator("[data-schedule=decay] a").get_attribute("href")
    assert link.startswith("#/design?text=")
    chosen = text(page, "decay")
    page.locator("[data-schedule=decay]").get_by_role("button", name="Train").click()
    page.get_by_role("dialog").get_by_role("button", name="Start").click()
    page.wait_for_url("**/#/steer?run=poly-tanh*", timeout=20_000)
    end = time.monotonic() + 60
    while not (root / "poly-tanh" / "journal.jsonl").exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    assert replay(root / "poly-tanh").spec == chosen


def test_a_test_is_cancelled(studio, browse):
    pytest.importorskip("torch", reason="a test trains")
    page = browse(studio, "#/find?task=poly-tanh")
    expect(page.get_by_label("Task")).to_have_value("poly-tanh")
    page.get_by_label("Steps").fill("5000")
    page.get_by_role("button", name="Start the test").click()
    expect(page.locator(".state")).to_contain_text("Measuring", timeout=60_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".state")).to_contain_text("Stopped")
    expect(page.locator(".reason")).to_contain_text("a part of a curve suggests nothing")
    expect(page.get_by_role("button", name="Start the test")).to_be_enabled()


def test_a_curve_that_says_nothing_says_why(settings, launch, browse):
    job = made(settings)
    page = browse(launch(), f"#/find?job={job}", width=400)
    expect(page.locator(".state")).to_contain_text("The curve does not say")
    expect(page.locator(".reason")).to_contain_text("the loss only rises")
    expect(page.locator(".notes")).to_contain_text("a lower `low` may show more")
    expect(page.get_by_label("Maximum")).not_to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def made(settings) -> str:
    """Return the job of a range test that found nothing."""
    from lrkit.studio.jobs import Jobs

    jobs = Jobs(settings)
    job = jobs.start("find", ["schedules", "cosine"], "mine", {"options": {}, "task": "mine"})
    while jobs.get(job.id).status == "running":
        time.sleep(0.05)
    path: Path = job.folder / "range.jsonl"
    with PointsWriter(path, steps=20, repeats=1, kind="exponential") as write:
        for update in range(20):
            write(Point(0, update, 0.1 * 1.5**update, 2.0 + update))
        nothing = dict.fromkeys(("base", "peak", "maximum", "steepest"))
        write.end(
            "nothing",
            "the loss only rises: every rate of the test is too high; start lower",
            suggestion=nothing
            | {"confidence": "none", "reason": "the loss only rises", "rules": {}}
            | {"smooth_rates": [], "smooth_losses": [], "schedules": {}},
            notes=["the loss rose at once; a lower `low` may show more"],
        )
    return job.id
