"""Recipes that go up and down: one cycle, cyclic windows and warm restarts."""

from __future__ import annotations

from collections.abc import Callable

from lrkit.errors import SpecError
from lrkit.schedules import levels, ramps, warmups
from lrkit.schedules.spans import SpanLike
from lrkit.schedules.tree import Schedule


def _parabola(start: float, end: float, span: SpanLike) -> Schedule:
    return ramps.power(start, end, span, exponent=2)


# How a window rises from 0 to 1 and falls back. Built from two ramps, a window may be asymmetric.
WINDOWS: dict[str, tuple[Callable[..., Schedule], Callable[..., Schedule]]] = {
    "triangular": (ramps.linear, ramps.linear),
    "hann": (ramps.cosine, ramps.cosine),
    "welch": (_parabola, ramps.one_minus_square),
}


def one_cycle(
    up: SpanLike = "30%",
    start: float = 0.04,
    end: float = 4e-6,
    shape: str = "cosine",
    *,
    three_phase: bool = False,
) -> Schedule:
    """Return one cycle: up from *start* to 1 over *up*, then down to *end* over what is left.

    *start* and *end* are factors of the peak; the defaults are 1/25 and 1/250,000. *shape* is
    "cosine" or "linear". With *three_phase* it falls to *start* over another *up* first.

    >>> print(0.1 * one_cycle("30%", shape="linear"))
    0.1 * (linear(0.04, 1, 30%) >> linear(1, 4e-06))

    Source: Smith and Topin, arXiv 1708.07120. torch's OneCycleLR ends each phase one update
    early, at float(30 % of n) - 1 and n - 1; ours ends at 30 % of n and at n.
    """
    ramp_of = warmups.ramp(shape)
    rise = ramp_of(start, 1.0, up)
    if three_phase:
        return rise >> ramp_of(1.0, start, up) >> ramp_of(start, end)
    return rise >> ramp_of(1.0, end)


def one_cycle_momentum(
    high: float = 0.95,
    low: float = 0.85,
    up: SpanLike = "30%",
    shape: str = "cosine",
    *,
    three_phase: bool = False,
) -> Schedule:
    """Return the momentum that goes with `one_cycle`: from *high* to *low* over *up* and back.

    *shape* and *three_phase* as in `one_cycle`.

    >>> print(one_cycle_momentum(shape="linear"))
    linear(0.95, 0.85, 30%) >> linear(0.85, 0.95)

    Source: Smith, arXiv 1803.09820, section 4.3.
    """
    ramp_of = warmups.ramp(shape)
    fall = ramp_of(high, low, up)
    if three_phase:
        return fall >> ramp_of(low, high, up) >> levels.constant(high)
    return fall >> ramp_of(low, high)


def slanted_triangular(up: SpanLike = "10%", ratio: float = 32.0) -> Schedule:
    """Return a short linear rise from 1/ratio to 1 over *up* and a long linear fall back.

    *ratio* >= 1 is the peak over the lowest rate.

    >>> print(slanted_triangular())
    linear(0.03125, 1, 10%) >> linear(1, 0.03125)

    Source: Howard and Ruder, arXiv 1801.06146, eq. 3.
    """
    if not ratio >= 1:
        raise SpecError(f"`ratio >= 1` must hold, got {ratio!r}; it is peak / lowest rate")
    return ramps.linear(1 / ratio, 1.0, up) >> ramps.linear(1.0, 1 / ratio)


def cyclic(
    floor: float = 0.001,
    peak: float = 0.006,
    up: SpanLike = "2000st",
    down: SpanLike | None = None,
    *,
    window: str = "triangular",
    shrink: float = 1.0,
    factor: float = 1.0,
    start: str = "floor",
) -> Schedule:
    """Return cycles between *floor* and *peak*: floor + (peak - floor) w(t) shrink^i factor^t.

    *up* and *down* (by default as long as *up*) are the two sides of a cycle, i counts cycles.
    *window* w is "triangular", "hann" (sinusoidal) or "welch" (parabolic). shrink=0.5 halves the
    amplitude each cycle (triangular2), *factor* < 1 lets it fall at every step (exp_range).
    *start*="peak" turns the cycle over, as momentum is cycled against the rate.

    >>> c = cyclic(0.001, 0.006, up="2st", shrink=0.5).over(8)
    >>> c.values().round(5).tolist()
    [0.001, 0.0035, 0.006, 0.0035, 0.001, 0.00225, 0.0035, 0.00225]

    Source: Smith, arXiv 1506.01186, section 3; windows: section 3.1.
    """
    if window not in WINDOWS:
        raise SpecError(f"window must be one of {', '.join(WINDOWS)}, got {window!r}")
    if start not in ("floor", "peak"):
        raise SpecError(f"start must be 'floor' or 'peak', got {start!r}")
    if not 0 <= floor <= peak:
        raise SpecError(f"`0 <= floor <= peak` must hold, got floor={floor!r}, peak={peak!r}")
    rise, fall = WINDOWS[window]
    down = up if down is None else down
    if start == "floor":
        cycle: Schedule = rise(0.0, 1.0, up) >> fall(1.0, 0.0, down)
    else:
        cycle = fall(1.0, 0.0, up) >> rise(0.0, 1.0, down)
    wave = cycle.repeat(shrink=shrink)
    if factor != 1:
        wave = wave * levels.exponential(1.0, factor, "1st")
    return levels.constant(floor) + (peak - floor) * wave


def sgdr(
    cycle: SpanLike = "10ep",
    stretch: float = 1.0,
    shrink: float = 1.0,
    end: float = 0.0,
    *,
    warmup: SpanLike | None = None,
    times: int | None = None,
) -> Schedule:
    """Return cosine annealing with warm restarts, from 1 to *end* over *cycle*, again and again.

    Cycle i lasts cycle * stretch^i (any number > 0; below 1 give *times*) and is scaled by
    shrink^i. With *warmup* each cycle begins with a warm-up of that length.

    >>> sgdr("2st", stretch=2).over(6).values().round(6).tolist()
    [1.0, 0.5, 1.0, 0.853553, 0.5, 0.146447]

    Source: Loshchilov and Hutter, arXiv 1608.03983, section 3.
    """
    if warmup is None:
        return ramps.cosine(1.0, end, cycle).repeat(times, stretch, shrink)
    body = warmups.warmup(warmup) >> ramps.cosine(1.0, end)
    return body.repeat(times, stretch, shrink, every=cycle)
