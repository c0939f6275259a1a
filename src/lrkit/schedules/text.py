"""Schedules as text: `write` prints what `lrkit.schedules.parser.parse` reads back."""

from __future__ import annotations

from typing import Any

from lrkit.schedules import combine, endless, shapes, tables
from lrkit.schedules.registry import arguments
from lrkit.schedules.repeat import Repeat
from lrkit.schedules.spans import Span, text_of
from lrkit.schedules.tree import Schedule
from lrkit.schedules.warp import Warp

# How tightly each node binds; a child that binds less than its place asks for goes in parentheses.
SEQUENCE, SUM, PRODUCT, ATOM = range(4)


def write(node: Schedule, python: bool = False) -> str:
    """Return *node* as text, or as a Python expression over the names that lrkit exports."""
    return _node(node, python)[0]


def _node(node: Schedule, python: bool) -> tuple[str, int]:
    match node:
        case combine.Sequence():
            return " >> ".join(_in(p, SUM, python) for p in node.pieces), SEQUENCE
        case combine.Sum():
            return " + ".join(_in(p, PRODUCT, python) for p in node.parts), SUM
        case combine.Product():
            # A scaled schedule may lead a product as it is, 0.3 * a * b; elsewhere it needs ().
            first, *rest = node.parts
            texts = [_in(first, PRODUCT, python), *(_in(p, ATOM, python) for p in rest)]
            return " * ".join(texts), PRODUCT
        case combine.Scale():
            return f"{text_of(node.factor)} * {_in(node.child, ATOM, python)}", PRODUCT
        case combine.Clip():
            return f"{_in(node.child, ATOM, python)}.clip({_clip(node)})", ATOM
        case combine.Stairs():
            return f"{_in(node.child, ATOM, python)}.stairs({_value(node.every, python)})", ATOM
        case Repeat():
            return f"{_in(node.child, ATOM, python)}.repeat({_repeat(node, python)})", ATOM
        case Warp():
            return f"{_in(node.child, ATOM, python)}.{_warp(node, python)}", ATOM
        case shapes.Shape():
            return _shape(node, python), ATOM
    raise TypeError(f"not a schedule: {type(node).__name__}")


def _in(node: Schedule, place: int, python: bool) -> str:
    text, binds = _node(node, python)
    return text if binds >= place else f"({text})"


def _shape(node: shapes.Shape, python: bool) -> str:
    if isinstance(node, tables.FromFunction | tables.Multiplicative) and not python:
        tables.path_of(node.f)
    name, values, named = node.name, *arguments(node)
    if isinstance(node, endless.Constant) and node.level == 1:
        name, values = "hold", values[1:]
    elif isinstance(node, endless.Constant) and not values:
        values = [1.0]
    elif isinstance(node, shapes.Linear) and _is_warmup(node):
        # What people mean by it reads better than the ramp it is.
        name, values, named = "warmup", [node.span], {}
    texts = [_value(v, python) for v in values]
    texts += [f"{key}={_value(v, python)}" for key, v in named.items()]
    return f"{name}({', '.join(texts)})"


def _is_warmup(node: shapes.Linear) -> bool:
    return (node.start, node.end, node.ahead) == (0, 1, 1) and node.span is not None


def _clip(node: combine.Clip) -> str:
    texts = [f"floor={text_of(node.floor)}"] if node.floor or node.ceiling is None else []
    if node.ceiling is not None:
        texts.append(f"ceiling={text_of(node.ceiling)}")
    return ", ".join(texts)


def _repeat(node: Repeat, python: bool) -> str:
    texts = [] if node.times is None else [str(node.times)]
    for name in ("stretch", "shrink"):
        if getattr(node, name) != 1:
            texts.append(f"{name}={text_of(getattr(node, name))}")
    if node.every is not None:
        texts.append(f"every={_value(node.every, python)}")
    return ", ".join(texts)


def _warp(node: Warp, python: bool) -> str:
    def position(span: Span) -> str:  # steps are what it is given in: "st" would be noise
        return text_of(span.value) if span.unit == "st" else _value(span, python)

    if node.is_part:
        texts = [position(node.clock[0]), position(node.clock[1])]
    else:
        lists = {"at": node.at, "clock": node.clock}
        texts = [f"{name}=[{', '.join(map(position, spans))}]" for name, spans in lists.items()]
    if node.of is not None:
        texts.append(f"of={position(node.of)}")
    return f"{'part' if node.is_part else 'warp'}({', '.join(texts)})"


def _value(value: Any, python: bool) -> str:
    match value:
        case None:
            return "None" if python else "none"
        case Span():
            return repr(str(value)) if python else str(value)
        case str():
            return repr(value) if python else value if value.isidentifier() else f'"{value}"'
        case tuple():
            return f"[{', '.join(_value(v, python) for v in value)}]"
        case int() | float():
            return text_of(value)
    return getattr(value, "__qualname__", repr(value))  # a function without an import path
