"""What the Design page offers to begin with: every name of a text, and those of other libraries."""

from __future__ import annotations

import inspect
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec
import numpy as np
from pydantic import BaseModel

from lrkit.control.steering import BUILDERS as CONTROLLERS
from lrkit.schedules import Schedule, catalog, family
from lrkit.schedules.parser import METHODS
from lrkit.schedules.registry import BUILDERS
from lrkit.schedules.rewrite import numeral
from lrkit.schedules.spans import text_of

PICTURE: Final = 40
"""Points of a family's small picture."""


class Parameter(BaseModel):
    """An argument of a name: how it is called, and its default as text, where it has one."""

    name: str
    default: str | None


class Named(BaseModel):
    """A name that a text may have: *kind* is a family's, or method, or controller.

    *outline* is a family's curve as points of a small picture, each from 0 to 1.
    """

    name: str
    kind: str
    signature: str
    summary: str
    parameters: list[Parameter]
    example: str = ""
    outline: list[float] = []


class Elsewhere(BaseModel):
    """What another library means by a name: its call, and the same curve as our text.

    The curve is compared over *total* steps; *lr* is the optimizer's rate that the call scales.
    """

    library: str
    name: str
    call: str
    lr: float
    text: str
    total: int
    note: str


@cache
def known_names() -> list[Named]:
    """Return all that a text can name: families, methods, controllers."""
    found = [
        _named(one.name, one.kind, BUILDERS[one.name]).model_copy(
            update={"example": one.example, "outline": _outline(one.name)}
        )
        for one in catalog()
    ]
    found += [_named(name, "method", getattr(Schedule, name)) for name in METHODS]
    return found + [_named(name, "controller", build) for name, build in CONTROLLERS.items()]


def _named(name: str, kind: str, build: Any) -> Named:
    parameters = _parameters(build)
    inner = ", ".join(p.name if p.default is None else f"{p.name}={p.default}" for p in parameters)
    first = (inspect.getdoc(build) or "").partition("\n")[0]
    told = first.removeprefix("Return ").replace("*", "").replace("`", "").strip()
    summary = told[:1].upper() + told[1:]
    return Named(
        name=name, kind=kind, signature=f"{name}({inner})", summary=summary, parameters=parameters
    )


def _parameters(build: Any) -> list[Parameter]:
    return [
        Parameter(name=p.name, default=None if p.default is p.empty else _default(p.default))
        for p in inspect.signature(build).parameters.values()
        if p.name != "self"
    ]


def _default(value: Any) -> str:
    """Return a default as a schedule's text would have it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return numeral(value)
    return text_of(value) if isinstance(value, int) else str(value)


def _outline(name: str) -> list[float]:
    curve = family(name).curve()
    values = curve(np.linspace(0, curve.total * (1 - 1e-9), PICTURE))
    return [round(float(v), 3) for v in values / (values.max() or 1.0)]


@cache
def others() -> list[Elsewhere]:
    """Return what other libraries mean by their names, from the table that the tests hold."""
    text = (files("lrkit.studio") / "elsewhere.json").read_bytes()
    return [Elsewhere(**one) for one in msgspec.json.decode(text)]
