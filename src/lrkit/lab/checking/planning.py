"""What a check of the laws trains: cheap runs first, long ones for what they recommend."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from lrkit.control import steered
from lrkit.errors import LoopError, SpecError
from lrkit.lab.catalog import pick_device, task
from lrkit.lab.contract import Task
from lrkit.lab.engines import Training
from lrkit.lab.finding import find
from lrkit.lab.jobs import source_of
from lrkit.lab.loop import Options
from lrkit.lab.plan import horizon_of, plan_of
from lrkit.laws import LAWS
from lrkit.probe import suggest

WARM: Final = 5  # percent of a run
SHAPES: Final[Mapping[str, str]] = {
    "constant": f"warmup({WARM}%) >> hold()",
    "cosine": f"warmup({WARM}%) >> cosine()",
    "linear": f"warmup({WARM}%) >> linear()",
    "wsd": f"warmup({WARM}%) >> hold() >> linear(1, 0, 20%)",
}
"""The schedules that people write by hand, by name. The constant one is for the law alone: it
shows what the others owe to their decay, and nobody would end a training with it."""
FACTORS: Final = (0.5, 1.0, 2.0)  # of the peak of the task's own schedule
FEWEST: Final = 50  # updates of a cheap run: fewer show no curve
BLOCKS: Final = 50
"""A long run's losses are averaged in so many blocks; of a cheap run, in blocks of that size."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check of the laws on one task, as a value.

    - *total* is the length of the long runs, a span or updates (None: the task's own budget), and
      *cheap* the length of the cheap ones as a share of it, above 0 and up to 1.
    - *peaks*: the cheap runs' peaks; none: *factors* (half, once, twice) of that of the task's own
      schedule, or of what the range test suggests with *find*.
    - *shapes*: names in `SHAPES`, "cosine" and another that decays among them.
    - *seeds*: so many trainings of each recommended schedule; the cheap ones have seed 0, these
      1, 2, ... *law* is "auto" or a name. *options* go to the task.

    Raises `SpecError` for what breaks a rule.
    """

    task: str
    total: str | float | None = None
    peaks: tuple[float, ...] = ()
    find: bool = False
    cheap: float = 0.5
    shapes: tuple[str, ...] = tuple(SHAPES)
    seeds: int = 3
    law: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    factors: tuple[float, ...] = FACTORS

    def __post_init__(self) -> None:
        if not 0 < self.cheap <= 1:
            raise SpecError(f"`0 < cheap <= 1` must hold, got {self.cheap!r}; it is a share")
        if isinstance(self.seeds, bool) or not isinstance(self.seeds, int) or self.seeds < 1:
            raise SpecError(f"`seeds >= 1` must hold, got {self.seeds!r}; 3 show a spread")
        if not all(math.isfinite(p) and p > 0 for p in self.peaks):
            raise SpecError(f"peaks must be finite and > 0, got {list(self.peaks)}")
        if len(set(self.peaks)) < len(self.peaks) or len(self.peaks) == 1:
            raise SpecError(
                f"a check needs two different peaks or more, got {list(self.peaks)}; a law "
                "learns from the difference"
            )
        if self.find and self.peaks:
            raise SpecError("the peaks come from the range test or are given; keep one")
        if unknown := [name for name in self.shapes if name not in SHAPES]:
            raise SpecError(f"shapes are {', '.join(SHAPES)}, got {unknown[0]!r}")
        if "cosine" not in self.shapes or not {*self.shapes} - {"cosine", "constant"}:
            raise SpecError(
                "shapes must have cosine and another that decays, to hold the design against, "
                f"got {', '.join(self.shapes)}"
            )
        if self.law != "auto" and self.law not in LAWS:
            raise SpecError(f"law must be auto or one of {', '.join(LAWS)}, got {self.law!r}")

    def quick(self) -> Check:
        """Return the check at the least cost: two peaks, one shape fewer, two seeds."""
        return replace(
            self,
            shapes=tuple(name for name in self.shapes if name != "linear" or len(self.shapes) < 4),
            seeds=min(self.seeds, 2),
            peaks=self.peaks[:2],
            factors=self.factors[:2],
        )


@dataclass(frozen=True)
class Member:
    """A training of a check: what it is called, its schedule as text, and the training."""

    name: str
    shape: str
    peak: float
    training: Training

    @property
    def seed(self) -> int:
        """Decides weights and batches."""
        return self.training.seed


@dataclass(frozen=True)
class Planned:
    """A check on the clock of its task: all numbers known, nothing trained."""

    check: Check
    device: str
    updates: int
    cheap_updates: int
    peaks: tuple[float, ...]
    score_name: str
    higher_is_better: bool

    @property
    def block(self) -> int:
        """The updates whose losses are averaged."""
        return max(round(self.updates / BLOCKS), 1)

    def cheap_members(self, root: Path) -> list[Member]:
        """Return the cheap trainings, kept in *root*."""
        return [
            self._member(
                root, f"cheap {shape} {peak:g}", shape, peak, self.cheap_updates, 0,
                f"{peak:g} * ({SHAPES[shape]})",
            )
            for peak in self.peaks
            for shape in self.check.shapes
        ]  # fmt: skip

    def long_members(self, root: Path, name: str, peak: float, text: str) -> list[Member]:
        """Return the trainings of the schedule *text*, one for each seed."""
        seeds = range(1, self.check.seeds + 1)
        return [self._member(root, name, name, peak, self.updates, seed, text) for seed in seeds]

    def _member(
        self, root: Path, name: str, shape: str, peak: float, updates: int, seed: int, text: str
    ) -> Member:
        decides = [self.check.task, sorted(self.check.options.items()), text, updates, seed]
        decides.append(self.device.partition(":")[0])
        if source := source_of(self.check.task):  # the module of a user's own task
            decides.append(source)
        digest = hashlib.sha256(msgspec.json.encode(decides, order="deterministic")).hexdigest()
        slug = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")
        training = Training(
            self.check.task,
            steered(text),
            root / f"{slug}-s{seed}-{digest[:8]}",
            total=updates,
            seed=seed,
            options=self.check.options,
            device=self.device,
            header={"check": name},
        )
        return Member(name, shape, peak, training)


def planned(check: Check) -> Planned:
    """Return *check* on the clock of its task, which is made once: what cannot be shows now.

    Raises what `task` raises, `SpecError` for a check that is too short, and `LoopError` when the
    range test suggests no peak.
    """
    device = pick_device(check.device)
    made = task(check.task, 0, device, **check.options)
    length = horizon_of(made, Options(), f"{made.epochs}ep" if check.total is None else check.total)
    if length.total is None or not math.isfinite(length.total):
        raise SpecError(f"a check needs an end, got total={check.total!r}; write e.g. '6ep'")
    updates = math.ceil(length.total)
    cheap = round(check.cheap * updates)
    if cheap < FEWEST:
        raise SpecError(
            f"a cheap run must have {FEWEST} updates or more, {check.cheap:g} of {updates} are "
            f"{cheap}; make the runs longer (--epochs, --total), or their share (--cheap)"
        )
    peaks = check.peaks or _peaks(check, made, device)
    return Planned(check, device, updates, cheap, peaks, made.score, made.higher_is_better)


def _peaks(check: Check, made: Task, device: str) -> tuple[float, ...]:
    if check.find:
        found = suggest(find(check.task, device=device, options=check.options))
        if found.peak is None:
            raise LoopError(
                f"the range test of {check.task} suggests no peak: {found.reason}; give --peaks"
            )
        middle = found.peak.value
    else:
        own = plan_of(made, steered(made.schedule).schedule, Options())
        middle = own.curve.facts().peak
    return tuple(float(f"{factor * middle:.2g}") for factor in check.factors)
