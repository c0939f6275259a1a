"""Recipes that only go down: steps, factors, roots and powers."""

from __future__ import annotations

from collections.abc import Sequence

from lrkit.errors import SpecError
from lrkit.schedules import levels, ramps, warmups
from lrkit.schedules.spans import Span, SpanLike, as_span, number
from lrkit.schedules.tree import Schedule


def step_decay(start: float = 1.0, factor: float = 0.1, every: SpanLike = "30ep") -> Schedule:
    """Return stairs: start factor^floor(t / k), with k = *every* in steps.

    *factor* >= 0, *every* > 0.

    >>> step_decay(0.1, 0.5, "2st").over(6).values().tolist()
    [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]

    Source: the step policy of Krizhevsky et al. 2012, section 5.
    """
    return levels.constant(start, every).repeat(shrink=factor)


def multi_step(
    start: float = 1.0,
    at: Sequence[SpanLike] = ("50%", "75%"),
    factor: float = 0.1,
    *,
    values: Sequence[float] | None = None,
) -> Schedule:
    """Return a piecewise constant rate: start factor^i from position i on, or given *values*.

    *at* are the rising positions of the drops, in any unit. *values* are the rates after each
    drop, as many as there are positions, and replace *factor*.

    >>> multi_step(0.5, ["2st", "4st"], 0.5).over(6).values().tolist()
    [0.5, 0.5, 0.25, 0.25, 0.125, 0.125]

    Source: He et al., arXiv 1512.03385, section 4.2.
    """
    if isinstance(at, str) or not hasattr(at, "__len__"):
        raise SpecError(f"at must be a list of positions, got {at!r}; write at=['15ep', '30ep']")
    positions = [as_span(a, "a position of at") for a in at]
    number(factor, "factor (for given rates write values=[...])")
    after = [start * factor ** (i + 1) for i in range(len(at))] if values is None else list(values)
    if len(after) != len(positions):
        raise SpecError(
            f"values needs one rate for each of the {len(positions)} positions, got {len(after)}"
        )
    if positions and positions[0].value == 0:
        return levels.table(after, positions, kind="step")
    return levels.table([start, *after], [Span(0), *positions], kind="step")


def factor(
    start: float = 1.0, factor: float = 0.9, every: SpanLike = "1ep", floor: float = 0.0
) -> Schedule:
    """Return an exponential with a floor: max(floor, start factor^(t / k)), k = *every*.

    >>> factor(2.0, 0.5, "1st", floor=0.3).over(5).values().tolist()
    [2.0, 1.0, 0.5, 0.3, 0.3]

    Source: d2l.ai, section 12.11 (FactorScheduler), which applies value(t + 1).
    """
    decay = levels.exponential(start, factor, every)
    return decay.clip(floor=floor) if floor else decay


def polynomial(
    start: float = 1.0, end: float = 0.0, span: SpanLike | None = None, exponent: float = 1.0
) -> Schedule:
    """Return `power`, by the name most libraries give it: end + (start - end) (1 - u)^exponent.

    >>> polynomial(exponent=2).over(2)(1)
    0.25
    """
    return ramps.power(start, end, span, exponent=exponent)


def k_decay(
    start: float = 1.0,
    end: float = 0.0,
    span: SpanLike | None = None,
    k: float = 2.0,
    shape: str = "cosine",
) -> Schedule:
    """Return a ramp whose progress u becomes u^k: k > 1 stays high longer.

    *shape* is "cosine" or "power" (a line for k = 1). k > 0.

    >>> round(k_decay(k=2).over(2)(1), 6)
    0.853553

    Source: Zhang and Li, arXiv 2004.05909.
    """
    if shape not in ("cosine", "power"):
        raise SpecError(f"shape must be 'cosine' or 'power', got {shape!r}")
    return warmups.ramp(shape)(start, end, span, k=k)


def square_root(start: float = 1.0, every: SpanLike = "1st") -> Schedule:
    """Return start (1 + t / k)^-1/2, with k = *every* in steps.

    >>> square_root(0.1).over()(3)
    0.05

    Source: Zinkevich 2003 (online gradient descent); d2l.ai, section 12.11.
    """
    return levels.inverse_time(start, every, 0.5)


def inverse_sqrt(warmup: SpanLike = "4000st", peak: float = 1.0) -> Schedule:
    """Return a linear warm-up to *peak*, then peak sqrt(W / (W + s)), s steps after it.

    W = *warmup* > 0 is the warm-up's length and the time scale of the decay.

    >>> c = inverse_sqrt("100st", 0.1).over()
    >>> c(100), c(400)
    (0.1, 0.05)

    Source: Vaswani et al., arXiv 1706.03762, eq. 3, up to one step (see `noam`).
    """
    decay = levels.inverse_time(1.0, warmup, 0.5)
    return peak * (warmups.warmup(warmup) >> decay)


def noam(model_size: float = 512, warmup_steps: float = 4000, scale: float = 1.0) -> Schedule:
    """Return scale d^-1/2 min((t + 1)^-1/2, (t + 1) W^-3/2), d = *model_size*, W = *warmup_steps*.

    The peak is scale (d W)^-1/2, at update W - 1. d > 0, W >= 1 steps.

    >>> round(noam(512, 4000).over()(3999), 8)
    0.00069877

    Source: Vaswani et al., arXiv 1706.03762, eq. 3.
    """
    if number(model_size, "model_size") == 0:
        raise SpecError("`model_size > 0` must hold, got 0")
    if not number(warmup_steps, "warmup_steps") >= 1:
        raise SpecError(f"`warmup_steps >= 1` must hold, got {warmup_steps:g}")
    w = float(warmup_steps)
    rise = ramps.linear(1 / w, 1.0, w - 1)
    peak: float = scale * (model_size * w) ** -0.5
    return peak * (rise >> levels.inverse_time(1.0, w, 0.5))


def power_scheduler(
    peak: float = 0.02,
    a: float = 4.6,
    b: float = -0.51,
    batch: float = 128,
    *,
    warmup: SpanLike = 0,
    cooldown: SpanLike | None = None,
    end: float = 0.01,
) -> Schedule:
    """Return min(peak, batch a n^b) for n tokens seen, with a warm-up and a geometric cooldown.

    The rate stays at *peak* for n0 = (peak / (batch a))^(1/b) tokens and then falls as a power
    law that does not depend on how long the training lasts. *batch* is in sequences, as in the
    paper; b < 0. The horizon needs tokens_per_step. *warmup* is the span of a linear warm-up,
    *cooldown* (None: no cooldown) the last part, in which the rate falls to *end* times what the
    power law says.

    >>> c = power_scheduler().over("10e9tok", tokens_per_step=524288)
    >>> c(0), c.joints[0] * 524288 < 1e9
    (0.02, True)

    Source: Shen et al., arXiv 2408.13359, eq. 4.
    """
    if not (b < 0 and number(a, "a") > 0 and number(batch, "batch") > 0 and number(peak, "peak")):
        raise SpecError(
            f"`b < 0 < a, batch, peak` must hold, got {a=:g}, {b=:g}, {batch=:g}, {peak=:g}"
        )
    n0 = Span((peak / (batch * a)) ** (1 / b), "tok")
    law = levels.constant(peak, n0) >> levels.inverse_time(peak, n0, -b)
    if as_span(warmup).value:
        law = warmups.warmup(warmup) * law
    if cooldown is not None:
        law = law * (levels.hold() >> ramps.geometric(1.0, end, cooldown))
    return law
