"""Finding a task by name: one of ours, or a user's own `package.module:factory`."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch

from lrkit.errors import DataError, LoopError, LrkitError, SpecError
from lrkit.lab.caffe import cifar10_quick
from lrkit.lab.chargpt import char_gpt
from lrkit.lab.contract import Task, first_line
from lrkit.lab.lenet import lenet_digits, lenet_fashion
from lrkit.lab.poly import poly_tanh
from lrkit.lab.relu import relu_digits
from lrkit.probe.randomness import seeded

Factory = Callable[..., Any]

BUILT_IN: Final[Mapping[str, Factory]] = {
    "char-gpt": char_gpt,
    "cifar10-quick": cifar10_quick,
    "lenet-digits": lenet_digits,
    "lenet-fashion": lenet_fashion,
    "poly-tanh": poly_tanh,
    "relu-digits": relu_digits,
}
DEFAULT: Final = "lenet-digits"


@dataclass(frozen=True)
class TaskInfo:
    """A built-in task by name: what it is in a sentence, and its options with their defaults."""

    name: str
    summary: str
    options: Mapping[str, Any]


def tasks() -> tuple[TaskInfo, ...]:
    """Return what is built in.

    >>> [info.name for info in tasks()]
    ['char-gpt', 'cifar10-quick', 'lenet-digits', 'lenet-fashion', 'poly-tanh', 'relu-digits']
    """
    return tuple(
        TaskInfo(name, (factory.__doc__ or "").partition("\n")[0], _options(factory))
        for name, factory in BUILT_IN.items()
    )


def task(name: str = DEFAULT, seed: int = 0, device: str = "auto", **options: Any) -> Task:
    """Return a fresh task: a built-in name, or `package.module:factory` for one of your own.

    A factory is called as `factory(seed, device, **options)` and returns a `Task`. It runs with
    the random states of Python, NumPy and torch set from *seed*; the caller's stay as they were.
    *device* is "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1", "mps".

    Raises `SpecError` for an unknown name, option or device, `LoopError` for a factory that
    raises or returns something else, and `DataError` when the data cannot be had.

    >>> task("poly-tanh", seed=1, device="cpu").steps_per_epoch
    50
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise SpecError(f"seed must be a whole number >= 0, got {seed!r}")
    factory = find_factory(name)
    _check_options(name, factory, options)
    place = pick_device(device)
    with seeded(seed, place):
        made = _call(name, factory, seed, place, options)
    if not isinstance(made, Task):
        raise LoopError(
            f"a factory must return a lrkit.lab.Task, {name} returned a {type(made).__name__}; "
            "build a Task in it"
        )
    return made


def find_factory(name: str) -> Factory:
    """Return the factory called *name*; see `task`."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    module_name, colon, attribute = name.partition(":")
    if not colon:
        near = difflib.get_close_matches(name, BUILT_IN, n=2, cutoff=0.4) or list(BUILT_IN)
        raise SpecError(
            f"no task is called {name!r}; did you mean {' or '.join(near)}? "
            "Your own is written package.module:factory"
        )
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", module_name) or not attribute.isidentifier():
        raise SpecError(f"your own task is written package.module:factory, got {name!r}")
    factory: Factory | None = getattr(_module(module_name), attribute, None)
    if not callable(factory):
        known = [k for k, v in vars(sys.modules[module_name]).items() if callable(v)]
        near = difflib.get_close_matches(attribute, known, n=2)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; define it there"
        raise SpecError(f"{module_name} has no function {attribute!r}{hint}")
    return factory


def pick_device(device: str) -> str:
    """Return *device* when torch can use it; "auto" is a GPU where there is one, else "cpu"."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise SpecError(
            f"device must be one torch can use here, got {device!r} ({first_line(error)}); "
            "use 'cpu' or 'auto'"
        ) from error
    return device


def _module(name: str) -> Any:
    # An installed command does not look into the folder it is called from, where a user's own
    # task usually is; Python's own `python -m` does.
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise SpecError(
                f"no module {name!r} here ({here}) or among the installed packages; "
                "correct the name or change to the folder it is in"
            ) from error
        raise LoopError(f"{name} cannot be imported: {first_line(error)}; install it") from error
    except Exception as error:
        raise LoopError(
            f"{name} cannot be imported: {first_line(error)}; see that `import {name}` works"
        ) from error


def _options(factory: Factory) -> dict[str, Any]:
    parameters = inspect.signature(factory).parameters
    return {k: p.default for k, p in parameters.items() if k not in ("seed", "device")}


def _check_options(name: str, factory: Factory, options: Mapping[str, Any]) -> None:
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return  # a callable without a signature: the call itself will tell
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    known = [k for k in parameters if k not in ("seed", "device")]
    for option in options:
        if option not in known:
            near = difflib.get_close_matches(option, known, n=2) or known
            hint = f"it has {', '.join(near)}" if near else "it has none"
            raise SpecError(f"task {name} has no option {option!r}; {hint}")


def _call(name: str, factory: Factory, seed: int, device: str, options: Mapping[str, Any]) -> Any:
    try:
        return factory(seed, device, **options)
    except LrkitError:
        raise
    except MemoryError as error:
        raise DataError(f"task {name} does not fit into memory; use less data") from error
    except Exception as error:
        raise LoopError(
            f"the factory {name} raised {first_line(error)}; "
            "see that factory(seed, device) works by itself"
        ) from error
