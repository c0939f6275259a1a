"""The convex bound against its gold values, and peaks moved by it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrkit.errors import DataError, SpecError
from lrkit.laws import (
    best_peaks,
    convex_bound,
    horizon_exponent,
    loss_curve,
    shape_bound,
    transfer,
)

# Schaipp et al., arXiv 2501.18965; two independent codes agree on these to five digits.
GOLD = {
    "hold()": ((0.04023, 0.01818, 0.00835), 2.992),
    "hold() >> linear(1, 0, 10%)": ((0.04400, 0.02263, 0.01146), 2.296),
    "hold() >> linear(1, 0, 20%)": ((0.04954, 0.02537, 0.01281), 2.169),
    "hold() >> linear(1, 0, 40%)": ((0.05896, 0.03007, 0.01514), 2.063),
    "hold() >> one_minus_sqrt(1, 0, 20%)": ((0.05243, 0.02685, 0.01352), 2.132),
    "cosine()": ((0.09469, 0.04824, 0.02423), 2.062),
    "linear()": ((0.09726, 0.04956, 0.02493), 2.004),
}


@pytest.mark.parametrize("shape", GOLD)
def test_the_gold_values(shape):
    peaks, scaled = GOLD[shape]
    for steps, peak in zip((100, 400, 1600), peaks, strict=True):
        assert shape_bound(shape, steps).peak == pytest.approx(peak, abs=5.1e-6)
    assert shape_bound(shape, 1600).scaled == pytest.approx(scaled, abs=5.1e-4)


def test_the_gold_values_of_the_inverse_square_root():
    for steps, peak in ((100, 0.23875), (400, 0.21209), (1600, 0.19338)):
        rates = 1 / np.sqrt(np.arange(1, steps + 1))
        assert convex_bound(rates).peak == pytest.approx(peak, abs=5.1e-6)


def by_hand(eta, norms, distance):
    """The bound as it is printed, sum by sum."""
    total = eta.sum()
    value = distance**2 / (2 * total) + (eta**2 * norms**2).sum() / (2 * total)
    for k in range(len(eta) - 1):
        heat = (eta[k:] ** 2 * norms[k:] ** 2).sum()
        value += 0.5 * eta[k] / eta[k + 1 :].sum() * heat / eta[k:].sum()
    return value


@given(
    st.lists(st.tuples(st.floats(0.01, 1.0), st.floats(0.1, 10.0)), min_size=2, max_size=20),
    st.floats(0.1, 10.0),
)
def test_the_bound_is_the_formula_at_its_best_peak(rows, distance):
    shape, norms = (np.array(column) for column in zip(*rows, strict=True))
    best = convex_bound(shape, norms, distance)
    unit = shape / shape.max()
    assert by_hand(best.peak * unit, norms, distance) == pytest.approx(best.value, rel=1e-9)
    for factor in (0.9, 1.1):
        assert by_hand(factor * best.peak * unit, norms, distance) > best.value


def test_a_peak_moves_there_and_back():
    there = transfer(1e-3, "cosine()", "hold() >> linear(1, 0, 20%)", steps=5000, to_steps=20000)
    back = transfer(
        there.peak, "hold() >> linear(1, 0, 20%)", "cosine()", steps=20000, to_steps=5000
    )
    assert back.peak == pytest.approx(1e-3, rel=2e-3)  # the shapes' ratio hardly depends on T
    assert there.shape_ratio == pytest.approx(1 / 1.89, rel=0.02)  # the published ratio
    assert there.horizon_ratio == pytest.approx(0.5)


def test_the_exponent_is_fitted_to_the_best_peaks():
    horizons = np.array([1000, 5000, 20000])
    assert horizon_exponent(horizons, 3e-3 * horizons**-0.32) == pytest.approx(-0.32)
    found = transfer(1e-3, "cosine()", "cosine()", steps=1000, to_steps=8000, exponent=-1 / 3)
    assert found.peak == pytest.approx(0.5e-3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: convex_bound([0.0, 0.0]), "all are 0"),
        (lambda: convex_bound([1.0, -1.0]), "at least 0"),
        (lambda: convex_bound([1.0, 1.0], [1.0]), "one for each of 2"),
        (lambda: convex_bound([1.0], distance=0), "distance > 0"),
        (lambda: transfer(0.0, "cosine()", "linear()", steps=10), "peak > 0"),
        (lambda: transfer(0.1, "cosine()", "linear()", steps=1), "2 updates or more"),
        (lambda: horizon_exponent([10, 10], [1, 2]), "two horizons"),
        (lambda: horizon_exponent([10, 20], [1, 0]), "above 0"),
    ],
)
def test_what_has_no_bound_is_refused(call, words):
    with pytest.raises(SpecError, match=words):
        call()


def run(peak, total, best, shape="cosine()"):
    """A run whose final loss is a parabola in the logarithm of its peak."""
    steps = np.linspace(10, total - 1, 50).astype(int)
    losses = 3 + 1 / np.sqrt(steps) + 0.02 * np.log(peak / best) ** 2
    name = f"{peak:g}-{total}-{shape}"
    return loss_curve(name, steps, losses, schedule=f"{peak:g} * {shape}", total=total)


def test_the_best_peaks_of_runs_give_the_exponent():
    true = {1000: 2e-3, 4000: 1.4e-3}
    runs = [run(p, n, best) for n, best in true.items() for p in (5e-4, 1e-3, 2e-3, 4e-3)]
    found = best_peaks(runs)
    assert found == pytest.approx(true, rel=1e-6)
    exponent = horizon_exponent(list(found), list(found.values()))
    assert exponent == pytest.approx(np.log(0.7) / np.log(4), rel=1e-4)


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([run(1e-3, 900, 1e-3), run(2e-3, 900, 1e-3)], "900 updates has 2"),
        ([run(p, 900, 9e-3) for p in (1e-3, 2e-3, 4e-3)], "at the highest"),
        ([run(p, 900, 1e-5) for p in (1e-3, 2e-3, 4e-3)], "at the lowest"),
        ([run(1e-3, 900, 1e-3), run(1e-3, 900, 1e-3, "linear()")], "differ; leave one out"),
    ],
)
def test_runs_that_do_not_show_the_best_peak_are_refused(runs, words):
    with pytest.raises(DataError, match=words):
        best_peaks(runs)
