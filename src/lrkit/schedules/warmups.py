"""Recipes for the start and the end of a training: warm-ups and cooldowns.

Every recipe is a function that returns a tree of shapes and combinators.
"""

from __future__ import annotations

from collections.abc import Callable

from lrkit.errors import SpecError
from lrkit.schedules import levels, ramps
from lrkit.schedules.spans import SpanLike, number
from lrkit.schedules.tree import Schedule

RAMPS: dict[str, Callable[..., Schedule]] = {
    "linear": ramps.linear,
    "cosine": ramps.cosine,
    "geometric": ramps.geometric,
    "one_minus_sqrt": ramps.one_minus_sqrt,
    "one_minus_square": ramps.one_minus_square,
    "rex": ramps.rex,
    "power": ramps.power,
}


def ramp(shape: str) -> Callable[..., Schedule]:
    """Return the function that builds the ramp named *shape*; `SpecError` for an unknown name."""
    if shape not in RAMPS:
        raise SpecError(f"shape must be one of {', '.join(RAMPS)}, got {shape!r}")
    return RAMPS[shape]


def warmup(
    span: SpanLike = "5%", shape: str = "linear", start: float = 0.0, *, ahead: float = 1.0
) -> Schedule:
    """Return a warm-up: a rise from *start* towards 1, which is reached at the joint.

    Linear: start + (1 - start) (t + 1) / (n + 1), n = *span* in steps. *shape* is "linear",
    "cosine", "exponential" (a straight line on the log axis; needs start > 0) or "constant"
    (*start* all along). A span of 0 is no warm-up.

    >>> warmup("3st").over().values().tolist()
    [0.25, 0.5, 0.75]

    What "linear warm-up over n" means is disputed. Variants, at step t, with who uses which:

    1. t / n: optax, torch's LinearLR, transformers, timm, composer. Update 0 runs at rate 0 and
       is wasted. Here: `ahead=0`.
    2. (t + 1) / n: torchtitan, transformers' cosine_warmup_with_min_lr. The peak is reached one
       update before the joint, and lasts for one update more than it says. Here, over n - 1
       steps: `ahead=1`.
    3. (t + 1) / (n + 1): nanoGPT. No update is wasted, and the first piece after the warm-up
       starts at the peak. This is ours.

    Source: Goyal et al., arXiv 1706.02677, section 2.2.
    """
    if shape == "constant":
        return levels.constant(start, span)
    if shape == "exponential":
        shape = "geometric"
    return ramp(shape)(start, 1.0, span, ahead=ahead)


def untuned_warmup(beta2: float = 0.999, shape: str = "linear") -> Schedule:
    """Return the warm-up factor that Adam's beta2 asks for: nothing to tune.

    *shape* "linear": min(1, (t + 1) (1 - beta2) / 2); "exponential": 1 - exp(-(1 - beta2)
    (t + 1)). Multiply it with a schedule: `untuned_warmup(0.999) * cosine()`. 0 < *beta2* < 1.

    >>> round(untuned_warmup(0.999).over()(999), 6)
    0.5

    Source: Ma and Yarats, arXiv 1910.04209, eq. 11 and 12.
    """
    if number(beta2, "beta2", 0.0, 1.0) in (0.0, 1.0):
        raise SpecError(f"`0 < beta2 < 1` must hold, got {beta2:g}")
    if shape == "linear":
        tau = max(2 / (1 - beta2), 1.0)
        return ramps.linear(1 / tau, 1.0, tau - 1)
    if shape == "exponential":
        return levels.approach(0.0, 1.0, 1 / (1 - beta2), ahead=1)
    raise SpecError(f"shape must be 'linear' or 'exponential', got {shape!r}")


def cooldown(
    span: SpanLike | None = "20%", shape: str = "one_minus_sqrt", end: float = 0.0
) -> Schedule:
    """Return a cooldown: a fall from 1 to *end* over *span* (None: what is left).

    *shape* is "one_minus_sqrt", "linear", "cosine", "geometric" (needs end > 0),
    "one_minus_square", "rex" or "power".

    >>> cooldown("4st").over()(1)
    0.5

    Source: Hägele et al., arXiv 2405.18392.
    """
    return ramp(shape)(1.0, end, span)


# Under these names, where a parameter has the plain one.
_warmup, _cooldown = warmup, cooldown


def wsd(
    warmup: SpanLike = "1%",
    cooldown: SpanLike = "20%",
    shape: str = "one_minus_sqrt",
    end: float = 0.0,
) -> Schedule:
    """Return warm-up, stable, decay: `warmup(...) >> hold() >> cooldown(...)`.

    *warmup* and *cooldown* are spans; *shape* is the cooldown's, see `cooldown`, and *end* its
    last value as a factor of the peak.

    >>> print(3e-4 * wsd())
    0.0003 * (warmup(1%) >> hold() >> one_minus_sqrt(1, 0, 20%))

    Source: Hu et al., arXiv 2404.06395; the 1-sqrt cooldown: Hägele et al., arXiv 2405.18392.
    """
    return _warmup(warmup) >> levels.hold() >> _cooldown(cooldown, shape, end)


def trapezoid(warmup: SpanLike = "10%", cooldown: SpanLike = "10%") -> Schedule:
    """Return a trapezoid: `wsd` with a linear *cooldown* to 0, both spans 10 % by default.

    >>> print(trapezoid())
    warmup(10%) >> hold() >> linear(1, 0, 10%)

    Source: Zhai et al., arXiv 2106.04560 (cooldown); Xing et al., arXiv 1802.08770.
    """
    return wsd(warmup, cooldown, "linear")
