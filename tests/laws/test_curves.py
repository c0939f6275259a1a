"""Reading a log as a curve: what is dropped, what is assumed, what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrkit.errors import DataError
from lrkit.laws import loss_curve
from lrkit.laws.curves import in_blocks


def test_the_rates_of_a_schedule_are_those_of_every_update():
    curve = loss_curve("a", [10, 20], [3.0, 2.5], schedule="0.1 * linear()", total=40)
    np.testing.assert_array_equal(curve.rates, 0.1 * (1 - np.arange(21) / 40))
    assert curve.notes == ()


def test_rows_that_are_not_finite_or_repeat_a_step_are_left_out_and_counted():
    curve = loss_curve(
        "a", [0, 1, 1, 2, 3], [3.0, 9.0, 2.5, np.nan, 2.0], rates=[0.1, 0.1, 0.1, 0.1, np.inf]
    )
    assert curve.steps.tolist() == [0, 1]
    assert curve.losses.tolist() == [3.0, 2.5]  # of the repeated step the last row
    assert "2 rows without a finite step, loss or rate" in curve.notes[0]
    assert "1 rows repeat a step" in curve.notes[1]


def test_unsorted_rows_are_sorted():
    curve = loss_curve("a", [20, 10], [2.5, 3.0], schedule="hold()", total=40)
    assert curve.losses.tolist() == [3.0, 2.5]


def test_without_a_schedule_the_rate_is_joined_by_lines():
    curve = loss_curve("a", [0, 10, 20], [3, 2, 1], rates=[0.2, 0.1, 0.0])
    np.testing.assert_allclose(curve.rates, np.linspace(0.2, 0.0, 21), atol=1e-15)


def test_a_jump_between_two_plateaus_stays_a_jump():
    curve = loss_curve("a", [0, 10, 20, 30], [3, 3, 2, 2], rates=[0.1, 0.1, 0.01, 0.01])
    assert set(curve.rates.tolist()) == {0.1, 0.01}
    assert "1 jumps" in " ".join(curve.notes)


def test_a_missing_start_is_a_linear_warm_up_and_said():
    curve = loss_curve("a", [100, 200, 1000], [3, 2, 1], rates=[0.1, 0.1, 0.1])
    assert curve.rates[:100].mean() == pytest.approx(0.05)
    assert "risen linearly from 0 over 100 updates" in " ".join(curve.notes)


def test_a_log_of_the_cooldown_alone_has_not_warmed_up_for_most_of_the_run():
    curve = loss_curve("a", [800, 900, 1000], [3, 2, 1], rates=[0.1, 0.05, 0.0])
    assert curve.rates[20:800].min() == 0.1
    assert "and held" in " ".join(curve.notes)


@pytest.mark.parametrize(
    ("steps", "losses", "options", "words"),
    [
        ([1], [2.0], {}, "two good rows or more, got 1"),
        ([1, 2], [2.0, np.nan], {}, "two good rows or more, got 1"),
        ([1, 2], [2.0, -1.0], {}, "losses must be above 0"),
        ([1, 2], [2.0], {}, "of one length"),
        ([-1, 2], [2.0, 1.0], {}, "steps must lie from 0"),
        ([1, 2], [2.0, 1.0], {"rates": [0.1, -0.1]}, "at least 0"),
        ([1, 2], [2.0, 1.0], {"rates": [0.0, 0.0]}, "nothing was trained"),
        ([1, 99], [2.0, 1.0], {"schedule": "linear()", "total": 50}, "within the 50 updates"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(steps, losses, options, words):
    with pytest.raises(DataError, match=words):
        loss_curve("a", steps, losses, **options)


def test_rows_before_the_first_rate_above_0_are_left_out():
    curve = loss_curve("a", [0, 1, 10, 20], [9, 8, 3, 2], rates=[0, 0, 0.1, 0.1])
    assert curve.steps.tolist() == [10, 20]
    assert "2 rows before the first rate above 0" in " ".join(curve.notes)
    with pytest.raises(DataError, match="after the first rate above 0"):
        loss_curve("a", [0, 9], [3, 2], schedule="linear(0, 1)", total=10)


def test_rates_logged_at_other_steps_than_the_losses_count_all():
    rates = [0.0, 0.1, np.nan, 0.05, 0.0]
    curve = loss_curve("a", [10, 40], [3, 2], rates=rates, rate_steps=[0, 10, 15, 20, 40])
    assert curve.rates[[5, 10, 15, 30]] == pytest.approx([0.05, 0.1, 0.075, 0.025])
    with pytest.raises(DataError, match="one step each"):
        loss_curve("a", [10, 40], [3, 2], rates=[0.1], rate_steps=[1, 2])
    with pytest.raises(DataError, match="no row has a rate"):
        loss_curve("a", [10, 40], [3, 2], rates=[np.nan], rate_steps=[1])


def test_a_log_of_every_update_is_averaged_into_blocks_short_at_the_start():
    steps = np.arange(100_000)
    curve = loss_curve("a", steps, 2 + (steps + 1.0) ** -0.5, schedule="hold()", total=100_000)
    blocks = in_blocks(curve)
    assert len(blocks.steps) < 1200
    exact = 2 + (blocks.steps + 1.0) ** -0.5
    np.testing.assert_allclose(blocks.losses, exact, rtol=5e-4)  # a block's middle is rounded
    assert blocks.rates is curve.rates
    assert in_blocks(blocks, len(blocks.steps)) is blocks


def test_a_last_row_after_the_last_update_counts_as_its_loss():
    curve = loss_curve("a", [10, 50], [2.0, 1.0], schedule="linear()", total=50)
    assert curve.steps.tolist() == [10, 49]
    assert "after the last update" in curve.notes[0]


@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.integers(-3, 300).map(float), st.just(float("nan"))),
            st.floats(0.0, 10.0) | st.just(float("inf")),
            st.floats(0.0, 1.0) | st.just(float("nan")),
        ),
        max_size=12,
    )
)
def test_any_table_is_a_clean_curve_or_refused(rows):
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    try:
        curve = loss_curve("a", columns[0], columns[1], rates=columns[2])
    except DataError:
        return
    assert (np.diff(curve.steps) > 0).all()
    assert np.isfinite(curve.rates).all()
    assert len(curve.rates) == curve.steps[-1] + 1
    assert curve.losses.min() > 0
