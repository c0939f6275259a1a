"""What is tried and why: a pure function of the settings and of the results so far.

`decide` is a generator. It yields a `Batch` of requests with the reason for it, is sent their
outcomes, and returns a `Finding`. Nothing else comes in: not the clock, not the engine, not the
order in which trainings end. So a tuning that was killed is gone on with by asking again; what is
finished is there already, and the same decisions follow from it.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from lrkit.errors import LoopError
from lrkit.lab.tuning.belief import Belief, believe
from lrkit.lab.tuning.candidates import SHAPES, USUAL, Candidate, offset
from lrkit.lab.tuning.outcomes import CAP, Outcome, Request, Scale, badness_of
from lrkit.lab.tuning.ranging import Ranged

SHORT: Final = 9
"""What part of a full run the first trainings are: one ninth; the second ones are a third."""
LEAST: Final = 20  # updates of any training
STEP: Final = math.log(2.5)  # between the peaks of the first trainings
FAR: Final = math.log(8.0)  # down from where everything diverged
ROUNDS: Final = 6  # of peaks added beyond an end at which the best lies
MOST_SHORT: Final = 0.4  # of the budget that the first stage may take
SURE: Final = 0.35  # deviation of ln x below which more short trainings teach nothing
CLEARLY: Final = 0.2  # worse: an end at which the badness rises by that is behind the best peak
ALIKE: Final = 0.12  # peaks whose badness differs by less are not told apart by short trainings
FEWEST_GAP: Final = 0.35  # between neighbouring peaks, in ln x
WIDEST_GAP: Final = 0.8
MOST_SEEDS: Final = 10


@dataclass(frozen=True)
class Batch:
    """Trainings that may run at once, in a *stage*, and *why* they are made."""

    stage: str
    why: str
    requests: tuple[Request, ...]


@dataclass(frozen=True, eq=False)
class Finding:
    """What was decided: the winner, the runner-up if there is one, and on what grounds."""

    winner: Candidate
    runner_up: Candidate | None
    belief: Belief
    scale: Scale
    outcomes: tuple[Outcome, ...]
    reasons: tuple[str, ...]


@dataclass
class State:
    """What is known while deciding."""

    total: int
    budget: float
    higher: bool
    seed: int
    ranged: Ranged
    outcomes: list[Outcome] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    reserved: float = 0.0

    @property
    def left(self) -> float:
        """What is left of the budget, in full runs."""
        spent = self.ranged.cost + sum(outcome.cost for outcome in self.outcomes)
        return self.budget - spent / self.total

    @property
    def scale(self) -> Scale:
        """The scale of the scores so far."""
        return Scale.of([o.score for o in self.outcomes], self.higher)

    def belief(self) -> Belief:
        """Return what the runs so far say."""
        ranged = self.ranged
        return believe(self.outcomes, self.scale, self.total, ranged.guess, ranged.spread)

    def length(self, part: float) -> int:
        """Return the updates of *part* of a full run: with a small budget shorter ones."""
        part *= min(1.0, self.budget / 2.0)
        return min(max(round(self.total * part), LEAST), self.total)


Deciding: TypeAlias = Generator[Batch, list[Outcome], Finding]
Asking: TypeAlias = Generator[Batch, list[Outcome], None]


def ladder(state: State) -> Asking:
    """Make short trainings at peaks a factor apart, until the best lies between two others."""
    length = state.length(1 / SHORT)
    price = length / state.total
    affordable = int(0.18 * state.budget / price)
    room = int(state.left / price + 1e-9)
    count = min(max(affordable, 4), 9, max(room, 1))
    gap = STEP if count < 7 else STEP * 5 / count
    middle = state.ranged.guess - 0.5 * gap
    peaks = [middle + gap * (i - (count - 1) / 2) for i in range(count)]
    seeds = min(max(affordable // count, 1), 3)
    why = (
        f"{count} peaks from {math.exp(peaks[0]):.2g} to {math.exp(peaks[-1]):.2g}, about the "
        f"range test's {math.exp(state.ranged.guess):.2g}: each a whole training of {length:,} "
        f"updates, 1/{state.total / length:.0f} of a full one"
    )
    for turn in range(ROUNDS):
        yield from _ask(state, "short", why, [USUAL], peaks, length, range(seeds))
        side, why = _beyond(state, length)
        if not side:
            return
        spent = state.budget - state.left
        if spent + 2 * price > MOST_SHORT * state.budget and turn:
            state.reasons.append(f"{why}, but no more of the budget goes to short trainings")
            return
        tried = sorted({math.log(o.request.candidate.peak) for o in state.outcomes})
        far = FAR if not any(o.finite for o in state.outcomes) else gap
        end = tried[-1] if side > 0 else tried[0]
        peaks = [end + side * far * (i + 1) for i in range(1 if side > 0 else 2)]
        seeds = 1


def _beyond(state: State, length: int) -> tuple[int, str]:
    """Return on which side the best peak may lie beyond those tried (-1, 0, 1), and the words."""
    outcomes = [o for o in state.outcomes if o.request.updates == length]
    bad = badness_of(outcomes, state.scale)
    if not any(o.finite for o in outcomes):
        return -1, "every peak so far diverged; far lower ones are tried"
    peaks = np.array([math.log(o.request.candidate.peak) for o in outcomes])
    tried = np.unique(peaks)
    means = np.array([bad[peaks == peak].mean() for peak in tried])
    if means[-1] < means.min() + CLEARLY:
        return 1, "the highest peak so far is among the best; higher ones are tried"
    if not means.argmin():
        return -1, "the lowest peak so far is the best; lower ones are tried"
    return 0, ""


def plateau(state: State) -> tuple[float, float] | None:
    """Return the ends, in ln x, of the peaks that short trainings do not tell apart.

    None where they do: where those about as good as the best lie within a factor of 6.
    """
    outcomes = [o for o in state.outcomes if o.request.stage == "short"]
    bad = badness_of(outcomes, state.scale)
    peaks = np.array([math.log(o.request.candidate.peak) for o in outcomes])
    tried = np.unique(peaks)
    means = np.array([bad[peaks == peak].mean() for peak in tried])
    good = tried[means < means.min() + ALIKE]
    return (float(good[0]), float(good[-1])) if np.ptp(good) > math.log(6.0) else None


def refine(state: State) -> Asking:
    """Make trainings of a third at the likely best peaks, of several shapes where they fit.

    Where short trainings say too little, because learning has not begun in a ninth of the time,
    and the budget has room for few full ones, those are made instead: within the plateau, from its
    middle to near its upper end, with the cooldown that trains most.
    """
    flat = plateau(state)
    if flat is not None and 2 <= state.left < 8:
        shares = (0.45, 0.85) if state.left < 4 else (0.4, 0.65, 0.9)
        places = [flat[0] + share * (flat[1] - flat[0]) for share in shares]
        why = (
            f"peaks from {math.exp(flat[0]):.2g} to {math.exp(flat[1]):.2g} are alike for short "
            f"trainings, so {len(shares)} of them are trained in full at once"
        )
        chosen = [Candidate.at("wsd", place) for place in places]
        yield from _ask_for(state, "full", why, chosen, state.total, [state.seed + 1])
        return
    length = state.length(1 / 3)
    price = length / state.total
    share = min(state.left - state.reserved, max(4 / 3, 0.2 * state.budget))
    count = min(int(share / price + 1e-9), 32)
    if count < 1:
        return
    belief = state.belief()
    gap = min(max(1.2 * belief.deviation(length), FEWEST_GAP), WIDEST_GAP)
    middle = belief.choice(length)
    shapes = list(SHAPES)[: max(1, min(count // 2, len(SHAPES)))]
    each = [len(range(i, count, len(shapes))) for i in range(len(shapes))]
    requests: list[Candidate] = []
    for shape, some in zip(shapes, each, strict=True):
        at = middle + offset(shape, state.total)
        places = [at + gap * (i - (some - 1) / 2) / max(1, some / 4) for i in range(some)]
        requests += [Candidate.at(shape, place) for place in places]
    why = (
        f"the best peak at {length:,} updates is about {math.exp(middle):.2g}, known within a "
        f"factor of {math.exp(1.64 * belief.deviation(length)):.2g}: {count} trainings of a third "
        f"about it, {'of ' + str(len(shapes)) + ' shapes' if len(shapes) > 1 else USUAL + ' decay'}"
    )
    yield from _ask_for(state, "third", why, requests, length, [state.seed + 1])


def _ask(
    state: State,
    stage: str,
    why: str,
    shapes: Sequence[str],
    peaks: Sequence[float],
    length: int,
    seeds: Sequence[int],
) -> Asking:
    candidates = [Candidate.at(shape, peak) for shape in shapes for peak in peaks]
    yield from _ask_for(state, stage, why, candidates, length, [state.seed + s for s in seeds])


def _ask_for(
    state: State,
    stage: str,
    why: str,
    candidates: Sequence[Candidate],
    length: int,
    seeds: Sequence[int],
) -> Asking:
    """Yield the batch, and enter what it came to."""
    asked = [
        Request(candidate, length, seed, stage)
        for seed in seeds
        for candidate in dict.fromkeys(candidates)
    ]
    # Each may cost its whole length: so the budget holds, whatever comes.
    requests = tuple(asked[: int(state.left * state.total / length + 1e-9)])
    if not requests:
        return
    state.reasons.append(why)
    state.outcomes += yield Batch(stage, why, requests)


def check_learns(state: State) -> None:
    """Raise `LoopError` where nothing that was tried learns."""
    outcomes = state.outcomes
    finite = [o for o in outcomes if o.finite]
    lowest, highest = (f(o.request.candidate.peak for o in outcomes) for f in (min, max))
    if not finite:
        raise LoopError(
            f"every one of {len(outcomes)} trainings diverged, at peaks from {lowest:.2g} to "
            f"{highest:.2g}; see that the loss, the data and the weights are in order"
        )
    flat = all(o.failure for o in outcomes)
    if flat and float(np.ptp([o.score for o in finite])) <= 1e-3 * CAP:
        raise LoopError(
            f"no training learned anything, at peaks from {lowest:.2g} to {highest:.2g}: the "
            "score does not hang on the rate; see that loss and labels belong together"
        )
