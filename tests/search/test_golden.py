"""A search of an earlier version is read, and goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lrkit.search import Search
from tests.search.write_golden import FOLDER


def test_the_golden_search_is_read_and_goes_on(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "search.sqlite3", tmp_path)
    told = json.loads((FOLDER / "trials.json").read_text())
    trials = Search.read(tmp_path).trials
    assert [
        [t.number, t.state, t.score, dict(t.values), t.text, dict(t.options), t.reason,
         [list(step) for step in t.steps]]
        for t in trials
    ] == told  # fmt: skip
    assert {t.state for t in trials} == {"done", "pruned", "failed", "waiting"}
    settings = Search.stored(tmp_path)
    assert settings is not None
    with Search.open(
        tmp_path, settings.space, trials=8, sampler="tpe", pruner="median", steps=9, seed=7
    ) as search:
        first = search.ask()
        assert first is not None
        assert first.number == trials[-1].number  # what was given back comes first
        assert first.point.text == trials[-1].text
        search.tell(first, 0.0)
        assert search.ask() is not None
        assert search.ask() is None
