"""Write the golden search of this format: a file of today that every later version must read.

python -m tests.search.write_golden
"""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import tempfile
from pathlib import Path

from lrkit.search import Search, Space
from lrkit.search.settings import FORMAT
from tests.search.functions import CONDITIONAL, score

FOLDER = Path(__file__).parents[1] / "golden" / f"search-v{FORMAT}"
OPTIONS = {"momentum": "~uniform(0, 0.99)", "batch_size": "~choice(16, 32, none)", "width": 64}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        space = Space.parse(CONDITIONAL, OPTIONS)
        with Search.open(
            folder, space, trials=8, sampler="tpe", pruner="median", steps=9, seed=7, worker="gold"
        ) as search:
            for n in range(6):
                asked = search.ask()
                if asked is None:
                    raise RuntimeError("the golden search has eight trials")
                value = score(asked.point.values)
                search.report(asked, 3, value - 0.1)
                endings = {2: {"pruned": True}, 3: {"failed": "no memory"}, 4: {"score": math.nan}}
                search.tell(asked, **endings.get(n, {"score": value}))  # type: ignore[arg-type]
            search.ask()  # given back where the search is closed
        results = Search.read(folder)
        FOLDER.mkdir(parents=True, exist_ok=True)
        told = [
            [t.number, t.state, t.score, dict(t.values), t.text, dict(t.options), t.reason, t.steps]
            for t in results.trials
        ]
        (FOLDER / "trials.json").write_text(json.dumps(told, indent=1) + "\n")
        database = sqlite3.connect(Path(folder) / "search.sqlite3")
        database.execute("PRAGMA journal_mode=DELETE")  # one file, nothing in a log beside it
        database.execute("VACUUM")
        database.close()
        shutil.copy(Path(folder) / "search.sqlite3", FOLDER)


if __name__ == "__main__":
    main()
