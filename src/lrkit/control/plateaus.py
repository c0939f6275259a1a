"""Cut the rate when a metric has stopped improving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lrkit.control.changes import Scale
from lrkit.control.controllers import FORMAT, Observation, State, known, register
from lrkit.control.edits import Edit, GroupKey, PerGroup, floors, number, whole
from lrkit.control.improvement import Watching
from lrkit.errors import SpecError


@dataclass(frozen=True)
class Plateau(Watching):
    """Scale by *factor* after more than *patience* observations in a row without improvement.

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

    def __post_init__(self) -> None:
        self._check_watching()
        for name in ("factor", "eps"):
            object.__setattr__(self, name, number(getattr(self, name), name))
        object.__setattr__(self, "floor", floors(self.floor))
        whole(self.patience, "patience")
        whole(self.cooldown, "cooldown")
        if self.factor >= 1:
            raise SpecError(f"`factor < 1` must hold for a plateau, got {self.factor:g}; it cuts")

    def init(self) -> State:
        """Return the state before anything was observed: no best value, nothing counted."""
        return {"best": None, "bad": 0, "cooling": 0}

    def update(self, state: State, observation: Observation) -> tuple[State, Edit | None]:
        """Return the state after *observation*, and the cut it leads to or None."""
        value = observation.metrics.get(self.metric)
        if value is None or not self._counts(value):
            return state, None
        best, bad, cooling = state["best"], state["bad"], state["cooling"]
        if self._better(value, best):
            best, bad = value, 0
        else:
            bad += 1
        if cooling:
            bad, cooling = 0, cooling - 1
        if bad <= self.patience:
            return {"best": best, "bad": bad, "cooling": cooling}, None
        beaten = "nothing so far" if best is None else f"{best:.6g}"
        cut = Scale(
            self.factor,
            floor=self.floor,
            eps=self.eps,
            step=observation.step,
            author="plateau",
            reason=f"{self.metric} {value:.6g} is no better than {beaten} for {bad} observations",
        )
        return {"best": best, "bad": 0, "cooling": self.cooldown}, cut

    def without_edits(self, state: State) -> State:
        """Return *state* as it is: a plateau remembers metrics, not its edits."""
        return state

    def to_dict(self) -> dict[str, Any]:
        """Return the controller as JSON types."""
        own = asdict(self)
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
) -> Plateau:
    """Return a controller that multiplies the rate by *factor* when *metric* stops improving.

    It cuts at the first observation at which more than *patience* of them in a row (0 or more)
    were no improvement, then waits *cooldown* observations before it counts again. Better means
    below (*mode* "min") or above ("max") the best so far by more than *threshold*: times |best|
    ("rel") or as it is ("abs"). *factor* is in [0, 1). *floor* is the lowest rate it cuts to, a
    number or one by group name or index; cuts smaller than *eps* are dropped. A NaN is no
    observation; with *nan* "bad" it counts as one without improvement, as in torch. Observations
    without the metric change nothing, so that metrics may come once an epoch and steps once a
    batch.

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
        factor, patience, metric, mode, threshold, threshold_mode, cooldown, low, eps, nan
    )


@register("plateau")
def _load(data: Mapping[str, Any]) -> Plateau:
    return Plateau(**known(Plateau, data, "a plateau"))
