"""Random schedules for property tests: every shape, recipe and combinator, nested."""

from __future__ import annotations

from hypothesis import strategies as st

import lrkit as lr
from lrkit.schedules.tree import Schedule

# Horizon of all trees here: every unit can be resolved, and "total" leaves room for every piece.
TOTAL, UNITS = 2000.0, {"steps_per_epoch": 10, "batch_size": 4, "tokens_per_step": 32}

rates = st.one_of(
    st.sampled_from([0.0, 1.0, 0.1, 0.3, 1e-3]),
    st.floats(0, 10, allow_nan=False, allow_infinity=False),
)
positive = st.floats(1e-4, 10)
exponents = st.floats(0.25, 4)
spans = st.one_of(
    st.integers(0, 60).map(lambda n: f"{n}st"),
    st.floats(0.1, 50).map(lambda n: f"{n!r}st"),
    st.integers(0, 5).map(lambda n: f"{n}ep"),
    st.floats(0, 3).map(lambda n: f"{n!r}%"),
    st.integers(0, 200).map(lambda n: f"{n}sa"),
    st.integers(0, 2000).map(lambda n: f"{n}tok"),
)
periods = st.one_of(st.integers(3, 60).map(lambda n: f"{n}st"), st.sampled_from(["1ep", "3%"]))
ahead = st.sampled_from([0, 1, 0.5])


def ramps(span: st.SearchStrategy[str | None]) -> st.SearchStrategy[Schedule]:
    """Every ramp and window, with a span from *span*."""
    return st.one_of(
        st.builds(lr.linear, rates, rates, span, ahead=ahead),
        st.builds(lr.cosine, rates, rates, span, k=exponents, exponent=exponents, ahead=ahead),
        st.builds(lr.cosine, rates, rates, span),
        st.builds(lr.power, rates, rates, span, exponent=exponents, k=exponents, ahead=ahead),
        st.builds(lr.geometric, positive, positive, span, ahead=ahead),
        st.builds(lr.one_minus_sqrt, rates, rates, span, ahead=ahead),
        st.builds(lr.one_minus_square, rates, rates, span, ahead=ahead),
        st.builds(lr.rex, rates, rates, span, ahead=ahead),
        st.builds(lr.tanh, rates, rates, span, lower=st.floats(-9, 0), upper=st.floats(1, 5)),
        st.builds(lr.triangle, rates, rates, span),
        st.builds(lr.hann, rates, rates, span),
        st.builds(lr.welch, rates, rates, span),
    )


def levels(span: st.SearchStrategy[str | None]) -> st.SearchStrategy[Schedule]:
    """Every shape with a time scale, and tables and functions, with a span from *span*."""
    values = st.lists(rates, min_size=2, max_size=5)
    kinds = st.sampled_from(["linear", "step", "pchip"])
    return st.one_of(
        st.builds(lr.constant, rates, span),
        st.builds(lr.hold, span),
        st.builds(lr.exponential, rates, st.floats(0.5, 1.01), periods, span),
        st.builds(lr.inverse_time, rates, periods, exponents, span),
        st.builds(lr.approach, rates, rates, periods, span, ahead=ahead),
        st.builds(lr.radam, st.sampled_from([0.9, 0.99, 0.999]), span),
        st.builds(
            lr.noise,
            st.floats(0, 1),
            st.integers(0, 2**40),
            kind=st.sampled_from(["uniform", "normal"]),
            every=periods,
            span=span,
        ),
        st.builds(lambda v, s, k: lr.table(v, span=s, kind=k), values, span, kinds),
        st.builds(lr.from_function, st.just("math:sqrt"), span),
        st.builds(lr.from_function, st.just("math:cosh"), span, of=st.just("progress")),
    )


fixed_leaf = st.one_of(ramps(spans), levels(spans))
open_leaf = st.one_of(ramps(st.none()), levels(st.none()))
recipes = st.sampled_from(
    [
        lr.warmup("3ep"),
        lr.warmup("2ep", "cosine"),
        lr.warmup("2ep", "exponential", 0.01),
        lr.untuned_warmup(0.99),
        lr.step_decay(1, 0.5, "3ep"),
        lr.multi_step(0.5, ["5ep", "70st"], 0.3),
        lr.cyclic(0.1, 0.6, "30st", "20st", shrink=0.5),
        lr.cyclic(0.1, 0.6, "7st", window="welch", factor=0.99),
        lr.cyclic(0.1, 0.6, "7st", window="hann", start="peak"),
        lr.sgdr("9st", stretch=1.7, shrink=0.8),
        lr.sgdr("20st", stretch=1.3, warmup="4st"),
        lr.sgdr("50st", stretch=0.7, times=5),
        lr.noam(64, 30),
        lr.table([1, 0.2, 0.6], at=["1ep", "20st", "3ep"], kind="pchip"),
    ]
)


ticks = st.tuples(st.floats(0.5, 200) | st.integers(1, 90), st.floats(0, 2500) | st.integers(0, 99))
totals = st.sampled_from([None, 2000, 400])


def _warped(s: Schedule, points: list[tuple[float, float]]) -> Schedule:
    at, clock = [0.0], [0.0]
    for length, position in points:
        at.append(at[-1] + length)
        clock.append(position)
    return s.warp(at, clock, of=2000)


def _part(s: Schedule, start: int, length: int, of: int | None) -> Schedule:
    return s.part(start, start + length, of=of)


def _grow(inner: st.SearchStrategy[Schedule]) -> st.SearchStrategy[Schedule]:
    return st.one_of(
        st.builds(lambda a, s: a * s, rates, inner),
        st.builds(lambda s, a: s.clip(a, a + 1), inner, rates),
        st.builds(lambda s, e: s.stairs(e), inner, periods),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(_after, inner, fixed_leaf),
        st.builds(_before, fixed_leaf, inner),
        st.builds(_cycles, inner, st.integers(1, 4), st.floats(0.8, 1.5), st.floats(0, 1.2)),
        st.builds(_every, inner, st.floats(0.8, 1.5)),
        st.builds(_warped, inner, st.lists(ticks, min_size=1, max_size=3)),
        st.builds(_part, inner, st.integers(0, 300), st.integers(1, 200), totals),
        st.builds(
            lambda s, a: s.part(f"{a}ep", f"{a + 3}ep", of="200ep"), inner, st.integers(0, 9)
        ),
    )


def _after(a: Schedule, b: Schedule) -> Schedule:
    return a >> b


def _before(a: Schedule, b: Schedule) -> Schedule:
    return a >> b


def _cycles(s: Schedule, times: int, stretch: float, shrink: float) -> Schedule:
    return s.repeat(times, stretch, shrink)


def _every(s: Schedule, stretch: float) -> Schedule:
    return s.repeat(2, stretch=stretch, every="700st")


schedules = st.recursive(st.one_of(fixed_leaf, open_leaf, recipes), _grow, max_leaves=6)
"""Any schedule; one whose spans do not fit the horizon raises `HorizonError` in `place`."""


def place(schedule: Schedule) -> lr.Curve:
    """Return *schedule* over the horizon of these tests."""
    return schedule.over(TOTAL, **UNITS)
