"""Imports single modules of a package whose own __init__ needs what is not installed."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path


def hollow(name: str) -> types.ModuleType:
    """Register package *name* with its real folder and without running its __init__.

    Its submodules then import as usual, and each is the peer's real code.
    """
    top, *rest = name.split(".")
    if top in sys.modules:
        root = Path(sys.modules[top].__path__[0])
    else:
        spec = importlib.util.find_spec(top)
        if spec is None or not spec.submodule_search_locations:
            raise ModuleNotFoundError(f"{top} is not installed in this environment")
        root = Path(next(iter(spec.submodule_search_locations)))
    module = types.ModuleType(name)
    module.__path__ = [str(root.joinpath(*rest))]
    sys.modules[name] = module
    if rest:
        setattr(sys.modules[name.rpartition(".")[0]], rest[-1], module)
    return module
