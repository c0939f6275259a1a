"""Spaces over schedules: a schedule's text with ranges in it, and the options beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lrkit.control import Steered, steered
from lrkit.errors import SpecError
from lrkit.schedules import Horizon
from lrkit.search import checking, walking
from lrkit.search.grammar import read
from lrkit.search.naming import Names, given_names
from lrkit.search.parameters import Parameter, Value
from lrkit.search.template import Choose, Hole, Template, joined, option, render, written

Levels = Callable[[Parameter], tuple[Value, ...]]


@dataclass(frozen=True)
class Point:
    """A point of a space: the schedule with its controllers, the options, and what was chosen.

    *text* is the schedule's, *values* are those of the ranges that were asked, in reading order.
    """

    spec: Steered
    options: Mapping[str, Any]
    text: str
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Space:
    """A schedule's *text* in which numbers, spans or parts are ranges, and *options* like it.

    A range is written where its value would stand:

    - `~log(low, high)`: a number > 0, even on the log axis; `~uniform(low, high[, step=])`: a
      number; `~int(low, high[, step=])`: a whole number; bounds are part of the range.
    - a unit after the bracket makes it a span: `~int(0, 10)ep`, `~uniform(5, 20)%`.
    - `~choice(a, b, ...)`: one of any parts: numbers, spans, shapes, whole pieces, controllers
      after a |, where `none` is no controller. Ranges inside a member are asked only where it
      is chosen.
    - `~peak:log(...)` gives it a name, and `~peak` is the same value again. One without is named
      by its place: "peak" is the factor of the whole, "warmup" the span of warmup, "shape" a
      choice of pieces, "controller" one of controllers, "scale" another factor; otherwise the
      parameter's name, and an option's own.

    *options* are those of a task or an optimizer: texts with a ~ are ranges, everything else is
    as it is. A text without ranges is a space of one point. Made by `Space.parse`, which builds
    the corners of the space and every member of every choice, so that no trial fails later for
    its text; it raises `SpecError` that names the range and points at it.

    >>> space = Space.parse("~log(1e-3, 1) * (warmup(~int(0, 10)ep) >> ~choice(cosine(), linear()))")
    >>> [parameter.name for parameter in space.parameters]
    ['peak', 'warmup', 'shape']
    >>> space.at({"peak": 0.3, "warmup": 5, "shape": "cosine()"}).text
    '0.3 * (warmup(5ep) >> cosine())'
    """  # noqa: E501 - one line of input

    text: str
    options: Mapping[str, Any]
    parameters: tuple[Parameter, ...] = field(compare=False, repr=False)
    source: str = field(compare=False, repr=False)
    template: Template = field(compare=False, repr=False)
    _templates: Mapping[str, Template] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str, options: Mapping[str, Any] | None = None) -> Space:
        """Return the space that *text* and *options* spell."""
        given = dict(options or {})
        ranged = {name: v for name, v in given.items() if isinstance(v, str) and "~" in v}
        named = [given_names(source) for source in (str(text), *ranged.values())]
        names, known = Names(set().union(*named)), dict[str, Hole]()
        schedule = read(text, names, known)
        templates = {name: read(v, names, known, name) for name, v in ranged.items()}
        plain = {name: written(template) for name, template in templates.items()}
        parameters = _conditioned([schedule, *templates.values()])
        space = cls(
            written(schedule), {**given, **plain}, parameters, text, schedule,
            templates,
        )  # fmt: skip
        checking.check(space)
        return space

    def __str__(self) -> str:
        """Return the schedule's text in its plainest form; with the options it parses to itself."""
        return self.text

    def __hash__(self) -> int:
        return hash((self.text, *self.options))

    @property
    def size(self) -> int | None:
        """The number of points; None where a range is continuous."""
        if any(parameter.count is None for parameter in self.parameters):
            return None
        return self.count(lambda parameter: parameter.levels(parameter.count or 1))

    def count(self, levels: Levels) -> int:
        """Return the number of points with every combination of the values of *levels*."""
        return walking.count(self._all, levels)

    @property
    def corners(self) -> int:
        """The number of points with every number at one of its ends, and each member."""
        return self.count(lambda parameter: parameter.members or (0.0, 1.0))

    @property
    def _all(self) -> list[Template]:
        return [self.template, *self._templates.values()]

    def point(self, choose: Choose) -> Point:
        """Return the point that *choose* picks: it is asked for a value of each range, in order.

        A range inside a member of a choice is asked only where that member was chosen.
        """
        values: dict[str, Value] = {}

        def once(parameter: Parameter) -> Value:
            if parameter.name not in values:
                values[parameter.name] = parameter.checked(choose(parameter))
            return values[parameter.name]

        spec = self._steered(once)
        made = {name: self._option(name, once) for name in self._templates}
        options = {name: made.get(name, value) for name, value in self.options.items()}
        return Point(spec, options, str(spec), values)

    def values(self, choose: Choose) -> dict[str, Value]:
        """Return the values that *choose* picks for a point, without building the point."""
        values: dict[str, Value] = {}

        def once(parameter: Parameter) -> Value:
            if parameter.name not in values:
                values[parameter.name] = choose(parameter)
            return values[parameter.name]

        walking.ask(self._all, once)
        return values

    def is_complete(self, values: Mapping[str, Value]) -> bool:
        """Return whether *values* has all that a point needs."""
        return walking.is_complete(self._all, values)

    def at(self, values: Mapping[str, Value]) -> Point:
        """Return the point with these *values* by name; those not asked there are left out.

        Raises `SpecError` for a value that is missing, out of its range, or of no range.
        """
        known = [parameter.name for parameter in self.parameters]
        if unknown := [name for name in values if name not in known]:
            raise SpecError(
                f"the space has no range {unknown[0]!r}; it has {', '.join(known) or 'none'}"
            )

        def given(parameter: Parameter) -> Value:
            if parameter.name not in values:
                raise SpecError(f"a value for {parameter.name} is needed, which is missing")
            return values[parameter.name]

        return self.point(given)

    def grid(self, n: int | Mapping[str, int] = 5) -> tuple[Point, ...]:
        """Return the grid of at most *n* values of each range of numbers, and all members.

        Values are evenly spread, in the logarithm on a log axis, with both ends; the first range
        is the slowest. *n* by name gives some their own number, the rest has 5. What is inside a
        member is varied only where it is chosen.

        >>> space = Space.parse("~log(0.01, 1) * cosine()")
        >>> [point.text for point in space.grid(3)]
        ['0.01 * cosine()', '0.1 * cosine()', '1 * cosine()']
        """
        return tuple(walking.enumerate_points(self.point, grid_levels(self, n)))

    def check(self, horizon: Horizon) -> None:
        """Raise `SpecError` where a point cannot be placed on *horizon*.

        A warm-up longer than the training, say, or a span in a unit that it cannot resolve; the
        ends of all ranges and every member are tried.
        """
        checking.check(self, lambda point: point.spec.schedule.over(horizon))

    def _option(self, name: str, choose: Choose) -> object:
        try:
            return option(self._templates[name], choose)
        except SpecError as error:
            if error.text is not None:
                raise
            raise SpecError(f"{name}: {error.reason}", str(self.options[name]), 0) from None

    def _steered(self, choose: Choose) -> Steered:
        parts = _without_none(render(self.template, choose))
        text, places = joined(parts)
        try:
            return steered(text)
        except SpecError as error:
            if error.position is None:
                raise
            position = max((p for p in places if p[0] <= error.position), default=(0, 0))[1]
            raise checking.PlacedError(error.reason, position) from None


def grid_levels(space: Space, n: int | Mapping[str, int]) -> Levels:
    """Return the values that `Space.grid(n)` gives to a range; `SpecError` for numbers below 1."""
    numbers = n if isinstance(n, Mapping) else {}
    names = [parameter.name for parameter in space.parameters]
    if unknown := [name for name in numbers if name not in names]:
        raise SpecError(f"the space has no range {unknown[0]!r}; it has {', '.join(names)}")
    for number in numbers.values() if isinstance(n, Mapping) else [n]:
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise SpecError(f"a grid has 1 value or more of a range, got {number!r}")
    default = 5 if isinstance(n, Mapping) else n
    return lambda parameter: parameter.levels(numbers.get(parameter.name, default))


def _without_none(parts: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return *parts* without the controllers that are none."""
    kept: list[tuple[str, int]] = []
    for i, part in enumerate(parts):
        ends = i + 1 == len(parts) or parts[i + 1][0] == "|"
        if part[0].lower() == "none" and ends and kept and kept[-1][0] == "|":
            kept.pop()
        else:
            kept.append(part)
    return kept


def _conditioned(templates: list[Template]) -> tuple[Parameter, ...]:
    """Return the ranges of *templates*, each once, with the text of where it is asked."""
    found: dict[str, Parameter] = {}
    conditions: dict[str, list[str]] = {}

    def visit(template: Template, condition: str) -> None:
        for piece in template:
            if not isinstance(piece, Hole):
                continue
            name = piece.parameter.name
            found.setdefault(name, piece.parameter)
            conditions.setdefault(name, []).append(condition)
            for value, member in zip(piece.parameter.members, piece.members, strict=True):
                inner = f"{condition} and " if condition else ""
                visit(member, f"{inner}{name} is {value}")

    for template in templates:
        visit(template, "")
    return tuple(
        replace(parameter, condition=_either(conditions[name])) for name, parameter in found.items()
    )


def _either(conditions: list[str]) -> str:
    return "" if "" in conditions else " or ".join(dict.fromkeys(conditions))
