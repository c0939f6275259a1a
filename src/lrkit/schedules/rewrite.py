"""Edits of a schedule's text by its pieces and numbers: each takes a text and returns another.

What is not meant stays as it was written, spaces and all, and controllers after a | stay behind
it. The result is always a schedule, or the edit is refused with a `SpecError`.
"""

from __future__ import annotations

from collections.abc import Sequence

from lrkit.errors import SpecError
from lrkit.schedules.outline import Node, Outline, outline
from lrkit.schedules.spans import Span, text_of

PALETTE: dict[str, tuple[str, str]] = {
    "hold": ("constant({a})", "constant({a}, {span})"),
    "linear": ("linear({a}, {b})", "linear({a}, {b}, {span})"),
    "cosine": ("cosine({a}, {b})", "cosine({a}, {b}, {span})"),
    "one_minus_sqrt": ("one_minus_sqrt({a}, {b})", "one_minus_sqrt({a}, {b}, {span})"),
    "one_minus_square": ("one_minus_square({a}, {b})", "one_minus_square({a}, {b}, {span})"),
    "rex": ("rex({a}, {b})", "rex({a}, {b}, {span})"),
    "warmup": ("warmup({span})", "warmup({span})"),
    "hann": ("hann({b}, {a})", "hann({b}, {a}, {span})"),
}
"""What can be put in by name: the piece that takes what is left, and the one with a span."""


def with_number(text: str, index: int, value: float) -> str:
    """Return *text* with number *index* of its outline made *value*, its unit kept.

    >>> with_number("0.3 * (warmup(5ep) >> cosine())", 1, 8)
    '0.3 * (warmup(8ep) >> cosine())'
    """
    found = outline(text).numbers
    if not 0 <= index < len(found):
        raise SpecError(f"`0 <= number < {len(found)}` must hold, got {index}")
    number = found[index]
    old = text[number.start : number.stop]
    return _checked(_put(text, number.start, number.stop, numeral(value, old) + number.unit))


def numeral(value: float, like: str = "") -> str:
    """Return *value* as a schedule's text has it; 3e-05 where the number it takes over was so.

    >>> numeral(0.00035, "3e-4"), numeral(0.00035), numeral(12.0)
    ('3.5e-4', '0.00035', '12')
    """
    plain = text_of(value)
    if "e" not in like.lower() or "e" in like[-2:] or value == 0:  # "5ep" has an e, too
        return plain
    mantissa, _, exponent = repr(float(f"{value:.12g}")).partition("e")
    if not exponent:
        mantissa, _, exponent = f"{value:.12e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
    short = f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return short if float(short) == value and len(short) <= len(plain) else plain


def without_piece(text: str, index: int) -> str:
    """Return *text* without piece *index* of its main sequence.

    >>> without_piece("0.3 * (warmup(5ep) >> cosine())", 0)
    '0.3 * cosine()'
    """
    found = outline(text)
    pieces = _texts(found)
    _check_piece(found, index)
    if len(pieces) == 1:
        raise SpecError("a schedule needs a piece; this is its only one, put another in first")
    return _rebuilt(found, pieces[:index] + pieces[index + 1 :])


def with_piece_moved(text: str, index: int, to: int) -> str:
    """Return *text* with piece *index* of its main sequence at place *to*.

    >>> with_piece_moved("hold(5ep) >> cosine()", 1, 0)
    'cosine() >> hold(5ep)'
    """
    found = outline(text)
    pieces = _texts(found)
    _check_piece(found, index)
    _check_piece(found, to)
    pieces.insert(to, pieces.pop(index))
    return _rebuilt(found, pieces)


def with_piece(text: str, index: int, piece: str) -> str:
    """Return *text* with the text *piece* at place *index* of its main sequence.

    >>> with_piece("0.3 * cosine()", 0, "warmup(5ep)")
    '0.3 * (warmup(5ep) >> cosine())'
    """
    found = outline(text)
    pieces = _texts(found)
    if not 0 <= index <= len(pieces):
        raise SpecError(f"`0 <= place <= {len(pieces)}` must hold, got {index}")
    new = outline(piece)
    if new.stop != len(piece):
        raise SpecError("a piece has no controllers; write them after the whole schedule")
    pieces.insert(index, f"({piece})" if new.root.kind == "sequence" else piece)
    return _rebuilt(found, pieces)


def with_new_piece(
    text: str, index: int, name: str, levels: tuple[float, float], span: Span
) -> str:
    """Return *text* with a piece from the palette at place *index*, from levels[0] to levels[1].

    It takes what is left where no piece does yet, else *span*. *name* is a key of `PALETTE`.

    >>> with_new_piece("0.3 * cosine()", 0, "hold", (1, 1), Span(10, "%"))
    '0.3 * (hold(10%) >> cosine())'
    """
    if name not in PALETTE:
        raise SpecError(f"a piece must be one of {', '.join(PALETTE)}, got {name!r:.40}")
    from lrkit.schedules.parser import parse

    whole = outline(text)
    taken = any(parse(piece).is_open for piece in _texts(whole))
    a, b = (text_of(float(f"{level:.4g}")) for level in levels)
    piece = PALETTE[name][taken].format(a=a, b=b, span=span)
    for long, short in (("constant(1, ", "hold("), ("constant(1)", "hold()")):
        piece = piece.replace(long, short)
    return with_piece(text, index, piece)


def scaled(text: str, factor: float) -> str:
    """Return *text* times *factor*; controllers stay outside.

    >>> scaled("warmup(5ep) >> cosine() | plateau(0.1)", 0.3)
    '0.3 * (warmup(5ep) >> cosine()) | plateau(0.1)'
    """
    found = outline(text)
    return _checked(f"{numeral(factor)} * {_atom(text, found.root)}{text[found.root.stop :]}")


def _atom(text: str, node: Node) -> str:
    """Return the text of *node* as a factor: in brackets where it would come apart."""
    inner = text[node.start : node.stop]
    return f"({inner})" if node.kind in ("sequence", "sum") else inner


def _texts(found: Outline) -> list[str]:
    return [found.text[p.start : p.stop] for p in found.pieces]


def _check_piece(found: Outline, index: int) -> None:
    if not 0 <= index < len(found.pieces):
        raise SpecError(f"`0 <= piece < {len(found.pieces)}` must hold, got {index}")


def _rebuilt(found: Outline, pieces: Sequence[str]) -> str:
    """Return the text with *pieces* for its main sequence, brackets put in or taken out."""
    text, start, stop = found.text, found.body.start, found.body.stop
    inner = " >> ".join(pieces)
    if len(pieces) > 1:
        return _checked(_put(text, start, stop, inner if found.bare else f"({inner})"))
    only = outline(inner).root
    bracketed = text[start - 1 : start] == "(" and text[stop : stop + 1] == ")"
    # The brackets of `(a).clip(...)` stay: a piece put in later belongs inside them.
    bracketed = bracketed and not text[stop + 1 :].lstrip().startswith(".")
    if bracketed and only.kind not in ("sequence", "sum", "product") and not _called(text, start):
        start, stop = start - 1, stop + 1
    return _checked(_put(text, start, stop, inner))


def _called(text: str, start: int) -> bool:
    """Return whether the bracket before *start* is a call's, and so no bracket of its own."""
    return text[: start - 1].rstrip()[-1:].isidentifier()


def _put(text: str, start: int, stop: int, new: str) -> str:
    return text[:start] + new + text[stop:]


def _checked(text: str) -> str:
    """Return *text* once it has been read: an edit never leaves what is no schedule."""
    outline(text)
    return text
