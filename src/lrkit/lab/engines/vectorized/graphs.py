"""The update of a stack as a CUDA graph: captured once, then replayed without Python.

The shapes of an update do not change and all its numbers lie in tensors, so the kernels of one
update are those of the next. On a CPU there is nothing to capture.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final

import torch

from lrkit.lab.contract import first_line

WARM: Final = 3
"""Updates that are made uncaptured first: libraries choose their kernels in them."""
LEAST: Final = 8
"""Updates of a shape from which capturing pays; the last batch of an epoch seldom has them."""


class Graphs:
    """Makes updates, captured where that can be; *say* is told when it cannot."""

    def __init__(self, device: torch.device, say: Callable[[str], None]) -> None:
        self._device = device
        self._say = say
        self._able = device.type == "cuda"
        self._graphs: dict[Hashable, Any] = {}
        self._seen: dict[Hashable, int] = {}
        self._pool: Any = None

    def run(self, key: Hashable | None, count: int, update: Callable[[], None]) -> None:
        """Call *update* *count* times; *key* stands for the shapes and tensors it works on.

        None: they are others every time.
        """
        if not self._able or key is None:
            for _ in range(count):
                update()
            return
        left = count
        if key not in self._graphs:
            seen = self._seen.get(key, 0)
            first = min(left, max(WARM - seen, 0))
            if seen + left < LEAST:
                first = left
            self._warm(first, update)
            self._seen[key] = seen + first
            left -= first
            if not left:
                return
            self._capture(key, update)
        graph = self._graphs.get(key)
        for _ in range(left):
            if graph is None:
                update()
            else:
                graph.replay()

    def _warm(self, count: int, update: Callable[[], None]) -> None:
        # A stream of its own, as capturing uses one.
        side: Any = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):
            for _ in range(count):
                update()
        torch.cuda.current_stream(self._device).wait_stream(side)

    def _capture(self, key: Hashable, update: Callable[[], None]) -> None:
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self._pool):
                update()
        except RuntimeError as error:
            self._able = False
            self._graphs.clear()
            torch.cuda.synchronize(self._device)
            self._say(
                f"the update cannot be captured as a CUDA graph ({first_line(error)}); "
                "it is made kernel by kernel, which takes longer"
            )
            return
        self._graphs[key] = graph
