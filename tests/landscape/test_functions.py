"""Functions of two variables: gradients are exact, minima are minima, floats and arrays agree."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lrkit.errors import SpecError
from lrkit.landscape import catalog, descend, function, optimizer
from lrkit.landscape.functions import NAMES
from lrkit.landscape.surface import Box

places = st.floats(-4, 4, allow_subnormal=False)


def by_differences(f, x, y, h=1e-5):
    """Return the gradient by five-point differences, whose error is about h^4 and eps / h."""

    def slope(g):
        return (8 * (g(h) - g(-h)) - (g(2 * h) - g(-2 * h))) / (12 * h)

    return slope(lambda d: f(x + d, y)), slope(lambda d: f(x, y + d))


@pytest.mark.parametrize("name", NAMES)
@given(x=places, y=places, turn=st.floats(0, 1))
def test_gradients_hold_against_differences_for_every_knob(name, x, y, turn):
    knobs = {k.name: k.low + turn * (k.high - k.low) for k in function(name).knobs}
    f = function(name, **knobs)
    assume(name != "ackley" or math.hypot(x, y) > 0.01)  # its bottom is a cone
    exact, near = f.gradient(x, y), by_differences(f, x, y)
    room = 1e-6 * max(1.0, abs(f(x, y)), *map(abs, exact), f.sharpness(x, y))
    assert exact == pytest.approx(near, abs=room, rel=1e-5)


@pytest.mark.parametrize("f", catalog(), ids=NAMES)
def test_floats_and_arrays_agree(f):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(*f.box[:2], 50), rng.uniform(*f.box[2:], 50)
    dx, dy = f.program.gradients(x, y)
    singles = [f.program.both(*p) for p in zip(x.tolist(), y.tolist(), strict=True)]
    together = np.stack([f(x, y), dx, dy], axis=1)
    np.testing.assert_allclose(together, singles, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("f", catalog(), ids=NAMES)
def test_known_minima_are_minima(f):
    assert f.minima
    ring = 1e-3 * np.exp(1j * np.linspace(0, 2 * np.pi, 32))
    for x, y, value in f.minima:
        assert f.gradient(x, y) == pytest.approx((0, 0), abs=1e-12)
        assert (f(x + ring.real, y + ring.imag) > value).all()
        assert f.box.left <= x <= f.box.right
        assert f.box.bottom <= y <= f.box.top


# As published: Rosenbrock (1960); Moré, Garbow and Hillstrom (1981), problem 5, at its start and
# its minimum; Himmelblau (1972), the maximum near the origin; Ackley (1987) and Rastrigin (1974)
# at the origin.
PUBLISHED = [
    ("rosenbrock", -1.2, 1.0, 24.2),
    ("rosenbrock", 1.0, 1.0, 0.0),
    ("beale", 1.0, 1.0, 14.203125),
    ("beale", 3.0, 0.5, 0.0),
    ("himmelblau", -0.270845, -0.923039, 181.617),
    ("himmelblau", 3.0, 2.0, 0.0),
    ("ackley", 0.0, 0.0, 0.0),
    ("rastrigin", 0.0, 0.0, 0.0),
    ("rastrigin", 4.52299366, 4.52299366, 80.7065804),
]


@pytest.mark.parametrize(("name", "x", "y", "value"), PUBLISHED)
def test_published_values_hold(name, x, y, value):
    assert function(name)(x, y) == pytest.approx(value, rel=1e-5, abs=1e-12)


@given(k=st.floats(1, 1000), share=st.sampled_from([0.5, 0.99, 1.01, 1.5]))
def test_the_ravine_converges_below_two_over_its_curvature_and_not_above(k, share):
    f = function("ravine", k=k)
    assert f.sharpness(1.0, 1.0) == pytest.approx(f.curvature, rel=1e-8)
    there = descend(f, optimizer("sgd"), np.full(500, share * 2 / f.curvature), (0.0, 1.0))
    assert (there.losses[-1] < there.losses[0]) == (share < 1)


@pytest.mark.parametrize("f", catalog(), ids=NAMES)
def test_levels_rise_and_show_the_start_and_the_minima(f):
    grid = f.grid(columns=60, rows=40)
    assert grid.values.shape == (40, 60)
    assert (np.diff(grid.levels) > 0).all()
    assert len(grid.levels) >= 10
    assert grid.values[3, 7] == f(float(grid.x[7]), float(grid.y[3]))


def test_a_function_is_a_value():
    assert function("ravine", k=5) == function("ravine", k=5) != function("ravine")
    again = pickle.loads(pickle.dumps(function("beale")))
    assert again == function("beale")
    assert again(1, 1) == 14.203125


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: function("ravin"), "did you mean ravine"),
        (lambda: function("ravine", q=1), "its knobs: k"),
        (lambda: function("ravine", k=0.5), "`1 <= k <= 1000` must hold for ravine, got 0.5"),
        (lambda: function("ravine", k=math.nan), "got nan"),
        (lambda: function("ravine").grid(Box(1, 1, 0, 1)), "left < right"),
        (lambda: function("ravine").grid(Box(0, math.inf, 0, 1)), "all finite"),
        (lambda: function("ravine").grid(columns=1), "2 rows and columns"),
    ],
)
def test_what_cannot_be_is_refused_with_the_rule(make, message):
    with pytest.raises(SpecError, match=message):
        make()
