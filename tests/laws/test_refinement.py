"""Refinement from gradient norms: exact where it can be known, plausible on a real run."""

import numpy as np
import pytest

from lrkit.errors import DataError, SpecError
from lrkit.laws import refine, refined_schedule
from lrkit.records import read_columns
from tests.laws.conftest import PUBLISHED


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("norm", [1.0, 0.37, 250.0])
def test_constant_norms_give_linear_decay(optimizer, norm):
    shape = refine(np.full(300, norm), optimizer)
    np.testing.assert_allclose(shape, np.linspace(1, 0, 10_000), atol=1e-13)


@pytest.mark.parametrize(("optimizer", "power"), [("adam", 1), ("sgd", 2)])
def test_the_shape_is_the_formula(optimizer, power):
    norms = np.linspace(2.0, 1.0, 10_000)
    weights = norms**-power
    later = weights[::-1].cumsum()[::-1] - weights
    shape = weights * later
    np.testing.assert_allclose(refine(norms, optimizer, smooth=0), shape / shape.max(), atol=1e-12)


def test_high_norms_at_first_give_a_warm_up_and_one_spike_changes_nothing():
    norms = 1 + 9 * np.exp(-np.arange(500) / 30)
    shape = refine(norms)
    top = int(shape.argmax())
    assert 300 < top < 3000
    assert shape[0] < 0.3
    assert shape[-1] == 0
    spiked = norms.copy()
    spiked[250] = 1000.0
    np.testing.assert_allclose(refine(spiked), shape, rtol=0.02, atol=1e-4)


def test_the_published_run_peaks_near_8_percent_and_then_falls_almost_linearly():
    if PUBLISHED is None:
        pytest.skip("no ../shared/data/curves beside this checkout")
    columns = read_columns(
        PUBLISHED / "gradnorm" / "stable_lr0.001_50000.csv", ["step", "grad_norm"]
    )
    shape = refine(columns["grad_norm"], "adam", steps=columns["step"])
    top = shape.argmax() / len(shape)
    assert top == pytest.approx(0.08, abs=0.03)
    rest = shape[int(shape.argmax()) :]
    np.testing.assert_allclose(rest, np.linspace(1, 0, len(rest)), atol=0.06)


def test_the_schedule_of_a_shape_has_its_values():
    shape = refine(1 + np.exp(-np.arange(100) / 10))
    curve = (0.01 * refined_schedule(shape, 200)).over(5000)
    np.testing.assert_allclose(curve.values()[::50] / 0.01, shape[::100], atol=0.02)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: refine([1.0]), DataError, "two gradient norms"),
        (lambda: refine([1.0, 0.0]), DataError, "above 0"),
        (lambda: refine([1.0, np.nan]), DataError, "finite"),
        (lambda: refine([1.0, 1.0], steps=[1, 1]), DataError, "must rise"),
        (lambda: refine([1.0, 1.0], "rmsprop"), SpecError, "adam or sgd"),
        (lambda: refine([1.0, 1.0], smooth=2), SpecError, "smooth <= 1"),
    ],
)
def test_what_cannot_be_refined_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
