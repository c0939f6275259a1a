"""A torch user who rewrites a scheduler in lrkit gets the same rate at every step."""

import pytest

pytest.importorskip("torch", reason="the comparison with torch needs torch")

import torch

from tests.parity.ours import values
from tests.parity.peers_live import torch_values
from tests.parity.row import Row, difference
from tests.parity.tables import TORCH


@pytest.mark.parametrize("row", TORCH.rows, ids=lambda row: row.name)
def test_lrkit_gives_the_same_rate_at_every_step(row: Row) -> None:
    assert difference(row, values(row), torch_values(row)) == ""


def test_every_public_scheduler_of_torch_has_rows() -> None:
    public = set(torch.optim.lr_scheduler.__all__) - {"LRScheduler"}  # the base class
    assert public == {row.name for row in TORCH.rows}
    assert len(public) == 15
