"""Dragging a curve by its handles: a text and a target give another text.

Nothing is known of the families here. Which number moves a handle, and how far, is found by
turning every number of the text a little and looking at the curve (finite differences); the one
that moves this handle most and the others least is taken, and the equation is solved by secants.
So every recipe and combinator can be dragged, and keeps the form in which it was written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lrkit.errors import SpecError
from lrkit.schedules.handles import Points, points_of
from lrkit.schedules.knobs import Knob, knobs_of, turned
from lrkit.schedules.outline import outline
from lrkit.schedules.solve import rounded, solved
from lrkit.schedules.spans import Horizon

NUDGE = 1e-5
# The price of what is not in the text yet, beside the movement of other handles: the smallest
# change of the text wins among equals, and a scale for the whole before an argument of one piece.
PRICE_ARGUMENT, PRICE_SCALE, PRICE_PAIR = 0.25, 0.2, 0.1
MOST_SPILL = 5.0
"""A number that lifts another handle by more than this many times as much is not taken."""


@dataclass(frozen=True)
class Handle:
    """A point of the curve: *x* in steps, *y* the rate there, and what a hand can do with it.

    *name* is "start", "end", "peak", "joint 2", or, where the rate jumps, "joint 2 before" and
    "joint 2 after". *by_x* and *by_y* say what moves it ("warmup.span"), empty when nothing does,
    and *why_x*, *why_y* then say why.
    """

    name: str
    x: float
    y: float
    by_x: str
    by_y: str
    why_x: str = ""
    why_y: str = ""


@dataclass(frozen=True)
class Drag:
    """What dragging made: the *text*, where the handle is in it, and whether it got there."""

    text: str
    x: float
    y: float
    reached: bool


@dataclass(frozen=True)
class _Effects:
    """How the handles move with each knob, per unit of its value: x, and y before and after."""

    text: str
    base: Points
    knobs: tuple[Knob, ...]
    dx: tuple[np.ndarray, ...]
    dy: tuple[np.ndarray, ...]


def handles(text: str, horizon: Horizon) -> tuple[Handle, ...]:
    """Return the handles of the schedule *text* on *horizon*, in the order of the curve.

    Raises `SpecError` where the text is no schedule, or has no room.

    >>> found = handles("0.3 * (warmup(5ep) >> cosine())", Horizon.of("30ep", steps_per_epoch=10))
    >>> [(h.name, h.x, round(h.y, 4), h.by_x, h.by_y) for h in found][1:]
    [('joint 1', 50.0, 0.3, 'span', 'scale'), ('end', 300.0, 0.0, '', 'end')]
    """
    effects = _effects(text, horizon)
    found = []
    for i, name in enumerate(effects.base.names):
        for side, label in _sides(effects.base, i, name):
            xs, ys = _knob_of_x(effects, i), _knobs_of_y(effects, i, side)
            found.append(
                Handle(
                    label,
                    float(effects.base.x[i]),
                    float(effects.base.y[i, max(side, 0)]),
                    xs[0].role if xs else "",
                    ", ".join(dict.fromkeys(k.role for k in ys)),
                    "" if xs else _why_x(name),
                    "" if ys else "no number of the text moves this value by itself",
                )
            )
    return tuple(found)


def drag(
    text: str,
    horizon: Horizon,
    handle: str,
    x: float | None = None,
    y: float | None = None,
    *,
    dx: float = 1.0,
    dy: float = 1e-4,
) -> Drag:
    """Return *text* with *handle* at step *x* and rate *y*, each None to leave it alone.

    *dx* and *dy* are the resolution of the hand: numbers are rounded to as few digits as it asks
    for, and keep their unit. Where the target cannot be reached the handle goes as near as the
    schedule allows. Raises `SpecError` for a handle that is not there, and where nothing moves it.

    >>> h = Horizon.of("30ep", steps_per_epoch=10)
    >>> drag("0.3 * (warmup(5ep) >> cosine())", h, "joint 1", x=81, y=0.252, dy=0.01).text
    '0.25 * (warmup(8.1ep) >> cosine())'
    """
    first = _effects(text, horizon)
    i, side = _found(first, handle)
    reached = True
    if x is not None:
        chosen = _knob_of_x(first, i)
        if not chosen:
            raise SpecError(_why_x(first.base.names[i]))
        text, reached = _turn(first, horizon, chosen, i, None, x, dx)
    if y is not None:
        # What the first turn left is looked at anew, but the handles are the same.
        second = _effects(text, horizon, first.base)
        chosen = _knobs_of_y(second, i, side)
        if not chosen:
            raise SpecError(f"no number of `{text}` moves the value at {handle!r} by itself")
        text, there = _turn(second, horizon, chosen, i, side, y, dy)
        reached = reached and there
    base = points_of(text, horizon, like=first.base)
    if base is None:
        raise SpecError(f"`{text}` has no handle {handle!r} any more; drag it less far")
    return Drag(text, float(base.x[i]), float(base.y[i, max(side, 0)]), reached)


def _effects(text: str, horizon: Horizon, like: Points | None = None) -> _Effects:
    """Return how the handles of *text* move, or those that *like* has, with its numbers."""
    return _effects_of(text, horizon) if like is None else _measured(text, horizon, like)


@lru_cache(maxsize=64)
def _effects_of(text: str, horizon: Horizon) -> _Effects:
    return _measured(text, horizon, None)


def _measured(text: str, horizon: Horizon, like: Points | None) -> _Effects:
    base = points_of(text, horizon, like=like)
    if base is None:
        raise SpecError(f"`{text}` has no handles on this horizon")
    knobs, dx, dy = [], [], []
    for knob in knobs_of(outline(text)):
        found = _nudged(text, horizon, base, knob)
        if found is not None:
            step, moved = found
            knobs.append(knob)
            dx.append(np.nan_to_num((moved.x - base.x) / step))
            dy.append(np.nan_to_num((moved.y - base.y) / step))
    return _Effects(text, base, tuple(knobs), tuple(dx), tuple(dy))


def _nudged(
    text: str, horizon: Horizon, base: Points, knob: Knob
) -> tuple[float, Points] | None:  # fmt: skip
    """Return where the handles go when *knob* is turned a little, up or else down."""
    size = NUDGE * (abs(knob.value) if abs(knob.value) > 1e-30 else 0.1)
    for step in (size, -size):
        if knob.value + step < 0 <= knob.value:
            continue
        moved = points_of(turned(text, [(knob, knob.value + step)]), horizon, like=base)
        if moved is not None:
            return step, moved
    return None


def _sides(base: Points, i: int, name: str) -> list[tuple[int, str]]:
    """Return the (side, label) of the handles at point *i*: two where the rate jumps there."""
    if not name.startswith("joint") or _continuous(base, i):
        return [(-1, name)]
    return [(0, f"{name} before"), (1, f"{name} after")]


def _continuous(base: Points, i: int) -> bool:
    return bool(abs(base.y[i, 1] - base.y[i, 0]) <= 1e-6 * base.y.max())


def _found(effects: _Effects, handle: str) -> tuple[int, int]:
    for i, name in enumerate(effects.base.names):
        for side, label in _sides(effects.base, i, name):
            # A jump that a drag has just closed, or opened, is still the same handle.
            if handle == label or (
                handle.startswith("joint") and handle.split()[:2] == name.split()
            ):
                return i, 0 if handle.endswith("before") else 1 if handle.endswith(
                    "after"
                ) else side
    known = [
        label for i, n in enumerate(effects.base.names) for _, label in _sides(effects.base, i, n)
    ]
    raise SpecError(f"a handle must be one of {', '.join(known)}, got {handle!r:.40}")


def _why_x(name: str) -> str:
    return {
        "start": "the first update is step 0",
        "end": "it ends where the total is; change the total, or give the last piece a span",
        "peak": "this peak is within a piece, which decides where it lies",
    }.get(name, "no number of the text moves this joint by itself")


def _knob_of_x(effects: _Effects, i: int) -> tuple[Knob, ...]:
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
        values = np.abs(effects.dy[k]).max(axis=1).sum() / (effects.base.y.max() or 1.0) / moves[i]
        price = others + values + _price(knob)
        if best is None or price < best[0] * (1 - 1e-9):
            best = (float(price), knob)
    return () if best is None else (best[1],)


def _price(knob: Knob) -> float:
    return 0.0 if knob.written else PRICE_SCALE if knob.role == "scale" else PRICE_ARGUMENT


def _knobs_of_y(effects: _Effects, i: int, side: int) -> tuple[Knob, ...]:
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


def _lifts(effects: _Effects, k: int, lift: float) -> bool:
    """Return whether knob *k* lifts a point by *lift* and neither moves joints nor all else more.

    A value that only a span would change, as the first one of a warm-up, is not dragged by it.
    """
    size = max(abs(effects.knobs[k].value), 1e-3)
    seen = lift * size > 1e-9 * (effects.base.y.max() or 1.0)
    still = np.abs(effects.dx[k]).max() * size <= 1e-9 * effects.base.total
    return bool(seen and still and np.abs(effects.dy[k]).max() <= MOST_SPILL * lift)


def _spill(effects: _Effects, k: int, i: int, lift: float) -> float:
    """Return how much knob *k* lifts all else, in units of what it lifts point *i* by."""
    moves = np.abs(effects.dy[k]).max(axis=1)
    return float((moves.sum() - moves[i]) / lift)


def _turn(
    effects: _Effects, horizon: Horizon, chosen: tuple[Knob, ...], i: int, side: int | None,
    target: float, resolution: float,
) -> tuple[str, bool]:  # fmt: skip
    """Return the text with *chosen* turned so that point *i* is at *target*, and whether it is."""
    turns: list[tuple[Knob, float]] = []
    reached = True
    for which, knob in enumerate(chosen):
        column = side if side is None or side >= 0 else which if len(chosen) == 2 else 1

        def place(value: float, knob: Knob = knob, column: int | None = column) -> float | None:
            text = turned(effects.text, [(knob, value)])
            found = points_of(text, horizon, like=effects.base)
            if found is None:
                return None
            there = float(found.x[i] if column is None else found.y[i, column])
            return there if math.isfinite(there) else None

        k = effects.knobs.index(knob)
        slope = float(effects.dx[k][i] if column is None else effects.dy[k][i, column])
        start = place(knob.value)
        if start is None:
            raise SpecError(f"`{effects.text}` cannot be dragged on this horizon")
        exact = solved(place, knob.value, start, slope, target, resolution / 8)
        value = rounded(place, exact, slope, resolution)
        there = place(value)
        reached = reached and there is not None and abs(there - target) <= resolution
        turns.append((knob, value))
    return turned(effects.text, turns), reached


def without_cache() -> None:
    """Forget what was found of texts; for measurements."""
    _effects_of.cache_clear()
