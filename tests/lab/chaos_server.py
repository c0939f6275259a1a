"""Trains in children that may be killed at any moment, or kill themselves at a chosen one.

    python chaos_server.py

Loads torch once, then reads a line of JSON for each child: `folder`, `task` (the arguments of
`train`), `die`, None or [where, count], and `letters`, pairs of the update before which an edit is
to be accepted and the edit. The child starts the run or goes on with it. The server
writes the child's process id, and how it ended when it has.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from lrkit.lab import checkpoints, resume, train
from lrkit.records import submit, writer


def die_at(where: str, count: int) -> None:
    """Make this process kill itself at the *count*-th time that it comes to *where*."""
    left = [count]

    def now() -> bool:
        left[0] -= 1
        return left[0] < 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def half(write: Callable[[int, Any], Any]) -> Callable[[int, Any], Any]:
        def writes(descriptor: int, data: Any) -> Any:
            if now():
                os.write(descriptor, bytes(data)[: len(data) // 2])
                die()
            return write(descriptor, data)

        return writes

    def replace(source: Any, target: Any) -> None:
        if where == "before rename" and now():
            die()
        os.replace(source, target)
        if where == "after rename" and now():
            die()

    if where == "in a checkpoint":
        checkpoints.write_all = half(checkpoints.write_all)
    elif where == "in the journal":
        mine = types.SimpleNamespace(**vars(os))
        mine.write = half(os.write)
        writer.os = mine
    else:
        mine = types.SimpleNamespace(**vars(os))
        mine.replace = replace
        checkpoints.os = mine


class Postman:
    """Sends letters so that each is accepted when so many updates are done."""

    def __init__(self, folder: Path, letters: list[list[Any]]) -> None:
        self.folder, self.letters = folder, letters

    def _send(self, done: int) -> None:
        for at, edit in self.letters:
            if at == done:
                submit(self.folder, edit)

    def started(self, updates: int) -> None:
        self._send(0)
        self.letters = [letter for letter in self.letters if letter[0]]

    def stepped(self, done: int, loss: float) -> None:
        self._send(done + 1)

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        pass


def work(order: dict[str, Any]) -> None:
    """Start or go on with the run of *order*."""
    torch.set_num_threads(1)
    if order["die"]:
        die_at(*order["die"])
    folder = Path(order["folder"])
    if folder.exists():
        resume(folder)
    else:
        train(run=folder, progress=Postman(folder, order["letters"]), **order["task"])


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            status = 1
            try:
                work(json.loads(line))
                status = 0
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(status)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
