"""Other people's rules, against examples worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench import _range_rules as shipped
from lrkit.errors import SpecError
from lrkit.probe import RULES, RangeCurve, suggest
from lrkit.probe.rules import slide, valley

# Halving and doubling: the log axis has steps of ln 2.
RATES = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
LOSSES = [9.0, 8.5, 8.0, 5.0, 4.0, 3.8, 7.0]
BY_HAND = {
    "steepest": 4.0,  # slopes -.5 -.5 -3 -1 -.2 +3.2: the third begins at 4
    "steepest per step": 8.0,  # (L[i+1] - L[i-1]) / 2: -.5 -1.75 -2: the last is at 8
    # dL/dr at 2, 4, 8, with the slopes -.25 -.75 -.125 to their sides weighted by the other's
    # step: (2 * -.5 + -.25) / 3, (2 * -.25 - .75) / 3, (2 * -.75 - .125) / 3
    "steepest per rate": 8.0,
    "minimum/10": 3.2,
    "valley": 4.0,  # 6 long, ends at 5: s = -1, + 2 + 1 = 2
    "slide": None,  # shorter than its window
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    assert RULES[name](RATES, LOSSES) == BY_HAND[name]


def test_valley_takes_a_subsequence_that_need_not_be_contiguous():
    # 9 8 7 6 falls through the spike at 3: length 4, ends at 4, s = 0, + 1 + 0
    assert valley([1, 2, 3, 4, 5], [9, 8, 7, 20, 6]) == 2.0
    assert valley([1, 2, 3], [1, 2, 3]) is None


def test_slide_by_hand():
    flat_then_down = [4, 4, 4, 4, 3, 1]
    assert slide([1, 2, 4, 8, 16, 32], flat_then_down, width=2) == 2.0
    assert slide([1, 2, 4, 8, 16, 32], [4, 4, 4, 4, 4, 4], width=2) is None


def test_rules_leave_out_what_is_not_finite():
    assert RULES["minimum/10"]([1, 2, 3, 4], [3, math.nan, 1, math.inf]) == 0.3


@pytest.mark.parametrize(
    ("rates", "losses", "word"),
    [
        ([1, 2], [1], "one length"),
        ([2, 1], [1, 2], "rising"),
        ([0, 1], [1, 2], "above 0"),
        ([1, 2], [math.nan, 1], "two finite"),
    ],
)
def test_what_rules_refuse(rates, losses, word):
    with pytest.raises(SpecError, match=word):
        RULES["steepest"](rates, losses)


def test_a_suggestion_has_them_all_near_each_other_on_a_smooth_curve():
    log = np.linspace(-6, 1, 100)
    losses = 2.3 - 2 / (1 + np.exp(-(log + 2) / 0.25)) + np.exp(np.minimum(6 * log, 12))
    rules = suggest(RangeCurve(10**log, losses)).rules
    assert set(rules) == set(RULES)
    assert rules["steepest"] == pytest.approx(0.01, rel=0.3)
    assert rules["minimum/10"] == pytest.approx(0.018, rel=0.5)
    # even a curve smoothed like this one has it at the left end, where the steps are tiny
    assert rules["steepest per rate"] < rules["steepest"]


# The rules as they are shipped, smoothing and trimming included (bench only).
def test_averages_by_hand():
    assert shipped.debiased(np.array([2.0, 4.0]), 4.0).tolist() == pytest.approx(
        [2.0, (0.98 * 0.04 + 0.02 * 4) / (1 - 0.98**2)]
    )
    assert shipped.lagging(np.array([2.0, 4.0, 1.0])).tolist() == pytest.approx([2.0, 2.1, 2.045])
    # both stop once they are far above their best, and keep the point that stopped them
    assert len(shipped.debiased(np.array([1.0, 1e4, 1.0]), 4.0)) == 2
    assert len(shipped.lagging(np.array([1.0, 1e4, 1.0]))) == 2


def test_lightning_since_2_5_3_takes_the_noise_at_the_left_end():
    log = np.linspace(-8, 0, 100)
    random = np.random.default_rng(0)
    losses = 2.3 - 2 / (1 + np.exp(-(log + 2) / 0.3)) + 0.02 * random.standard_normal(100)
    assert shipped.lightning_new(10**log, losses) < 1e-5
    assert shipped.lightning_old(10**log, losses) > 1e-3


def test_lr_finder_takes_nan_for_the_steepest_point():
    losses = np.linspace(3, 1, 60)
    losses[30:] = np.nan
    rates = np.geomspace(1e-5, 1, 60)
    # np.argmin returns the first NaN; the gradient is NaN one point before the losses are
    assert shipped.lr_finder(rates, losses) == rates[29]
