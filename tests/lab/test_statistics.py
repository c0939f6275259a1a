"""Means, paired differences and agreement: checked against scipy and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lrkit.lab import Paired, Summary
from lrkit.lab.statistics import agrees


def test_paired_differences_are_those_of_the_paired_t_test() -> None:
    ours, base = {0: 0.91, 1: 0.89, 2: 0.90, 7: 0.5}, {0: 0.90, 1: 0.885, 2: 0.87, 9: 0.1}
    found = Paired.of(ours, base)
    a, b = np.array([0.91, 0.89, 0.90]), np.array([0.90, 0.885, 0.87])
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (found.n, found.above, found.below) == (3, 3, 0)
    assert found.low == pytest.approx(expected.low)
    assert found.high == pytest.approx(expected.high)
    assert not found.clear


def test_one_pair_has_no_interval_and_none_no_mean() -> None:
    one = Paired.of({0: 2.0}, {0: 1.0})
    assert one.mean == 1.0
    assert math.isnan(one.low)
    assert not one.clear
    none = Paired.of({0: 2.0}, {1: 1.0})
    assert none.n == 0
    assert math.isnan(none.mean)


def test_summary_of_one_has_no_spread() -> None:
    assert math.isnan(Summary.of([1.0]).deviation)
    assert Summary.of([]).n == 0


def test_agreement_is_welch_s_for_several_and_a_prediction_for_one() -> None:
    ours = [0.88, 0.87, 0.89]
    for theirs in ([0.884, 0.866, 0.885], [0.93, 0.94, 0.95], [0.90, 0.91, 0.89]):
        low, high = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
        assert agrees(ours, theirs) is bool(low <= 0 <= high)
    reach = stats.t.ppf(0.975, 2) * 0.01 * math.sqrt(1 + 1 / 3)
    assert agrees(ours, [0.88 + reach * 0.99]) is True
    assert agrees(ours, [0.88 + reach * 1.01]) is False
    assert agrees([0.88], [0.88]) is None
    assert agrees(ours, []) is None
