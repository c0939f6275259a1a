"""The table itself: what the docs page promises is what is tested."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lrkit
from tests.parity.row import Pin, Row, Table, difference
from tests.parity.tables import OPTAX, OPTAX_COMPILED, TABLES, TORCH, TRANSFORMERS

REPO = Path(__file__).resolve().parents[2]
ROW = Row(name="x", call="x", ours="constant(1)", total=2, steps=4)


def test_the_docs_page_is_what_the_rows_say() -> None:
    command = [sys.executable, REPO / "docs" / "generate_parity.py", "--check"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.peer)
def test_no_row_is_there_twice(table: Table) -> None:
    seen = [(row.key, row.ours) for row in table.rows]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.peer)
def test_what_the_page_shows_survives_text_json_and_python(table: Table) -> None:
    for row in table.rows:
        schedule = lrkit.parse(row.ours)
        assert lrkit.parse(str(schedule)) == schedule, row.ours
        assert lrkit.from_dict(schedule.to_dict()) == schedule, row.ours
        assert eval(repr(schedule), vars(lrkit).copy()) == schedule, row.ours


def test_a_pin_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="pins need a fault"):
        replace(ROW, pins=(Pin(3, 3, 1.0),))


def test_the_versions_on_the_page_are_those_that_the_tests_run_with() -> None:
    pinned = (REPO / "constraints.txt").read_text(encoding="utf-8").splitlines()
    for table in (TORCH, TRANSFORMERS, OPTAX, OPTAX_COMPILED):
        assert f"{table.peer.split(' ')[0]}=={table.version}" in pinned
    jax = next(line for line in pinned if line.startswith("jax=="))
    assert jax.replace("==", " ") in OPTAX.source
    assert jax.replace("==", " ") in OPTAX_COMPILED.source


def test_a_difference_is_seen_and_a_nan_of_the_peer_is_one() -> None:
    assert difference(ROW, [1, 1, 1, 1], [1, 1, 1, 1 + 1e-11]) != ""
    assert difference(ROW, [1, 1, 1, 1], [1, 1, 1, 1 + 1e-13]) == ""
    assert difference(ROW, [1, 1, 1, 1], [1, 1, 1, np.nan]) != ""
    assert difference(ROW, [1, 1, 1, 1], [1, 1, 1]) != ""


def test_a_pin_holds_our_value_and_fails_when_the_peer_was_repaired() -> None:
    row = replace(ROW, pins=(Pin(3, 3, 1.0),), fault="rises")
    assert difference(row, [1, 1, 1, 1], [1, 1, 1, 7]) == ""
    assert "pinned to" in difference(row, [1, 1, 1, 2], [1, 1, 1, 7])
    assert "the peer agrees" in difference(row, [1, 1, 1, 1], [1, 1, 1, 1])
