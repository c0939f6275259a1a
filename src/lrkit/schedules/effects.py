"""What each number of a text does to the handles of its curve, and which one a hand means.

Found by turning every knob a little and looking at the curve again (finite differences), so
nothing is known of the families here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from lrkit.errors import SpecError
from lrkit.schedules.handles import Points, points_of, read_points
from lrkit.schedules.knobs import Knob, knobs_of, turned
from lrkit.schedules.outline import outline
from lrkit.schedules.spans import Horizon

NUDGE = 1e-5
# The price of what is not in the text yet, beside the movement of other handles: the smallest
# change of the text wins among equals, and a scale for the whole before an argument of one piece.
PRICE_ARGUMENT, PRICE_PAIR = 0.25, 0.1
PRICE_SCALE = {"scale": 0.2, "piece": 0.5}
MOST_SPILL = 5.0
"""A number that lifts another handle by more than this many times as much is not taken."""


@dataclass(frozen=True)
class Effects:
    """How the handles move with each knob, per unit of its value: x, and y before and after.

    *places* are those of the knobs among all that the text has.
    """

    text: str
    base: Points
    knobs: tuple[Knob, ...]
    places: tuple[int, ...]
    dx: tuple[np.ndarray, ...]
    dy: tuple[np.ndarray, ...]


def effects_of(text: str, horizon: Horizon, like: Points | None = None) -> Effects:
    """Return how the handles of *text* move, or those that *like* has, with its numbers."""
    return _cached(text, horizon) if like is None else _measured(text, horizon, like)


@lru_cache(maxsize=64)
def _cached(text: str, horizon: Horizon) -> Effects:
    return _measured(text, horizon, None)


def _measured(text: str, horizon: Horizon, like: Points | None) -> Effects:
    base = read_points(text, horizon) if like is None else points_of(text, horizon, like)
    if base is None:
        raise SpecError(f"`{text}` has no handles on this horizon")
    knobs, places, dx, dy = [], [], [], []
    for place, knob in enumerate(knobs_of(outline(text))):
        found = _nudged(text, horizon, base, knob)
        if found is not None:
            step, moved = found
            knobs.append(knob)
            places.append(place)
            dx.append(np.nan_to_num((moved.x - base.x) / step))
            dy.append(np.nan_to_num((moved.y - base.y) / step))
    return Effects(text, base, tuple(knobs), tuple(places), tuple(dx), tuple(dy))


def carried(effects: Effects, text: str) -> Effects | None:
    """Return *effects* for *text*, in which a number differs; None where it has other knobs.

    Where the numbers stand is looked up, how the handles move with them is taken over: that takes
    most of the time of a drag, and the solver starts from it only.
    """
    found = knobs_of(outline(text))
    if any(p >= len(found) or found[p].role != k.role or found[p].written != k.written
           for p, k in zip(effects.places, effects.knobs, strict=True)):  # fmt: skip
        return None
    return replace(effects, text=text, knobs=tuple(found[p] for p in effects.places))


def _nudged(
    text: str, horizon: Horizon, base: Points, knob: Knob
) -> tuple[float, Points] | None:  # fmt: skip
    """Return where the handles go when *knob* is turned a little, up or else down."""
    size = NUDGE * (abs(knob.value) if abs(knob.value) > 1e-30 else 0.1)
    for step in (size, -size):
        if knob.value + step < 0 <= knob.value:
            continue
        moved = points_of(turned(text, [(knob, knob.value + step)]), horizon, base)
        if moved is not None:
            return step, moved
    return None


def knob_of_x(effects: Effects, i: int) -> tuple[Knob, ...]:
    """Return the knob that moves point *i* along, none or one, and the other points least."""
    if effects.base.names[i] == "peak":
        return ()
    best: tuple[float, Knob] | None = None
    for k, knob in enumerate(effects.knobs):
        moves = np.abs(effects.dx[k]) / effects.base.total
        scale = abs(knob.value) or 1.0
        if moves[i] * scale < 1e-9 or moves[i] * scale < 1e-6 * (moves.max() * scale):
            continue
        others = (moves.sum() - moves[i]) / moves[i]
        values = np.abs(effects.dy[k]).max(axis=1).sum() / effects.base.top / moves[i]
        price = others + values + _price(knob)
        if best is None or price < best[0] * (1 - 1e-9):
            best = (float(price), knob)
    return () if best is None else (best[1],)


def _price(knob: Knob) -> float:
    return 0.0 if knob.written else PRICE_SCALE.get(knob.role, PRICE_ARGUMENT)


def knobs_of_y(effects: Effects, i: int, side: int) -> tuple[Knob, ...]:
    """Return the knobs that lift point *i*: one, or at a joint one for each side of it."""
    options: list[tuple[float, tuple[Knob, ...]]] = []
    halves: tuple[list[tuple[float, Knob]], list[tuple[float, Knob]]] = ([], [])
    for k, knob in enumerate(effects.knobs):
        before, after = effects.dy[k][i]
        lift = max(abs(before), abs(after)) if side < 0 else abs(effects.dy[k][i, side])
        if not _lifts(effects, k, lift):
            continue
        price = _spill(effects, k, i, lift) + _price(knob)
        apart = abs(before - after) > 1e-3 * lift
        if side >= 0 or not apart:
            options.append((price, (knob,)))
        elif min(abs(before), abs(after)) <= 1e-3 * lift:
            halves[int(abs(after) > abs(before))].append((price, knob))
    if halves[0] and halves[1]:
        (p, a), (q, b) = (min(half, key=lambda pair: pair[0]) for half in halves)
        if a.start != b.start or a.written or b.written:
            options.append((p + q + PRICE_PAIR, (a, b)))
    return min(options, key=lambda option: option[0])[1] if options else ()


def knob_of_side(effects: Effects, i: int, side: int) -> Knob | None:
    """Return the number of the text that lifts one side of joint *i* and leaves the other alone."""
    options = []
    for k, knob in enumerate(effects.knobs):
        lift, still = abs(effects.dy[k][i, side]), abs(effects.dy[k][i, 1 - side])
        if knob.written and _lifts(effects, k, lift) and still <= 1e-3 * lift:
            options.append((_spill(effects, k, i, lift), knob))
    return min(options, key=lambda option: option[0])[1] if options else None


def _lifts(effects: Effects, k: int, lift: float) -> bool:
    """Return whether knob *k* lifts a point by *lift* and neither moves joints nor all else more.

    A value that only a span would change, as the first one of a warm-up, is not dragged by it.
    """
    size = max(abs(effects.knobs[k].value), 1e-3)
    seen = lift * size > 1e-9 * effects.base.top
    still = np.abs(effects.dx[k]).max() * size <= 1e-9 * effects.base.total
    return bool(seen and still and np.abs(effects.dy[k]).max() <= MOST_SPILL * lift)


def _spill(effects: Effects, k: int, i: int, lift: float) -> float:
    """Return how much knob *k* lifts all else, in units of what it lifts point *i* by."""
    moves = np.abs(effects.dy[k]).max(axis=1)
    return float((moves.sum() - moves[i]) / lift)
