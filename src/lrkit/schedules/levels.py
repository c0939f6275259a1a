"""The functions that build shapes without an end, tables, and shapes from functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lrkit.schedules import endless, tables
from lrkit.schedules.spans import SpanLike, as_span, maybe_span


def constant(level: float = 1.0, span: SpanLike | None = None) -> endless.Constant:
    """Return one value all along: *level*, finite and >= 0, for *span* or what is left.

    >>> constant(0.1).over()(10**9)
    0.1
    """
    return endless.Constant(level, maybe_span(span))


def hold(span: SpanLike | None = None) -> endless.Constant:
    """Return the flat piece of a unit schedule: `constant(1, span)`.

    >>> 0.3 * hold("5ep") == 0.3 * constant(1, "5ep")
    True
    """
    return endless.Constant(1.0, maybe_span(span))


def exponential(
    start: float = 1.0,
    factor: float = 0.9,
    every: SpanLike = "1ep",
    span: SpanLike | None = None,
) -> endless.Exponential:
    """Return an exponential: start factor^(t / k), with k = *every* in steps, smooth in between.

    *factor* > 0 (above 1 it grows), *every* > 0. For a decay in stairs use `step_decay`, for a
    floor `.clip(floor=...)`, for given ends `geometric`.

    >>> exponential(2.0, 0.5, every="10st").over()(20)
    0.5
    """
    return endless.Exponential(start, factor, as_span(every, "every"), maybe_span(span))


def inverse_time(
    start: float = 1.0,
    scale: SpanLike = "1st",
    exponent: float = 1.0,
    span: SpanLike | None = None,
) -> endless.InverseTime:
    """Return a power of time: start (1 + t / k)^-exponent, with k = *scale* in steps.

    With k = 1 step: start/1, start/2, start/3, ... *exponent* > 0, *scale* > 0.

    >>> inverse_time(1, "1st").over().values(0, 4).round(4).tolist()
    [1.0, 0.5, 0.3333, 0.25]

    Source: Robbins and Monro, 1951; exponent 1/2: Vaswani et al., arXiv 1706.03762, section 5.3.
    """
    return endless.InverseTime(start, as_span(scale, "scale"), exponent, maybe_span(span))


def approach(
    start: float = 0.0,
    end: float = 1.0,
    scale: SpanLike = "1ep",
    span: SpanLike | None = None,
    *,
    ahead: float = 0.0,
) -> endless.Approach:
    """Return an exponential approach: end + (start - end) exp(-(t + ahead) / k), k = *scale*.

    It comes ever closer to *end*; as a factor it is the exponential warm-up. *scale* > 0 in any
    unit, *ahead* >= 0 steps.

    >>> round(approach(0, 1, "10st").over()(10), 6)
    0.632121

    Source: Ma and Yarats, arXiv 1910.04209, section 5.
    """
    return endless.Approach(start, end, as_span(scale, "scale"), maybe_span(span), ahead=ahead)


def radam(beta2: float = 0.999, span: SpanLike | None = None) -> endless.Radam:
    """Return RAdam's rectification as a warm-up factor: sqrt(r(t + k)), rising to 1.

    r(s) = (rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho), with rho = rho_inf -
    2 s beta2^s / (1 - beta2^s), rho_inf = 2 / (1 - beta2) - 1, and k the first s with rho > 4,
    so that step 0 is the first update at which the variance is defined. 0.6 < *beta2* < 1.

    >>> c = radam(0.999).over()
    >>> c(0) < 0.05 < 0.99 < c(10_000)
    True

    Source: Liu et al., arXiv 1908.03265, algorithm 2; as a factor: Ma and Yarats, 1910.04209.
    """
    return endless.Radam(beta2, maybe_span(span))


def noise(
    amplitude: float = 0.1,
    seed: int = 0,
    span: SpanLike | None = None,
    *,
    kind: str = "uniform",
    every: SpanLike = "1st",
) -> endless.Noise:
    """Return a noisy factor around 1: 1 + amplitude x, with x in [-1, 1].

    x depends on *seed* and floor(t / k), k = *every*, alone: the same step has the same value
    whatever was asked before. *kind* "uniform" or "normal" (a third of a standard normal, cut at
    three standard deviations). 0 <= *amplitude* <= 1, so that no rate is negative.

    >>> c = (0.1 * hold() * noise(0.2, seed=1)).over(100)
    >>> bool(c(50) == c.values()[50])
    True

    Source: annealed noise on the rate, as in timm's schedulers; the generator is splitmix64.
    """
    return endless.Noise(
        amplitude, seed, maybe_span(span), kind=kind, every=as_span(every, "every")
    )


def table(
    values: Sequence[float],
    at: Sequence[SpanLike] | None = None,
    span: SpanLike | None = None,
    *,
    kind: str = "linear",
) -> tables.Table:
    """Return given *values* at given positions, joined by lines, steps or monotone cubics.

    *at* holds a position for each value, rising, in any unit: before the first position the first
    value holds, and the last position is the end. Without *at* the values divide *span* (or what
    is left) evenly, "step" into as many pieces as there are values. *kind* is "linear", "step"
    (value i from position i on) or "pchip" (a cubic that never overshoots).
    Raises `SpecError` for positions that do not rise, or another number of them than of values.

    >>> table([0.5, 0.25, 0.125], at=["0ep", "15ep", "30ep"], kind="step").over(
    ...     "40ep", steps_per_epoch=1).values()[[14, 15, 30]].tolist()
    [0.5, 0.25, 0.125]

    Source: "pchip": Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5, 1984.
    """
    positions = None if at is None else tuple(as_span(a, "a position of a table") for a in at)
    return tables.Table(tuple(values), positions, maybe_span(span), kind=kind)


def from_function(
    f: Callable[[float], float] | str, span: SpanLike | None = None, *, of: str = "step"
) -> tables.FromFunction:
    """Return a schedule from a function of the step: f(t), t a float >= 0.

    *f* is a function, or its import path "package.module:name", which is imported when the
    schedule is placed on a horizon and never before. With *of*="progress" it is called with
    t / n in [0, 1], n the span. It must return a finite number >= 0, checked at every step that
    is looked at, and at both ends when the schedule is placed. A function that has an import path
    is saved by it; saving a lambda raises `SpecError` with the remedy.

    >>> from_function(lambda t: 1 / (t + 1)).over()(3)
    0.25
    """
    return tables.FromFunction(f, maybe_span(span), of=of)


def multiplicative(
    f: Callable[[float], float] | str, start: float = 1.0, span: SpanLike | None = None
) -> tables.Multiplicative:
    """Return start f(1) f(2) ... f(t): each value is the one before times f of the step.

    *f* as in `from_function`. The product has no closed form, so a value at step t costs t calls;
    prefer a formula where there is one.

    >>> multiplicative(lambda t: 0.5, 0.8).over().values(0, 3).tolist()
    [0.8, 0.4, 0.2]
    """
    return tables.Multiplicative(f, start, maybe_span(span))
