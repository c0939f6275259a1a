"""Descents: they go on exactly where they stopped, and divergence is an outcome."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrkit import constant, cosine, linear, warmup
from lrkit.errors import SpecError
from lrkit.landscape import (
    Leg,
    State,
    catalog,
    descend,
    descend_in_legs,
    from_text,
    function,
    optimizer,
)
from lrkit.landscape.functions import NAMES
from lrkit.landscape.optimizers import KINDS

CURVE = (0.02 * (warmup(20) >> cosine())).over(9000)


@pytest.mark.parametrize("kind", KINDS)
@given(
    name=st.sampled_from(NAMES),
    cuts=st.lists(st.integers(0, 300), max_size=3).map(sorted),
    noise=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 2**64),
)
def test_a_descent_in_parts_is_the_descent_bit_for_bit(kind, name, cuts, noise, seed):
    f, one = function(name), optimizer(kind)
    whole = descend(f, one, CURVE, steps=300, noise=noise, seed=seed)
    ends = [0, *cuts, 300]
    legs = [Leg(one, CURVE, b - a) for a, b in itertools.pairwise(ends)]
    parts = descend_in_legs(f, legs, noise=noise, seed=seed)
    for column in ("path", "losses", "gradients", "rates"):
        assert np.array_equal(getattr(whole, column), getattr(parts, column)), column
    assert (whole.status, whole.state) == (parts.status, parts.state)


def test_noise_does_not_depend_on_where_a_long_descent_is_cut():
    f, one = function("rastrigin"), optimizer("sgd")
    whole = descend(f, one, CURVE, noise=3.0, seed=7)
    first = descend(f, one, CURVE, steps=4095, noise=3.0, seed=7)
    rest = descend(f, one, CURVE, first.state, noise=3.0, seed=7)
    assert whole.state == rest.state
    assert np.array_equal(whole.path[4095:], rest.path)
    other = descend(f, one, CURVE, noise=3.0, seed=8)
    assert not np.array_equal(whole.path, other.path)


def test_the_noise_has_the_size_asked_for():
    # On a plain the noise is all there is: p = -rate * its sum.
    still = descend(from_text("0*x"), optimizer("sgd"), np.ones(9000), (0, 0), noise=0.3, seed=1)
    pushes = -np.diff(still.path, axis=0)
    assert pushes.std() == pytest.approx(0.3, rel=0.02)
    assert pushes.mean() == pytest.approx(0, abs=0.01)
    assert not still.gradients.any()  # norms are of the gradient without noise


def test_another_schedule_goes_on_at_the_same_step_and_another_optimizer_anew():
    f, half = function("beale"), linear(0.01, 0).over(400)
    first = descend(f, optimizer("adam"), CURVE, steps=100)
    slower = descend(f, optimizer("adam"), half, first.state)
    assert slower.first == 100
    assert np.array_equal(slower.rates, half.values(100, 400))
    changed = descend(f, optimizer("momentum"), half, first.state)
    anew = descend(f, optimizer("momentum"), half.values(100), tuple(first.path[-1]))
    assert np.array_equal(changed.path, anew.path)


@pytest.mark.parametrize(
    ("text", "rate", "reason"),
    [
        ("ravine", 0.2, "more than 1e\\+09 from the origin"),
        ("x**4 + y**4", 1.0, "from the origin"),
        ("-exp(x)", 1.0, "from the origin"),
        ("sqrt(x + 3)", 3.0, "not finite"),
        ("log(x + 3)", 9.0, "not finite"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_divergence_is_an_outcome_with_its_step(text, rate, reason):
    f = from_text(text)
    gone = descend(f, optimizer("sgd"), np.full(10_000, rate), (-1.5, 1.0))
    assert gone.status == "diverged"
    assert re.search(reason, gone.reason), gone.reason
    assert gone.diverged_at == gone.steps == gone.state.step < 10_000
    for column in (gone.path, gone.losses, gone.gradients):
        assert len(column) == gone.steps + 1
        assert np.isfinite(column).all()
    assert len(gone.rates) == gone.steps
    again = descend(f, optimizer("sgd"), np.full(5, 1e-12), gone.state)
    assert again.steps == 5  # a smaller rate goes on from the last point


def test_adam_without_eps_ends_where_the_gradient_is_zero():
    gone = descend(function("ravine"), optimizer("adam", eps=0), np.ones(3), (0.0, 0.0))
    assert (gone.status, gone.diverged_at, gone.reason) == (
        "diverged", 0, "the next point is not a number",
    )  # fmt: skip


@given(
    f=st.sampled_from(catalog()),
    kind=st.sampled_from(list(KINDS)),
    rate=st.floats(0, 1e300),
    noise=st.floats(0, 1e300),
    where=st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)),
)
def test_no_rate_no_noise_and_no_start_makes_it_raise_or_warn(f, kind, rate, noise, where):
    try:
        there = descend(f, optimizer(kind), np.full(40, rate), where, noise=noise)
    except SpecError as error:
        assert "finite at the start" in str(error)
        return
    assert np.isfinite(there.path).all()
    assert np.isfinite(there.losses).all()
    assert there.steps == 40 or there.status == "diverged"


def test_no_updates_are_a_descent_of_one_point():
    still = descend(function("ravine"), optimizer("sgd"), constant(0.1).over(10), steps=0)
    assert still.steps == 0
    assert still.path.tolist() == [[-8.0, 2.0]]
    assert still.status == "descended"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": (math.nan, 0.0)}, "finite at the start"),
        ({"start": (2e9, 0.0)}, "within 1e\\+09"),
        ({"steps": -1}, "0 <= steps"),
        ({"steps": 10_000_000}, "<= 1,000,000"),
        ({"steps": 5}, "5 steps need as many rates, got 3"),
        ({"noise": -1.0}, "`noise >= 0`"),
        ({"noise": math.inf}, "`noise >= 0`"),
        ({"noise": 1.0, "seed": -1}, "`seed >= 0`"),
        ({"rates": [0.1, -0.1]}, "`rate >= 0` must hold, got -0.1"),
        ({"rates": [math.nan]}, "`rate >= 0` must hold, got nan"),
        ({"rates": constant(0.1).over()}, "has no end"),
    ],
)
def test_what_cannot_be_is_refused_with_the_rule(options, message):
    rates = options.pop("rates", [0.1, 0.1, 0.1])
    with pytest.raises(SpecError, match=message):
        descend(function("ravine"), optimizer("sgd"), rates, **options)


def test_a_state_is_a_value_to_keep():
    there = descend(function("beale"), optimizer("adam"), CURVE, steps=50)
    assert eval(repr(there.state), {"State": State, **vars(sys.modules[type(
        there.state.optimizer).__module__])}) == there.state  # fmt: skip


def test_the_room_needs_no_torch():
    code = (
        "from lrkit.landscape import descend, function, optimizer, from_text\n"
        "descend(function('beale'), optimizer('adam'), [0.1])\nimport sys\n"
        "print([m for m in ('torch', 'matplotlib', 'plotly', 'scipy') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
