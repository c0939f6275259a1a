"""A user of transformers who rewrites a scheduler in lrkit gets the same rate at every step."""

import pytest

pytest.importorskip("torch", reason="transformers' schedulers need torch")
pytest.importorskip("transformers", reason="the comparison with transformers needs transformers")

from transformers.trainer_utils import SchedulerType

from tests.parity.ours import values
from tests.parity.peers_live import transformers_values
from tests.parity.row import Row, difference
from tests.parity.tables import TRANSFORMERS


@pytest.mark.parametrize("row", TRANSFORMERS.rows, ids=lambda row: row.name)
def test_lrkit_gives_the_same_rate_at_every_step(row: Row) -> None:
    assert difference(row, values(row), transformers_values(row)) == ""


def test_every_name_that_get_scheduler_accepts_has_rows() -> None:
    names = {kind.value for kind in SchedulerType}
    assert names == {row.name for row in TRANSFORMERS.rows} | set(TRANSFORMERS.left_out)
