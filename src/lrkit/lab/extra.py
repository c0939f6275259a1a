"""What to say when the libraries of the lab are not installed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from lrkit.errors import LrkitError

PACKAGES: Final = {
    "torch": "torch",
    "loky": "loky",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "rich": "rich",
    "PIL": "pillow",
}


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Turn the missing import of a library of the lab into an error with the remedy."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = PACKAGES.get((error.name or "").partition(".")[0])
        if package is None:
            raise
        raise LrkitError(
            f"the lab needs {package}, which is not installed; pip install 'lrkit[lab]'"
        ) from error
