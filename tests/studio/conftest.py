"""A studio in this process, a studio as a process of its own, and a real browser to look at it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the studio is an extra: pip install 'lrkit[studio]'")
from starlette.testclient import TestClient

from lrkit.studio import Settings, create_app

TOKEN = "t" * 43
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of the runs."""
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


@pytest.fixture
def settings(root: Path) -> Settings:
    return Settings(root, TOKEN, work=root.parent)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A studio in this process; its requests carry the token, as a script's do."""
    with in_process(settings) as found:
        yield found


@pytest.fixture
def only_shows(settings: Settings) -> Iterator[TestClient]:
    """The same, started with --read-only."""
    with in_process(Settings(settings.root, TOKEN, read_only=True, work=settings.work)) as found:
        yield found


def in_process(settings: Settings) -> TestClient:
    headers = {"Authorization": f"Bearer {settings.token}"}
    return TestClient(create_app(settings), base_url="http://127.0.0.1:8912", headers=headers)


@dataclass
class Studio:
    """`lrkit studio` as a process."""

    root: Path
    process: subprocess.Popen[str]
    link: str
    more: tuple[str, ...] = field(default=())

    @property
    def base(self) -> str:
        return self.link.partition("/?")[0]

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def again(self) -> Studio:
        """The studio started once more, on the same port."""
        return start(self.root, "--port", str(self.port), *self.more)


def start(root: Path, *words: str) -> Studio:
    """Start the command, and return when it has printed its link."""
    command = [sys.executable, "-m", "lrkit", "studio", str(root), "--no-browser", "--json"]
    if "--port" not in words:
        command += ["--port", "0"]
    process = subprocess.Popen(
        [*command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=root.parent,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    line = process.stdout.readline()
    if not line:
        pytest.fail(f"the studio did not start: {process.communicate()[1]}")
    more = tuple(words[2:] if words[:1] == ("--port",) else words)
    return Studio(root, process, json.loads(line)["link"], more)


@pytest.fixture
def launch(root: Path) -> Iterator[Callable[..., Studio]]:
    """A function that starts studios; all are ended, and what they have started, too."""
    started: list[Studio] = []

    def launched(*words: str, root: Path = root) -> Studio:
        started.append(start(root, *words))
        return started[-1]

    yield launched
    for studio in started:
        if studio.process.poll() is None:
            studio.process.send_signal(signal.SIGINT)
            try:
                studio.process.wait(10)
            except subprocess.TimeoutExpired:
                studio.kill()
        studio.process.stdout.close()
        studio.process.stderr.close()
    end_jobs(root)


def end_jobs(root: Path) -> None:
    """Kill what the studios of *root* have started and is still going."""
    from lrkit.studio.jobs import Jobs

    jobs = Jobs(Settings(root, TOKEN))
    for job in jobs.list():
        if job.status == "running":
            os.killpg(job.what.pid, signal.SIGKILL)


@pytest.fixture
def studio(launch: Callable[..., Studio]) -> Studio:
    return launch()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A real Chromium, driven by Playwright; skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine; install your system's chromium package")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium: Any, launch: Any) -> Iterator[Callable[..., Any]]:  # closed before studios end
    """A function that opens a page of a studio: `page = browse(studio, "#/runs")`.

    What the page's console says in anger fails the test that opened it, but for the requests that
    a studio that is away does not answer (`lenient=True`).
    """
    contexts, complaints = [], []

    def opened(
        studio: Studio,
        place: str = "",
        *,
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
        lenient: bool = False,
    ) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="no-preference",
        )
        context.set_default_timeout(30_000)  # a machine may be busy
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        if not lenient:
            page.on(
                "console",
                lambda told: complaints.append(told.text) if told.type == "error" else None,
            )
        page.goto(studio.link)
        if place:
            page.goto(f"{studio.base}/{place}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints, complaints
