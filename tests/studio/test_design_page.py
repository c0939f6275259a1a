"""The Design page in a real browser: text and curve are one value, whichever of them is changed."""

from __future__ import annotations

import random
import re
import signal

import numpy as np
import pytest

from lrkit.schedules import parse
from tests.studio.conftest import end_jobs, start

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = sync_api.expect

pytestmark = pytest.mark.browser

TEXT = "0.3 * (warmup(5ep) >> cosine())"
PLACE = "#/design?text=0.3+*+(warmup(5ep)+>>+cosine())&total=30ep&epoch=235"


def text_of(page):
    return page.locator("#schedule-text").input_value()


def has_text(page, pattern):
    expect(page.locator("#schedule-text")).to_have_value(re.compile(pattern))


def peak_shown(page):
    """Return the highest rate of the curve that plotly has drawn."""
    return page.evaluate("Math.max(...document.querySelector('.design .canvas').data.at(-1).y)")


def until_peak(page, peak):
    page.wait_for_function(
        "peak => { const c = document.querySelector('.design .canvas');"
        " return c?.data && Math.abs(Math.max(...c.data.at(-1).y) - peak) < 1e-3 * peak }",
        arg=peak,
    )


def grip(page, name):
    return page.locator(f"[data-grip='{name}']")


def drag(page, name, by_x, by_y, *, drop=True):
    box = grip(page, name).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for part in (0.3, 0.7, 1.0):
        page.mouse.move(x + by_x * part, y + by_y * part)
    if drop:
        page.mouse.up()


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """One studio for all of these tests: nothing is kept in it but the run of one of them."""
    root = tmp_path_factory.mktemp("design") / "runs"
    root.mkdir()
    started = start(root)
    yield started
    started.process.send_signal(signal.SIGINT)
    started.process.wait(20)
    started.process.stdout.close()
    started.process.stderr.close()
    end_jobs(root)


@pytest.fixture
def page(studio, browse):
    opened = browse(studio, PLACE)
    until_peak(opened, 0.3)
    return opened


def test_typing_a_schedule_changes_the_curve_and_its_facts(page):
    page.locator("#schedule-text").fill("0.1 * wsd(10%, 30%)")
    until_peak(page, 0.1)
    expect(page.locator(".facts")).to_contain_text("0.1")
    expect(page.locator(".w-name")).to_have_text("wsd")
    page.locator("#schedule-text").fill("0.1 * wsd(10%, 30%) * noise(0.2)")
    expect(page.locator(".facts dt").first).to_have_text("Peak")
    page.wait_for_function(
        "() => Math.max(...document.querySelector('.design .canvas').data.at(-1).y) > 0.1001"
    )


def test_a_mistake_is_marked_under_its_character_and_the_last_good_curve_stays(page):
    hint = page.locator("#design-hint")
    before = hint.bounding_box()
    page.locator("#schedule-text").fill("0.2 * (warmup(5ep) >> cosin())")
    expect(hint).to_contain_text("did you mean cosine")
    expect(page.locator(".paint .wrong")).to_have_text("cosin")
    expect(page.locator(".design")).to_have_class(re.compile("stale"))
    assert peak_shown(page) == pytest.approx(0.3)
    assert hint.bounding_box() == before, "the page must not jump"
    page.locator("#schedule-text").fill("0.2 * (warmup(5ep) >> cosine())")
    until_peak(page, 0.2)
    expect(page.locator(".paint .wrong")).to_have_count(0)
    expect(page.locator(".design")).not_to_have_class(re.compile("stale"))


def test_a_unit_that_is_missing_is_asked_for_in_its_field(page):
    page.locator("#schedule-text").fill("0.2 * (warmup(1e4sa) >> cosine())")
    expect(page.locator("#design-hint")).to_contain_text("batch_size")
    field = page.get_by_label("Batch size")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("64")
    until_peak(page, 0.2)
    expect(field).to_have_attribute("aria-invalid", "false")


def test_dragging_a_joint_changes_the_text_while_it_is_dragged(page):
    drag(page, "joint 1", 130, 60, drop=False)
    has_text(page, r"^0\.2\d* \* \(warmup\(1\d(\.\d+)?ep\) >> cosine\(\)\)$")
    page.mouse.up()
    dragged = text_of(page)
    assert peak_shown(page) == pytest.approx(float(dragged.split(" ")[0]))
    page.keyboard.press("Control+z")  # a drag is one step
    has_text(page, re.escape(TEXT))
    page.keyboard.press("Control+Shift+z")
    has_text(page, re.escape(dragged))


def test_escape_takes_a_drag_back_and_a_preset_mends_a_wrong_text(page):
    drag(page, "joint 1", 130, 60, drop=False)
    has_text(page, r"^0\.2")
    page.keyboard.press("Escape")
    has_text(page, re.escape(TEXT))
    page.mouse.up()
    until_peak(page, 0.3)  # the last good curve, whose peak the preset takes over
    page.locator("#schedule-text").fill("0.3 * (")
    expect(page.locator(".design")).to_have_class(re.compile("stale"))
    page.get_by_role("button", name="Presets").click()
    page.locator("[data-family=trapezoid]").click()
    has_text(page, r"^0\.3 \* trapezoid\(\)$")


def test_the_end_is_lifted_by_an_argument_that_was_not_written(page):
    drag(page, "end", 0, -90)
    has_text(page, r"^0\.3 \* \(warmup\(5ep\) >> cosine\(end=0\.\d+\)\)$")


def test_the_arrow_keys_move_a_handle(page):
    grip(page, "joint 1").focus()
    page.keyboard.press("ArrowRight")
    has_text(page, r"warmup\(5\.\d+ep\)")
    page.keyboard.press("ArrowDown")
    has_text(page, r"^0\.2")
    expect(grip(page, "joint 1")).to_be_focused()
    assert "step" in grip(page, "joint 1").get_attribute("aria-label")


def test_a_slider_and_its_field_are_numbers_of_the_text(page):
    page.get_by_label("scale, slider").focus()
    page.keyboard.press("End")
    until_peak(page, 10)
    has_text(page, r"^10 \*")
    field = page.get_by_label("warmup span, ep", exact=True)
    field.fill("8")
    field.press("Enter")
    has_text(page, r"warmup\(8ep\)")


def test_pieces_are_added_moved_and_deleted_and_all_of_it_is_undone(page):
    page.get_by_label("Add a piece").select_option("linear")
    has_text(page, r"^0\.3 \* \(warmup\(5ep\) >> cosine\(\) >> linear\(.*10%\)\)$")
    page.locator(".pieces .name").nth(2).focus()
    page.keyboard.press("Alt+ArrowLeft")
    has_text(page, r"^0\.3 \* \(warmup\(5ep\) >> linear\(.*10%\) >> cosine\(\)\)$")
    expect(page.locator(".pieces .name").nth(1)).to_be_focused()
    page.keyboard.press("Delete")
    has_text(page, re.escape(TEXT))
    for pattern in (r"linear.*cosine", r"cosine.*linear", re.escape(TEXT) + "$"):
        page.keyboard.press("Control+z")
        has_text(page, pattern)


def test_completion_offers_names_arguments_and_units_by_keyboard(page):
    area = page.locator("#schedule-text")
    area.fill("")
    area.press_sequentially("0.1 * cos")
    expect(page.locator(".completion [aria-selected=true] b")).to_have_text("cosine")
    page.keyboard.press("Enter")
    expect(area).to_have_value("0.1 * cosine()")
    page.keyboard.press("Control+Space")
    expect(page.locator(".completion b").first).to_have_text("start=")
    page.keyboard.press("Escape")
    area.press_sequentially("1, 0, 5e")
    expect(page.locator(".completion b").first).to_have_text("ep")
    page.keyboard.press("Tab")
    expect(area).to_have_value("0.1 * cosine(1, 0, 5ep)")
    until_peak(page, 0.1)


def test_a_link_restores_the_page(page, studio, browse):
    page.get_by_role("button", name="Log", exact=True).click()
    page.get_by_role("button", name="Epochs").click()
    page.keyboard.press("p")
    page.locator("#schedule-text").fill("0.2 * cosine()")
    until_peak(page, 0.2)
    page.wait_for_function("() => location.hash.includes('0.2') && location.hash.includes('pins')")
    place = page.evaluate("location.hash")
    again = browse(studio, place)
    until_peak(again, 0.2)
    assert text_of(again) == "0.2 * cosine()"
    assert again.evaluate("document.querySelector('.canvas').layout.yaxis.type") == "log"
    expect(again.get_by_role("button", name="Epochs")).to_have_attribute("aria-pressed", "true")
    again.wait_for_function("() => document.querySelector('.canvas').data.length === 2")
    assert again.evaluate("Math.max(...document.querySelector('.canvas').data[1].x)") == 30


def test_a_link_from_another_page_keeps_what_it_does_not_name(page):
    page.locator("body").press("p")
    expect(page.locator(".pin-name")).to_have_value(TEXT)
    page.evaluate("location.hash = '#/design?text=0.05+*+hold()'")
    until_peak(page, 0.05)
    expect(page.locator(".pin-name")).to_have_value(TEXT)
    expect(page.get_by_label("Total", exact=True)).to_have_value("30ep")
    page.evaluate("location.hash = '#/design?text=0.04+*+hold()&total=500'")
    until_peak(page, 0.04)
    expect(page.get_by_label("Steps per epoch")).to_have_value("")


def test_a_finger_drags_a_handle(studio, chromium):
    context = chromium.new_context(
        viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True
    )
    touched = context.new_page()
    touched.goto(studio.link)
    touched.goto(f"{studio.base}/{PLACE}")
    until_peak(touched, 0.3)
    box = grip(touched, "joint 1").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    finger = context.new_cdp_session(touched)
    for kind, by in (("touchStart", 0), ("touchMove", 20), ("touchMove", 50)):
        at = [{"x": x + by, "y": y + by / 2}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    has_text(touched, r"^0\.2\d* \* \(warmup\((?!5ep)\d+(\.\d+)?ep\)")
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    context.close()


def test_pinned_schedules_are_compared_and_swapped_into_the_editor(page):
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("button", name="Pin this schedule").click()
    page.locator("#schedule-text").fill("0.1 * hold()")
    page.wait_for_function("() => document.querySelector('.canvas').data.length === 2")
    expect(page.locator(".pin")).to_have_count(2)
    page.get_by_role("button", name=re.compile("^Edit ")).click()
    has_text(page, re.escape(TEXT))
    expect(page.locator(".pin-name")).to_have_value("0.1 * hold()")
    page.get_by_role("button", name=re.compile("^Remove ")).click()
    page.wait_for_function("() => document.querySelector('.canvas').data.length === 1")


def test_presets_of_families_and_of_other_libraries(page):
    page.get_by_role("button", name="Presets").click()
    page.locator("[data-family=wsd]").click()
    has_text(page, r"^0\.3 \* wsd\(10%, 30%\)$")
    page.get_by_role("button", name="Other libraries").click()
    page.get_by_label("Find a preset").fill("OneCycleLR")
    page.locator(".entry").first.click()
    page.wait_for_function("() => !document.querySelector('.design').classList.contains('stale')")
    has_text(page, r"one_cycle\(29\)")


def test_copies_in_every_form(page):
    context = page.context
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    found = {}
    for form in ("text", "python", "json_text", "study", "show", "train", "link"):
        page.locator("#copy-as").click()
        page.locator(f"[data-form={form}]").click()
        expect(page.locator(".toast").last).to_contain_text("Copied")
        found[form] = page.evaluate("navigator.clipboard.readText()")
    assert found["text"] == TEXT
    assert 'warmup("5ep")' in found["python"]
    assert found["show"].startswith("lrkit show '0.3")
    assert found["link"].startswith("http://127.0.0.1")


def test_train_with_it_starts_a_run(page):
    page.locator("#schedule-text").fill("0.01 * (warmup(5%) >> cosine())")
    until_peak(page, 0.01)
    page.get_by_role("button", name="Train…").click()
    tasks = page.locator("dialog select option[value=poly-tanh]")
    tasks.wait_for(state="attached", timeout=60_000)  # the command line loads torch to list them
    page.locator("dialog select").select_option("poly-tanh")
    page.locator("dialog input").first.fill("3ep")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_function("() => location.hash.startsWith('#/steer?run=poly-tanh')")


def settled(page):
    """Wait until nothing is on its way, and return text, steps and rates as they are shown."""
    page.wait_for_function("() => document.querySelector('#schedule-text')")
    last = None
    for _ in range(40):
        page.wait_for_timeout(100)
        now = page.evaluate(
            "() => { const t = document.querySelector('.design .canvas').data.at(-1);"
            " return [document.querySelector('#schedule-text').value, [...t.x], [...t.y]] }"
        )
        if now == last:
            return now
        last = now
    raise AssertionError("the page does not come to rest")


def test_after_any_play_the_curve_is_that_of_the_text(page):
    chance = random.Random(7)
    numbers = page.locator(".slide input[type=range]")
    pieces = page.locator(".pieces li .name")
    grips = page.locator(".grip:not(.fixed):visible")

    def pick(found):
        return found.nth(chance.randrange(count)) if (count := found.count()) else None

    def pull():
        plot = page.locator(".plot").bounding_box()
        box = (one.bounding_box() if (one := pick(grips)) else None) or plot
        page.mouse.move(box["x"] + 17, box["y"] + 17)
        page.mouse.down()
        page.mouse.move(box["x"] + chance.uniform(-120, 120), box["y"] + chance.uniform(-120, 120))
        page.mouse.up()

    def slide():
        if one := pick(numbers):
            one.press(chance.choice(["PageUp", "PageDown", "ArrowRight", "ArrowLeft"]))

    def nudge():
        if one := pick(grips):
            one.press(chance.choice(["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]))

    plays = [
        pull,
        pull,
        slide,
        nudge,
        lambda: page.get_by_label("Add a piece").select_option(
            chance.choice(["hold", "linear", "cosine"])
        ),
        lambda: pick(pieces).press(chance.choice(["Alt+ArrowLeft", "Alt+ArrowRight", "Delete"])),
        lambda: page.keyboard.press("Control+z"),
        lambda: page.keyboard.press("Control+Shift+z"),
    ]
    for _ in range(16):
        chance.choice(plays)()
        text, x, y = settled(page)
        curve = parse(text).over("30ep", steps_per_epoch=235)
        assert curve(np.array(x)).tolist() == y, text


def test_it_can_be_used_at_400_pixels(studio, browse):
    page = browse(studio, PLACE, width=400, height=800)
    until_peak(page, 0.3)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 400
    drag(page, "joint 1", 60, 30)
    has_text(page, r"^0\.2\d* \* \(warmup\(\d+(\.\d+)?ep\)")
