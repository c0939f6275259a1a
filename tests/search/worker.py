"""A worker of a search in a process of its own: `python worker.py FOLDER TRIALS [hang]`."""

from __future__ import annotations

import sys
import time

from lrkit.search import Search, Space
from tests.search.functions import TEXT, score


def main(folder: str, trials: str, mode: str = "") -> None:
    with Search.open(folder, Space.parse(TEXT), trials=int(trials), sampler="random") as search:
        while (asked := search.ask()) is not None:
            search.report(asked, 1, 0.5)
            print(asked.number, asked.point.text, flush=True)
            if mode == "hang":
                time.sleep(600)
            search.tell(asked, score(asked.point.values))


if __name__ == "__main__":
    main(*sys.argv[1:])
