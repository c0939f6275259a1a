"""Going through the points of a space whose ranges may be inside members of choices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from lrkit.search.parameters import Parameter, Value
from lrkit.search.template import Choose, Hole, Template, holes

_T = TypeVar("_T")


class _Open(Exception):  # noqa: N818 - it is no error: the walk has come to a range without a value
    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter


def enumerate_points(
    point: Callable[[Choose], _T], levels: Callable[[Parameter], tuple[Value, ...]]
) -> Iterator[_T]:
    """Yield *point* for every combination of *levels*, the range that is asked first the slowest.

    Which ranges are asked depends on what was chosen before, so the combinations are a tree; it
    is walked with as little memory as it is deep.
    """
    waiting: list[dict[str, Value]] = [{}]
    while waiting:
        values = waiting.pop()

        def given(parameter: Parameter, values: dict[str, Value] = values) -> Value:
            if parameter.name not in values:
                raise _Open(parameter)
            return values[parameter.name]

        try:
            yield point(given)
        except _Open as found:
            name = found.parameter.name
            waiting += [{**values, name: v} for v in reversed(levels(found.parameter))]


def count(templates: list[Template], levels: Callable[[Parameter], tuple[Value, ...]]) -> int:
    """Return how many points `enumerate_points` would yield, without building them."""
    names = [hole.parameter.name for template in templates for hole in holes(template)]
    if len(set(names)) == len(names):  # nothing is tied: the numbers multiply
        return math.prod(_count(template, levels) for template in templates)
    return sum(1 for _ in enumerate_points(lambda choose: ask(templates, choose), levels))


def _count(template: Template, levels: Callable[[Parameter], tuple[Value, ...]]) -> int:
    total = 1
    for piece in template:
        if isinstance(piece, Hole) and piece.members:
            total *= sum(_count(member, levels) for member in piece.members)
        elif isinstance(piece, Hole):
            total *= len(levels(piece.parameter))
    return total


def ask(templates: list[Template], choose: Choose) -> None:
    """Ask *choose* for every value that *templates* need, in reading order."""
    for piece in itertools.chain(*templates):
        if isinstance(piece, Hole):
            value = choose(piece.parameter)
            if piece.members:
                ask([piece.members[piece.parameter.members.index(value)]], choose)


def is_complete(templates: list[Template], values: Mapping[str, Value]) -> bool:
    """Return whether *values* has every value that *templates* need."""

    def given(parameter: Parameter) -> Value:
        if parameter.name not in values:
            raise _Open(parameter)
        return values[parameter.name]

    try:
        ask(templates, given)
    except _Open:
        return False
    return True


def singles(
    point: Callable[[Choose], _T], base: Callable[[Parameter], Value],
    levels: Callable[[Parameter], tuple[Value, ...]],
) -> Iterator[Callable[[], _T]]:  # fmt: skip
    """Yield the makers of points with *base* everywhere and each of *levels* once.

    A range inside a member is varied with that member chosen, so their number grows with the
    number of ranges, not with that of their combinations.
    """
    waiting: list[dict[str, Value]] = [{}]
    seen: set[str] = set()
    while waiting:
        values = waiting.pop()
        asked: list[Parameter] = []

        def given(
            parameter: Parameter, values: dict[str, Value] = values,
            asked: list[Parameter] = asked,
        ) -> Value:  # fmt: skip
            asked.append(parameter)
            return values[parameter.name] if parameter.name in values else base(parameter)

        yield lambda given=given: point(given)  # type: ignore[misc]
        for parameter in asked:
            if parameter.name not in seen:
                seen.add(parameter.name)
                waiting += [{**values, parameter.name: level} for level in levels(parameter)]
