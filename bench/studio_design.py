"""How soon the Design page shows a change, at a schedule of 100,000 steps.

1. The server's part: a request in this process, from the JSON in to the JSON out.
2. What one sees: in Chromium, from the input event (typing, a slider, a joint that is dragged) to
   the end of plotly's drawing of the new curve. Left out, and said, where there is no Chromium.

Milliseconds, in the middle and at the 95th percentile; the bar is 50 ms.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from bench.table import Row, show
from lrkit.studio import Settings, create_app

BAR = 50.0
REPEATS = 40
TOKEN = "t" * 43
SPAN = {"total": "100000", "steps_per_epoch": 1000}
TEXTS = {
    "warm-up and cosine": "0.3 * (warmup(5ep) >> cosine())",
    "five pieces": "0.3 * (warmup(5ep) >> hold(20ep) >> linear(1, 0.5, 20ep) >> hold(10ep) * 0.5 "
    ">> one_minus_sqrt(0.5, 0, 20ep))",
    "50 cycles": "cyclic(0.001, 0.3, 1000st, window=hann)",
}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--no-first-run", "--disable-background-networking"]

# Waits for the curve that follows an input, whose highest rate is not the one before.
TIMED = """
([act, values]) => new Promise(async (done) => {
  const canvas = document.querySelector(".design .canvas");
  const area = document.querySelector("#schedule-text");
  const slider = document.querySelector(".slide input[type=range]");
  const times = [];
  for (const value of values) {
    const target = act === "type" ? area : slider;
    const before = canvas.data.at(-1).y;
    const plotted = new Promise((seen) => {
      const look = () => {
        if (canvas.data.at(-1).y === before) return;
        canvas.removeEventListener("drawn", look);
        seen(performance.now());
      };
      canvas.addEventListener("drawn", look);
    });
    const start = performance.now();
    target.value = value;
    target.dispatchEvent(new Event("input"));
    times.push((await plotted) - start);
    await new Promise((next) => setTimeout(next, 60));
  }
  if (act !== "type") slider.dispatchEvent(new Event("change"));
  done(times);
})
"""
LISTEN = """
() => {
  window.moved = [];
  let from = 0;
  addEventListener("pointermove", (event) => { from ||= performance.now(); }, true);
  document.querySelector(".design .canvas").addEventListener("drawn", () => {
    if (from) window.moved.push(performance.now() - from);
    from = 0;
  });
}
"""


def rows_of(what: str, times: list[float]) -> list[Row]:
    """Return the rows of *times* in ms: the middle, and the 95th percentile, held to the bar."""
    late = statistics.quantiles(times, n=20)[-1]
    low, high = min(times), max(times)
    return [
        Row(f"{what}: median (ms)", statistics.median(times), low, high, BAR),
        Row(f"{what}: 95th percentile (ms)", late, low, high, BAR),
    ]


def asked(client: TestClient, path: str, body: dict[str, Any]) -> float:
    """Return how many ms the answer to *body* takes."""
    start = time.perf_counter()
    answer = client.post(f"/api/design/{path}", json=body).json()
    taken = 1e3 * (time.perf_counter() - start)
    if not answer["points"]:
        raise SystemExit(f"no curve: {answer}")
    return taken


def server(settings: Settings) -> list[Row]:
    """Time the requests of the page, answered in this process."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    client = TestClient(create_app(settings), base_url="http://127.0.0.1:8912", headers=headers)
    rows = []
    for name, text in TEXTS.items():
        looks, drags = [], []
        for i in range(REPEATS):
            # Each text that is typed is another one; a drag goes on from where it began.
            body = {"text": text, "span": SPAN, "brief": True}
            typed = {"text": text.replace("0.3", f"0.{300 + i}")}
            looks.append(asked(client, "look", body | typed))
            move = {"handle": "joint 1", "x": 9000.0 + 10 * i, "dx": 50.0, "y": 0.1, "dy": 1e-3}
            drags.append(asked(client, "drag", body | move))
        rows += rows_of(f"server, {name}, look", looks[2:])
        rows += rows_of(f"server, {name}, drag", drags[2:])
    return rows


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve the studio in a thread; yield its base."""
    import uvicorn

    config = uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_level="error")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = True
    thread.join(10)


def browser(settings: Settings, executable: str) -> list[Row]:
    """Time what one sees in a real browser."""
    from playwright.sync_api import sync_playwright

    rows = []
    with sync_playwright() as playwright, served(settings) as base:
        chromium = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{base}/?token={TOKEN}")
        page.goto(f"{base}/#/design?text=0.3+*+(warmup(5ep)+>>+cosine())&total=100000&epoch=1000")
        page.wait_for_function("() => document.querySelector('.design .canvas')?.data")
        page.wait_for_timeout(1000)
        texts = [f"0.{301 + i} * (warmup(5ep) >> cosine())" for i in range(REPEATS)]
        rows += rows_of("browser, typing", page.evaluate(TIMED, ["type", texts])[2:])
        places = [str(200 + i) for i in range(REPEATS)]
        rows += rows_of("browser, a slider", page.evaluate(TIMED, ["slide", places])[2:])
        rows += rows_of("browser, a joint dragged", dragged(page)[2:])
        chromium.close()
    return rows


def dragged(page: Any) -> list[float]:
    """Return the times of a drag of the first joint, move by move."""
    page.evaluate(LISTEN)
    box = page.locator("[data-grip='joint 1']").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(REPEATS):
        page.mouse.move(x + 8 + 4 * i, y + 8 + 2 * i)
        page.wait_for_timeout(80)
    page.mouse.up()
    times: list[float] = page.evaluate("() => window.moved")
    return times


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder), TOKEN, work=Path(folder))
        rows = server(settings)
        executable = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
        if executable is None:
            print("no Chromium here: what one sees is not measured, the server's part is")
        else:
            rows += browser(settings, executable)
    return 0 if show("The Design page, 100,000 steps", rows) else 1


if __name__ == "__main__":
    sys.exit(main())
