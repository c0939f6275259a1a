"""Cut the rate, or go back to the last checkpoint, when the loss jumps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from lrkit.control.changes import Scale
from lrkit.control.commands import Rollback
from lrkit.control.controllers import FORMAT, Observation, State, known, register
from lrkit.control.edits import Edit, number, whole
from lrkit.control.waiting import START, begun, steps_only, waiting_span
from lrkit.control.writing import Written
from lrkit.errors import SpecError
from lrkit.schedules import Horizon, Span, SpanLike

DEVIATION = 1.4826
"""Standard deviations in a median absolute deviation, for values that are normally distributed."""
LEAST = 1e-3
"""The deviation is taken for no less than this part of the median: a loss that stands still."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SpikeGuard(Written):
    """Scale by *factor* when the metric leaves what it has been lately.

    Build one with `spike_guard(...)`, which says what the options mean.
    """

    threshold: float = 6.0
    window: int = 50
    factor: float = 0.5
    rollback: bool = False
    patience: int = 2
    cooldown: int = 50
    limit: int | None = 5
    after: Span = START
    metric: str = "loss"

    def __post_init__(self) -> None:
        for name in ("threshold", "factor"):
            object.__setattr__(self, name, number(getattr(self, name), name))
        for name in ("window", "patience", "cooldown"):
            whole(getattr(self, name), name)
        object.__setattr__(self, "after", waiting_span(self.after))
        if self.window < 3:
            raise SpecError(f"`window >= 3` must hold, got {self.window}; a spike needs a normal")
        if self.limit is not None and whole(self.limit, "limit") < 1:
            raise SpecError("`limit >= 1` must hold, got 0; None is without limit")
        if self.limit is None and self.rollback:
            raise SpecError(
                "a guard that rolls back needs a limit, got None; it could go on for ever"
            )
        if not isinstance(self.rollback, bool):
            raise SpecError(f"rollback must be True or False, got {self.rollback!r}")
        if self.threshold == 0:
            raise SpecError("`threshold > 0` must hold, got 0; 6 deviations are a good start")
        if self.factor > 1 or (self.factor == 1 and not self.rollback):
            raise SpecError(f"`factor < 1` must hold for a guard, got {self.factor:g}; it cuts")
        if not isinstance(self.metric, str) or not self.metric:
            raise SpecError(f"metric must be the name of a metric, got {self.metric!r}")

    def init(self) -> State:
        """Return the state before anything was observed: nothing normal, nothing counted."""
        return {"recent": [], "bad": 0, "waiting": 0, "used": 0}

    def update(self, state: State, observation: Observation) -> tuple[State, Edit | None]:
        """Return the state after *observation*, and the edit that a spike leads to or None."""
        value = observation.metrics.get(self.metric)
        if value is None or not begun(self.after, observation.step):
            return state, None
        finite = math.isfinite(value)
        if state["waiting"]:
            recent = [*state["recent"], value][-self.window :] if finite else state["recent"]
            return state | {"recent": recent, "waiting": state["waiting"] - 1}, None
        recent = state["recent"]
        if finite and not self._jumps(value, recent):
            return state | {"recent": [*recent, value][-self.window :], "bad": 0}, None
        bad = state["bad"] + 1
        if (finite and bad <= self.patience) or state["used"] == self.limit:
            # More of them than a window holds are no spike: that is how it is from now on.
            recent = recent if bad <= self.window else []
            return state | {"recent": recent, "bad": min(bad, self.window + 1)}, None
        state = state | {"bad": 0, "waiting": self.cooldown, "used": state["used"] + 1}
        return state, self._edit(observation.step, value, self.bound(recent), bad)

    def _jumps(self, value: float, recent: Sequence[float]) -> bool:
        # Half of all values lie below the median, and cost no second one.
        if len(recent) < self.window or value <= (middle := _median(recent)):
            return False
        return value > middle + self.threshold * LEAST * abs(middle) and value > self.bound(recent)

    def bound(self, recent: Sequence[float]) -> float:
        """Return the value above which an observation after *recent* ones is a spike."""
        if len(recent) < self.window:
            return math.inf
        middle = _median(recent)
        spread = DEVIATION * _median([abs(v - middle) for v in recent])
        return middle + self.threshold * max(spread, LEAST * abs(middle))

    def _edit(self, step: int, value: float, bound: float, bad: int) -> Edit:
        reason = f"{self.metric} is {value:g}"
        if math.isfinite(value):
            reason = f"{self.metric} {value:.6g} is above {bound:.6g} for {bad} in a row"
        if self.rollback:
            return Rollback(self.factor, step=step, author="spike_guard", reason=reason)
        return Scale(self.factor, step=step, author="spike_guard", reason=reason)

    def without_edits(self, state: State) -> State:
        """Return *state* with none of its edits counted; what it saw of the metric stays."""
        return state | {"used": 0}

    def rolled_back(self, saved: State, now: State) -> State:
        """Return the state after a rollback: that of the checkpoint, *saved*, but for the count.

        How often it has acted is known from *now*, or a spike that comes again would be met for
        ever.
        """
        return saved | {"used": now["used"]}

    def placed(self, horizon: Horizon) -> Self:
        """Return the guard with *after* in steps of *horizon*."""
        return replace(self, after=steps_only(self.after, horizon))

    def to_dict(self) -> dict[str, Any]:
        """Return the controller as JSON types."""
        own = asdict(self) | {"after": str(self.after)}
        return {"format": FORMAT, "controller": "spike_guard"} | own


def spike_guard(
    threshold: float = 6.0,
    window: int = 50,
    *,
    factor: float = 0.5,
    rollback: bool = False,
    patience: int = 2,
    cooldown: int = 50,
    limit: int | None = 5,
    after: SpanLike = 0,
    metric: str = "loss",
) -> SpikeGuard:
    """Return a controller that cuts the rate by *factor* when *metric* jumps up.

    A spike is a value above m + *threshold* d, where m is the median of the last *window* values
    that were none (3 or more; before there are so many nothing is one) and d = 1.4826 times the
    median of their distances from m, the robust standard deviation, but at least 0.001 |m|. It
    acts at the first observation at which more than *patience* of them in a row (0 or more) were
    spikes, and at once where the value is NaN or infinite. Then it waits *cooldown* observations,
    whose values are what is normal from there on. It acts *limit* times in a run at most (None:
    any number of times), and not before *after*, a span. With *rollback* the training goes back to
    its last checkpoint and the rate is scaled from there on; *factor* is in [0, 1), with rollback
    also 1. Raises `SpecError` for an option outside these ranges.

    >>> g = spike_guard(window=4, patience=0)
    >>> state, edits = g.init(), []
    >>> for t, loss in enumerate([2.0, 1.9, 2.1, 2.0, 2.2, 9.0]):
    ...     state, edit = g.update(state, Observation(t, {"loss": loss}))
    ...     edits.append(edit and edit.factor)
    >>> edits
    [None, None, None, None, None, 0.5]

    Source: going back and cutting the rate at spikes: PaLM, arXiv 2204.02311, section 5.1, which
    skips batches instead of cutting; median and MAD: Leys et al., J. Exp. Soc. Psych. 49, 2013.
    """
    return SpikeGuard(
        threshold=threshold,
        window=window,
        factor=factor,
        rollback=rollback,
        patience=patience,
        cooldown=cooldown,
        limit=limit,
        after=waiting_span(after),
        metric=metric,
    )


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return ordered[half - 1] / 2 + ordered[half] / 2  # halves first: the sum could overflow


@register("spike_guard")
def _load(data: Mapping[str, Any]) -> SpikeGuard:
    return SpikeGuard(**known(SpikeGuard, data, "a spike guard"))
