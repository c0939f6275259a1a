"""What is to be tuned and for how much: the settings, and what they say of a training."""

from __future__ import annotations

import hashlib
import inspect
import math
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from lrkit.errors import SpecError
from lrkit.lab.catalog import find_factory, pick_device, task
from lrkit.lab.entries import Value
from lrkit.lab.loop import Options
from lrkit.lab.plan import plan_of
from lrkit.schedules import Horizon, constant

HOLDOUT: Final = "holdout"
SHARE: Final = 0.1
"""The share of the training data kept for choosing, where nothing else is said."""
LEAST_BUDGET: Final = 0.5
MOST_SEED: Final = 2**31
SHORTEST: Final = 30
"""Updates below which a whole training is too short to be tuned by shorter ones."""


class Aim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be tuned, on what budget; all that a decision rests on but the results.

    - *task* is a name for `lab.task`, with *options*; *total* its length (None: the task's own).
    - *budget* is how much may be spent, in updates made over the updates of one full training.
      *minutes* gives it as time instead: what then fits is measured in the first stage.
    - *holdout* is the share of the training data kept for choosing, for a task with an option of
      that name (None: a tenth; 0 keeps none, and the choice is made on what `evaluate` uses).
    - *seed* is the first of the seeds of the trainings; *test* how many trainings with the tuned
      schedule follow on all of the training data, scored on the test data, outside the budget.

    Raises `SpecError` for what breaks a rule.

    >>> Aim(task="poly-tanh").budget
    3.0
    """

    task: str
    options: dict[str, Value] = {}
    total: str | int | None = None
    budget: float = 3.0
    minutes: float | None = None
    holdout: float | None = None
    seed: int = 0
    test: int = 0
    clip: float | None = None
    accumulate: int = 1
    amp: bool = False
    device: str = "auto"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.budget) and self.budget >= LEAST_BUDGET):
            raise SpecError(
                f"`budget >= {LEAST_BUDGET}` full runs must hold, got {self.budget}; "
                "a tenth of what a grid takes is 3"
            )
        if self.minutes is not None and not (math.isfinite(self.minutes) and self.minutes > 0):
            raise SpecError(f"`time > 0` must hold, got {self.minutes} minutes")
        if self.holdout is not None and not 0 <= self.holdout < 1:
            raise SpecError(f"`0 <= holdout < 1` must hold, got {self.holdout}; 0 keeps none")
        if not 0 <= self.seed < MOST_SEED:
            raise SpecError(f"`0 <= seed < {MOST_SEED}` must hold, got {self.seed}")
        if not 0 <= self.test <= 100:
            raise SpecError(f"`0 <= test <= 100` seeds must hold, got {self.test}")

    @property
    def identity(self) -> str:
        """A hash of all that decides what a training computes, but its schedule and seed."""
        names = ("task", "options", "clip", "accumulate", "amp", "holdout")
        decides = {name: getattr(self, name) for name in names}
        decides["device"] = self.device.partition(":")[0]
        return hashlib.sha256(msgspec.json.encode(decides, order="deterministic")).hexdigest()


@dataclass(frozen=True)
class Terms:
    """What the task says of a training: *updates* in all, on *horizon*, and how it is scored.

    *unseen* says that choosing does not touch the test data; *hand* is the task's own schedule.
    """

    updates: int
    horizon: Horizon
    score_name: str
    higher_is_better: bool
    unseen: bool
    hand: str


def settled(aim: Aim) -> Aim:
    """Return *aim* with its holdout and device decided.

    Raises `SpecError` where a share is wanted of a task that keeps none.
    """
    options = dict(aim.options)
    given = options.pop(HOLDOUT, aim.holdout)
    device = pick_device(aim.device)
    if not _takes_holdout(aim.task):
        if given:
            raise SpecError(
                f"task {aim.task} keeps no share of its training data, got holdout={given}; give "
                "its factory an option `holdout`, or leave it out"
            )
        return msgspec.structs.replace(aim, options=options, holdout=None, device=device)
    if given is not None and (isinstance(given, bool) or not isinstance(given, int | float)):
        raise SpecError(f"holdout is a share of the training data, got {given!r}; write 0.1")
    share = SHARE if given is None else float(given)
    return msgspec.structs.replace(aim, options=options, holdout=share, device=device)


def options_of(aim: Aim, *, final: bool = False) -> dict[str, Any]:
    """Return the options of the task; with *final* nothing of the training data is kept back."""
    if aim.holdout is None:
        return dict(aim.options)
    return {**aim.options, HOLDOUT: 0.0 if final else aim.holdout}


def terms_of(aim: Aim) -> Terms:
    """Make the task of the settled *aim* once, and return what it says of a training.

    Raises what `task` raises, and `SpecError` for a training too short to be tuned.
    """
    made = task(aim.task, aim.seed, aim.device, **options_of(aim))
    rules = Options(clip=aim.clip, accumulate=aim.accumulate, amp=aim.amp)
    plan = plan_of(made, constant(1.0), rules, total=aim.total)
    if plan.updates < SHORTEST:
        raise SpecError(
            f"`updates >= {SHORTEST}` must hold for a training to be tuned, {aim.task} makes "
            f"{plan.updates}; try every rate with `lrkit compare --rates`, or make it longer"
        )
    return Terms(
        plan.updates, plan.curve.horizon, made.score, made.higher_is_better,
        bool(aim.holdout), made.schedule,
    )  # fmt: skip


def _takes_holdout(name: str) -> bool:
    try:
        parameters = inspect.signature(find_factory(name)).parameters
    except (TypeError, ValueError):
        return False
    return HOLDOUT in parameters
