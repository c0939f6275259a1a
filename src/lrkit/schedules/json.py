"""Schedules as JSON types, with a format number; equal schedules have equal JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lrkit.errors import SpecError
from lrkit.schedules.combine import Clip, Product, Scale, Sequence, Stairs, Sum
from lrkit.schedules.registry import BUILDERS, SHAPES, arguments, nearest
from lrkit.schedules.repeat import Repeat
from lrkit.schedules.shapes import Shape
from lrkit.schedules.spans import Span, maybe_span
from lrkit.schedules.tables import path_of
from lrkit.schedules.tree import MAX_DEPTH, Schedule
from lrkit.schedules.warp import Warp

FORMAT = 1
COMBINATORS: dict[str, type[Schedule]] = {
    "sequence": Sequence,
    "product": Product,
    "sum": Sum,
    "scale": Scale,
    "clip": Clip,
    "stairs": Stairs,
    "repeat": Repeat,
    "warp": Warp,
}
_KIND = {cls: kind for kind, cls in COMBINATORS.items()}


def to_dict(schedule: Schedule) -> dict[str, Any]:
    """Return *schedule* as JSON types; arguments that have their default are left out.

    >>> from lrkit import cosine
    >>> to_dict(0.3 * cosine())
    {'format': 1, 'type': 'scale', 'factor': 0.3, 'child': {'type': 'cosine'}}
    """
    return {"format": FORMAT, **_node(schedule)}


def _node(node: Schedule) -> dict[str, Any]:
    kind = node.name if isinstance(node, Shape) else _KIND[type(node)]
    names = list(node.__dataclass_fields__)  # type: ignore[attr-defined]
    by_place, by_name = arguments(node)
    given = dict(zip(names, by_place, strict=False)) | by_name
    return {"type": kind, **{name: _plain(value) for name, value in given.items()}}


def _plain(value: Any) -> Any:
    match value:
        case Schedule():
            return _node(value)
        case Span():
            return str(value)
        case tuple():
            return [_plain(v) for v in value]
        case _ if callable(value):
            return path_of(value)
    return value


def from_dict(data: Mapping[str, Any]) -> Schedule:
    """Return the schedule that `to_dict` wrote; raises `SpecError` for anything else.

    >>> from_dict({"format": 1, "type": "linear", "start": 0.5, "span": "5ep"})
    linear(0.5, 0, '5ep')
    """
    if not isinstance(data, Mapping) or "format" not in data:
        raise SpecError(f"a schedule's JSON is an object with a format number, got {data!r:.80}")
    if data["format"] != FORMAT:
        raise SpecError(
            f"this lrkit reads schedule format {FORMAT}, got {data['format']!r}; upgrade lrkit"
        )
    return _read({key: value for key, value in data.items() if key != "format"}, 0)


def _read(data: Any, depth: int) -> Schedule:
    if depth > MAX_DEPTH:
        raise SpecError(f"a schedule may be nested {MAX_DEPTH} deep at most; simplify it")
    if not isinstance(data, Mapping) or not isinstance(data.get("type"), str):
        raise SpecError(f"a schedule's JSON is an object with a type, got {data!r:.80}")
    kind = data["type"]
    known = [*SHAPES, *COMBINATORS]
    if kind not in known:
        raise SpecError(f"unknown type of schedule {kind!r}{nearest(kind, known)}")
    fields = (SHAPES.get(kind) or COMBINATORS[kind]).__dataclass_fields__  # type: ignore[attr-defined]
    given = {}
    for name, value in data.items():
        if name == "type":
            continue
        if name not in fields:
            raise SpecError(f"{kind} has no {name!r}{nearest(name, list(fields))}")
        given[name] = _value(name, value, depth)
    try:
        return BUILDERS[kind](**given) if kind in SHAPES else COMBINATORS[kind](**given)
    except TypeError as error:
        raise SpecError(f"{kind}: {error}") from None


def _value(name: str, value: Any, depth: int) -> Any:
    if name == "child":
        return _read(value, depth + 1)
    if name in ("pieces", "parts"):
        if not isinstance(value, list):
            raise SpecError(f"{name} must be a list of schedules, got {value!r:.80}")
        return tuple(_read(v, depth + 1) for v in value)
    if name == "every":
        return maybe_span(value, name)
    return value
