"""Controllers as text: the call that builds them, as `steered` reads it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lrkit.errors import SpecError
from lrkit.schedules import Schedule, Span
from lrkit.schedules.spans import text_of

if TYPE_CHECKING:
    from lrkit.control.steering import Steered


class Written:
    """What lrkit's controllers share: they have a text, and stand after a schedule and a |."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return the text that `steered` reads back: `plateau(0.1, patience=3)`."""
        return call_of(self, python=False)

    def __repr__(self) -> str:
        """Return a Python expression, over the names that lrkit exports."""
        return call_of(self, python=True)

    def __ror__(self, other: Schedule) -> Steered:
        """Return *other*, a schedule, steered by this controller."""
        if not isinstance(other, Schedule):
            return NotImplemented
        from lrkit.control.steering import Steered  # it is built from controllers, not beneath them

        return Steered(other, (self,))  # type: ignore[arg-type]


def call_of(controller: Any, python: bool) -> str:
    """Return the call that builds *controller*, arguments that have their default left out."""
    from lrkit.control.steering import BUILDERS

    name = controller.to_dict()["controller"]
    build: Callable[..., Any] | None = BUILDERS.get(name)
    if build is None:
        raise SpecError(f"a controller of kind {name!r} has no text; pass it as controllers=")
    texts = []
    placed = True  # whether all arguments so far are written, so that a name can be left out
    for parameter in inspect.signature(build).parameters.values():
        value = getattr(controller, parameter.name)
        if same_as_default(value, parameter.default):
            placed = False
        elif placed and parameter.kind is not parameter.KEYWORD_ONLY:
            texts.append(_text(value, python))
        else:
            texts.append(f"{parameter.name}={_text(value, python)}")
    return f"{name}({', '.join(texts)})"


def same_as_default(value: Any, default: Any) -> bool:
    """Return whether *value* is what *default* becomes in a controller."""
    if default is inspect.Parameter.empty:
        return False
    return bool(value == (Span(0) if isinstance(value, Span) and default == 0 else default))


def _text(value: Any, python: bool) -> str:
    match value:
        case None | bool():
            return str(value) if python else str(value).lower()
        case Span():
            return repr(str(value)) if python else str(value)
        case str() if python:
            return repr(value)
        case str():
            plain = value.isidentifier() and value.lower() not in ("none", "true", "false")
            return value if plain else f'"{value}"' if '"' not in value else f"'{value}'"
        case tuple():
            return f"[{', '.join(_text(v, python) for v in value)}]"
        case int() | float():
            return text_of(value)
    raise SpecError(f"{value!r} has no text")
