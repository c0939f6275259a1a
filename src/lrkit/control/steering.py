"""A schedule with the controllers that steer it, as one value and as text."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lrkit.control.controllers import Controller, controller_from_dict
from lrkit.control.greed import greedy
from lrkit.control.guard import SpikeGuard, spike_guard
from lrkit.control.plateaus import plateau
from lrkit.errors import SpecError
from lrkit.schedules import Schedule, constant, from_dict, nearest
from lrkit.schedules.parser import Reader

FORMAT = 1
BUILDERS: dict[str, Callable[..., Any]] = {
    "plateau": plateau,
    "greedy": greedy,
    "spike_guard": spike_guard,
}
"""The controllers that a text can name."""


@dataclass(frozen=True, repr=False)
class Steered:
    """A schedule and the *controllers* that steer it, in the order in which they are asked.

    `schedule | plateau(0.1) | spike_guard()` makes one. Everything that takes a schedule for a
    training takes it too.

    >>> from lrkit.control import plateau
    >>> from lrkit.schedules import warmup
    >>> s = 0.1 * warmup("5ep") | plateau(0.1, patience=3, after="5ep")
    >>> print(s)
    0.1 * warmup(5ep) | plateau(patience=3, after=5ep)
    >>> steered(str(s)) == s
    True
    """

    schedule: Schedule
    controllers: tuple[Controller, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, Schedule):
            raise SpecError(f"a schedule is steered, got {self.schedule!r:.80}")
        given: Iterable[Controller] = self.controllers
        if isinstance(given, Controller):
            given = (given,)
        object.__setattr__(self, "controllers", tuple(given))
        for controller in self.controllers:
            if not isinstance(controller, Controller):
                raise SpecError(
                    f"a controller has init, update and to_dict, got {controller!r:.80}; "
                    "write for example plateau(0.1, patience=5)"
                )

    @property
    def open_end(self) -> bool:
        """Whether controllers decide how the rate ends; a spike guard is for accidents alone."""
        return any(not isinstance(controller, SpikeGuard) for controller in self.controllers)

    def __or__(self, other: Controller) -> Steered:
        """Return it steered by *other* too, which is asked last."""
        if not isinstance(other, Controller):
            return NotImplemented
        return Steered(self.schedule, (*self.controllers, other))

    def __str__(self) -> str:
        """Return the text that `steered` reads back; of a controller of one's own, `word(...)`."""
        return " | ".join([str(self.schedule), *map(_text, self.controllers)])

    def __repr__(self) -> str:
        """Return a Python expression, over the names that lrkit exports."""
        if not self.controllers:
            return f"Steered({self.schedule!r})"
        return " | ".join(map(repr, (self.schedule, *self.controllers)))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types; `steered` reads them back."""
        return {
            "format": FORMAT,
            "schedule": self.schedule.to_dict(),
            "controllers": [controller.to_dict() for controller in self.controllers],
        }


def steered(value: Steered | Schedule | str | float | Mapping[str, Any]) -> Steered:
    """Return *value* as a schedule with controllers: a text, a schedule, a number, or JSON types.

    The text is a schedule, and after it any number of controllers, each after a |: plateau,
    greedy and spike_guard, with the arguments that they take in Python. Raises `SpecError`, with
    the text and a caret under the character, for anything else.

    >>> s = steered("0.1 * hold() | plateau(0.5, patience=3) | spike_guard(rollback=true)")
    >>> len(s.controllers), s.controllers[0].factor
    (2, 0.5)
    >>> steered("cosine() | platoe(0.5)")
    Traceback (most recent call last):
    lrkit.errors.SpecError: unknown controller 'platoe'; did you mean plateau?
      cosine() | platoe(0.5)
                 ^
    """
    match value:
        case Steered():
            return value
        case Schedule():
            return Steered(value)
        case str():
            return _SteeredReader(value).steered()
        case Mapping():
            return _from_dict(value)
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise SpecError(f"a schedule or its text is needed, got {value!r:.80}")
    return Steered(constant(float(value)))


def _text(controller: Controller) -> str:
    word = controller.to_dict()["controller"]
    return str(controller) if word in BUILDERS else f"{word}(...)"


def _from_dict(data: Mapping[str, Any]) -> Steered:
    if "type" in data:
        return Steered(from_dict(data))
    if data.get("format") != FORMAT:
        raise SpecError(f"`format` must be {FORMAT}, got {data.get('format')!r}; update lrkit")
    if unknown := sorted(set(data) - {"format", "schedule", "controllers"}):
        raise SpecError(f"a steered schedule has no field {unknown[0]!r}")
    if not isinstance(data.get("controllers"), list):
        raise SpecError("a steered schedule needs a list of controllers, which is missing")
    made = tuple(controller_from_dict(c) for c in data["controllers"])
    return Steered(from_dict(data.get("schedule", {})), made)


class _SteeredReader(Reader):
    """Reads what `Steered.__str__` writes."""

    def steered(self) -> Steered:
        schedule = self.whole_schedule()
        controllers = []
        while self.take("|"):
            token = self.now
            if token.kind != "name" or token.value not in BUILDERS:
                name, known = str(token.value)[:40], list(BUILDERS)
                hint = nearest(name, known) or f"; write one of {', '.join(known)}"
                raise self.error(f"unknown controller {name!r}{hint}")
            self.i += 1
            build = BUILDERS[token.value]
            made: Any = self.call(_counting(build), token.value, token.position)
            controllers.append(made)
        self.expect_end()
        return Steered(schedule, tuple(controllers))


def _counting(build: Callable[..., Any]) -> Callable[..., Any]:
    """Return *build* taking the whole numbers of a text, which are floats there, as such."""

    def built(*values: Any, **named: Any) -> Any:
        return build(*map(_whole, values), **{key: _whole(v) for key, v in named.items()})

    built.__signature__ = inspect.signature(build)  # type: ignore[attr-defined]
    return built


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return [_whole(v) for v in value] if isinstance(value, list) else value
