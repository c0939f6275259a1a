"""A user of optax who rewrites a schedule in lrkit gets the same rate at every step."""

import pytest

pytest.importorskip("optax", reason="the comparison with optax needs optax and jax")

import optax.schedules

from tests.parity.ours import values
from tests.parity.peers_live import optax_compiled, optax_values
from tests.parity.row import Row, difference
from tests.parity.tables import OPTAX, OPTAX_COMPILED


@pytest.mark.parametrize("row", OPTAX.rows, ids=lambda row: row.name)
def test_lrkit_gives_the_same_rate_in_float64(row: Row) -> None:
    assert difference(row, values(row), optax_values(row)) == ""


@pytest.mark.parametrize("row", OPTAX_COMPILED.rows, ids=lambda row: row.name)
def test_lrkit_gives_the_same_rate_as_optax_compiled_in_float32(row: Row) -> None:
    assert difference(row, values(row), optax_compiled(row), "float32") == ""


def test_every_public_schedule_of_optax_has_rows() -> None:
    public = {
        name
        for name, value in vars(optax.schedules).items()
        if callable(value) and not isinstance(value, type) and not name.startswith("_")
    }
    public = {name for name in public if getattr(optax.schedules, name).__module__ != "typing"}
    assert public == {row.name for row in OPTAX.rows} | set(OPTAX.left_out)
