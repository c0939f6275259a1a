"""Watching runs in the studio: a run of 1,000,000 steps, ten viewers, and what a training notices.

    python -m bench.studio_runs [steps]

1. A studio is started beside a folder of 200 short runs and a long one. Timed over HTTP: the list,
   the first curve (of the whole run, from parts spread over its journal), and the curve of every
   step with its extremes, each from a studio that has just been started.
2. What an update costs when 100 steps have come, from the look at the file to the bytes that are
   sent, for one viewer and for ten; and memory after a tenth of the steps and after all.
3. One training of poly-tanh, in turns of two seconds with nobody and with ten viewers who watch it,
   a turn beside the other: its updates a second with viewers over those without, which tells
   something only where two cores are idle; the processor time that an update takes, over the same;
   and what the studio takes of a core with ten viewers.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import numpy as np

from bench.table import Row, show
from lrkit.records import Journal, Overview, replay
from lrkit.studio.curves import Wish
from lrkit.studio.live import Hub, Viewer

STEPS = 1_000_000
REPEATS = 5
SHORT_RUNS = 200
VIEWERS = 10
TURN = 2.0
TURNS = 8
QUICK = 1.0  # seconds to the list and the first curve
UPDATE = 100.0  # milliseconds
ENV = os.environ | {"OMP_NUM_THREADS": "1"}


def write_run(folder: Path, steps: int) -> None:
    """Write a run of *steps* updates with a rate and a loss."""
    about: dict[str, Any] = {
        "spec": "0.1 * cosine()",
        "horizon": {"total": steps, "steps_per_epoch": 500},
    }
    with Journal.create(folder, task="bench", updates=steps, **about) as journal:
        for t in range(steps):
            journal.metrics(t, loss=2.3 * math.exp(-3 * t / steps), lr=0.05 + 0.05 * t / steps)


class Studio:
    """A studio in a process of its own, asked over HTTP."""

    def __init__(self, root: Path) -> None:
        command = [sys.executable, "-m", "lrkit", "studio", str(root), "--no-browser", "--json"]
        self.process = subprocess.Popen(
            [*command, "--port", "0"], stdout=subprocess.PIPE, env=ENV, text=True
        )
        told = self.process.stdout.readline() if self.process.stdout else ""
        base, _, token = json.loads(told)["link"].partition("/?token=")
        self.address = base.removeprefix("http://")
        self.headers = {"Authorization": f"Bearer {token}"}

    def ask(self, path: str, **query: object) -> http.client.HTTPResponse:
        """Return the answer to a request."""
        asked = http.client.HTTPConnection(self.address, timeout=60)
        asked.request("GET", f"{path}?{urlencode(query)}", headers=self.headers)
        return asked.getresponse()

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def studio(root: Path) -> Iterator[Studio]:
    """Start a studio, and end it."""
    found = Studio(root)
    try:
        yield found
    finally:
        found.end()


def first_looks(root: Path) -> dict[str, float]:
    """Return seconds to the list, the first curve and the whole curve of a fresh studio."""
    with studio(root) as served:
        served.ask("/api/pulse").read()
        begin = time.perf_counter()
        listed = json.loads(served.ask("/api/runs", limit=1000).read())
        seconds = {"list": time.perf_counter() - begin}
        if listed["total"] != SHORT_RUNS + 1:
            raise RuntimeError(f"the list has {listed['total']} runs")
        begin = time.perf_counter()
        for line in served.ask("/api/live", run="long", listed="false"):
            if not line.startswith(b"data:"):
                continue
            told = json.loads(line[5:])
            seconds.setdefault("first", time.perf_counter() - begin)
            if told["share"] == 1.0:
                seconds["whole"] = time.perf_counter() - begin
                return seconds
    raise RuntimeError("the stream ended before the curve was whole")


def update_milliseconds(root: Path, viewers: int) -> list[float]:
    """Return what looking and telling *viewers* costs each time that 100 steps have come."""
    hub, loop = Hub(root), asyncio.new_event_loop()
    watching = [Viewer(loop, ("long",), Wish("step", 600), True) for _ in range(viewers)]
    followed = hub.follow("long")
    followed.look()
    steps = followed.overview.metrics.last_step if followed.overview else None
    found = []
    with Journal.resume(root / "long") as journal:
        for turn in range(20):
            for t in range(100):
                journal.metrics((steps or 0) + 1 + 100 * turn + t, loss=0.1, lr=0.1)
            journal.flush()
            begin = time.perf_counter()
            hub.tell(watching)
            found.append((time.perf_counter() - begin) * 1e3)
            for viewer in watching:
                if not viewer.box:
                    raise RuntimeError("a viewer was not told")
                viewer.box.clear()
    loop.close()
    return found[1:]  # the first tells the whole curve


def megabytes(folder: Path) -> float:
    """Return what an overview of the run in *folder* keeps."""
    Overview(folder).look(most=1)  # what NumPy and the decoders keep for good
    tracemalloc.start()
    overview = Overview(folder)
    overview.look()
    kept = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    return kept


def watch(served: Studio, run: str, stop: threading.Event) -> None:
    """Look at *run* until *stop*, as a page does."""
    answer = served.ask("/api/live", run=run)
    while not stop.is_set() and answer.readline():
        pass
    answer.close()


class Turn(NamedTuple):
    """When a turn began and ended, and the processor time that was taken in it."""

    begin: float
    end: float
    training: float
    studio: float


def training_ratios(root: Path) -> tuple[list[float], list[float], list[float]]:
    """Return for each pair of turns the ratios by the clock and by processor, and percents."""
    command = [sys.executable, "-m", "lrkit", "train", "poly-tanh", "--total", "100000ep"]
    command += ["--quiet", "--checkpoint", "none", "--run", str(root / "training")]
    with studio(root) as served:
        training = subprocess.Popen(command, env=ENV, stdout=subprocess.DEVNULL)
        try:
            while not (root / "training" / "journal.jsonl").exists():
                time.sleep(0.1)
            time.sleep(2 * TURN)
            pids = training.pid, served.process.pid
            turns = [
                _turn(served, pids, watched) for _ in range(TURNS) for watched in (False, True)
            ]
            time.sleep(1.0)  # until the last of them is in the journal
        finally:
            training.kill()
            training.wait()
    times = replay(root / "training", damaged="skip").metrics["time"]
    steps = [
        int(np.searchsorted(times, turn.end) - np.searchsorted(times, turn.begin)) for turn in turns
    ]
    clock = [n / (turn.end - turn.begin) for n, turn in zip(steps, turns, strict=True)]
    own = [turn.training / n for n, turn in zip(steps, turns, strict=True)]
    shares = [100 * turn.studio / (turn.end - turn.begin) for turn in turns[1::2]]
    return _over(clock), _over(own), shares


def _over(values: list[float]) -> list[float]:
    return [watched / alone for alone, watched in zip(values[::2], values[1::2], strict=True)]


def _turn(served: Studio, pids: tuple[int, int], watched: bool) -> Turn:
    """Let a turn pass, with ten viewers or none."""
    stop = threading.Event()
    viewers = [
        threading.Thread(target=watch, args=(served, "training", stop))
        for _ in range(VIEWERS if watched else 0)
    ]
    for viewer in viewers:
        viewer.start()
    time.sleep(0.3)
    begin, taken = time.time(), [processor(pid) for pid in pids]
    time.sleep(TURN)
    end, more = time.time(), [processor(pid) for pid in pids]
    stop.set()
    for viewer in viewers:
        viewer.join()
    return Turn(begin, end, more[0] - taken[0], more[1] - taken[1])


def processor(pid: int) -> float:
    """Return the seconds of processor time that a process has taken; Linux tells."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Print the tables; the exit code is 1 when a bar is missed."""
    steps = int(float(sys.argv[1])) if len(sys.argv) > 1 else STEPS
    root = Path(tempfile.mkdtemp())
    try:
        for i in range(SHORT_RUNS):
            write_run(root / f"short-{i}", 20)
        write_run(root / "long", steps)
        write_run(root / "elsewhere" / "tenth", steps // 10)
        looks = [first_looks(root) for _ in range(REPEATS)]
        memory = megabytes(root / "long"), megabytes(root / "elsewhere" / "tenth")
        one, ten = (update_milliseconds(root, n) for n in (1, VIEWERS))
        clock, own, shares = training_ratios(root)
    finally:
        shutil.rmtree(root)
    rows = [
        Row.of(f"list of {SHORT_RUNS + 1} runs, s", [look["list"] for look in looks], QUICK),
        Row.of("first curve, s", [look["first"] for look in looks], QUICK),
        Row.of("curve of every step, s", [look["whole"] for look in looks]),
        Row.of("an update, one viewer, ms", one, UPDATE),
        Row.of("an update, ten viewers, ms", ten, UPDATE),
        Row.of("ten viewers over one", [statistics.median(ten) / statistics.median(one)], 3.0),
        Row.of("memory kept of it, MB", memory[:1]),
        Row.of("over that of a tenth of the steps", [memory[0] / memory[1]], 1.2),
        Row.of("speed of a training, ten viewers over none, by the clock", clock),
        Row.of("processor time of an update, ten viewers over none", own, 1.1),
        Row.of("what the studio takes of a core for ten viewers, %", shares, 10.0),
    ]
    return 0 if show(f"Studio, a run of {steps:,} steps", rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
