"""Edits: what a hand or a controller does to a schedule from a step on, as frozen values.

Edits act on what the schedule gives, in the order of their steps, and leave an `Adjustment`: a
factor on the schedule, or a level that stands in its place. Choices that other tools make
differently:

- *scale* stays for the rest of the run and multiplies with the scales before it. While the rate
  is held it moves the level too, so that "half of it" always means half of what is in use now.
- *set* and *hold* take over until *release*, which hands back to the schedule at its own clock
  (not at the value where it was left), with the scales still on it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any, ClassVar, Self

from lrkit.errors import SpecError

FORMAT = 1

GroupKey = str | int
"""A parameter group: its name, or its index from 0."""

PerGroup = tuple[tuple[GroupKey, float], ...]


@dataclass(frozen=True)
class Adjustment:
    """What edits have made of a rate: *factor* times the schedule, or *level* in its place."""

    factor: float = 1.0
    level: float | None = None

    def of(self, base: float) -> float:
        """Return the rate where the schedule alone would give *base*.

        >>> Adjustment(0.5).of(0.2), Adjustment(0.5, level=0.3).of(0.2)
        (0.1, 0.3)
        """
        return self.factor * base if self.level is None else self.level


@dataclass(frozen=True)
class Edit(ABC):
    """A change to the rate from update *step* on; None means the next step boundary.

    *author* says who made it ("plateau", "anna"), *reason* why, *group* the parameter group it is
    for (name or index; None means all of them). Raises `SpecError` for a negative step.
    """

    word: ClassVar[str]

    step: int | None = field(default=None, kw_only=True)
    author: str = field(default="", kw_only=True)
    reason: str = field(default="", kw_only=True)
    group: GroupKey | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.step is not None:
            whole(self.step, "the step of an edit")
        if self.group is not None:
            check_group(self.group)
        for name in ("author", "reason"):
            if not isinstance(getattr(self, name), str):
                raise SpecError(f"{name} must be text, got {getattr(self, name)!r}")

    @abstractmethod
    def adjust(self, now: Adjustment, base: Callable[[], float]) -> Adjustment:
        """Return the adjustment after this edit; *base* gives the schedule's own rate there."""

    def stamped(self, step: int, group: GroupKey | None = None) -> Self:
        """Return this edit with its *step* and, where given, its *group* filled in."""
        return replace(self, step=step, group=self.group if group is None else group)

    def to_dict(self) -> dict[str, Any]:
        """Return the edit as JSON types; `edit_from_dict` reads it back.

        >>> Scale(0.5, step=12, author="anna", reason="spike").to_dict()["edit"]
        'scale'
        """
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        if isinstance(own.get("floor"), tuple):
            own["floor"] = [list(pair) for pair in own["floor"]]
        return {"format": FORMAT, "edit": self.word} | own


@dataclass(frozen=True)
class Scale(Edit):
    """Multiply the rate by *factor*, finite and >= 0, for the rest of the run.

    With *floor* (a number >= 0, or one by group name or index) a cut stops there: the rate becomes
    max(rate * factor, floor) at the step of the edit, and keeps that ratio to the schedule from
    then on. With *eps* a cut that would change the rate by no more than eps is dropped. Both are
    looked at per group, and only for cuts (*factor* < 1).

    >>> from lrkit.control import effective
    >>> from lrkit.schedules import constant
    >>> effective(constant(0.1), [Scale(0.01, floor=0.02, step=5)]).over(10)([4, 5]).tolist()
    [0.1, 0.02]

    Source: floor and eps as in torch's ReduceLROnPlateau (min_lr, eps).
    """

    word = "scale"

    factor: float
    floor: float | PerGroup = field(default=0.0, kw_only=True)
    eps: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "factor", number(self.factor, "factor"))
        object.__setattr__(self, "eps", number(self.eps, "eps"))
        object.__setattr__(self, "floor", floors(self.floor))
        if self.factor >= 1 and self.floor:
            raise SpecError(
                f"a floor is for cuts, `factor < 1` must hold, got {self.factor:g}; leave floor out"
            )

    def adjust(self, now: Adjustment, base: Callable[[], float]) -> Adjustment:
        if self.factor >= 1 or not (self.floor or self.eps):
            return _scaled(now, self.factor)
        if not isinstance(self.floor, float):
            raise SpecError("a floor by group needs to know its group; call share_out() first")
        alone = base()
        old = now.of(alone)
        new = max(old * self.factor, self.floor)
        if old - new <= self.eps:
            return now
        if new == old * self.factor:
            return _scaled(now, self.factor)
        factor = now.factor * (new / old)
        while now.level is None and factor * alone < self.floor:
            factor = math.nextafter(factor, math.inf)  # the quotient may round to below the floor
        return Adjustment(factor, None if now.level is None else new)

    def for_group(self, name: str | None, index: int) -> Scale:
        """Return the edit with the floor that it has for one group; 0 where it names none."""
        if isinstance(self.floor, float):
            return self
        own = [value for key, value in self.floor if key in (name, index)]
        return replace(self, floor=own[0] if own else 0.0)


@dataclass(frozen=True)
class Set(Edit):
    """Take over: the rate is *value*, finite and >= 0, until `Release`.

    For all groups at once, *value* is the rate of the first group that is not at 0, and the others
    keep their ratio to it.
    """

    word = "set"

    value: float

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "value", number(self.value, "value"))

    def adjust(self, now: Adjustment, base: Callable[[], float]) -> Adjustment:
        return Adjustment(now.factor, self.value)


@dataclass(frozen=True)
class Hold(Edit):
    """Take over: the rate stays what it would be at the step of the edit, until `Release`."""

    word = "hold"

    def adjust(self, now: Adjustment, base: Callable[[], float]) -> Adjustment:
        return now if now.level is not None else Adjustment(now.factor, now.of(base()))


@dataclass(frozen=True)
class Release(Edit):
    """Hand back to the schedule, at its own clock and with the scales so far; ends set and hold."""

    word = "release"

    def adjust(self, now: Adjustment, base: Callable[[], float]) -> Adjustment:
        return Adjustment(now.factor)


KINDS: dict[str, type[Edit]] = {kind.word: kind for kind in (Scale, Set, Hold, Release)}


def edit_from_dict(data: Mapping[str, Any]) -> Edit:
    """Return the edit that `to_dict` wrote as *data*.

    Raises `SpecError` for another format number, an unknown kind of edit, or a field that the
    kind does not have.

    >>> edit_from_dict(Hold(step=3).to_dict()) == Hold(step=3)
    True
    """
    if data.get("format", FORMAT) != FORMAT:
        raise SpecError(
            f"an edit's `format` must be {FORMAT}, got {data['format']!r}; update lrkit"
        )
    word = data.get("edit")
    if not isinstance(word, str) or word not in KINDS:
        near = get_close_matches(str(word), KINDS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"write one of {', '.join(KINDS)}"
        raise SpecError(f"`edit` must name a kind of edit, got {word!r}; {hint}")
    kind = KINDS[word]
    known = {f.name for f in fields(kind)}
    given = {k: v for k, v in data.items() if k not in ("format", "edit")}
    if unknown := sorted(set(given) - known):
        raise SpecError(f"{word!r} has no field {unknown[0]!r}; it has {', '.join(sorted(known))}")
    try:
        return kind(**given)
    except TypeError as error:
        raise SpecError(f"{word!r} lacks a field: {error}; it has {sorted(known)}") from error


def number(value: object, what: str) -> float:
    """Return *value* as a finite float >= 0, or raise `SpecError` that names *what*."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise SpecError(f"{what} must be a number, got {value!r}")
    result = float(value) + 0.0  # + 0.0 turns -0.0 into 0.0: equal edits have equal JSON
    if not (math.isfinite(result) and result >= 0):
        raise SpecError(f"{what} must be finite and >= 0, got {value!r}")
    return result


def whole(value: object, what: str) -> int:
    """Return *value*, a whole number >= 0, or raise `SpecError` that names *what*."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise SpecError(f"{what} must be a whole number >= 0, got {value!r}; step 0 is the first")
    return value


def check_group(key: object) -> None:
    """Raise `SpecError` unless *key* is a group's name or its index from 0."""
    if isinstance(key, bool) or not isinstance(key, (str, int)) or key in ("", "*"):
        raise SpecError(f"a group is its name or its index, got {key!r}")
    if isinstance(key, int) and key < 0:
        raise SpecError(f"a group's index counts from 0, got {key}")


def floors(value: object) -> float | PerGroup:
    """Return a floor as a float, or as (group, floor) pairs from a mapping or a list of pairs."""
    if not isinstance(value, (Mapping, list, tuple)):
        return number(value, "floor")
    pairs = list(value.items()) if isinstance(value, Mapping) else [tuple(p) for p in value]
    for pair in pairs:
        if len(pair) != 2:
            raise SpecError(f"a floor by group is a pair (group, floor), got {pair!r}")
        check_group(pair[0])
    return tuple((key, number(low, "floor")) for key, low in pairs)


def _scaled(now: Adjustment, factor: float) -> Adjustment:
    return Adjustment(now.factor * factor, None if now.level is None else now.level * factor)
