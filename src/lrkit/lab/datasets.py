"""Where data sets are looked for, where they are kept, and how they are fetched.

A data set is never replaced by anything else: what is damaged or missing is an error that names
every place looked at.
"""

from __future__ import annotations

import http.client
import os
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from lrkit.errors import DataError

VARIABLE: Final = "LRKIT_DATA"
TIMEOUT: Final = 30.0  # seconds without an answer


def places(name: str, cached: str) -> Iterator[Path]:
    """Yield the folders that may hold the data set *name*, in the order in which they are tried.

    First the folder that `LRKIT_DATA` names (itself, *name* in it, and *cached*, the folder that
    torchvision's downloads make, in it), then where torchvision keeps it (`data/` here and
    `~/.cache/torch`), then `../shared/data` seen from this folder and those above it, and at last
    lrkit's own cache.

    Raises `DataError` when `LRKIT_DATA` names a folder that does not exist.
    """
    if named := os.environ.get(VARIABLE):
        root = Path(named).expanduser()
        if not root.is_dir():
            raise DataError(
                f"{VARIABLE} must name a folder, {root} is none; correct it or unset it"
            )
        yield from (root, root / name, root / cached)
    yield Path("data", cached)
    yield Path("~/.cache/torch", cached).expanduser()
    here = Path.cwd()
    for above in here.parents:
        yield above / "shared" / "data" / name
    yield cache_folder(name)


def cache_folder(name: str) -> Path:
    """Return where downloads of *name* go: in `LRKIT_DATA`, else in `~/.cache/lrkit`."""
    named = os.environ.get(VARIABLE)
    root = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "lrkit")
    return root.expanduser() / name


def read(path: Path) -> bytes:
    """Return what is in *path*; raise `DataError` when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot read {path}: {reason}; see that you may read it") from error


def check(found: str, expected: str, what: str, kind: str, size: int) -> None:
    """Raise `DataError` unless the checksum *found* in *what* is the one *expected*."""
    if found != expected:
        raise DataError(
            f"{what} must have the {kind} {expected}, it has {found} ({size} bytes); "
            "remove it and run again to fetch it anew"
        )


def fetch(address: str, title: str, looked: Sequence[Path] | Iterable[Path], remedy: str) -> bytes:
    """Return what is at *address*.

    Raises `DataError` with every place *looked* at for *title*, and the *remedy*.
    """
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:
            content: bytes = answer.read()
    except (OSError, http.client.HTTPException) as error:
        seen = ", ".join(str(place) for place in dict.fromkeys(looked))
        raise DataError(
            f"{title} is in none of {seen}, and {address} cannot be fetched ({_reason(error)}); "
            f"put {remedy} into a folder and set {VARIABLE} to it"
        ) from error
    return content


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
