"""The last stage: full trainings of the best candidates, fewer of them with more seeds each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from lrkit.lab.tuning.belief import NOISE, SHAPE_SPREAD, Belief
from lrkit.lab.tuning.candidates import SHAPES, Candidate, offset
from lrkit.lab.tuning.outcomes import CAP, Outcome, badness_of
from lrkit.lab.tuning.plan import (
    FEWEST_GAP,
    MOST_SEEDS,
    Asking,
    Deciding,
    Finding,
    State,
    _ask_for,
    check_learns,
    ladder,
    refine,
)

ODD: Final = 0.1
"""How far a candidate may really lie from what the belief says of it, as a deviation."""
MOVES: Final = (0.0, 0.5, -0.5, 1.0, 1.5)
"""Where about the best peak a shape is tried in full, in steps; a cliff shows where it ends."""
MOST: Final = 32
"""Candidates that are trained in full at first."""
KEPT: Final = 3
"""One of so many goes on to the next round, with more seeds."""
BACK: Final = math.log(2.0)
"""How far below a peak that was lost in full another one must be, in ln x."""


def decide(state: State) -> Deciding:
    """Decide what to try, until the budget is spent or the winner is clear."""
    state.reserved = min(1.0, max(0.0, math.floor(state.budget - 0.75)))
    yield from ladder(state)
    check_learns(state)
    yield from refine(state)
    yield from confirm(state)
    check_learns(state)
    return _finding(state)


def confirm(state: State) -> Asking:
    """Train candidates in full: each round with more seeds, the better half goes on."""
    belief = state.belief()
    runs = int(state.left + 1e-9)
    if runs < 1:
        return
    field = ranked(state, belief, min(max(runs // 3, 1 if runs < 2 else 2), MOST))
    seeds = 0
    while field and (runs := int(state.left + 1e-9)) >= len(field):
        rounds = 1 + math.ceil(math.log(max(len(field) / 2, 1), KEPT))
        each = min(max(1, round(runs / (rounds * len(field)))), runs // len(field))
        if len(field) <= 2:
            each = min(each, MOST_SEEDS - seeds)
        if each < 1:
            break
        names = " and ".join(f"`{c.text}`" for c in field[:2])
        why = (
            f"in full, {each} seed{'s' * (each > 1)} each: {names}"
            f"{f' and {len(field) - 2} more' if len(field) > 2 else ''}"
        )
        first = state.seed + 2 + seeds
        yield from _ask_for(
            state, "full", why, field, state.total, list(range(first, first + each))
        )
        seeds += each
        good = standings(state, state.belief())
        field = [c for c in good if c in field]
        if len(field) > 2:
            field = field[: max(2, math.ceil(len(field) / KEPT))]
        elif len(field) < 2 and state.left >= 1 and len(good) == 0:
            field = ranked(state, state.belief(), 1)
            state.reasons.append("what was trained in full has diverged; a lower peak is tried")


def ranked(state: State, belief: Belief, count: int) -> list[Candidate]:
    """Return the *count* most promising candidates for a full run, each unlike the others."""
    edges = [math.log(o.request.candidate.peak) for o in lost_in_full(state)]
    middle = min([belief.choice(), *(edge - BACK for edge in edges)])
    gap = min(max(belief.deviation(), FEWEST_GAP), 0.6)
    moves = [gap * move for move in MOVES[: 1 if count < 3 else 4 if count < 12 else None]]
    known = {o.request.candidate.shape for o in state.outcomes}
    found: list[tuple[float, int, Candidate]] = []
    for i, shape in enumerate(name for name in SHAPES if name in known or count > len(known)):
        for move in moves:
            regret = float(belief.regret(np.array([middle + move]))[0])
            level = belief.shapes.get(shape, SHAPE_SPREAD)
            place = middle + move + offset(shape, state.total)
            found.append((level + regret, i, Candidate.at(shape, place)))
    return [candidate for _, _, candidate in sorted(found)][:count]


def lost_in_full(state: State) -> list[Outcome]:
    """Return the full runs that diverged or learned nothing."""
    return [o for o in state.outcomes if o.request.updates == state.total and o.failure]


@dataclass(frozen=True)
class Standing:
    """A candidate that was trained in full: its seeds and how good it is taken to be."""

    candidate: Candidate
    seeds: int
    badness: float


def standings(state: State, belief: Belief) -> dict[Candidate, Standing]:
    """Return the candidates trained in full, the best first; those that ever diverged are out.

    How good one is: the mean of its seeds, drawn to what the belief says of it, the more the
    fewer they are. So of many alike the luckiest does not win by its luck.
    """
    lost = {o.request.candidate for o in lost_in_full(state)}
    rows: dict[Candidate, list[float]] = {}
    bad = badness_of(state.outcomes, state.scale)
    for outcome, b in zip(state.outcomes, bad, strict=True):
        if outcome.request.updates == state.total and outcome.request.candidate not in lost:
            rows.setdefault(outcome.request.candidate, []).append(float(b))
    if not rows:
        return {}
    expected = {c: _expected(c, belief, state.total) for c in rows}
    noise = _noise(rows)
    counts = np.array([len(row) for row in rows.values()])
    gaps = np.array([np.mean(row) - expected[c] for c, row in rows.items()])
    weights = 1 / (ODD**2 + noise**2 / counts)
    level = float(weights @ gaps / weights.sum())
    trust = ODD**2 * weights
    found = [
        Standing(c, len(row), level + expected[c] + float(t * (g - level)))
        for (c, row), t, g in zip(rows.items(), trust, gaps, strict=True)
    ]
    return {s.candidate: s for s in sorted(found, key=lambda s: s.badness)}


def _expected(candidate: Candidate, belief: Belief, total: int) -> float:
    place = math.log(candidate.peak) - offset(candidate.shape, total)
    return float(belief.regret(np.array([place]))[0]) + belief.shapes.get(candidate.shape, 0.0)


def _noise(rows: Mapping[Candidate, list[float]]) -> float:
    """Return the deviation from seed to seed: what is usual, and what was seen."""
    usual = 4.0
    squares = sum(float(np.sum((np.array(row) - np.mean(row)) ** 2)) for row in rows.values())
    freedom = sum(len(row) - 1 for row in rows.values())
    return math.sqrt((usual * NOISE**2 + squares) / (usual + freedom))


def _finding(state: State) -> Finding:
    belief = state.belief()
    order = list(standings(state, belief))
    if order:
        winner, others = order[0], order[1:]
    else:
        (winner,) = ranked(state, belief, 1)
        others = []
        tried = any(o.request.updates == state.total for o in state.outcomes)
        state.reasons.append(
            "what was trained in full has diverged, so the peak is lower, and not confirmed"
            if tried
            else "the budget has no room for a full training: the winner is not confirmed"
        )
    return Finding(
        winner, others[0] if others else None, belief, state.scale,
        tuple(state.outcomes), tuple(state.reasons),
    )  # fmt: skip


__all__ = ["CAP", "decide"]
