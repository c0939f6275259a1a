"""Schedules from what a range test found: one truth for the terminal and the page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrkit.errors import SpecError
from lrkit.schedules import parse
from lrkit.schedules.ranged import from_range

rates = st.floats(1e-8, 1e2)


@given(rates, rates, st.none() | rates)
def test_each_schedule_has_the_rates_it_is_made_from(base, maximum, peak):
    found = from_range(base, maximum, peak=peak)
    top = maximum / 2 if peak is None else peak
    for name, rate in (("decay", top), ("linear", top), ("one-cycle", maximum)):
        assert found[name].over(1000).facts().peak == pytest.approx(rate, rel=0.051)
        assert parse(str(found[name])) == found[name]
    assert ("cyclic" in found) == (float(f"{base:.2g}") < float(f"{maximum:.2g}"))
    if "cyclic" in found:
        values = found["cyclic"].over(1000).values()
        assert values.min() == pytest.approx(base, rel=0.051)
        assert values.max() == pytest.approx(maximum, rel=0.051)


def test_what_is_not_known_is_left_out():
    assert from_range() == {}
    assert list(from_range(0.001)) == []
    assert list(from_range(maximum=0.1)) == ["decay", "linear", "one-cycle"]
    assert list(from_range(peak=0.1)) == ["decay", "linear"]


def test_digits_are_kept_where_asked_for():
    assert str(from_range(maximum=0.12345, digits=4)["one-cycle"]).startswith("0.1235 * ")


@pytest.mark.parametrize("wrong", [{"base": 0}, {"peak": -1}, {"maximum": float("nan")}])
def test_what_is_no_rate_is_said(wrong):
    with pytest.raises(SpecError, match=next(iter(wrong))):
        from_range(**wrong)
    with pytest.raises(SpecError, match="digits"):
        from_range(0.1, digits=0)
