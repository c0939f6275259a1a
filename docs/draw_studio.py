"""Draw the pictures of docs/studio.md: a real studio over real trainings, in a real Chromium.

    make studio-pictures        # writes docs/studio/*.png and design.gif; takes two minutes

Not part of `make docs-check`: a training's seconds, and so its pictures, differ from run to run.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Page, sync_playwright

OUT = Path(__file__).parent / "studio"
LRKIT = [sys.executable, "-m", "lrkit"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
RUNS = {
    "cosine": "0.1 * (warmup(1ep) >> cosine())",
    "wsd": "0.08 * wsd(5%, 25%)",
    "constant": "constant(0.05)",
}
GIF_WIDTH, GIF_COLOURS = 860, 64


def lrkit(folder: Path, *words: str) -> None:
    """Run a command in *folder*, and see that it went well."""
    subprocess.run([*LRKIT, *words], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)


def trained(folder: Path) -> None:
    """Train the runs that the pictures show."""
    for name, schedule in RUNS.items():
        lrkit(
            folder, "train", "lenet-digits", "-s", schedule, "--epochs", "16", "--quiet",
            "--checkpoint", "1ep", "--keep", "all", "--run", f"runs/{name}",
        )  # fmt: skip
    lrkit(folder, "landscape", "plane", "wsd", "--points", "17", "--out", "plane.json")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a studio of the runs in *folder*, and yield its link."""
    command = [*LRKIT, "studio", "--no-browser", "--port", "0", "--json"]
    studio = subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    assert studio.stdout is not None
    try:
        yield json.loads(studio.stdout.readline())["link"]
    finally:
        studio.send_signal(signal.SIGINT)
        studio.wait(20)


@contextmanager
def going(folder: Path) -> Iterator[str]:
    """Keep a training going in *folder*, with an edit on it, and yield its name."""
    words = ["train", "lenet-digits", "-s", "0.1 * (warmup(20ep) >> cosine())", "--epochs", "600"]
    training = subprocess.Popen(
        [*LRKIT, *words, "--quiet", "--run", "runs/going"],
        cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not (folder / "runs" / "going" / "journal.jsonl").exists():
            time.sleep(0.2)
        time.sleep(20)
        lrkit(
            folder, "steer", "going", "scale", "0.5", "--why", "the loss jumps", "--by", "anna",
            "--wait", "30",
        )  # fmt: skip
        time.sleep(15)
        yield "going"
    finally:
        training.send_signal(signal.SIGINT)
        training.wait(30)


def kept(image: Image.Image, name: str) -> None:
    """Write *image* as docs/studio/NAME.png, in few colours: the pages have few."""
    few = image.convert("RGB").quantize(192, dither=Image.Dither.NONE)
    few.save(OUT / f"{name}.png", optimize=True)
    print(f"wrote {OUT / name}.png")


def shot(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot(animations="disabled")))


def drawn(page: Page, what: str = ".js-plotly-plot") -> None:
    """Wait until the page has drawn, and is still."""
    page.locator(what).first.wait_for()
    page.wait_for_timeout(1200)


def design(page: Page, base: str) -> None:
    others = [["0.2 * one_cycle()", "0.2 * one_cycle()", 1], ["0.25 * wsd(5%, 25%)"] * 2 + [2]]
    about = {"text": "0.3 * (warmup(5ep) >> cosine())", "total": "30ep", "epoch": 235}
    page.goto(f"{base}/#/design?{urlencode(about | {'pins': json.dumps(others)})}")
    drawn(page)


def runs(page: Page, base: str) -> None:
    page.goto(f"{base}/#/runs?run={','.join(RUNS)}&smooth=0.6&axis=epoch")
    drawn(page)


def landscape(page: Page, base: str) -> None:
    lanes = [[[s, o, 0]] for s, o in (("constant(0.013)", "sgd"), ("constant(0.013)", "momentum"),
                                       ("0.4 * cosine()", "adam"))]  # fmt: skip
    about = {"f": "ravine", "knobs": "k:100", "steps": 200, "at": 90, "lanes": json.dumps(lanes)}
    page.goto(f"{base}/#/landscape?{urlencode(about)}")
    drawn(page)


def network(page: Page, base: str) -> None:
    page.goto(f"{base}/#/landscape?tab=network&run=wsd&kind=pca")
    drawn(page)


def steer(page: Page, base: str) -> None:
    page.goto(f"{base}/#/steer?run=going&edit=cooldown")
    drawn(page)
    preview = page.get_by_role("button", name="Preview")
    if preview.count():
        preview.first.click()
        page.wait_for_timeout(800)


def find(page: Page, base: str) -> None:
    page.goto(f"{base}/#/find?task=poly-tanh")
    page.get_by_role("button", name="Start the test").click()
    page.get_by_text("Done", exact=True).wait_for(timeout=120_000)
    page.wait_for_timeout(800)


def film(page: Page, base: str) -> None:
    """Drag a joint and the end of a schedule, and keep what is seen as design.gif."""
    about = {"text": "0.3 * (warmup(5ep) >> cosine())", "total": "30ep", "epoch": 235}
    page.goto(f"{base}/#/design?{urlencode(about)}")
    drawn(page)
    frames = [shot(page)]
    ways = {"joint 1": [(9, 4)] * 12, "end": [(0, -8)] * 9, "joint 1 ": [(-5, 3)] * 8}
    for name, moves in ways.items():
        box = page.locator(f"[data-grip='{name.strip()}']").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        for by_x, by_y in moves:
            x, y = x + by_x, y + by_y
            page.mouse.move(x, y)
            page.wait_for_timeout(150)
            frames.append(shot(page))
        page.mouse.up()
        frames += [shot(page)] * 4
    height = round(frames[0].height * GIF_WIDTH / frames[0].width)
    small = [f.convert("RGB").resize((GIF_WIDTH, height), Image.Resampling.LANCZOS) for f in frames]
    # One palette for all: with one each, still parts would flicker.
    palette = small[len(small) // 2].quantize(GIF_COLOURS)
    first, *rest = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f in small]
    first.save(
        OUT / "design.gif", save_all=True, append_images=rest, duration=120, loop=0, optimize=True
    )
    print(f"wrote {OUT / 'design.gif'}")


PICTURES: dict[str, Callable[[Page, str], None]] = {
    "design": design, "runs": runs, "steer": steer, "find": find, "landscape": landscape,
    "network": network,
}  # fmt: skip
DARK, NARROW = ("design", "landscape", "runs"), ("design", "landscape")


def looked_at(
    browser: Any, link: str, name: str, *, dark: bool = False, narrow: bool = False
) -> None:
    """Open one page and keep its picture."""
    size = {"width": 400, "height": 860} if narrow else {"width": 1280, "height": 800}
    context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
    page = context.new_page()
    page.goto(link)
    PICTURES[name](page, link.partition("/?")[0])
    kept(shot(page), name + "-dark" * dark + "-narrow" * narrow)
    context.close()


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("the pictures need Chromium; install your system's chromium package")
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        trained(folder)
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        with going(folder), served(folder) as link:
            for one in PICTURES:
                looked_at(browser, link, one)
            for one in DARK:
                looked_at(browser, link, one, dark=True)
            for one in NARROW:
                looked_at(browser, link, one, narrow=True)
            page = browser.new_page(viewport={"width": 1100, "height": 700})
            page.goto(link)
            film(page, link.partition("/?")[0])
        browser.close()


if __name__ == "__main__":
    main()
