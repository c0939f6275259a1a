"""The functions that build ramps and windows: `linear(...)`, `cosine(...)`, `hann(...)`, ...

All ramps share three arguments. *start* and *end* are rates (or factors of a peak), finite and
>= 0, 1 and 0 by default. *span* is how long the ramp takes (`"5ep"`, `"500st"`, `"10%"`, a number
of steps; None: what is left); a span of 0 is an empty piece. *ahead* >= 0 steps skips the first
points: the progress is u = (t + ahead) / (n + ahead), n the span in steps, so that with ahead=1 no
update is wasted at *start*. At t = 0 (ahead=0) the value is *start*, at t = n it is *end*, exactly;
after that *end* holds. Wrong numbers raise `SpecError` at once.
"""

from __future__ import annotations

from lrkit.schedules import shapes
from lrkit.schedules.spans import SpanLike, maybe_span


def linear(
    start: float = 1.0, end: float = 0.0, span: SpanLike | None = None, *, ahead: float = 0.0
) -> shapes.Linear:
    """Return a straight line: (1 - u) start + u end.

    u is the progress (t + *ahead*) / (n + *ahead*), n the *span* in steps; rates are >= 0, and
    *end* is reached at t = n and holds. Raises `SpecError` for a negative or non-finite number.

    >>> linear(0.1, 0.5, "4st").over().values().round(10).tolist()
    [0.1, 0.2, 0.3, 0.4]

    Source: linear decay to zero, Bergsma et al., arXiv 2502.15938.
    """
    return shapes.Linear(start, end, maybe_span(span), ahead=ahead)


def cosine(
    start: float = 1.0,
    end: float = 0.0,
    span: SpanLike | None = None,
    *,
    k: float = 1.0,
    exponent: float = 1.0,
    ahead: float = 0.0,
) -> shapes.Cosine:
    """Return half a cosine: end + (start - end) ((1 + cos(pi u^k)) / 2)^exponent.

    u is the progress (t + *ahead*) / (n + *ahead*), n the *span* in steps. *k* > 1 stays longer
    at *start* (k-decay); *exponent* > 1 falls faster. It does not rise again after its end.
    Raises `SpecError` unless k > 0 and exponent > 0.

    >>> cosine(0.3, 0.01).over(2).values().round(6).tolist()
    [0.3, 0.155]

    Source: Loshchilov and Hutter, arXiv 1608.03983, eq. 5; *k*: Zhang and Li, arXiv 2004.05909.
    """
    return shapes.Cosine(start, end, maybe_span(span), k=k, exponent=exponent, ahead=ahead)


def power(
    start: float = 1.0,
    end: float = 0.0,
    span: SpanLike | None = None,
    *,
    exponent: float = 1.0,
    k: float = 1.0,
    ahead: float = 0.0,
) -> shapes.Power:
    """Return a polynomial: end + (start - end) (1 - u^k)^exponent.

    u is the progress (t + *ahead*) / (n + *ahead*), n the *span* in steps. *exponent* = 1 is a
    line, 2 a square that ends gently, 0.5 a root that ends steeply.
    Raises `SpecError` unless k > 0 and exponent > 0.

    >>> power(1, 0, exponent=2).over(4).values().tolist()
    [1.0, 0.5625, 0.25, 0.0625]

    Source: robustness to a wrong peak, Attia and Koren, arXiv 2503.09411.
    """
    return shapes.Power(start, end, maybe_span(span), exponent=exponent, k=k, ahead=ahead)


def geometric(
    start: float = 1.0, end: float = 0.01, span: SpanLike | None = None, *, ahead: float = 0.0
) -> shapes.Geometric:
    """Return a straight line on the log axis: start^(1 - u) end^u.

    u is the progress (t + *ahead*) / (n + *ahead*), n the *span* in steps. Both ends must be
    above 0 (`SpecError`); the default end of 0.01 is arbitrary.

    >>> geometric(1, 0.01).over(2)(1)
    0.1

    Source: the exponential cooldown of WSD, Hu et al., arXiv 2404.06395.
    """
    return shapes.Geometric(start, end, maybe_span(span), ahead=ahead)


def one_minus_sqrt(
    start: float = 1.0, end: float = 0.0, span: SpanLike | None = None, *, ahead: float = 0.0
) -> shapes.OneMinusSqrt:
    """Return the 1-sqrt cooldown: end + (start - end) (1 - sqrt(u)).

    u is the progress (t + *ahead*) / (n + *ahead*), n the *span* in steps. It falls steeply first.

    >>> one_minus_sqrt().over(4)(1)
    0.5

    Source: Hägele et al., arXiv 2405.18392, section 3.
    """
    return shapes.OneMinusSqrt(start, end, maybe_span(span), ahead=ahead)


def one_minus_square(
    start: float = 1.0, end: float = 0.0, span: SpanLike | None = None, *, ahead: float = 0.0
) -> shapes.OneMinusSquare:
    """Return the 1-square cooldown: end + (start - end) (1 - u^2).

    u is the progress (t + *ahead*) / (n + *ahead*), n the *span* in steps. It falls steeply last.

    >>> one_minus_square().over(2)(1)
    0.75

    Source: compared in Hägele et al., arXiv 2405.18392, appendix.
    """
    return shapes.OneMinusSquare(start, end, maybe_span(span), ahead=ahead)


def rex(
    start: float = 1.0, end: float = 0.0, span: SpanLike | None = None, *, ahead: float = 0.0
) -> shapes.Rex:
    """Return the reflected exponential: end + (start - end) (1 - u) / (1 - u / 2).

    u is the progress (t + *ahead*) / (n + *ahead*), n the *span* in steps.

    >>> round(rex().over(2)(1), 6)
    0.666667

    Source: Chen, Wolfe and Kyrillidis, arXiv 2107.04197.
    """
    return shapes.Rex(start, end, maybe_span(span), ahead=ahead)


def tanh(
    start: float = 1.0,
    end: float = 0.0,
    span: SpanLike | None = None,
    *,
    lower: float = -7.0,
    upper: float = 3.0,
    ahead: float = 0.0,
) -> shapes.Tanh:
    """Return a tanh ramp: w(u) start + (1 - w(u)) end.

    w(u) = (tanh(upper) - tanh(x)) / (tanh(upper) - tanh(lower)), x = lower (1 - u) + upper u, with
    u the progress (t + *ahead*) / (n + *ahead*). The published form ends at (1 - tanh(upper)) / 2
    of the way, 0.25 % by default, and not at *end*; ours is scaled so that both ends are exact.
    Raises `SpecError` unless -50 <= lower < upper <= 50.

    >>> round(tanh().over(10)(7), 6)
    0.498761

    Source: Hsueh et al., arXiv 1806.01593.
    """
    return shapes.Tanh(start, end, maybe_span(span), lower=lower, upper=upper, ahead=ahead)


def triangle(
    floor: float = 0.0, peak: float = 1.0, span: SpanLike | None = None
) -> shapes.Triangle:
    """Return a triangular window: floor + (peak - floor) (1 - |2u - 1|).

    u = t / n, n the *span* in steps; *floor* at both ends, *peak* in the middle.

    >>> triangle(0.1, 0.5).over(4).values().round(10).tolist()
    [0.1, 0.3, 0.5, 0.3]

    Source: Smith, arXiv 1506.01186.
    """
    return shapes.Triangle(floor, peak, maybe_span(span))


def hann(floor: float = 0.0, peak: float = 1.0, span: SpanLike | None = None) -> shapes.Hann:
    """Return a Hann (sinusoidal) window: floor + (peak - floor) sin^2(pi u).

    u = t / n, n the *span* in steps; *floor* at both ends, *peak* in the middle.

    >>> hann().over(4).values().round(10).tolist()
    [0.0, 0.5, 1.0, 0.5]

    Source: tried for cycles in Smith, arXiv 1506.01186, section 3.1.
    """
    return shapes.Hann(floor, peak, maybe_span(span))


def welch(floor: float = 0.0, peak: float = 1.0, span: SpanLike | None = None) -> shapes.Welch:
    """Return a Welch (parabolic) window: floor + (peak - floor) (1 - (2u - 1)^2).

    u = t / n, n the *span* in steps; *floor* at both ends, *peak* in the middle.

    >>> welch().over(4).values().tolist()
    [0.0, 0.75, 1.0, 0.75]

    Source: tried for cycles in Smith, arXiv 1506.01186, section 3.1.
    """
    return shapes.Welch(floor, peak, maybe_span(span))
