"""Edits: what a hand or a controller does to a run from a step on, as frozen values.

What each kind means stands with its class, in `changes` and `commands`; how a list of them
becomes one schedule, in `fold`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from lrkit.errors import SpecError
from lrkit.schedules import Schedule, Span, SpanLike, as_span, nearest

if TYPE_CHECKING:
    from lrkit.control.fold import Fold

FORMAT = 1

GroupKey = str | int
"""A parameter group: its name, or its index from 0."""

PerGroup = tuple[tuple[GroupKey, float], ...]


@dataclass(frozen=True)
class Edit(ABC):
    """A change to a run from update *step* on; None means the next step boundary.

    *author* says who made it ("plateau", "anna"), *reason* why, *group* the parameter group it is
    for (name or index; None means all of them), *letter* the letter of the inbox that it came in.
    Raises `SpecError` for a negative step, and for a group where the edit is for the whole run.
    """

    word: ClassVar[str]
    run_wide: ClassVar[bool] = False

    step: int | None = field(default=None, kw_only=True)
    author: str = field(default="", kw_only=True)
    reason: str = field(default="", kw_only=True)
    group: GroupKey | None = field(default=None, kw_only=True)
    letter: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if self.step is not None:
            whole(self.step, "the step of an edit")
        if self.group is not None:
            check_group(self.group)
            if self.run_wide:
                raise SpecError(
                    f"{self.word} is for the whole run, got group {self.group!r}; leave group out"
                )
        for name in ("author", "reason", "letter"):
            if not isinstance(getattr(self, name), str):
                raise SpecError(f"{name} must be text, got {getattr(self, name)!r}")

    @abstractmethod
    def on(self, fold: Fold, step: int) -> Fold:
        """Return *fold*, what a run follows, after this edit at *step*."""

    def stamped(self, step: int, group: GroupKey | None = None) -> Self:
        """Return this edit with its *step* and, where given, its *group* filled in."""
        return replace(self, step=step, group=self.group if group is None else group)

    def to_dict(self) -> dict[str, Any]:
        """Return the edit as JSON types; `edit_from_dict` reads it back.

        >>> from lrkit.control import Cooldown
        >>> Cooldown("20%", step=12, author="anna", reason="it is flat").to_dict()["over"]
        '20%'
        """
        own = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}
        return {"format": FORMAT, "edit": self.word} | own

    def __str__(self) -> str:
        """Return what it does in the words of the command line: "scale 0.5 over=200st"."""
        texts = [self.word]
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name in COMMON or value == f.default:
                continue
            text = f"{value:.10g}" if isinstance(value, float) else str(value)
            texts.append(f"{f.name}={text}" if f.kw_only else text)
        return " ".join(texts if self.group is None else [*texts, f"group={self.group}"])


COMMON = ("step", "author", "reason", "group", "letter")
_kinds: dict[str, type[Edit]] = {}


_E = TypeVar("_E", bound=Edit)


def kind_of_edit(kind: type[_E]) -> type[_E]:
    """Make a class known to `edit_from_dict` by its word."""
    _kinds[kind.word] = kind
    return kind


def edit_from_dict(data: Mapping[str, Any]) -> Edit:
    """Return the edit that `to_dict` wrote as *data*.

    Raises `SpecError` for another format number, an unknown kind of edit, or a field that the
    kind does not have.

    >>> from lrkit.control import Hold
    >>> edit_from_dict(Hold(step=3).to_dict()) == Hold(step=3)
    True
    """
    if not isinstance(data, Mapping):
        raise SpecError(f"an edit's JSON is an object, got {data!r:.80}")
    if data.get("format", FORMAT) != FORMAT:
        raise SpecError(
            f"an edit's `format` must be {FORMAT}, got {data['format']!r}; update lrkit"
        )
    word = data.get("edit")
    if not isinstance(word, str) or word not in _kinds:
        hint = nearest(str(word), list(_kinds)) or f"; write one of {', '.join(_kinds)}"
        raise SpecError(f"`edit` must name a kind of edit, got {word!r}{hint}")
    kind = _kinds[word]
    known = {f.name for f in fields(kind)}
    given = {k: v for k, v in data.items() if k not in ("format", "edit")}
    if unknown := sorted(set(given) - known):
        raise SpecError(
            f"{word!r} has no field {unknown[0]!r}{nearest(unknown[0], sorted(known))}; "
            f"it has {', '.join(sorted(known))}"
        )
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


def length(value: SpanLike | None, what: str) -> Span | None:
    """Return *value* as a span longer than 0, or None, which means at once, for None."""
    if value is None:
        return None
    span = as_span(value, what)
    if span.value == 0:
        raise SpecError(f"`{what} > 0` must hold, got {span}; leave it out for a change at once")
    return span


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


def _plain(value: Any) -> Any:
    match value:
        case Span():
            return str(value)
        case Schedule():
            return value.to_dict()
        case tuple():
            return [list(pair) for pair in value]
    return value
