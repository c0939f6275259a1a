"""The Landscape page's functions in a real browser: played, changed on the way, and shared."""

from __future__ import annotations

import json
import signal

import pytest

from tests.studio.conftest import start

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

pytestmark = pytest.mark.browser

STEP = "document.querySelector('.view').dataset.step"
LOSSES = "document.querySelector('.trace .chart').data.map((trace) => Array.from(trace.y))"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """One studio for all: it keeps nothing of what is played."""
    root = tmp_path_factory.mktemp("played") / "runs"
    root.mkdir()
    one = start(root)
    yield one
    one.process.send_signal(signal.SIGINT)
    one.process.communicate(timeout=20)


def until(page, holds, arg=None, seconds=10):
    """Wait until *holds* is true in the page, whose policy lets nothing be evaluated but ours."""
    for _ in range(int(seconds / 0.04)):
        if page.evaluate(holds, arg):
            return
        page.wait_for_timeout(40)
    raise AssertionError(f"this did not come true: {holds}")


def state(page, index=1):
    """Return where a descent tells how it stands."""
    return page.locator(f"[aria-label='Descent {index}'] .state")


def opened(browse, studio, link="#/landscape", **more):
    page = browse(studio, link, **more)
    until(page, "document.querySelector('.trace .chart')?.data?.length > 0")
    return page


def rate(page, text, index=1):
    field = page.get_by_label(f"Descent {index}: schedule")
    field.fill(text)
    field.press("Enter")


def played(page):
    """Play quickly, to the end."""
    page.get_by_label("Speed").select_option("2000")
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, f"Number({STEP}) > 0 && document.querySelector('.play').textContent === 'Play'")


def test_a_descent_on_the_ravine_converges_below_two_over_l_and_diverges_above(browse, studio):
    page = opened(browse, studio)
    rate(page, "constant(0.099)")
    page.get_by_label("Steps").fill("2000")
    page.get_by_label("Steps").press("Enter")
    until(page, f"{LOSSES}[0].length > 500")
    played(page)
    expect(state(page)).to_contain_text("below 2 / L = 0.1")
    assert page.evaluate(f"{LOSSES}[0].at(-1)") < 1e-12
    rate(page, "constant(0.11)")
    played(page)
    expect(state(page)).to_contain_text("✕ diverged at step")
    expect(state(page)).to_contain_text("from the origin")
    page.get_by_role("button", name="Rewind").click()
    expect(state(page)).to_contain_text("▲ above 2 / L = 0.1")


def test_a_click_sets_the_start(browse, studio):
    page = opened(browse, studio)
    was = page.get_by_label("Start x").input_value()
    box = page.locator(".map").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.3 * box["height"])
    until(page, "(was) => document.querySelectorAll('.numbers input')[0].value !== was", was)
    assert 3 < float(page.get_by_label("Start x").input_value()) < 7
    assert 1 < float(page.get_by_label("Start y").input_value()) < 3
    expect(state(page)).not_to_contain_text("loss 72")
    page.locator(".map").press("ArrowRight")
    expect(page.get_by_label("Start x")).not_to_have_value(was)


def test_a_change_on_the_way_keeps_the_path_so_far(browse, studio):
    page = opened(browse, studio)
    before = page.evaluate(f"{LOSSES}[0]")
    page.get_by_label("Step", exact=True).fill("40")
    page.get_by_label("Descent 1: optimizer").select_option("momentum")
    expect(page.locator(".notes")).to_contain_text("changed at step 40 (to step 40: sgd")
    until(page, f"(v) => {LOSSES}[0][50] !== v", before[50])
    after = page.evaluate(f"{LOSSES}[0]")
    assert after[:41] == before[:41]
    assert after[42:] != before[42:]
    assert page.evaluate(STEP) == "40"
    page.get_by_role("button", name="forget").click()
    expect(page.locator(".notes")).to_have_text("")
    until(page, f"(v) => {LOSSES}[0][5] !== v", before[5])


def test_a_change_that_is_refused_is_no_part_of_the_way(browse, studio):
    page = opened(browse, studio, lenient=True)  # a refusal is told in the console as well
    page.get_by_label("Step", exact=True).fill("40")
    rate(page, "0.05 * cosin()")
    expect(page.locator(".lane .told")).to_contain_text("did you mean cosine")
    page.get_by_label("Step", exact=True).fill("50")
    rate(page, "0.05 * cosine()")
    expect(page.locator(".notes")).to_contain_text("changed at step 50 (to step 50: sgd, constant")
    expect(page.locator(".lane .told")).to_be_hidden()


def test_several_descend_as_a_race_and_the_link_restores_it(browse, studio):
    page = opened(browse, studio)
    page.get_by_role("button", name="Add a descent").click()
    page.get_by_label("Descent 2: optimizer").select_option("adam")
    rate(page, "0.5 * cosine()", 2)
    until(page, f"{LOSSES}.length === 2")
    page.get_by_label("Step", exact=True).fill("30")
    expect(state(page, 2)).to_contain_text("rate 0.427")  # 0.5 (1 + cos(pi / 4)) / 2
    told = state(page, 2).inner_text()
    until(page, "location.hash.includes('at=30') && location.hash.includes('adam')")
    again = opened(browse, studio, "#" + page.url.partition("#")[2])
    expect(state(again, 2)).to_have_text(told)
    assert again.evaluate(STEP) == "30"
    assert again.get_by_label("Descent 2: schedule").input_value() == "0.5 * cosine()"


def test_a_formula_of_ones_own_and_its_faults_under_the_character(browse, studio):
    page = opened(browse, studio, lenient=True)  # a refusal is told in the console as well
    field = page.get_by_label("Formula of x and y")
    field.fill("x**2 + foo(y)")
    under = page.locator(".told .under").first
    expect(under).to_be_visible()
    first, caret = under.inner_text().splitlines()
    assert first[caret.index("^") :].startswith("foo")
    field.fill("x**2 + y**4")
    expect(under).to_be_hidden()
    expect(page.get_by_label("Function", exact=True)).to_have_value("")
    until(page, "location.hash.includes('y**4') || location.hash.includes('y%2A%2A4')")


def test_the_other_tab_and_back_keeps_what_was_played(browse, studio):
    page = opened(browse, studio)
    rate(page, "0.07 * cosine()")
    until(page, "location.hash.includes('0.07')")
    page.get_by_role("button", name="Your network").click()
    until(page, "location.hash.includes('tab=network')")
    until(page, "!document.querySelector('.functions')")
    page.get_by_role("button", name="Functions").click()
    expect(page.get_by_label("Descent 1: schedule")).to_have_value("0.07 * cosine()")
    until(page, "location.hash.includes('0.07')")


def test_space_plays_and_the_keys_step(browse, studio):
    page = opened(browse, studio)
    page.locator(".map").focus()
    page.keyboard.press(".")
    page.keyboard.press(".")
    until(page, f"{STEP} === '2'")
    page.keyboard.press(",")
    until(page, f"{STEP} === '1'")
    page.keyboard.press(" ")
    until(page, f"Number({STEP}) > 5")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.keyboard.press("r")
    until(page, f"{STEP} === '0'")


def test_the_path_is_drawn_and_grows(browse, studio):
    page = opened(browse, studio)
    inked = """() => {
      const c = document.querySelector("canvas.map-trail");
      const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
      let n = 0;
      for (let i = 3; i < d.length; i += 4) n += d[i] > 0;
      return n;
    }"""
    assert page.evaluate(inked) == 0
    page.get_by_label("Step", exact=True).fill("5")
    few = page.evaluate(inked)
    page.get_by_label("Step", exact=True).fill("60")
    assert page.evaluate(inked) > few > 0
    page.get_by_label("Step", exact=True).fill("0")
    assert page.evaluate(inked) == 0


@pytest.mark.parametrize("width", [1280, 400])
def test_it_fits_wide_and_narrow_with_the_surface(browse, studio, width):
    lanes = json.dumps([[["0.02*linear()", "momentum"]]])
    link = f"#/landscape?f=himmelblau&steps=50&at=50&view=surface&lanes={lanes}"
    page = opened(browse, studio, link, width=width, dark=True)
    until(page, "document.querySelector('.solid').data?.length >= 3")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".solid").bounding_box()["width"] > 300


def test_the_limit_that_is_drawn_is_the_optimizers(browse, studio):
    page = opened(browse, studio)
    names = "[...document.querySelectorAll('.trace .chart')].at(-1).data.map((trace) => trace.name)"
    until(page, f"{names}[0] === '2 / L = 0.1'")
    page.get_by_label("Descent 1: optimizer").select_option("momentum")
    until(page, f"{names}[0] === '2(1 + β) / L = 0.19'")
    page.get_by_label("Descent 1: optimizer").select_option("adam")
    until(page, f"{names}.length === 1 && {names}[0].startsWith('adam')")


def test_a_refused_text_leaves_the_descents_that_stand_and_a_number_out_of_range_is_told(
    browse, studio
):
    page = opened(browse, studio, lenient=True)  # the refusal is a 422 in the console
    rate(page, "constant(0.05")
    expect(page.get_by_role("alert").filter(has_text="expected ')'")).to_be_visible()
    expect(state(page)).to_contain_text("loss")
    page.get_by_label("Steps").fill("1e9")
    page.get_by_label("Steps").press("Enter")
    expect(page.get_by_text("Steps takes whole numbers from 1 to 20,000")).to_be_visible()
