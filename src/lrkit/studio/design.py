"""The Design page: a schedule as text, by hand, and with its consequences beside it.

The text is the one value. Every drag, slider and edit is a pure function from a text to a text,
worked out here, and every answer is the new text with all that follows from it, so that the page
holds no second model that could disagree.
"""

from __future__ import annotations

import time

import numpy as np
from fastapi import APIRouter

from lrkit.errors import SpecError
from lrkit.schedules import Span as Length
from lrkit.schedules import family
from lrkit.schedules.grips import drag
from lrkit.schedules.outline import outline
from lrkit.schedules.rewrite import (
    PALETTE,
    scaled,
    with_new_piece,
    with_number,
    with_piece_moved,
    without_piece,
)
from lrkit.studio.design_models import (
    Change,
    Compared,
    DeletePiece,
    InsertPiece,
    Look,
    MovePiece,
    Problem,
    ScaleAll,
    SetNumber,
    TakeFamily,
    ToCompare,
    ToDrag,
    ToEdit,
    ToLook,
)
from lrkit.studio.design_names import Elsewhere, Named, known_names, others
from lrkit.studio.looks import PATIENCE, compared, levels_around, looked_at
from lrkit.studio.texts import place, read

router = APIRouter(prefix="/api/design", tags=["design"])


@router.post("/look")
def look(asked: ToLook) -> Look:
    """Say everything about a text: its words, curve, facts, handles, sliders and pieces."""
    return looked_at(asked.text, asked.span, asked.points, brief=asked.brief)


@router.post("/drag")
def drag_handle(asked: ToDrag) -> Look:
    """Move a handle of the curve, and say everything about the text that this makes."""
    horizon = asked.span.horizon()
    place(read(asked.text).schedule, horizon)
    moved = drag(asked.text, horizon, asked.handle, asked.x, asked.y, dx=asked.dx, dy=asked.dy)
    answer = looked_at(moved.text, asked.span, asked.points, brief=asked.brief)
    answer.reached = moved.reached
    return answer


@router.post("/edit")
def edit(asked: ToEdit) -> Look:
    """Edit a text by its numbers and pieces, and say everything about the one that this makes."""
    read(asked.text)
    return looked_at(_edited(asked, asked.change), asked.span, asked.points, brief=asked.brief)


@router.post("/compare")
def compare(asked: ToCompare) -> list[Compared]:
    """Draw other texts on the same horizon; those that there is no time for say so."""
    end = time.monotonic() + PATIENCE
    found = []
    for text in asked.texts:
        if time.monotonic() < end:
            found.append(Compared(**compared(text, asked.span, asked.points)))
        else:
            told = f"the others took {PATIENCE:g} s; compare fewer, or over a shorter total"
            found.append(Compared(text=text, problem=Problem(kind="spec", message=told)))
    return found


@router.get("/names")
def names() -> list[Named]:
    """List all that a text can name: families with a small picture, methods and controllers."""
    return known_names()


@router.get("/palette")
def palette() -> list[str]:
    """List the pieces that can be put in by name."""
    return list(PALETTE)


@router.get("/elsewhere")
def elsewhere() -> list[Elsewhere]:
    """List what other libraries mean by their names; every entry is held by a parity test."""
    return others()


def _edited(asked: ToEdit, change: Change) -> str:
    text = asked.text
    match change:
        case SetNumber(index=index, value=value):
            return with_number(text, index, value)
        case DeletePiece(piece=piece):
            return without_piece(text, piece)
        case MovePiece(piece=piece, to=to):
            return with_piece_moved(text, piece, to)
        case ScaleAll(factor=factor):
            return scaled(text, factor)
        case InsertPiece():
            return _with_piece(asked, change)
        case TakeFamily(name=name):
            return _family_at_peak(asked, name)
    return str(read(text))


def _with_piece(asked: ToEdit, change: InsertPiece) -> str:
    """Return the text with a new piece that joins its neighbours, as long as there is room for."""
    lines, horizon = outline(asked.text), asked.span.horizon()
    if change.place > len(lines.pieces):
        raise SpecError(f"`place <= {len(lines.pieces)}` must hold, got {change.place}")
    levels = levels_around(lines, change.place, horizon)
    text = asked.text
    for percent in (10, 5, 2):
        text = with_new_piece(asked.text, change.place, change.name, levels, Length(percent, "%"))
        if looked_at(text, asked.span, 16).problem is None:
            break
    return text


def _family_at_peak(asked: ToEdit, name: str) -> str:
    """Return the example of family *name*, a unit one scaled to the peak of the text."""
    example = family(name).example
    read(example)
    top = float(family(name).curve()(np.linspace(0, 1000, 1001)).max())
    now = looked_at(asked.text, asked.span, 16).facts
    if now is None or not now.peak or abs(top - 1) > 0.05 or float(f"{now.peak:.3g}") == 1:
        return example
    return scaled(example, float(f"{now.peak:.3g}"))
