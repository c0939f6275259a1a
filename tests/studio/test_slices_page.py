"""Your network in a real browser: a slice that refines while you look, a training from it."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="slices are of networks")

from lrkit.landscape import of_run, read_slice, sharpness, slice_line, slice_plane
from lrkit.records import replay
from tests.landscape.networks import poly_run

pytestmark = pytest.mark.browser

WATCH = """() => {
  const view = document.querySelector('.network .view');
  window.seen = [];
  new MutationObserver(() => window.seen.push([
    Number(view.dataset.points ?? 0), Number(view.dataset.level ?? 0), view.dataset.status ?? '',
    document.querySelector('.truth').textContent,
  ])).observe(view, { attributes: true });
}"""
DONE = "() => document.querySelector('.network .view')?.dataset.status === 'done'"


@pytest.fixture(scope="session")
def _sliced(tmp_path_factory) -> Path:
    run = poly_run(tmp_path_factory.mktemp("runs") / "poly", epochs=4)
    subject = of_run(run)
    slice_plane(subject, points=9)
    slice_line(subject, 0, 40, points=9)
    sharpness(subject, samples=100)
    return run


@pytest.fixture
def poly(root: Path, _sliced: Path) -> Path:
    """A run with a plane, a line and its sharpness computed."""
    return Path(shutil.copytree(_sliced, root / "poly"))


@pytest.mark.usefixtures("poly")
def test_a_slice_refines_while_it_is_looked_at(browse, studio, root):
    page = browse(studio, "#/landscape?tab=network&run=poly&kind=random")
    page.wait_for_selector(".network .empty:has-text('Press Compute')")
    page.evaluate(WATCH)
    page.get_by_label("Points an axis").select_option("33")
    page.get_by_label("Seed").fill("3")
    page.get_by_role("button", name="Compute").click()
    page.wait_for_function(DONE, timeout=60_000)
    seen = page.evaluate("window.seen")
    counts = [points for points, _, _, _ in seen if points]
    assert counts == sorted(counts)
    assert counts[-1] == 33 * 33
    assert len(set(counts)) >= 3, counts  # it came bit by bit
    assert any(status == "growing" and points for points, _, status, _ in seen)
    levels = [level for points, level, _, _ in seen if points]
    assert levels == sorted(levels)
    assert levels[-1] == 33
    told = page.locator(".truth").text_content()
    (path,) = (root / "poly" / "landscape").glob("random-*")
    assert told == read_slice(path).truth()
    assert "loss off the plane: " in told
    assert page.locator(".truth").get_attribute("data-kind") == "bad"  # 0.0x %: nobody overlooks it
    colours = page.evaluate("""() => {
      const canvas = document.querySelector('.map-ground');
      const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      const found = new Set();
      for (let i = 0; i < data.length; i += 400) found.add(data.slice(i, i + 3).join());
      return found.size;
    }""")
    assert colours > 8  # contours, not an empty sheet


@pytest.mark.usefixtures("poly")
def test_what_is_computed_can_be_stopped_and_goes_on(browse, studio, root):
    page = browse(studio, "#/landscape?tab=network&run=poly&kind=three")
    page.set_default_timeout(60_000)
    page.wait_for_selector(".network .empty:has-text('Press Compute')")
    page.get_by_label("Points an axis").select_option("129")
    page.get_by_role("button", name="Compute").click()
    page.wait_for_function("() => Number(document.querySelector('.view').dataset.points) > 30")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_selector(".honest .badge.stopped")
    (path,) = (root / "poly" / "landscape").glob("three-*")
    there = len(read_slice(path).losses)
    assert 30 < there < 129 * 129
    page.get_by_label("Points an axis").select_option("17")
    page.get_by_role("button", name="Compute").click()
    page.wait_for_function(DONE)
    assert len(read_slice(path).losses) >= max(there, 17 * 17)


def test_a_training_starts_from_the_point_that_is_clicked(browse, studio, poly, root):
    # A refused request is told by the console, too.
    page = browse(studio, "#/landscape?tab=network&run=poly&kind=pca", lenient=True)
    page.wait_for_function(DONE)
    form = page.locator("form.from")
    assert form.is_hidden()
    box = page.locator(".map").bounding_box()
    page.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    page.wait_for_selector("form.from .place:has-text('loss about')")
    form.get_by_label("Schedule").fill("0.02 * cosin()")
    form.get_by_role("button", name="Start a training from here").click()
    page.wait_for_selector("form.from .error:has-text('cosin')")
    form.get_by_label("Schedule").fill("0.02 * cosine()")
    form.get_by_label("Length").fill("2ep")
    form.get_by_role("button", name="Start a training from here").click()
    page.wait_for_selector("form.from .outcome a")
    name = page.locator("form.from .outcome a").text_content()
    assert name == "poly-from-slice"
    assert page.locator("form.from .outcome a").get_attribute("href") == f"#/steer?run={name}"
    end = time.monotonic() + 60
    while not ((root / name).is_dir() and replay(root / name).status == "done"):
        assert time.monotonic() < end
        time.sleep(0.1)
    begun = replay(root / name).header["begun_at"]
    told = page.locator("form.from .place").text_content()
    shown = [float(v) for v in told.partition(")")[0].lstrip("(").split(", ")]
    assert begun["at"] == pytest.approx(shown, rel=0.01, abs=0.01)
    (path,) = (poly / "landscape").glob("pca-*")
    for value, axis in zip(begun["at"], read_slice(path).axes, strict=True):
        assert axis.low < value < axis.high


@pytest.mark.usefixtures("poly")
def test_kinds_views_and_links(browse, studio):
    page = browse(studio, "#/landscape?tab=network")
    page.set_default_timeout(60_000)  # a surface without a graphics card takes its time
    page.wait_for_function(DONE)
    page.wait_for_function(
        "() => document.querySelector('.truth').textContent.startsWith('This plane shows')"
    )
    page.get_by_role("button", name="Surface").click()
    page.wait_for_selector(".solid canvas")
    assert page.locator(".map").is_hidden()
    assert "view=surface" in page.url
    page.get_by_role("button", name="Line").click()
    page.wait_for_function(
        "() => document.querySelector('.truth').textContent.startsWith('This line')"
    )
    page.wait_for_selector(".network .flat .scatterlayer .trace")
    page.get_by_role("button", name="Sharpness").click()
    page.wait_for_function("() => document.querySelector('.truth').textContent.startsWith('Bound')")
    assert "residual" in page.locator(".honest .notes").text_content()
    assert "kind=sharpness" in page.url
    page.reload()
    page.wait_for_function(
        "() => document.querySelector('.truth')?.textContent.startsWith('Bound')"
    )


@pytest.mark.usefixtures("poly")
def test_the_point_is_chosen_by_keys_and_a_narrow_page_has_no_sideways_scroll(browse, studio):
    page = browse(studio, "#/landscape?tab=network&run=poly&kind=pca", width=400)
    page.wait_for_function(DONE)
    page.locator(".map").focus()
    page.keyboard.press("ArrowRight")
    place = page.locator("form.from .place")
    first = place.text_content()
    page.keyboard.press("Shift+ArrowUp")
    assert place.text_content() != first
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.usefixtures("poly")
def test_a_studio_that_only_shows_offers_nothing_to_start(browse, launch):
    page = browse(launch("--read-only"), "#/landscape?tab=network&run=poly&kind=pca")
    page.wait_for_function(DONE)
    assert page.get_by_role("button", name="Compute").count() == 0
    box = page.locator(".map").bounding_box()
    page.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    page.wait_for_selector("form.from .place:has-text('loss about')")
    assert page.get_by_role("button", name="Start a training from here").count() == 0


def test_without_a_run_the_page_says_how_to_get_one(browse, studio):
    page = browse(studio, "#/landscape?tab=network")
    page.wait_for_selector(".network .empty:has-text('--checkpoint 1ep --keep all')")


@pytest.mark.slow
@pytest.mark.usefixtures("poly")
def test_a_studio_that_is_killed_meanwhile_loses_nothing(browse, launch, root):
    studio = launch()
    page = browse(studio, "#/landscape?tab=network&run=poly&kind=three", lenient=True)
    page.wait_for_selector(".network .empty:has-text('Press Compute')")
    page.get_by_label("Points an axis").select_option("65")
    page.get_by_role("button", name="Compute").click()
    page.wait_for_function(
        "() => Number(document.querySelector('.view').dataset.points) > 0", timeout=60_000
    )
    studio.kill()
    launch("--port", str(studio.port))
    page.wait_for_function(DONE, timeout=60_000)
    (path,) = (root / "poly" / "landscape").glob("three-*")
    assert read_slice(path).done
    assert len(path.read_text().splitlines()) >= 65 * 65
    assert json.loads(path.read_text().splitlines()[0])["slice"] == "three"
