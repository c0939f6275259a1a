"""Ways to choose a schedule for a pair, each by validation scores only and with its cost told.

Every way trains with the seed of the repetition and draws with it. A cost is in full runs: the
updates made, over those of one whole training on what is left of the training data.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
import optuna

from bench._tune_outcomes import Outcome, Outcomes, Trial, one_thread
from bench._tune_pairs import DEFAULT_SHAPE, SHAPES, Pair, schedule
from lrkit.lab import find, task, train
from lrkit.lab.tuning import tune
from lrkit.probe import suggest

SMALL, LARGE = 3.0, 36.0
"""The budgets at which the ways are held against each other, in full runs."""
SEEDS_APART: Final = 20
NAMES: Final = (
    "36-point grid",
    "9-point grid",
    "random search, 36",
    "TPE + Hyperband, 36",
    "random search, 3",
    "TPE + Hyperband, 3",
    "range test",
    "default by hand",
    "lrkit tune, 3",
)
REFERENCE, OURS = NAMES[0], NAMES[-1]
SAME_BUDGET: Final = NAMES[4:8]
"""What `lrkit tune` at 3 full runs competes with: none of these costs more than that, but for the
range test where the trainings are short."""


@dataclass(frozen=True)
class Choice:
    """What a way chose, and what it took; *note* says what was out of the ordinary."""

    way: str
    schedule: str
    cost: float
    note: str = ""


def choices(way: str, pair: Pair, seed: int, outcomes: Outcomes) -> list[Choice]:
    """Return what the way of this name, a key of WAYS, chooses for *pair*, one for each budget.

    What others' ways chose is kept with the outcomes; `lrkit tune` is what is being worked on.
    """
    one_thread()
    if way == "tune":
        return WAYS[way](pair, seed, outcomes)
    what = {"way": way, "pair": asdict(pair), "seed": seed, "grid": pair.peaks}
    kept = outcomes.kept("choices", what)
    if kept is None:
        kept = [asdict(choice) for choice in WAYS[way](pair, seed, outcomes)]
        outcomes.keep("choices", what, kept)
    return [Choice(**choice) for choice in kept]


@cache
def full(pair: Pair) -> int:
    """Return the updates of one whole training on what is left of the training data."""
    made = task(pair.task, 0, "cpu", **pair.settings(choosing=True))
    return made.steps_per_epoch * pair.epochs


def grids(pair: Pair, seed: int, outcomes: Outcomes) -> list[Choice]:
    """Nine peaks, and nine peaks in each of four shapes."""
    tried = {
        (peak, shape): outcomes.of(
            Trial.of(pair, schedule(peak, shape), seed, choosing=True),
        )
        for shape in SHAPES
        for peak in pair.peaks
    }
    usual = {at: outcome for at, outcome in tried.items() if at[1] == DEFAULT_SHAPE}
    return [_best(pair, way, some) for way, some in ((NAMES[0], tried), (NAMES[1], usual))]


def _best(pair: Pair, way: str, tried: Mapping[tuple[float, str], Outcome]) -> Choice:
    best = max(tried, key=lambda at: tried[at].rank)
    return Choice(way, schedule(*best), sum(o.updates for o in tried.values()) / full(pair))


def by_hand(pair: Pair, seed: int, outcomes: Outcomes) -> list[Choice]:
    """What one writes down without a try."""
    return [Choice("default by hand", pair.default, 0.0)]


def range_test(pair: Pair, seed: int, outcomes: Outcomes) -> list[Choice]:
    """The peak that `lrkit find` suggests, under the usual shape; the default where it has none."""
    curve = find(pair.task, seed=seed, device="cpu", options=pair.settings(choosing=True))
    cost = float((~np.isnan(curve.losses)).sum()) / full(pair)
    peak = suggest(curve).peak
    if peak is None:
        return [Choice("range test", pair.default, cost, "no suggestion: the default")]
    return [Choice("range test", schedule(float(f"{peak.value:.4g}"), DEFAULT_SHAPE), cost)]


# Searches over what the grids span: a peak on the log axis, and the same four shapes.


@dataclass(frozen=True)
class Tried:
    """A trial of a search; *spent* has all the full runs used up to its end."""

    schedule: str
    rank: tuple[bool, float, float]
    spent: float
    whole: bool


Kind = Literal["random", "tpe"]


def random_search(pair: Pair, seed: int, outcomes: Outcomes) -> list[Choice]:
    """Peaks and shapes drawn at random."""
    return _searched(pair, "random search", _search(pair, seed, "random"))


def tpe(pair: Pair, seed: int, outcomes: Outcomes) -> list[Choice]:
    """Optuna's TPE with its Hyperband, from one epoch to all of them, otherwise its defaults."""
    return _searched(pair, "TPE + Hyperband", _search(pair, seed, "tpe"))


def _searched(pair: Pair, name: str, tried: Sequence[Tried]) -> list[Choice]:
    """Return the best that had been found when each budget was used up."""
    found = []
    for budget in (SMALL, LARGE):
        some = [one for one in tried if one.spent <= budget + 1e-9]
        # Where all were cut short, the best of those: it is what there is.
        best = max(some or tried[:1], key=lambda one: (one.whole, one.rank))
        found.append(Choice(f"{name}, {budget:g}", best.schedule, budget))
    return found


def _search(pair: Pair, seed: int, kind: Kind) -> list[Tried]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=seed)
        if kind == "random"
        else optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.NopPruner()
        if kind == "random"
        else optuna.pruners.HyperbandPruner(min_resource=1, max_resource=pair.epochs),
    )
    tried: list[Tried] = []
    updates = 0
    while updates < LARGE * full(pair):
        trial = study.ask()
        peak = trial.suggest_float("peak", *pair.range, log=True)
        shape = trial.suggest_categorical("shape", list(SHAPES))
        text = schedule(float(f"{peak:.4g}"), str(shape))
        watch = _Pruning(trial, pair, prune=kind == "tpe")
        made = _watched(Trial.of(pair, text, seed, choosing=True), watch)
        updates += made.updates
        whole = not made.failed and watch.stopped is None
        tried.append(Tried(text, made.rank, updates / full(pair), whole))
        if watch.stopped is not None:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        elif made.failed:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, made.rank[1])
    return tried


class _Pruning:
    """Reports every epoch to the trial, and stops the training when the pruner says so."""

    def __init__(self, trial: optuna.Trial, pair: Pair, *, prune: bool) -> None:
        made = task(pair.task, 0, "cpu", **pair.settings(choosing=True))
        self._trial, self._prune = trial, prune
        self._score, self._higher = made.score, made.higher_is_better
        self._epochs = pair.epochs
        self._seen: list[Mapping[str, float]] = []
        self._updates = 0
        self.stopped: int | None = None

    @property
    def outcome(self) -> Outcome:
        """What the training had come to when it was stopped."""
        scores = tuple(seen[self._score] for seen in self._seen)
        loss = self._seen[-1].get("loss", scores[-1])
        return Outcome(scores[-1], loss, False, self._higher, scores, self._updates)

    def started(self, updates: int) -> None:
        """Nothing to do."""

    def stepped(self, done: int, loss: float) -> None:
        """Count the updates."""
        self._updates = done

    def evaluated(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Report the score; the last epoch is not pruned, it is done."""
        self._seen.append(scores)
        value = scores[self._score] * (1 if self._higher else -1)
        if not self._prune or epoch == self._epochs or not math.isfinite(value):
            return
        self._trial.report(value, epoch)
        if self._trial.should_prune():
            self.stopped = epoch
            raise KeyboardInterrupt  # how a watcher ends a training between two updates


def _watched(trial: Trial, watch: _Pruning) -> Outcome:
    try:
        result = train(
            trial.task,
            trial.schedule,
            total=trial.total,
            seed=trial.seed,
            device="cpu",
            options=trial.options,
            progress=watch,
        )
    except KeyboardInterrupt:
        if watch.stopped is None:
            raise
        return watch.outcome
    return Outcome.of(trial, result)


def tuned(pair: Pair, seed: int, outcomes: Outcomes) -> list[Choice]:
    """`lrkit tune` with its defaults at three full runs, in one process, as a grid is made here."""
    settings = pair.settings(choosing=True)
    holdout = settings.pop("holdout")
    with tempfile.TemporaryDirectory() as folder:
        found = tune(
            pair.task,
            out=Path(folder) / "tune",
            engine="serial",
            device="cpu",
            budget=SMALL,
            # It trains with several seeds from this one on; repetitions have none in common.
            seed=SEEDS_APART * seed,
            options=settings,
            total=pair.total,
            holdout=holdout,
            test=0,
            progress=False,
        )
    return [Choice(OURS, found.schedule, found.spent)]


WAYS: Final[Mapping[str, Callable[[Pair, int, Outcomes], list[Choice]]]] = {
    "grids": grids,
    "random": random_search,
    "tpe": tpe,
    "range": range_test,
    "hand": by_hand,
    "tune": tuned,
}
