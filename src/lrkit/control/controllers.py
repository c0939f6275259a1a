"""The protocol of controllers: they watch a training and answer with an edit, or with nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from lrkit.control.edits import Edit
from lrkit.errors import SpecError

FORMAT = 1

State: TypeAlias = dict[str, Any]
"""A controller's memory: a small dictionary of JSON types, without NaN and infinity."""


@dataclass(frozen=True)
class Observation:
    """What a controller sees: the *step* of the next update, *metrics* by name, *rates* by group.

    An edit that answers it takes effect at *step*. *rates* are those the groups have there.
    """

    step: int
    metrics: Mapping[str, float]
    rates: tuple[float, ...] = field(default=())


@runtime_checkable
class Controller(Protocol):
    """A rule that steers the rate by what the training shows; a frozen value without side effects.

    Its memory is passed in and out: `init()` gives the first state, `update(state, observation)`
    the next one and an edit, or None. The same states and observations give the same edits, on
    every rank and on every replay. An observation without the metric it looks for leaves the
    state as it is. One with spans may have a method `placed(horizon)` too: it returns the
    controller with its spans in steps, and that is what is asked.
    """

    def init(self) -> State:
        """Return the state before anything was observed."""
        ...

    def update(self, state: State, observation: Observation) -> tuple[State, Edit | None]:
        """Return the state after *observation*, and an edit for `observation.step` or None."""
        ...

    def without_edits(self, state: State) -> State:
        """Return *state* as it is once this controller's edits have ended: none is remembered."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return the controller as JSON types; `controller_from_dict` reads it back."""
        ...


Loader: TypeAlias = Callable[[Mapping[str, Any]], Controller]
_C = TypeVar("_C", bound=Loader)
_loaders: dict[str, Loader] = {}


def register(word: str) -> Callable[[_C], _C]:
    """Return a decorator for the function that reads back controllers saved as *word*.

    A controller's `to_dict` holds *word* under "controller".
    """

    def keep(loader: _C) -> _C:
        if word in _loaders:
            raise SpecError(f"a controller's word must be its own, got {word!r} twice; rename one")
        _loaders[word] = loader
        return loader

    return keep


def controller_from_dict(data: Mapping[str, Any]) -> Controller:
    """Return the controller that `to_dict` wrote as *data*.

    Raises `SpecError` for a word that nobody registered, another format number or another field.

    >>> from lrkit.control import plateau
    >>> controller_from_dict(plateau(patience=3).to_dict()) == plateau(patience=3)
    True
    """
    word = data.get("controller")
    if word not in _loaders:
        raise SpecError(
            f"`controller` must be one of {', '.join(sorted(_loaders))}, got {word!r}; "
            "import the module that registers it"
        )
    if data.get("format", FORMAT) != FORMAT:
        raise SpecError(
            f"a controller's `format` must be {FORMAT}, got {data['format']!r}; update lrkit"
        )
    return _loaders[word]({k: v for k, v in data.items() if k not in ("controller", "format")})


def known(kind: type[Any], data: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return *data* if it has the fields of the dataclass *kind*, or raise `SpecError`."""
    names = {f.name for f in fields(kind)}
    if unknown := sorted(set(data) - names):
        raise SpecError(f"{what} has no {unknown[0]!r}; it has {', '.join(sorted(names))}")
    if missing := [f.name for f in fields(kind) if f.default is MISSING and f.name not in data]:
        raise SpecError(f"{what} needs {missing[0]!r}, which is missing")
    return dict(data)
