"""Users of timm, Keras, composer, ignite, CLR and d2l get the same rate at every step.

These do not all install here, so their answers were written down by the scripts in generate/.
"""

import pytest

from tests.parity.ours import values
from tests.parity.row import Row, Table, difference
from tests.parity.tables import TABLES, golden

TABLES_WITH_FILE = [table for table in TABLES if table.golden]
CASES = [(table, row) for table in TABLES_WITH_FILE for row in table.rows]


@pytest.mark.parametrize(
    ("table", "row"), CASES, ids=[f"{table.peer}-{row.name}" for table, row in CASES]
)
def test_lrkit_gives_the_same_rate_at_every_step(table: Table, row: Row) -> None:
    _, answers = golden(table.golden)
    assert difference(row, values(row), answers[row.key], table.numbers) == ""


@pytest.mark.parametrize("table", TABLES_WITH_FILE, ids=lambda table: table.peer)
def test_every_public_scheduler_has_rows_and_every_answer_is_used(table: Table) -> None:
    header, answers = golden(table.golden)
    assert set(answers) == {row.key for row in table.rows}
    if header.get("variant") != "float64":
        names = {row.name.split(" ")[0] for row in table.rows} | set(table.left_out)
        assert {name.split(" ")[0] for name in header["public"]} == names
