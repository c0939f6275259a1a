"""The ties between a scheduler and its optimizer: hooks, and who drives what."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch.optim import Optimizer

from lrkit.errors import LoopError, SpecError


class Driver(Protocol):
    """What the ties need of a scheduler."""

    @property
    def hypers(self) -> frozenset[str]:
        """The hyper-parameters it drives."""
        ...

    def before_update(self, optimizer: Optimizer) -> None:
        """Called before each update of the optimizer."""
        ...

    def after_load(self) -> None:
        """Called when the optimizer has loaded a state."""
        ...


_drivers: weakref.WeakKeyDictionary[Optimizer, list[weakref.ref[Any]]] = weakref.WeakKeyDictionary()
_hooks: weakref.WeakSet[Callable[..., None]] = weakref.WeakSet()
"""The functions that the ties have hooked into optimizers."""


def innermost(optimizer: object) -> Optimizer:
    """Return the optimizer that holds the groups: Accelerate's wrapper has no hooks of its own."""
    while isinstance(optimizer, Optimizer) and not hasattr(optimizer, "_optimizer_step_pre_hooks"):
        optimizer = getattr(optimizer, "optimizer", None)
    if not isinstance(optimizer, Optimizer):
        raise SpecError(
            f"a torch optimizer is needed, got {type(optimizer).__name__}; pass "
            "torch.optim.SGD(model.parameters(), ...) or the like"
        )
    return optimizer


def claim(optimizer: Optimizer, driver: Driver) -> Callable[[], None]:
    """Tie *driver* to *optimizer* and return what unties it.

    Raises `LoopError` when a living scheduler drives one of its hyper-parameters already. The
    ties hold the driver weakly, so a scheduler that nobody holds gives its place up.
    """
    others = check_free(optimizer, driver.hypers, driver)
    me = weakref.ref(driver)
    _drivers[optimizer] = [weakref.ref(other) for other in others] + [me]
    handles = [
        optimizer.register_step_pre_hook(_before_update(me)),
        optimizer.register_load_state_dict_post_hook(_after_load(me)),
    ]

    def untie() -> None:
        for handle in handles:
            handle.remove()
        rest = _drivers.get(optimizer, [])
        _drivers[optimizer] = [ref for ref in rest if ref is not me]

    return untie


def check_free(optimizer: Optimizer, hypers: frozenset[str], driver: Driver) -> list[Driver]:
    """Return the other drivers of *optimizer*, or raise `LoopError` where one drives *hypers*."""
    others = [other for other in _living(_drivers.get(optimizer, [])) if other is not driver]
    for other in others:
        if both := sorted(hypers & other.hypers):
            raise LoopError(
                f"one scheduler per hyper-parameter must hold, but another one drives "
                f"{', '.join(map(repr, both))} of this optimizer; pass all groups to one "
                "Scheduler, or detach() the other first"
            )
    return others


@contextmanager
def stand_back(optimizer: Optimizer) -> Iterator[None]:
    """Untie all drivers of *optimizer* for the block, and tie them again as they were."""
    drivers = _drivers.pop(optimizer, [])
    tables: list[dict[int, Any]] = [
        optimizer._optimizer_step_pre_hooks,
        optimizer._optimizer_load_state_dict_post_hooks,
    ]
    before = [list(table.items()) for table in tables]
    try:
        for table in tables:
            for key in [key for key, hook in table.items() if hook in _hooks]:
                del table[key]
        yield
    finally:
        for table, items in zip(tables, before, strict=True):
            table.clear()
            table.update(items)
        _drivers[optimizer] = drivers


def _living(refs: Iterable[weakref.ref[Any]]) -> list[Any]:
    return [driver for ref in refs if (driver := ref()) is not None]


def _before_update(me: weakref.ref[Any]) -> Callable[[Optimizer, Any, Any], None]:
    def hook(optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
        # A compiled update must not trace the count: it would compile again for every number.
        if torch.compiler.is_compiling():
            return
        driver = me()
        if driver is not None:
            driver.before_update(optimizer)

    _hooks.add(hook)
    return hook


def _after_load(me: weakref.ref[Any]) -> Callable[[Optimizer], None]:
    def hook(_optimizer: Optimizer) -> None:
        driver = me()
        if driver is not None:
            driver.after_load()

    _hooks.add(hook)
    return hook
