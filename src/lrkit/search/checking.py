"""Whether every point of a space can be built: tried when it is made, not in the tenth trial."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from lrkit.errors import SpecError
from lrkit.search import walking
from lrkit.search.parameters import Parameter, Value
from lrkit.search.template import holes

if TYPE_CHECKING:
    from lrkit.search.space import Point, Space

MOST_CORNERS: Final = 256
INSIDE: Final = 0.382  # a share of the way whose number is whole for hardly any bounds

Values = dict[str, Value]
Use = Callable[["Point"], object]


class PlacedError(SpecError):
    """A point's text that is no schedule; *place* is the character of the space's text."""

    def __init__(self, reason: str, place: int) -> None:
        super().__init__(reason)
        self.place = place

    def __reduce__(self) -> tuple[type[PlacedError], tuple[str, int]]:  # type: ignore[override]
        return type(self), (self.reason, self.place)


def check(space: Space, use: Use = lambda point: None) -> None:
    """Build points of *space*, and *use* each; `SpecError` names the range that is at fault.

    The ends of every range, a number between them and every member of every choice are tried
    beside both ends of the others, and all the corners where they are few.
    """
    for values in _tried(space):
        if (error := _fault(space, values, use)) is not None:
            raise _told(space, values, error, use)


def _tried(space: Space) -> Iterator[Values]:
    """Yield the values of the points to try."""
    for share in (0.0, 1.0, INSIDE):
        base = functools.partial(_at, share=share)
        for make in walking.singles(space.values, base, _levels):
            yield make()
    if space.corners <= MOST_CORNERS:
        yield from walking.enumerate_points(space.values, _ends)


def _fault(space: Space, values: Values, use: Use) -> SpecError | None:
    try:
        use(space.at(values))
    except SpecError as error:
        return error
    return None


def _told(space: Space, values: Values, error: SpecError, use: Use) -> SpecError:
    """Return *error* with the values that matter to it, pointing at the text of the space."""
    blamed = [name for name in values if _matters(space, values, name, use)]
    if not blamed and _fault(space, space.values(functools.partial(_at, share=0.0)), use) is None:
        blamed = list(values)
    where = ", ".join(f"{name} = {values[name]}" for name in blamed)
    reason = f"at {where}: {error.reason}" if where else error.reason
    if error.text is not None and not isinstance(error, PlacedError):
        return SpecError(reason, error.text, error.position)
    places = {hole.parameter.name: hole.position for hole in reversed(list(holes(space.template)))}
    position = error.place if isinstance(error, PlacedError) else None
    if position is None:
        position = next((places[name] for name in blamed or values if name in places), 0)
    return SpecError(reason, space.source, position)


def _matters(space: Space, values: Values, name: str, use: Use) -> bool:
    """Return whether another value of *name* would mend it."""
    parameter = next(p for p in space.parameters if p.name == name)
    for level in _levels(parameter):
        asked = space.values(functools.partial(_changed, {**values, name: level}))
        if level != values[name] and _fault(space, asked, use) is None:
            return True
    return False


def _changed(values: Values, parameter: Parameter) -> Value:
    return values[parameter.name] if parameter.name in values else _at(parameter, 0.0)


def _at(parameter: Parameter, share: float) -> Value:
    if parameter.kind == "choice":
        return parameter.members[-1 if share == 1 else 0]
    return parameter.snap(parameter.at_share(share))


def _levels(parameter: Parameter) -> tuple[Value, ...]:
    if parameter.kind == "choice":
        return parameter.members
    return tuple(dict.fromkeys(_at(parameter, share) for share in (0.0, INSIDE, 1.0)))


def _ends(parameter: Parameter) -> tuple[Value, ...]:
    return parameter.members or (_at(parameter, 0.0), _at(parameter, 1.0))
