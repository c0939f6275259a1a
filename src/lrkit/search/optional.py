"""Optuna, loaded when a search is opened: quiet, and with the remedy where it is missing."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import warnings
from collections.abc import Iterator
from typing import Any

from lrkit.errors import LrkitError


def optuna() -> Any:
    """Return the module optuna; `LrkitError` with the remedy where it is not installed."""
    need("optuna", "a search")
    module = importlib.import_module("optuna")
    # Its progress goes through the caller's own display, and its hints are on our defaults.
    module.logging.set_verbosity(module.logging.ERROR)
    return module


def need(package: str, what: str) -> None:
    """Raise `LrkitError` with the remedy where *package*, which *what* needs, is not installed."""
    if importlib.util.find_spec(package) is None:
        extra = "postgresql" if package == "psycopg" else "search"
        raise LrkitError(
            f"{what} needs {package}, which is not installed; pip install 'lrkit[{extra}]'"
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna's notes on what is experimental from the user, who did not choose it."""
    warning = optuna().exceptions.ExperimentalWarning
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", warning)
        yield
