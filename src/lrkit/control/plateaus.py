"""Cut the rate when a metric has stopped improving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self, cast

from lrkit.control.changes import Cooldown, Scale
from lrkit.control.controllers import FORMAT, Observation, State, known, register
from lrkit.control.edits import Edit, GroupKey, PerGroup, floors, length, number, whole
from lrkit.control.improvement import Watching
from lrkit.control.waiting import START, begun, steps_only, waiting_span
from lrkit.control.writing import Written
from lrkit.errors import SpecError
from lrkit.schedules import Horizon, Span, SpanLike

ANSWERS = ("scale", "cooldown")


@dataclass(frozen=True, repr=False)
class Plateau(Watching, Written):
    """Scale by *factor*, or cool down, when a metric has not improved for *patience* observations.

    Build one with `plateau(...)`, which says what the options mean.
    """

    factor: float = 0.1
    patience: int = 10
    metric: str = "loss"
    mode: str = "min"
    threshold: float = 1e-4
    threshold_mode: str = "rel"
    cooldown: int = 0
    floor: float | PerGroup = 0.0
    eps: float = 1e-8
    nan: str = "skip"
    after: Span = START
    then: str = "scale"
    over: Span | None = None

    def __post_init__(self) -> None:
        self._check_watching()
        for name in ("factor", "eps"):
            object.__setattr__(self, name, number(getattr(self, name), name))
        object.__setattr__(self, "floor", floors(self.floor))
        whole(self.patience, "patience")
        whole(self.cooldown, "cooldown")
        object.__setattr__(self, "after", waiting_span(self.after))
        object.__setattr__(self, "over", length(self.over, "over"))
        if self.then not in ANSWERS:
            raise SpecError(f"then must be {' or '.join(map(repr, ANSWERS))}, got {self.then!r}")
        if self.then == "cooldown" and self.over is None:
            raise SpecError("then='cooldown' needs its span, as in over='10%'; got none")
        if self.factor >= 1:
            raise SpecError(f"`factor < 1` must hold for a plateau, got {self.factor:g}; it cuts")

    def init(self) -> State:
        """Return the state before anything was observed: no best value, nothing counted."""
        cooled = {"cooled": False} if self.then == "cooldown" else {}
        return {"best": None, "bad": 0, "cooling": 0} | cooled

    def update(self, state: State, observation: Observation) -> tuple[State, Edit | None]:
        """Return the state after *observation*, and the cut it leads to or None."""
        value = observation.metrics.get(self.metric)
        if value is None or not self._counts(value) or state.get("cooled"):
            return state, None
        if not begun(self.after, observation.step):
            return state, None
        best, bad, cooling = state["best"], state["bad"], state["cooling"]
        if self._better(value, best):
            best, bad = value, 0
        else:
            bad += 1
        if cooling:
            bad, cooling = 0, cooling - 1
        if bad <= self.patience:
            return state | {"best": best, "bad": bad, "cooling": cooling}, None
        beaten = "nothing so far" if best is None else f"{best:.6g}"
        reason = f"{self.metric} {value:.6g} is no better than {beaten} for {bad} observations"
        state = state | {"best": best, "bad": 0, "cooling": self.cooldown}
        if self.then == "cooldown":
            return state | {"cooled": True}, self._end(observation.step, reason)
        return state, Scale(
            self.factor,
            over=self.over,
            floor=self.floor,
            eps=self.eps,
            step=observation.step,
            author="plateau",
            reason=reason,
        )

    def _end(self, step: int, reason: str) -> Cooldown:
        over = cast(Span, self.over)  # __post_init__ has seen to it
        return Cooldown(over, step=step, author="plateau", reason=reason)

    def without_edits(self, state: State) -> State:
        """Return *state* as it is, but for a cooldown: a plateau remembers metrics, not cuts."""
        return state | {"cooled": False} if "cooled" in state else state

    def placed(self, horizon: Horizon) -> Self:
        """Return the controller with its spans in steps of *horizon*."""
        over = None if self.over is None else steps_only(self.over, horizon)
        return replace(self, after=steps_only(self.after, horizon), over=over)

    def to_dict(self) -> dict[str, Any]:
        """Return the controller as JSON types."""
        own = asdict(self) | {"after": str(self.after)}
        own["over"] = None if self.over is None else str(self.over)
        if isinstance(self.floor, tuple):
            own["floor"] = [list(pair) for pair in self.floor]
        return {"format": FORMAT, "controller": "plateau"} | own


def plateau(
    factor: float = 0.1,
    patience: int = 10,
    *,
    metric: str = "loss",
    mode: str = "min",
    threshold: float = 1e-4,
    threshold_mode: str = "rel",
    cooldown: int = 0,
    floor: float | Mapping[str, float] | Mapping[int, float] | Mapping[GroupKey, float] = 0.0,
    eps: float = 1e-8,
    nan: str = "skip",
    after: SpanLike = 0,
    then: str = "scale",
    over: SpanLike | None = None,
) -> Plateau:
    """Return a controller that multiplies the rate by *factor* when *metric* stops improving.

    It cuts at the first observation at which more than *patience* of them in a row (0 or more)
    were no improvement, then waits *cooldown* observations before it counts again. Better means
    below (*mode* "min") or above ("max") the best so far by more than *threshold*: times |best|
    ("rel") or as it is ("abs"). *factor* is in [0, 1). *floor* is the lowest rate it cuts to, a
    number or one by group name or index; cuts smaller than *eps* are dropped. A NaN is no
    observation; with *nan* "bad" it counts as one without improvement, as in torch. Observations
    without the metric change nothing, so that metrics may come once an epoch and steps once a
    batch. Nothing is observed before *after*, a span: a warm-up, for instance. With *over*, a
    span, a cut takes its time. With *then* "cooldown" there are no cuts: when the metric has
    stopped improving the rate goes down to 0 over *over*, and the run ends there, which may be
    later than it would have.

    >>> p = plateau(0.5, patience=1)
    >>> state, edits = p.init(), []
    >>> for t, loss in enumerate([3.0, 2.0, 2.0, float("nan"), 2.0]):
    ...     state, edit = p.update(state, Observation(t, {"loss": loss}))
    ...     edits.append(edit and edit.factor)
    >>> edits
    [None, None, None, None, 0.5]

    Source: torch's ReduceLROnPlateau, whose names were: floor = min_lr.
    """
    low = floors(floor)
    return Plateau(
        factor,
        patience,
        metric,
        mode,
        threshold,
        threshold_mode,
        cooldown,
        low,
        eps,
        nan,
        waiting_span(after),
        then,
        length(over, "over"),
    )


@register("plateau")
def _load(data: Mapping[str, Any]) -> Plateau:
    return Plateau(**known(Plateau, data, "a plateau"))
