"""Raise the rate while a metric improves, and cut it while it does not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lrkit.control.changes import Scale
from lrkit.control.controllers import FORMAT, Observation, State, known, register
from lrkit.control.edits import Edit, number, whole
from lrkit.control.improvement import Watching
from lrkit.control.writing import Written
from lrkit.errors import SpecError

# A rate as near as this to a bound, relatively, is at it: float32 holds it no nearer.
NEAR = 2.0**-23
# Keeps the sum of a window finite; a power of two, so that nothing is rounded by it.
SMALL = 2.0**-32


@dataclass(frozen=True, kw_only=True, repr=False)
class Greedy(Watching, Written):
    """Scale by 1 / *factor* after observations that improve, by *factor* after such that do not.

    Build one with `greedy(...)`, which says what the options mean.
    """

    factor: float = 0.95
    patience: int = 10
    floor: float
    peak: float
    metric: str = "loss"
    mode: str = "min"
    threshold: float = 1e-6
    threshold_mode: str = "abs"
    cooldown: int = 0
    warmup: int = 0
    window: int = 1
    reset_after: int | None = 500
    eps: float = 1e-8
    nan: str = "skip"

    def __post_init__(self) -> None:
        self._check_watching()
        for name in ("factor", "floor", "peak", "eps"):
            object.__setattr__(self, name, number(getattr(self, name), name))
        for name in ("patience", "cooldown", "warmup", "window"):
            whole(getattr(self, name), name)
        if not 0 < self.factor < 1:
            raise SpecError(f"`0 < factor < 1` must hold, got {self.factor:g}; raises divide by it")
        if not 0 < self.floor <= self.peak:
            raise SpecError(
                f"`0 < floor <= peak` must hold, got floor {self.floor:g} and peak {self.peak:g}; "
                "they are rates, as in floor=1e-5, peak=1e-3"
            )
        if self.window < 1:
            raise SpecError("`window >= 1` must hold, got 0; 1 takes the metric as it is")
        if self.reset_after is not None and whole(self.reset_after, "reset_after") < 1:
            raise SpecError("`reset_after >= 1` must hold, got 0; None never resets")

    def init(self) -> State:
        """Return the state before anything was observed: nothing counted, nothing scaled."""
        return {
            "best": None,
            "good": 0,
            "bad": 0,
            "waiting": 0,
            "recent": [],
            "stuck": 0,
            "scale": 1.0,
        }

    def update(self, state: State, observation: Observation) -> tuple[State, Edit | None]:
        """Return the state after *observation*, and the raise or cut it leads to or None.

        Raises `SpecError` for an observation without rates, which the bounds are for.
        """
        seen = observation.metrics.get(self.metric)
        if seen is None or not self._counts(seen):
            return state, None
        if not observation.rates:
            raise SpecError(
                "greedy needs the groups' rates, got an observation without; "
                "use Observation(step, metrics, rates)"
            )
        recent, value = self._smoothed(state["recent"], seen)
        state = state | {"recent": recent}
        if state["waiting"]:
            return state | {"good": 0, "bad": 0, "waiting": state["waiting"] - 1}, None
        if self._better(value, state["best"]):
            state |= {"best": value, "good": state["good"] + 1, "bad": 0}
        else:
            state |= {"good": 0, "bad": state["bad"] + 1}
        if state["good"] > self.patience:
            return self._raised(state, observation)
        if state["bad"] > self.patience:
            return self._cut(state, observation, value)
        return state, None

    def without_edits(self, state: State) -> State:
        """Return *state* with nothing scaled; what it saw of the metric stays."""
        return state | {"scale": 1.0}

    def to_dict(self) -> dict[str, Any]:
        """Return the controller as JSON types."""
        return {"format": FORMAT, "controller": "greedy"} | asdict(self)

    def _smoothed(
        self, recent: list[float | None], value: float
    ) -> tuple[list[float | None], float]:
        """Return the window after *value* and its mean; None in it is a value that is not finite.

        The sum is made anew: a running one keeps a NaN for ever, and the rounding of what has left.
        The mean of equal values is that value, so that rounding is never an improvement.
        """
        window = [*recent, value if math.isfinite(value) else None][-self.window :]
        finite = [v for v in window if v is not None]
        if len(finite) < len(window):
            return window, math.nan
        mean = math.fsum(v * SMALL for v in finite) / len(finite) / SMALL
        return window, min(max(mean, min(finite)), max(finite))

    def _up(self, rate: float) -> float:
        """Return what a raise multiplies *rate* by: 1 where the peak or eps leaves no room."""
        new = min(rate / self.factor, self.peak)
        if rate >= self.peak * (1 - NEAR) or new - rate <= self.eps:
            return 1.0
        return 1 / self.factor if new < self.peak else self.peak / rate

    def _down(self, rate: float) -> float:
        """Return what a cut multiplies *rate* by: 1 where the floor or eps leaves no room."""
        new = max(rate * self.factor, self.floor)
        if rate <= self.floor * (1 + NEAR) or rate - new <= self.eps:
            return 1.0
        return self.factor if new > self.floor else self.floor / rate

    def _raised(self, state: State, observation: Observation) -> tuple[State, Edit | None]:
        reason = f"{self._what()} improved {state['good']} times in a row, to {state['best']:.6g}"
        state |= {"good": 0, "waiting": self.warmup, "stuck": 0}
        return self._scaled(state, self._up(max(observation.rates)), observation, reason)

    def _cut(
        self, state: State, observation: Observation, value: float
    ) -> tuple[State, Edit | None]:
        rate = max(observation.rates)
        factor = self._down(rate)
        stuck = state["stuck"] + 1 if self._down(rate * factor) == 1 else 0
        best = "nothing so far" if state["best"] is None else f"{state['best']:.6g}"
        reason = f"{self._what()} {value:.6g} is no better than {best} for {state['bad']} in a row"
        state |= {"bad": 0, "waiting": self.cooldown, "stuck": stuck}
        if self.reset_after is None or stuck < self.reset_after:
            return self._scaled(state, factor, observation, reason)
        reason = f"{self._what()} did not improve for {stuck} cuts at the floor; reset"
        own = back = 1 / state["scale"]
        if back > 1 and rate > 0:
            back = min(back, max(self.peak / rate, 1.0))
        state = self.init() | {"waiting": self.cooldown, "scale": state["scale"]}
        state, edit = self._scaled(state, back, observation, reason)
        return (state | {"scale": 1.0} if back == own else state), edit

    def _scaled(
        self, state: State, factor: float, observation: Observation, reason: str
    ) -> tuple[State, Edit | None]:
        if factor == 1:
            return state, None
        edit = Scale(factor, step=observation.step, author="greedy", reason=reason)
        return state | {"scale": state["scale"] * factor}, edit

    def _what(self) -> str:
        return self.metric if self.window == 1 else f"mean of {self.metric}"


def greedy(
    factor: float = 0.95,
    patience: int = 10,
    *,
    floor: float,
    peak: float,
    metric: str = "loss",
    mode: str = "min",
    threshold: float = 1e-6,
    threshold_mode: str = "abs",
    cooldown: int = 0,
    warmup: int = 0,
    window: int = 1,
    reset_after: int | None = 500,
    eps: float = 1e-8,
    nan: str = "skip",
) -> Greedy:
    """Return a controller that raises the rate while *metric* improves and cuts it while not.

    After more than *patience* improvements in a row the rate becomes min(rate / *factor*, *peak*),
    after more than *patience* observations in a row without one max(rate * *factor*, *floor*);
    both count anew from there. *factor* is in (0, 1), 0 < *floor* <= *peak* are rates. They bound
    the largest rate of the groups, and the others keep their ratio to it; where the schedule itself
    is below the floor nothing is cut, and above the peak nothing is raised. Changes of *eps* or
    less are dropped. Better means below (*mode* "min") or above ("max") the best so far by more
    than *threshold*: times |best| ("rel") or as it is ("abs"). The metric is the mean of its last
    *window* observations (1 or more).
    After a cut *cooldown* observations are waited for, after a raise *warmup*: nothing is counted
    in them. After *reset_after* cuts in a row at the floor (1 or more; None: never) the schedule
    has its own rate again, no more than *peak*, and the best value is forgotten. A NaN is no
    observation, unless *nan* is "bad": then it is one without improvement. Observations without
    the metric change nothing. Raises `SpecError` for an option outside these ranges.

    >>> g = greedy(0.5, patience=1, floor=0.02, peak=0.5)
    >>> state, rate, rates = g.init(), 0.1, []
    >>> for t, loss in enumerate([3.0, 2.0, 1.0, 0.5, 0.5, 0.5, float("nan"), 0.6, 0.7]):
    ...     state, edit = g.update(state, Observation(t, {"loss": loss}, (rate,)))
    ...     rate *= edit.factor if edit else 1
    ...     rates.append(rate)
    >>> rates
    [0.1, 0.2, 0.2, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1]

    Source: GreedyLR (arXiv 2512.14527) as in transformers, whose names were: floor = min_lr, peak =
    max_lr, window = window_size with smooth, reset_after = reset_start. It differs where that is
    wrong: a NaN counts there and stays in the running mean for ever, a "rel" threshold is on the
    wrong side of a negative best, and a last cut that eps drops keeps it from ever resetting; each
    group stops at a bound by itself, which loses their ratios for good. There is no default for
    floor and peak, which are 1e-3 and 1 there: rates as small as AdamW's would only ever rise.
    """
    return Greedy(
        factor=factor,
        patience=patience,
        floor=floor,
        peak=peak,
        metric=metric,
        mode=mode,
        threshold=threshold,
        threshold_mode=threshold_mode,
        cooldown=cooldown,
        warmup=warmup,
        window=window,
        reset_after=reset_after,
        eps=eps,
        nan=nan,
    )


@register("greedy")
def _load(data: Mapping[str, Any]) -> Greedy:
    return Greedy(**known(Greedy, data, "a greedy controller"))
