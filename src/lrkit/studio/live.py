"""What goes on, to all who look: one follower a run, however many viewers there are.

A thread looks at the files (a `stat` each, and what is new in them), and tells each viewer what
has come since it was last told; viewers that stand at the same moment are told with the same
bytes, so the tenth costs next to nothing. A viewer that is slow is told more at once later: nothing
piles up for it. Nobody looking: no thread, and after a while no memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from fastapi import Request

from lrkit.errors import DataError
from lrkit.records import Overview
from lrkit.studio.curves import Moment, Wish, curves_of, moment_of
from lrkit.studio.errors import NotFoundError
from lrkit.studio.followed import Followed
from lrkit.studio.shelf import Shelf

PERIOD: Final = 0.3
"""Seconds between two looks."""
BEAT: Final = 5.0
"""Seconds of silence after which a viewer hears that the studio is there."""
LINGER: Final = 30.0
"""Seconds for which a run that nobody looks at is kept."""
SLICE: Final = 16 << 20
"""Bytes of a journal read in one go; then the others have their turn."""
KEPT: Final = 24
"""Runs kept at most besides those that are looked at."""
LOG: Final = logging.getLogger("uvicorn.error")


@dataclass(eq=False)
class Viewer:
    """Somebody who looks: at the list of runs, at the curves of some, or at both."""

    loop: asyncio.AbstractEventLoop
    runs: tuple[str, ...]
    wish: Wish
    listed: bool
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    box: deque[bytes] = field(default_factory=deque)
    marks: dict[str, Moment | str] = field(default_factory=dict)
    mark: int | None = None
    ended: bool = False

    def give(self, message: bytes) -> None:
        """Put *message* where the viewer finds it; called by the hub's thread."""
        self.box.append(message)
        self.wake()

    def wake(self) -> None:
        """Let the viewer look into its box."""
        with contextlib.suppress(RuntimeError):  # the server's loop has ended meanwhile
            self.loop.call_soon_threadsafe(self.ready.set)

    async def messages(self, hub: Hub, limit: int | None) -> AsyncIterator[bytes]:
        """Yield what there is to tell, *limit* events of it, until the viewer leaves."""
        hub.join(self)
        told = 0
        try:
            yield b"retry: 1000\n\n"
            while True:
                try:
                    await asyncio.wait_for(self.ready.wait(), BEAT)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                self.ready.clear()
                while self.box:
                    yield self.box.popleft()
                    told += 1
                    if told == limit:
                        return
                if self.ended:
                    return
        finally:
            hub.leave(self)


class Hub:
    """The followers of one studio, and who looks at them."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root
        self.shelf: Final = Shelf(root)
        self._lock = threading.Lock()
        self._viewers: list[Viewer] = []
        self._runs: dict[str, Followed] = {}
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    def follow(self, name: str) -> Followed:
        """Return the follower of run *name*; many may share it, one at a time."""
        with self._lock:
            now = time.monotonic()
            watched = {run for viewer in self._viewers for run in viewer.runs}
            idle = sorted((f.asked, n) for n, f in self._runs.items() if n not in watched)
            for place, (asked, other) in enumerate(idle):
                if now - asked > LINGER or len(idle) - place > KEPT:
                    del self._runs[other]
            return self._runs.setdefault(name, Followed(self.root, name))

    def join(self, viewer: Viewer) -> None:
        """Begin to tell *viewer*."""
        with self._lock:
            self._viewers.append(viewer)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="lrkit-live", daemon=True)
                self._thread.start()
        self._wake.set()

    def leave(self, viewer: Viewer) -> None:
        """Tell *viewer* no more."""
        with self._lock:
            self._viewers.remove(viewer)

    def end(self) -> None:
        """Let all streams end: the server does."""
        for viewer in list(self._viewers):
            viewer.ended = True
            viewer.wake()

    @property
    def viewers(self) -> int:
        """How many look."""
        return len(self._viewers)

    @property
    def followed(self) -> int:
        """How many runs are kept."""
        return len(self._runs)

    @property
    def working(self) -> bool:
        """Whether somebody is looked for."""
        return self._thread is not None

    def _work(self) -> None:
        quiet = time.monotonic()
        while True:
            self._wake.clear()
            began = time.monotonic()
            with self._lock:
                viewers = list(self._viewers)
                if viewers:
                    quiet = began
                elif began - quiet > LINGER:
                    self._runs.clear()
                    self._thread = None
                    return
            more = False
            try:
                more = self.tell(viewers)
            except Exception:  # one look that fails must not end all later ones
                LOG.exception("a look at the list of runs failed")
            if not more:
                self._wake.wait(max(PERIOD - (time.monotonic() - began), 0.02))

    def tell(self, viewers: list[Viewer]) -> bool:
        """Look at all that *viewers* look at, and tell them; return whether more is to be read."""
        waiting = [viewer for viewer in viewers if not viewer.box]
        self._tell_list([viewer for viewer in waiting if viewer.listed])
        more = False
        for name in dict.fromkeys(name for viewer in waiting for name in viewer.runs):
            lookers = [viewer for viewer in waiting if name in viewer.runs]
            run = self.follow(name)
            try:
                more = self._tell_run(run, lookers) or more
                run.broken = False
            except Exception:  # our fault; the other runs are to be seen all the same
                _broken(run, lookers)
        return more

    def _tell_list(self, viewers: list[Viewer]) -> None:
        told: dict[int | None, tuple[int, bytes]] = {}
        for viewer in viewers:
            mark = viewer.mark
            if mark not in told:
                changes = self.shelf.since(mark)
                rows = [row.model_dump() for row in changes.rows]
                body = {"whole": changes.whole, "runs": rows, "gone": changes.gone}
                told[mark] = changes.mark, event("runs", body)
            viewer.mark, message = told[mark]
            if viewer.mark != mark:
                viewer.give(message)

    def _tell_run(self, run: Followed, viewers: list[Viewer]) -> bool:
        """Look at *run* and tell *viewers*; return whether more of it is to be read."""
        told: dict[tuple[Wish, Moment | str | None], tuple[Moment | str, bytes | None]] = {}
        with run.lock:
            overview = _looked(run)
            for viewer in viewers:
                key = (viewer.wish, viewer.marks.get(run.name))
                if key not in told:
                    told[key] = _said(run, overview, *key)
                viewer.marks[run.name], message = told[key]
                if message is not None:
                    viewer.give(message)
            return overview is not None and overview.share < 1.0


def _looked(run: Followed) -> Overview | None:
    """Return *run* as it is now; None, and its `problem`, where there is nothing to see."""
    try:
        if run.problem and not run.there:
            return None
        overview = run.look(SLICE)
    except (DataError, NotFoundError) as error:
        run.problem = str(error)
        return None
    run.problem = ""
    return overview


def _broken(run: Followed, viewers: list[Viewer]) -> None:
    """Say that *run* cannot be shown: once to each viewer, and once in the server's log."""
    told = f"run {run.name} cannot be shown; the studio's terminal says why"
    if not run.broken:
        LOG.exception("a look at run %s failed", run.name)
    run.broken = True
    for viewer in viewers:
        if viewer.marks.get(run.name) != told:
            viewer.marks[run.name] = told
            viewer.give(event("gone", {"run": run.name, "message": told}))


def _said(
    run: Followed, overview: Overview | None, wish: Wish, known: Moment | str | None
) -> tuple[Moment | str, bytes | None]:
    """Return where who knew *known* of *run* stands now, and what is to be said (None: nothing)."""
    if overview is None:
        gone = event("gone", {"run": run.name, "message": run.problem})
        return run.problem, None if known == run.problem else gone
    shown = run.shown(overview)
    moment = moment_of(shown, wish)._replace(share=overview.share)
    if known == moment:
        return moment, None
    curves = curves_of(shown, wish, known if isinstance(known, Moment) else None)
    told = curves.model_copy(update={"share": overview.share, "status": overview.status})
    return moment, event("curves", told.model_dump())


def event(name: str, body: object) -> bytes:
    """Return an event of a stream."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(body))


def hub_of(request: Request) -> Hub:
    """Return the hub of this studio."""
    with _MAKING:
        state = request.app.state
        if not hasattr(state, "hub"):
            state.hub = Hub(state.settings.root)
            state.at_end = [*getattr(state, "at_end", ()), state.hub.end]
        found: Hub = state.hub
        return found


_MAKING: Final = threading.Lock()
