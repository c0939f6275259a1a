"""A schedule's text with its consequences: what the Design page shows of it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from lrkit.control import Steered
from lrkit.errors import HorizonError, SpecError
from lrkit.plots.thin import sampled
from lrkit.schedules import Curve, Horizon, Schedule, parse
from lrkit.schedules.grips import handles
from lrkit.schedules.outline import Number, Outline, outline, words
from lrkit.studio.copies import copies
from lrkit.studio.design_models import (
    Facts,
    Grip,
    Jump,
    Look,
    Points,
    Problem,
    Slider,
    Span,
    Strip,
    Word,
)
from lrkit.studio.texts import place, read

PROBE: Final = 50_000
SAMPLE: Final = 4_096
PATIENCE: Final = 5.0
MOST_JOINTS: Final = 200
"""Joints and jumps that the page is told of; their number is told in any case."""
RATES: Final = {"scale", "level", "start", "end", "peak", "floor", "ceiling", "values"}
EXPONENTS: Final = {"k", "exponent", "power", "scale_power"}
COUNTS: Final = {"times", "seed", "model_size", "batch"}


def looked_at(text: str, span: Span, points: int, *, brief: bool = False) -> Look:
    """Return what there is to see of *text* on the horizon of *span*.

    A text that breaks a rule is no failure of the request, it is what an editor holds most of the
    time: the answer then has the words and the `problem`, and no curve. With *brief* what takes
    longest is left out: what moves the handles.
    """
    told = [Word(kind=w.kind, start=w.start, stop=w.stop, message=w.message) for w in words(text)]
    try:
        horizon = span.horizon()
        found = read(text)
        curve = affordable(place(found.schedule, horizon))
        return _look(text, told, found, curve, span, points, brief)
    except SpecError as error:
        return Look(text=text, words=told, problem=problem_of(error, text))


def affordable(curve: Curve) -> Curve:
    """Return *curve*, or raise `SpecError` where drawing it would take longer than one waits.

    A short text can cost much on a long training (a million cycles, stairs on stairs): a stretch
    of it is timed, and the whole is told from that.
    """
    if curve.steps > PROBE:
        middle = int(curve.steps / 2) - SAMPLE // 2
        start = time.perf_counter()
        curve.values(middle, middle + SAMPLE)
        seconds = 2 * (time.perf_counter() - start) * curve.steps / SAMPLE  # curve, then facts
        if seconds > PATIENCE:
            raise SpecError(
                f"drawing {curve.steps:,} steps may take {PATIENCE:g} s, this would take about "
                f"{seconds:,.0f} s; give it a shorter total, or use `lrkit show`"
            )
    return curve


def problem_of(error: SpecError, text: str) -> Problem:
    """Return *error* for the page: under which character of *text* it belongs, if any."""
    here = error.text is not None and text.startswith(error.text)
    position = min(error.position or 0, len(text)) if here else None
    kind = "horizon" if isinstance(error, HorizonError) else "spec"
    return Problem(kind=kind, message=error.reason, position=position)


def _look(
    text: str, told: list[Word], found: Steered, curve: Curve, span: Span, points: int, brief: bool
) -> Look:
    x, y = sampled(curve, points)
    facts = curve.facts(open_end=bool(found.controllers) and found.open_end)
    lines = outline(text)
    return Look(
        text=text,
        words=told,
        points=Points(x=x.tolist(), y=y.tolist()),
        facts=Facts(
            **{name: getattr(facts, name) for name in SAME},
            joints=list(facts.joints[:MOST_JOINTS]),
            joint_count=len(facts.joints),
            jumps=[Jump(**vars(jump)) for jump in facts.jumps[:MOST_JOINTS]],
            warnings=list(facts.warnings),
        ),
        total=curve.total,
        total_epochs=curve.horizon.steps_per_epoch and curve.total / curve.horizon.steps_per_epoch,
        grips=[Grip(**vars(handle)) for handle in handles(text, curve.horizon, brief=brief)],
        sliders=[_slider(n, lines, curve.horizon) for n in lines.numbers],
        pieces=_strips(lines, curve.horizon),
        scale=lines.scale.value if lines.scale else None,
        copies=copies(text, found, span),
        brief=brief,
    )


SAME: Final = (
    "steps", "peak", "peak_at", "final", "end", "smallest", "area", "mean",
)  # fmt: skip


def _slider(number: Number, lines: Outline, horizon: Horizon) -> Slider:
    """Return the slider of *number*: its name, and a range that is worth a hand's time."""
    call = lines.calls[number.call].name if number.call >= 0 else ""
    item = f" {number.item + 1}" if number.item >= 0 else ""
    piece = next((i for i, p in enumerate(lines.pieces) if p.start <= number.start < p.stop), None)
    if not call and number.role == "scale" and piece is not None:
        node = lines.pieces[piece]
        call = next((c.name for c in lines.calls if node.start <= c.start < node.stop), "")
    label = f"{call} {number.role}{item}".strip()
    low, high, log = _range(number, horizon)
    return Slider(
        start=number.start, stop=number.stop, value=number.value, unit=number.unit, label=label,
        low=low, high=high, log=log, whole=number.role in COUNTS, piece=piece,
    )  # fmt: skip


def _range(number: Number, horizon: Horizon) -> tuple[float, float, bool]:
    value, role = number.value, number.role
    if number.unit == "%":
        return 0.0, max(100.0, value), False
    if number.unit or role in ("span", "at", "every", "up", "down", "cycle", "warmup", "cooldown"):
        return 0.0, max(_longest(number.unit or "st", horizon), value), False
    if value < 0:
        return 4 * value, 0.0, False
    if role in COUNTS:
        return (0.0 if role == "seed" else 1.0), max(10.0, 2 * value), False
    if value == 0:
        return 0.0, 1.0, False
    if role in EXPONENTS:
        return min(0.1, value), max(10.0, value), True
    if role not in RATES and value <= 1:
        return 0.0, 1.0, False
    decade = 10.0 ** np.floor(np.log10(value))
    return float(decade / 100), float(decade * 100), True


def _longest(unit: str, horizon: Horizon) -> float:
    """Return the whole training in *unit*, 1 where that is not known."""
    rates = {
        "st": 1.0,
        "ep": 1 / (horizon.steps_per_epoch or np.inf),
        "sa": horizon.batch_size or 0.0,
        "tok": horizon.tokens_per_step or 0.0,
    }
    return (horizon.total or 0.0) * rates[unit] or 1.0


def _strips(lines: Outline, horizon: Horizon) -> list[Strip]:
    """Return the pieces of the main sequence, with the steps between which each one runs."""
    texts = [lines.text[p.start : p.stop] for p in lines.pieces]
    bounds = _bounds([parse(t) for t in texts], horizon) if _on_own_clock(lines) else None
    strips = []
    for i, (piece, text) in enumerate(zip(lines.pieces, texts, strict=True)):
        names = [c.name for c in lines.calls if piece.start <= c.start < piece.stop]
        begins, ends = bounds[i] if bounds else (None, None)
        strips.append(
            Strip(
                start=piece.start, stop=piece.stop, text=text, name=names[0] if names else text,
                begins=begins, ends=ends,
            )
        )  # fmt: skip
    return strips


def _on_own_clock(lines: Outline) -> bool:
    """Return whether the main sequence runs once, on the steps themselves."""
    return not any(
        call.is_method and call.name in ("repeat", "part", "warp") and call.start >= lines.body.stop
        for call in lines.calls
    )


def _bounds(pieces: Sequence[Schedule], horizon: Horizon) -> list[tuple[float, float]] | None:
    """Return where each of *pieces* begins and ends, in steps, as a sequence of them is placed."""
    lengths = [None if piece.is_open else piece.length(horizon) for piece in pieces]
    fixed = sum(n for n in lengths if n is not None)
    if None in lengths and horizon.total is None:
        return None
    room = max((horizon.total or 0.0) - fixed, 0.0)
    edges = np.cumsum([0.0, *(room if n is None else n for n in lengths)]).tolist()
    return list(itertools.pairwise(edges))


def levels_around(lines: Outline, index: int, horizon: Horizon) -> tuple[float, float]:
    """Return the values between which a piece at place *index* would join its neighbours."""
    texts = [lines.text[p.start : p.stop] for p in lines.pieces]
    before = _ends(parse(texts[index - 1]), horizon)[1] if index > 0 else None
    after = _ends(parse(texts[index]), horizon)[0] if index < len(texts) else None
    start = next((v for v in (before, after) if v and v > 0.01), 1.0)
    end = after if after is not None and before is not None else 0.0
    return start, (start / 2 if end == start else end)


def _ends(piece: Schedule, horizon: Horizon) -> tuple[float, float]:
    curve = place(piece, horizon)
    return curve(0), curve(min(curve.end, curve.total))


def compared(text: str, span: Span, points: int) -> dict[str, Any]:
    """Return curve and figures of a pinned *text*, or its problem."""
    try:
        found = read(text)
        curve = affordable(place(found.schedule, span.horizon()))
        facts = curve.facts(open_end=True)
    except SpecError as error:
        return {"text": text, "problem": problem_of(error, text)}
    x, y = sampled(curve, points)
    figures = {name: getattr(facts, name) for name in ("peak", "final", "mean", "area")}
    return {"text": text, "points": Points(x=x.tolist(), y=y.tolist()), **figures}
