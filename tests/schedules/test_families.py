"""Every family by name: what it draws, what its parameters do, what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lrkit as lr


@pytest.mark.parametrize("family", lr.catalog(), ids=lambda f: f.name)
def test_every_family_has_an_example_that_draws(family):
    curve = family.curve()
    values = curve.values()
    assert len(values) == 1000
    assert values.max() > 0
    assert lr.parse(str(curve.schedule)) == curve.schedule
    assert family.name in family.example
    assert lr.family(family.name) == family


def test_an_unknown_family_gets_the_nearest_names():
    with pytest.raises(lr.SpecError, match="did you mean cosine"):
        lr.family("cosin")


BAD = [
    (lambda: lr.linear(-1), "start must be finite and >= 0, got -1"),
    (lambda: lr.linear(math.nan), "start must be finite and >= 0, got nan"),
    (lambda: lr.linear("1"), "start must be a number, got '1'"),
    (lambda: lr.linear(True), "start must be a number, got True"),
    (lambda: lr.linear(1, 0, "5 parsecs"), "span must be a number with a unit"),
    (lambda: lr.linear(1, 0, "-5ep"), "span must be finite and >= 0"),
    (lambda: lr.linear(1, 0, math.inf), "span must be finite and >= 0"),
    (lambda: lr.cosine(k=0), "`k > 0` must hold, got 0"),
    (lambda: lr.geometric(0), "`start > 0` must hold on a log axis"),
    (lambda: lr.tanh(lower=3, upper=3), "`lower < upper` must hold"),
    (lambda: lr.exponential(1, 0), "`factor > 0` must hold, got 0"),
    (lambda: lr.exponential(every=0), "`every > 0` must hold, got 0st; use hold()"),
    (lambda: lr.noise(1.5), "amplitude must be in [0, 1], got 1.5"),
    (lambda: lr.noise(kind="pink"), "kind must be 'uniform' or 'normal'"),
    (lambda: lr.noise(seed=-1), "seed must be a whole number >= 0"),
    (lambda: lr.table([1]), "two values or more"),
    (lambda: lr.table([1, 2], at=["1ep"]), "as many positions as values"),
    (lambda: lr.table([1, 2], at=["2ep", "1ep"]), "positions of a table must rise"),
    (lambda: lr.table([1, 2], at=["1ep", "2ep"], span="3ep"), "at= or span=, not both"),
    (lambda: lr.table([1, math.nan]), "a value of a table must be finite"),
    (lambda: lr.from_function(5), "a function or its path"),
    (lambda: lr.from_function("no path"), "a function is named 'package.module:name'"),
    (lambda: lr.radam(0.5), "`0.6 < beta2 < 1` must hold"),
    (lambda: lr.untuned_warmup(1.0), "`0 < beta2 < 1` must hold"),
    (lambda: lr.warmup(5, "cubic"), "shape must be one of linear"),
    (lambda: lr.multi_step(1, "5ep"), "at must be a list of positions"),
    (lambda: lr.multi_step(1, ["5ep"], values=[1, 2]), "one rate for each of the 1 positions"),
    (lambda: lr.cyclic(2, 1), "`0 <= floor <= peak` must hold"),
    (lambda: lr.cyclic(window="blackman"), "window must be one of triangular, hann, welch"),
    (lambda: lr.slanted_triangular(ratio=0.5), "`ratio >= 1` must hold"),
    (lambda: lr.noam(0), "`model_size > 0` must hold"),
    (lambda: lr.power_scheduler(b=0.5), "`b < 0 < a, batch, peak` must hold"),
    (lambda: lr.cosine().repeat(), "repeat needs times= or every="),
    (lambda: lr.cosine(1, 0, 5).repeat(stretch=0.5), "say how many: repeat(times=...)"),
    (lambda: lr.cosine(1, 0, 5).repeat(0), "times must be a whole number from 1"),
    (lambda: lr.cosine(1, 0, 5).repeat(2.5), "times must be a whole number from 1"),
    (lambda: lr.cosine().clip(2, 1), "`floor <= ceiling` must hold"),
    (lambda: lr.cosine().stairs(0), "`every > 0` must hold"),
    (lambda: -1 * lr.cosine(), "the factor of a schedule must be finite and >= 0, got -1"),
    (lambda: math.nan * lr.cosine(), "must be finite and >= 0, got nan"),
    (lambda: lr.cosine() >> lr.linear(), "at most one piece of a sequence"),
]


@pytest.mark.parametrize(("build", "said"), BAD, ids=[said[:40] for _, said in BAD])
def test_a_mistake_is_refused_when_the_schedule_is_built(build, said):
    with pytest.raises(lr.SpecError) as caught:
        build()
    assert said in str(caught.value)


PLACED = [
    ("cosine()", {}, "runs over what is left, but the total is missing"),
    ("warmup(5ep) >> cosine()", {"total": 100}, "the span 5ep needs steps_per_epoch"),
    ("warmup(1e6sa) >> cosine()", {"total": 100}, "needs batch_size"),
    ("warmup(2e9tok) >> cosine()", {"total": 100}, "needs tokens_per_step"),
    ("warmup(10%) >> hold()", {}, "the span 10% needs total"),
    ("exponential(1, 0.9)", {"total": 100}, "the span 1ep needs steps_per_epoch"),
    ("hold(80st) >> cosine() >> hold(30st)", {"total": 100}, "take 110 steps but there are 100"),
    ("hold(0st).repeat()", {"total": 100}, "must be longer than 0 steps"),
    ("hold()", {"total": "10%"}, "must not be a percentage of itself"),
    ("hold()", {"total": 0}, "`total > 0` must hold"),
    ("hold()", {"total": 10, "batch_size": 0}, "`batch_size > 0` must hold"),
    ("table([1, 2], at=[1ep, 5st])", {"total": 9, "steps_per_epoch": 9}, "must rise, got 9, 5"),
    ('from_function("math:log")', {"total": 9}, "must have a value at 0, but it raised"),
    ('from_function("math:nope")', {"total": 9}, "cannot load the function 'math:nope'"),
    ("hold(1e15st).repeat(2, 2) >> hold(1st).repeat(stretch=1.0000001)", {}, "more than 1000000"),
]


@pytest.mark.parametrize(("text", "horizon", "said"), PLACED, ids=[p[0] for p in PLACED])
def test_a_horizon_that_does_not_fit_is_refused_before_the_training(text, horizon, said):
    with pytest.raises(lr.SpecError, match=said):
        lr.parse(text).over(**horizon)


def test_a_negative_or_nan_step_is_refused():
    curve = lr.cosine().over(10)
    for bad in (-1, math.nan, math.inf, [0, 1, -0.5]):
        with pytest.raises(lr.SpecError, match="`step >= 0` must hold"):
            curve(bad)


def test_a_function_that_returns_a_negative_rate_is_refused_when_placed():
    with pytest.raises(lr.SpecError, match=r"value of from_function at 10 must be finite and >= 0"):
        lr.from_function(lambda t: 5 - t).over(10)


def test_numpy_numbers_scale_a_schedule_and_arrays_do_not():
    assert np.float64(0.5) * lr.cosine() == 0.5 * lr.cosine()
    with pytest.raises((TypeError, lr.SpecError)):
        np.ones(3) * lr.cosine()


def test_operators_refuse_what_they_cannot_combine():
    for build in (lambda: lr.cosine() >> 1, lambda: lr.cosine() + 1, lambda: "2" * lr.cosine()):
        with pytest.raises(TypeError):
            build()


def test_stairs_are_a_scheduler_stepped_once_an_epoch():
    per_epoch = (0.3 * lr.cosine()).over("5ep", steps_per_epoch=1)
    per_step = (0.3 * lr.cosine()).stairs("1ep").over("5ep", steps_per_epoch=7)
    assert per_step.values().tolist() == np.repeat(per_epoch.values(), 7).tolist()


def test_noise_multiplies_and_never_goes_negative():
    values = (0.1 * lr.noise(1.0, seed=3)).over(10_000).values()
    assert 0 <= values.min() < 0.001
    assert 0.199 < values.max() <= 0.2


def test_multiplicative_is_the_running_product_in_any_order():
    curve = lr.multiplicative(lambda t: t / (t + 1), 2.0).over()
    assert curve(9) == pytest.approx(0.2)
    assert curve.values(0, 50) == pytest.approx(2 / np.arange(1, 51))
    assert curve([30, 3]).tolist() == [curve(30), curve(3)]


def test_power_scheduler_is_the_published_formula():
    curve = lr.power_scheduler(0.02, 4.6, -0.51, 128).over("5e9tok", tokens_per_step=2**19)
    for step in (0, 10, 100, 1000, 9000):
        tokens = max(step * 2**19, 1)
        assert curve(step) == pytest.approx(min(0.02, 128 * 4.6 * tokens**-0.51), rel=1e-12)


def test_pchip_agrees_with_scipy():
    interpolate = pytest.importorskip("scipy.interpolate", reason="scipy is in the lab extra")
    rng = np.random.default_rng(0)
    for _ in range(50):
        y = rng.uniform(0, 1, rng.integers(2, 9)) * rng.integers(0, 2)
        x = np.cumsum(rng.uniform(0.5, 50, len(y)))
        curve = lr.table(y, at=x.tolist(), kind="pchip").over(float(x[-1]))
        t = np.linspace(x[0], x[-1], 200)
        theirs = interpolate.PchipInterpolator(x, y)(t)
        assert curve(t) == pytest.approx(theirs, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_a_table_of_any_size_is_joined_alike(size):
    """Slopes of 1e200 have no product, those of 1e-200 one of 0: neither decides the shape."""
    shape = [0.0, 1.0, 3.0, 4.0, 1.0]
    plain = lr.table(shape, kind="pchip").over(40).values()
    scaled = lr.table([y * size for y in shape], kind="pchip").over(40).values()
    np.testing.assert_allclose(scaled / size, plain, rtol=1e-9)
    squeezed = lr.table(shape, kind="pchip").over(40 * size)
    at = np.arange(40) * size
    np.testing.assert_allclose(squeezed(at), plain, rtol=1e-9, atol=1e-12)
