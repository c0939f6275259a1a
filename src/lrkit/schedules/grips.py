"""Dragging a curve by its handles: a text and a target give another text.

Nothing is known of the families here. Which number moves a handle, and how far, is found by
turning every number of the text a little and looking at the curve (finite differences); the one
that moves this handle most and the others least is taken, and the equation is solved by secants.
So every recipe and combinator can be dragged, and keeps the form in which it was written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from lrkit.errors import SpecError
from lrkit.schedules.effects import (
    Effects,
    carried,
    effects_of,
    knob_of_side,
    knob_of_x,
    knobs_of_y,
)
from lrkit.schedules.handles import Points, points_of, read_points
from lrkit.schedules.knobs import Knob, turned
from lrkit.schedules.solve import rounded, solved
from lrkit.schedules.spans import Horizon


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
    by_x: str = ""
    by_y: str = ""
    why_x: str = ""
    why_y: str = ""


@dataclass(frozen=True)
class Drag:
    """What dragging made: the *text*, where the handle is in it, and whether it got there."""

    text: str
    x: float
    y: float
    reached: bool


def handles(text: str, horizon: Horizon, *, brief: bool = False) -> tuple[Handle, ...]:
    """Return the handles of the schedule *text* on *horizon*, in the order of the curve.

    With *brief* only where they are, not what moves them, which takes longer. Raises `SpecError`
    where the text is no schedule, or has no room.

    >>> found = handles("0.3 * (warmup(5ep) >> cosine())", Horizon.of("30ep", steps_per_epoch=10))
    >>> [(h.name, h.x, round(h.y, 4), h.by_x, h.by_y) for h in found][1:]
    [('joint 1', 50.0, 0.3, 'span', 'scale'), ('end', 300.0, 0.0, '', 'end')]
    """
    effects = None if brief else effects_of(text, horizon)
    base = effects.base if effects else read_points(text, horizon)
    found = []
    for i, name in enumerate(base.names):
        for side, label in _sides(base, i, name):
            at = float(base.x[i]), float(base.y[i, max(side, 0)])
            found.append(_described(effects, i, side, label, at) if effects else Handle(label, *at))
    return tuple(found)


def _described(
    effects: Effects, i: int, side: int, label: str, at: tuple[float, float]
) -> Handle:  # fmt: skip
    """Return the handle at point *i* with what moves it."""
    xs, ys = knob_of_x(effects, i), knobs_of_y(effects, i, side)
    return Handle(
        label,
        *at,
        xs[0].role if xs else "",
        ", ".join(dict.fromkeys(k.role for k in ys)),
        "" if xs else _why_x(effects.base.names[i]),
        "" if ys else "no number of the text moves this value by itself",
    )


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
    first = effects_of(text, horizon)
    i, side = _found(first, handle)
    reached = True
    if x is not None:
        chosen = knob_of_x(first, i)
        if not chosen:
            raise SpecError(_why_x(first.base.names[i]))
        text, reached = _turn(first, horizon, chosen, i, None, x, dx)
    if y is not None:
        second = carried(first, text) or effects_of(text, horizon, first.base)
        chosen = knobs_of_y(second, i, side)
        if not chosen:
            raise SpecError(f"no number of `{text}` moves the value at {handle!r} by itself")
        text, there = _turn(second, horizon, chosen, i, side, y, dy)
        text = _closed(text, horizon, second.base, i)
        reached = reached and there
    base = points_of(text, horizon, first.base)
    if base is None:
        raise SpecError(f"`{text}` has no handle {handle!r} any more; drag it less far")
    return Drag(text, float(base.x[i]), float(base.y[i, max(side, 0)]), reached)


def _closed(text: str, horizon: Horizon, before: Points, but: int) -> str:
    """Return *text* with the joints closed that were so *before*, where a number does it.

    A flat piece that a hand lifts at its one end takes what follows it along.
    """
    joints = [k for k in range(1, before.inner + 1) if k != but and _continuous(before, k)]
    now = points_of(text, horizon, before)
    for k in joints:
        if now is None or not np.isfinite(now.y[k]).all() or _continuous(now, k):
            continue
        lead = int(np.abs(now.y[k] - before.y[k]).argmax())
        effects = effects_of(text, horizon, before)
        knob = knob_of_side(effects, k, 1 - lead)
        if knob is not None:
            target = float(now.y[k, lead])
            text, _ = _turn(effects, horizon, (knob,), k, 1 - lead, target, 1e-8 * target)
            now = points_of(text, horizon, before)
    return text


def _sides(base: Points, i: int, name: str) -> list[tuple[int, str]]:
    """Return the (side, label) of the handles at point *i*: two where the rate jumps there."""
    if not name.startswith("joint") or _continuous(base, i):
        return [(-1, name)]
    return [(0, f"{name} before"), (1, f"{name} after")]


def _continuous(base: Points, i: int) -> bool:
    return bool(abs(base.y[i, 1] - base.y[i, 0]) <= 1e-6 * base.top)


def _found(effects: Effects, handle: str) -> tuple[int, int]:
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


def _turn(
    effects: Effects, horizon: Horizon, chosen: tuple[Knob, ...], i: int, side: int | None,
    target: float, resolution: float,
) -> tuple[str, bool]:  # fmt: skip
    """Return the text with *chosen* turned so that point *i* is at *target*, and whether it is."""
    turns: list[tuple[Knob, float]] = []
    reached = True
    for which, knob in enumerate(chosen):
        column = side if side is None or side >= 0 else which if len(chosen) == 2 else 1

        @cache
        def place(value: float, knob: Knob = knob, column: int | None = column) -> float | None:
            text = turned(effects.text, [(knob, value)])
            found = points_of(text, horizon, effects.base)
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
